"""Subtitles (.srt, .vtt): what is said, a line for each cue."""

import re
from collections.abc import Iterator

from sakuin.index.documents import Document
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.plain import clean, join_wrapped, require_text
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import title_of

_TIMES = re.compile(r"(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}.*")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]++)?[ \t]++([^<>\s][^<>]*+)>")
_NO_CUE = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|\Z)")


def read(source: Source) -> Iterator[Document]:
    """Read subtitles as one document, without numbers and times.

    Raises:
        ReadError: If there are none, or their encoding cannot be told for certain.
    """
    text = clean(decode(load_bytes(source))[0])
    said: list[str] = []
    for block in re.split(r"\n\n", text):
        lines = block.split("\n")
        at = next((number for number, line in enumerate(lines) if _TIMES.match(line.strip())), None)
        if at is None:
            if (not said and block.startswith("WEBVTT")) or _NO_CUE.match(block):
                continue
            at = -1  # a cue with a blank line in it goes on
        words = join_wrapped("\n".join(_plain(line) for line in lines[at + 1 :]).strip())
        if words and (not said or said[-1] != words):  # rolling captions repeat the line before
            said.append(words)
    yield Document(id=source.uri, title=title_of(source.uri), text=require_text(clean("\n".join(said))))


def _plain(line: str) -> str:
    return _TAG.sub("", _VOICE.sub(r"\1: ", line)).strip()
