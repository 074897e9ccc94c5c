"""What is wrong with something that a reader gave: asked of what other processes and readers of other people give."""

import math
from itertools import pairwise

from sakuin.index.documents import POSITION_NAMES, Document, Heading, Position, Skipped
from sakuin.index.readers.source import MEMBER

_ADDRESSES = ("https://", "http://")
_MOST_LEVELS = 9
_LARGEST = 2**63


def flaw(item: object, uri: str) -> str:
    """What is wrong with a document or a part that was left out, as a sentence; "" where nothing is.

    Args:
        item: What a reader gave for a file.
        uri: The name of the file: nothing else may be spoken of.
    """
    if isinstance(item, Skipped):
        if not isinstance(item.uri, str) or not is_within(item.uri, uri):
            return f"{item.uri} is no part of {uri}"
        return "" if str(item.reason) else f"{item.uri} is left out without a reason"
    if not isinstance(item, Document):
        return f"neither a Document nor a Skipped: {item!r}"
    for part in ("id", "text", "title", "uri"):
        value = getattr(item, part)
        if not isinstance(value, str) or not _is_storable(value):
            return f"its {part} is no text that can be kept"
    if not is_within(item.id, uri):
        return f"{item.id} is no name within {uri}"
    if not is_within(item.uri, uri) and not item.uri.startswith(_ADDRESSES):
        return f"{item.id}: {item.uri} is neither a name within {uri} nor an address"
    if not item.text or item.text.isspace():
        return f"{item.id} has no text"
    return _headings_flaw(item) or _positions_flaw(item) or _metadata_flaw(item)


def is_within(name: str, uri: str) -> bool:
    """Whether a name is that of a file, or of something in it."""
    return name == uri or name.startswith((f"{uri}#", f"{uri}{MEMBER}"))


def _is_storable(text: str) -> bool:
    """Whether there is neither a NUL nor a half of a surrogate pair in it."""
    try:
        return "\0" not in text and (text.isascii() or bool(text.encode()))
    except UnicodeEncodeError:
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _headings_flaw(item: Document) -> str:
    for heading in item.headings:
        if not isinstance(heading, Heading) or not all(
            _is_number(value) for value in (heading.start, heading.end, heading.level)
        ):
            return f"{item.id}: {heading} is no heading"
        if not 0 <= heading.start < heading.end <= len(item.text):
            return f"{item.id}: {heading} lies outside of the text"
        if not 1 <= heading.level <= _MOST_LEVELS:
            return f"{item.id}: {heading} is of no level"
    for before, after in pairwise(item.headings):
        if before.end > after.start:
            return f"{item.id}: {before} and {after} overlap or are not in order"
    return ""


def _positions_flaw(item: Document) -> str:
    for position in item.positions:
        if not isinstance(position, Position) or not _is_number(position.start):
            return f"{item.id}: {position} is no position"
        if not 0 <= position.start < len(item.text):
            return f"{item.id}: {position} lies outside of the text"
        if position.counts_lines and not _is_number(position.values.get("line")):
            return f"{item.id}: {position} has no line to count"
        for name, value in position.values.items():
            if name not in POSITION_NAMES:
                return f"{item.id}: {name} is none of {', '.join(POSITION_NAMES)}"
            if isinstance(value, str):
                if not value or value != " ".join(value.split()) or not _is_storable(value):
                    return f"{item.id}: {position} names nothing on one line"
            elif not _is_number(value) or value < 1:
                return f"{item.id}: {position} does not count from 1"
    for before, after in pairwise(item.positions):
        if before.start >= after.start:
            return f"{item.id}: {before} and {after} are not in order"
    return ""


def _metadata_flaw(item: Document) -> str:
    for field, value in item.metadata.items():
        if not isinstance(field, str) or not _is_storable(field):
            return f"{item.id}: {field!r} is no name of metadata"
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and not _is_storable(each):
                return f"{item.id}: {field} is no text that can be kept"
            if each is not None and not isinstance(each, str | int | float | bool):
                return f"{item.id}: {field} is {each!r}"
            if isinstance(each, float) and not math.isfinite(each):
                return f"{item.id}: {field} is no number that can be kept"
            if isinstance(each, int) and not -_LARGEST <= each < _LARGEST:
                return f"{item.id}: {field} is a number that cannot be kept"
    return ""
