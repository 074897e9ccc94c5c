"""Rich text (.rtf), through striprtf; notes, headers and comments, which it drops, are put beside their paragraph."""

import re
from collections.abc import Iterator
from itertools import islice

from sakuin.index.documents import Document, MetadataValue
from sakuin.index.errors import ReadError
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.plain import clean, one_line, require_text
from sakuin.index.readers.rtf_hidden import without_hidden
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import title_of
from sakuin.index.reasons import Reason

MAX_BYTES = 64 * 1024 * 1024

_BESIDE = re.compile(r"\{\s*(?:\\\*)?\\(?:footnote|annotation|header[lrf]?|footer[lrf]?)\b")
_FONTS = re.compile(r"\{\s*\\fonttbl")
_CODE_PAGE = re.compile(r"\\ansicpg\d+")
_INFO = re.compile(r"\{\s*\\(title|author|subject|keywords)\b")
_MOST_BESIDE = 10_000
_MOST_INFO = 16
_MOST_CHARACTERS_OF_INFO = 10_000
_MOST_CHARACTERS_OF_FONTS = 1_000_000


def read(source: Source) -> Iterator[Document]:
    """Read rich text as one document.

    Raises:
        ReadError: If it is empty, too large, or no rich text.
    """
    data = load_bytes(source, MAX_BYTES)
    if not data.lstrip().startswith(b"{\\rtf"):
        raise ReadError(Reason("not_office", {"type": "RTF", "detail": "no {\\rtf"}))
    title, metadata, text = text_of(data)
    text = require_text(text)
    title = title_of(source.uri, stated=title, text=text)
    yield Document(id=source.uri, title=title, text=text, metadata=metadata)


def text_of(data: bytes) -> tuple[str, dict[str, MetadataValue], str]:
    """The title, metadata and text of rich text."""
    # What is not ASCII stands as \'82 or, against the rules, as bytes of the code page.
    source = without_hidden(data.decode("latin-1"))
    found = _FONTS.search(source)
    fonts = source[found.start() : _end(source, found.start())] if found else ""
    if len(fonts) > _MOST_CHARACTERS_OF_FONTS:
        fonts = ""
    page = _CODE_PAGE.search(source)
    start = f"{{\\rtf1\\ansi{page[0] if page else ''}{fonts}"
    body, beside = _taken_out(source)
    words = [_plain(body)]
    if beside:  # all at once: the table of fonts goes before it, and is read each time
        words.append(_plain(start + "\\par\\par ".join(f"{{{each.lstrip()}}}" for each in beside) + "}"))
    metadata: dict[str, MetadataValue] = {}
    for match in islice(_INFO.finditer(source), _MOST_INFO):
        end = min(_end(source, match.start()) - 1, match.end() + _MOST_CHARACTERS_OF_INFO)
        inner = source[match.end() : end]
        if value := one_line(_plain(f"{start} {inner}}}"), 1000):
            metadata.setdefault(match[1], value)
    title = str(metadata.pop("title", ""))
    return title, metadata, clean("\n\n".join(each.strip() for each in words if each.strip()))


def _plain(source: str) -> str:
    from striprtf.striprtf import rtf_to_text

    try:
        return str(rtf_to_text(source, errors="replace"))  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever it makes of damaged input
        raise ReadError(Reason("damaged_office", {"type": "RTF", "detail": one_line(error)})) from error


def _taken_out(source: str) -> tuple[str, list[str]]:
    """The source without what stands beside its text, and that."""
    parts: list[str] = []
    beside: list[str] = []
    at = 0
    while (match := _BESIDE.search(source, at)) and len(beside) < _MOST_BESIDE:
        end = _end(source, match.start())
        parts.append(source[at : match.start()])
        beside.append(source[match.end() : end - 1])
        at = end
    parts.append(source[at:])
    return "".join(parts), list(dict.fromkeys(beside))


def _end(source: str, start: int) -> int:
    """Where the group that begins at ``start`` ends."""
    depth = 0
    for match in re.compile(r"\\[\\{}]|[{}]").finditer(source, start):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if not depth:
                return match.end()
    return len(source)
