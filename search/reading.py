"""Reading on: a document as the index holds it, and a passage with what stands around it."""

import sqlite3
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sakuin.embedder.tokenising import replace_lone_surrogates
from sakuin.index.documents import Heading, MetadataValue
from sakuin.index.store.contents import (
    ContentRow,
    LabelRow,
    id_of_document,
    passages_around,
    passages_between,
    read_label,
    row_of_number,
    row_of_passage,
)
from sakuin.index.store.listing import reading
from sakuin.index.store.texts import text_length, text_part
from sakuin.search.request import SearchError, is_integer
from sakuin.search.results import Hit, PassageHit

MAX_AROUND = 1_000
"""Passages before, and as many after, that are read with one."""

HEX_DIGITS = 16
"""Of a passage_id as hits have it."""

LARGEST = 2**31
LAST = 2**62


class UnknownDocumentError(SearchError):
    """A document, or a passage, that the index does not have."""

    code = "unknown_document"


@dataclass(frozen=True, slots=True)
class DocumentPassage:
    """A passage as it stands in a document.

    Attributes:
        number: Place in the document, from 1.
        passage_id: As of a hit.
        start, end: Character offsets in the document's text.
        heading: The heading it stands under, "" where there is none.
        position: Where in the file it begins, see `Place`.
    """

    number: int
    passage_id: str
    start: int
    end: int
    heading: str
    position: Mapping[str, int | str]

    def to_dict(self) -> dict[str, Any]:
        """The same as a dictionary, ready for JSON."""
        return plain(self)


@dataclass(frozen=True, slots=True)
class OutlineHeading:
    """A heading of a document.

    Attributes:
        text: The heading.
        level: 1 for the top level.
        start: Where in the document's text it begins, in characters.
        position: Where in the file the first passage from there on begins, see `Place`.
    """

    text: str
    level: int
    start: int
    position: Mapping[str, int | str]

    def to_dict(self) -> dict[str, Any]:
        """The same as a dictionary, ready for JSON."""
        return plain(self)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the index holds it, or a part of it.

    Attributes:
        id: Its name in the index.
        uri: Where it comes from.
        file: The file it was read from, as the index calls it; "" where a program added the document.
        title: May be empty.
        metadata: What else is known of it.
        text: Of the part.
        start, end: The part's character offsets in the whole text.
        length: Characters of the whole text.
        passages: Those that begin in the part, in order.
        outline: The headings that begin in the part, in order.
        index: Names the index, where several are open; "" where it is one.
    """

    id: str
    uri: str
    file: str
    title: str
    metadata: Mapping[str, MetadataValue]
    text: str
    start: int
    end: int
    length: int
    passages: tuple[DocumentPassage, ...]
    outline: tuple[OutlineHeading, ...]
    index: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries and lists, ready for JSON."""
        return plain(self) | {
            "passages": [passage.to_dict() for passage in self.passages],
            "outline": [heading.to_dict() for heading in self.outline],
        }


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A passage with what stands around it.

    Attributes:
        id: Of the document.
        uri: Where the document comes from.
        title: The document's; may be empty.
        metadata: What else is known of the document.
        text: From the first of the passages to the last, with all that stands between them, such as headings.
        start, end: Character offsets of ``text`` in the document's text.
        passage: The one that was asked for.
        passages: Those before it, itself, and those after it, in order.
        index: Names the index, where several are open; "" where it is one.
    """

    id: str
    uri: str
    title: str
    metadata: Mapping[str, MetadataValue]
    text: str
    start: int
    end: int
    passage: DocumentPassage
    passages: tuple[DocumentPassage, ...]
    index: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries and lists, ready for JSON."""
        return plain(self) | {
            "passage": self.passage.to_dict(),
            "passages": [passage.to_dict() for passage in self.passages],
        }


ReadablePassage = Hit | PassageHit | DocumentPassage | str | int
"""A hit, or a passage of one or of a document, or a passage_id, or a number in a document, from 1."""


