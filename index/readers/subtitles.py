"""Subtitles (.srt, .vtt): what is said, a line for each cue."""

import html
import re
from collections.abc import Iterator

from sakuin.index.documents import Document
from sakuin.index.readers import ruby
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.plain import clean, join_wrapped, require_text
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import title_of

_TIMES = re.compile(r"(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}.*")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]++)?[ \t]++([^<>\s][^<>]*+)>")
_READING = re.compile(r"<rt>([^<>]*)(?:</rt>|(?=</ruby>))")
_ANOTHER = re.compile(r"\n(?=[-\u2010-\u2015])")
"""Before the words of another speaker."""

_NO_CUE = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|\Z)")


def read(source: Source) -> Iterator[Document]:
    """Read subtitles as one document, without numbers and times.

    Raises:
        ReadError: If there are none, or their encoding cannot be told for certain.
    """
    text = clean(decode(load_bytes(source))[0])
    of_web = text.startswith("WEBVTT")
    said: list[str] = []
    for block in re.split(r"\n\n", text):
        lines = block.split("\n")
        at = next((number for number, line in enumerate(lines) if _TIMES.match(line.strip())), None)
        if at is None:
            if (not said and block.startswith("WEBVTT")) or _NO_CUE.match(block):
                continue
            at = -1  # a cue with a blank line in it goes on
        words = _joined("\n".join(_plain(line, of_web=of_web) for line in lines[at + 1 :]).strip())
        if words and (not said or said[-1] != words):  # rolling captions repeat the line before
            said.append(words)
    yield Document(id=source.uri, title=title_of(source.uri), text=require_text(clean("\n".join(said))))


def _joined(words: str) -> str:
    """The lines of a cue as one, but for what somebody else says."""
    return "\n".join(join_wrapped(said) for said in _ANOTHER.split(words))


def _plain(line: str, *, of_web: bool) -> str:
    marked = _READING.sub(rf"{ruby.BEGIN}\1{ruby.END}", line)
    words = _TAG.sub("", _VOICE.sub(r"\1: ", marked)).strip()
    if ruby.BEGIN in words:
        words = ruby.place_readings(words)
    return html.unescape(words) if of_web else words
