"""Values that are stored as JSON: whatever they hold, they come out in their form, or as our error.

A checksum tells that a value is as somebody wrote it; not that it was this program.
"""

import json
from typing import Any

import orjson

from sakuin.index.documents import Heading
from sakuin.index.store.checksums import damaged


def parsed(metadata: str) -> dict[str, Any]:
    """Stored metadata; raises IndexFolderError where it is none."""
    return _fields(metadata, "the metadata of a document")


def position_of(text: str) -> dict[str, Any]:
    """A stored position, empty where none is known; raises IndexFolderError where it is none."""
    return _fields(text, "the position of a passage") if text else {}


def headings_of(text: str) -> tuple[Heading, ...]:
    """Stored headings; raises IndexFolderError where they are none."""
    try:
        headings = tuple(Heading(*map(int, each)) for each in json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged("what is noted of the headings of a document") from error
    return headings


def _fields(text: str, what: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        # NaN, as Python writes it.
        try:
            value = json.loads(text)
            # Halves of surrogates, which no answer can be written with.
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise damaged(what) from error
    if type(value) is not dict:
        raise damaged(what)
    return value