def plain(record: Any) -> dict[str, Any]:
    """The fields of a dataclass; `asdict` would copy all that is in them, which takes long for a long document."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def read_document(folder: Path, document_id: str, *, start: int = 0, most: int | None = None) -> StoredDocument:
    """A document, or a part of it.

    Args:
        folder: Of the index.
        document_id: Of the document.
        start: The character from which to read.
        most: Characters to read; None for all.

    Raises:
        UnknownDocumentError: there is no such document.
        SearchError: no text has such a part.
        IndexFolderError: what is stored is not what was written.
    """
    if not is_integer(start) or start < 0 or not (most is None or (is_integer(most) and most > 0)):
        raise SearchError(
            f"Cannot read {most!r} characters from {start!r} on: give a start of 0 or more, and most = 1 or more."
        )
    with reading(folder) as connection:
        label = known_document(connection, document_id)
        length = text_length(connection, label.number, label.id)
        start = min(int(start), length)
        end = length if most is None else min(start + int(most), length)
        text = text_part(connection, label.number, label.id, start, end)
        rows = passages_between(connection, label, start, end)
        before = first_number(connection, label, rows)
    passages = numbered(rows, before)
    headings = [one for one in label.headings if start <= one.start < end]
    return StoredDocument(
        id=label.id,
        uri=label.uri,
        file=label.file,
        title=label.title,
        metadata=label.metadata,
        text=text,
        start=start,
        end=end,
        length=length,
        passages=passages,
        outline=outline_of(headings, [text[one.start - start : one.end - start] for one in headings], passages),
    )


def read_outline(folder: Path, document_id: str, most: int) -> tuple[OutlineHeading, ...]:
    """The first headings of a document, without reading the rest of its text.

    Args:
        folder: Of the index.
        document_id: Of the document.
        most: Headings.

    Raises:
        UnknownDocumentError: there is no such document.
        IndexFolderError: what is stored is not what was written.
    """
    with reading(folder) as connection:
        label = known_document(connection, document_id)
        headings = label.headings[:most]
        if not headings:
            return ()
        texts = [text_part(connection, label.number, label.id, one.start, one.end) for one in headings]
        rows = passages_between(connection, label, headings[0].start, LAST)
    return outline_of(headings, texts, numbered(rows, 0))


def read_around(folder: Path, passage: ReadablePassage, *, document_id: str | None = None, around: int = 2) -> Excerpt:
    """A passage with so many before and after it.

    Args:
        folder: Of the index.
        passage: See `ReadablePassage`.
        document_id: The document in which to read; None for the hit's own, or the first in which the passage stands.
        around: Passages before, and as many after.

    Raises:
        UnknownDocumentError: there is no such document, or no such passage in it any more.
        SearchError: an argument makes no sense.
        IndexFolderError: what is stored is not what was written.
    """
    if not is_integer(around) or not 0 <= around <= MAX_AROUND:
        raise SearchError(f"Cannot read {around!r} passages around one: give around = 0 to {MAX_AROUND:,}.")
    if document_id is None and isinstance(passage, Hit):
        document_id = passage.document.id
    with reading(folder) as connection:
        label = known_document(connection, document_id) if document_id is not None else None
        label, row = located_passage(connection, passage, label)
        rows, before = passages_around(connection, label, row, int(around))
        text = text_part(connection, label.number, label.id, rows[0].start, rows[-1].end)
    passages = numbered(rows, before)
    asked = passages[[one.row for one in rows].index(row)]
    return Excerpt(
        id=label.id,
        uri=label.uri,
        title=label.title,
        metadata=label.metadata,
        text=text,
        start=rows[0].start,
        end=rows[-1].end,
        passage=asked,
        passages=passages,
    )


def known_document(connection: sqlite3.Connection, document_id: str) -> LabelRow:
    """The document of an id; raises UnknownDocumentError where there is none."""
    name = named_id(document_id)
    label = read_label(connection, name)
    if label is None:
        raise UnknownDocumentError(f"There is no document {name[:200]!r}: give an id as hits have it.")
    return label


def named_id(document_id: str) -> str:
    """An id as it is stored."""
    return replace_lone_surrogates(str(document_id))


def located_passage(
    connection: sqlite3.Connection, passage: ReadablePassage, label: LabelRow | None
) -> tuple[LabelRow, int]:
    """The document in which a passage is to be read, and its row; raises as `read_around`."""
    if isinstance(passage, int):
        if label is None:
            raise SearchError(f"Passage {passage} of which document? Give the document, or a hit or its passage_id.")
        row = row_of_number(connection, label.number, passage) if 0 < passage < LARGEST else None
        if row is None:
            raise UnknownDocumentError(f"The document {label.id[:200]!r} has no passage {passage}: they count from 1.")
        return label, row
    name, start = (passage, None) if isinstance(passage, str) else (passage.passage_id, passage.start)
    found = row_of_passage(connection, passage_id_from(name), label.number if label else None, start)
    if found is None:
        where = f"in the document {label.id[:200]!r}" if label else "in the index"
        raise UnknownDocumentError(f"There is no passage {name[:200]!r} {where} (any more): search again.")
    row, number = found
    return label or known_document(connection, id_of_document(connection, number)), row


def named(passage: str) -> str | int:
    """A passage as it is written: its number in a document, or its passage_id."""
    return int(passage) if passage.isdecimal() and len(passage) < HEX_DIGITS else passage


def passage_id_from(name: str) -> int:
    """A passage_id as a number; raises SearchError where a text is none."""
    try:
        if len(name) == HEX_DIGITS and name.isalnum() and (number := int(name, 16)) < 2**63:
            return number
    except ValueError:
        pass
    raise SearchError(f"{name[:200]!r} is no passage_id: that has {HEX_DIGITS} hexadecimal digits, as hits have it.")


def first_number(connection: sqlite3.Connection, label: LabelRow, rows: Sequence[ContentRow]) -> int:
    """How many passages of a document stand before some of its passages."""
    return passages_around(connection, label, rows[0].row, 0)[1] if rows else 0


def numbered(rows: Sequence[ContentRow], before: int) -> tuple[DocumentPassage, ...]:
    """Passages with their numbers; so many stand before them in the document."""
    return tuple(
        DocumentPassage(number, f"{row.passage_id:016x}", row.start, row.end, row.heading, row.position)
        for number, row in enumerate(rows, before + 1)
    )


def outline_of(
    headings: Sequence[Heading], texts: Sequence[str], passages: Sequence[DocumentPassage]
) -> tuple[OutlineHeading, ...]:
    """Headings with their words and where they stand.

    Args:
        headings: Of a part of a document.
        texts: The words of each.
        passages: That begin in the part.
    """
    starts = [passage.start for passage in passages]
    outline = []
    for heading, text in zip(headings, texts, strict=True):
        number = bisect_left(starts, heading.start)
        position = passages[number].position if number < len(passages) else {}
        outline.append(OutlineHeading(" ".join(text.split()), heading.level, heading.start, position))
    return tuple(outline)
