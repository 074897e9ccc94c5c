"""Documents and where their passages stand."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from sakuin.index.documents import Document, Passage, Position
from sakuin.index.positions import positions_of
from sakuin.index.store.checksums import (
    damaged,
    is_as_written,
    passage_id_of,
    place_checksum,
    require_label,
    row_checksum,
)
from sakuin.index.store.parsing import headings_of, parsed, position_of
from sakuin.index.store.passages import existing
from sakuin.index.store.schema import LABEL, batched, marks, position_column
from sakuin.index.store.texts import insert_blocks, text_in_row, whole_text

HIGHEST_NUMBER = 2**62
"""No index comes near it: a document is given the number after the highest that there is."""


class NewDocument(NamedTuple):
    """A document that is to be stored, its passages, and their ids."""

    document: Document
    passages: Sequence[Passage]
    passage_ids: Sequence[int]


def label_of(document: Document, file: str) -> tuple[str, ...]:
    """What is stored of a document besides its text, as `LABEL` names it."""
    metadata = json.dumps(document.metadata, ensure_ascii=False) if document.metadata else "{}"
    headings = json.dumps([[h.start, h.end, h.level] for h in document.headings]) if document.headings else "[]"
    return document.id, document.uri, file, document.title, metadata, headings


def insert_documents(connection: sqlite3.Connection, file: str, documents: Sequence[NewDocument]) -> list[int]:
    """Store documents that were read from a file, "" for none; no id of theirs may be there already.

    Many at once take half the time of one after the other.

    Returns:
        Those of their passages' ids that stood nowhere before, in order.

    Raises:
        IndexFolderError: a document has a number that none can have.
    """
    highest = connection.execute("SELECT max(number) FROM documents").fetchone()[0] or 0
    if highest >= HIGHEST_NUMBER:
        raise damaged(f"the number of a document, {highest},")
    rows: list[tuple[object, ...]] = []
    places: list[tuple[object, ...]] = []
    for number, (document, passages, passage_ids) in enumerate(documents, highest + 1):
        label = label_of(document, file)
        text = document.text
        rows.append((number, *label, text_in_row(text), row_checksum(label), passage_id_of(text)))
        for one, p, position in zip(passage_ids, passages, stored_positions(document, passages), strict=True):
            checksum = place_checksum(document.id, one, p.start, p.end, p.heading, position)
            places.append((one, p.start, p.end, p.heading, position, number, checksum))
    passage_ids = list(dict.fromkeys([one for document in documents for one in document.passage_ids]))
    known = existing(connection, passage_ids)
    connection.executemany(
        f"INSERT INTO documents (number, {LABEL}, text, label_checksum, text_checksum) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    for number, (document, _, _) in enumerate(documents, highest + 1):
        insert_blocks(connection, number, document.id, document.text)
    connection.executemany(
        "INSERT INTO passages (passage_id, start, end, heading, position, document, checksum) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        places,
    )
    return [passage_id for passage_id in passage_ids if passage_id not in known]


def stored_positions(document: Document, passages: Sequence[Passage]) -> list[str]:
    """Where in the file each passage begins, as JSON; "" where that is not known."""
    if not document.positions:
        return [""] * len(passages)
    found = positions_of(document, [passage.start for passage in passages])
    return [orjson.dumps(dict(each)).decode() if each else "" for each in found]


def delete_documents(connection: sqlite3.Connection, numbers: Sequence[int]) -> set[int]:
    """Remove documents with their passages; returns the ids of those passages."""
    passage_ids: set[int] = set()
    for some in batched(numbers):
        rows = connection.execute(f"SELECT passage_id FROM passages WHERE document IN ({marks(some)})", some)
        passage_ids.update(row[0] for row in rows)
        connection.execute(f"DELETE FROM documents WHERE number IN ({marks(some)})", some)
    return passage_ids


def document_number(connection: sqlite3.Connection, document_id: str) -> tuple[int, str] | None:
    """(number, file) of the document of an id; None where there is none.

    Raises:
        IndexFolderError: it is not what was written.
    """
    return document_numbers(connection, [document_id]).get(document_id)


def document_numbers(connection: sqlite3.Connection, document_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """(number, file) of the documents of some ids, by id; those that are not there are left out.

    Raises:
        IndexFolderError: one is not what was written.
    """
    found: dict[str, tuple[int, str]] = {}
    for some in batched(document_ids):
        rows = connection.execute(
            f"SELECT number, label_checksum, {LABEL} FROM documents WHERE id IN ({marks(some)})", some
        )
        for number, checksum, *label in rows:
            require_label(label, checksum)
            found[label[0]] = (number, label[2])
    return found


def documents_of_file(connection: sqlite3.Connection, file: str) -> dict[str, int]:
    """Numbers of the documents that were read from a file, by id."""
    return dict(connection.execute("SELECT id, number FROM documents WHERE file = ?", (file,)).fetchall())


def has_document(
    connection: sqlite3.Connection,
    number: int,
    document: Document,
    file: str,
    passages: Sequence[Passage],
    passage_ids: Sequence[int],
) -> bool:
    """Whether a document is stored just so, with the same passages."""
    row = connection.execute(
        "SELECT label_checksum, text_checksum FROM documents WHERE number = ?", (number,)
    ).fetchone()
    if row != (row_checksum(label_of(document, file)), passage_id_of(document.text)):
        return False
    stored = connection.execute(
        f"SELECT passage_id, start, end, {position_column(connection)} FROM passages p WHERE document = ? ORDER BY id",
        (number,),
    )
    positions = stored_positions(document, passages)
    return stored.fetchall() == [
        (one, p.start, p.end, position) for one, p, position in zip(passage_ids, passages, positions, strict=True)
    ]


def read_documents(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Document]:
    """Documents by id; those that are not there are left out.

    Raises:
        IndexFolderError: one is not what was written.
    """
    found: dict[str, Document] = {}
    for some in batched(ids):
        rows = connection.execute(f"{_SELECT} WHERE id IN ({marks(some)})", some).fetchall()
        found.update((document.id, document) for document in (_document(connection, row) for row in rows))
    return found


def stored_documents(connection: sqlite3.Connection, numbers: Sequence[int] | None = None) -> Iterator[Document]:
    """Documents one after the other, all or those of some numbers, in the order in which they came.

    Raises:
        IndexFolderError: one is not what was written.
    """
    if numbers is None:
        for row in connection.execute(f"{_SELECT} ORDER BY number"):
            yield _document(connection, row)
        return
    for number in numbers:
        for row in connection.execute(f"{_SELECT} WHERE number = ?", (number,)):
            yield _document(connection, row)


_SELECT = f"SELECT number, {LABEL}, label_checksum, text_checksum, text FROM documents"


def _document(connection: sqlite3.Connection, row: tuple[Any, ...]) -> Document:
    number, *label, label_checksum, text_checksum, in_row = row
    document_id, uri, _, title, metadata, headings = label
    text = whole_text(connection, number, in_row)
    if not is_as_written(label, label_checksum) or type(text) is not str or passage_id_of(text) != text_checksum:
        raise damaged(f"the document {document_id}")
    return Document(
        id=document_id,
        text=text,
        title=title,
        uri=uri,
        headings=headings_of(headings),
        metadata=parsed(metadata),
        positions=_positions(connection, number, document_id),
    )


def _positions(connection: sqlite3.Connection, number: int, document_id: str) -> tuple[Position, ...]:
    """Where the passages of a document stand in its file, each where that changes.

    Raises:
        IndexFolderError: one is not what was written.
    """
    rows = connection.execute(
        f"SELECT passage_id, start, end, heading, {position_column(connection)}, checksum FROM passages p "
        "WHERE document = ? ORDER BY start, id",
        (number,),
    )
    found: list[Position] = []
    before = ""
    for passage_id, start, end, heading, position, checksum in rows:
        if place_checksum(document_id, passage_id, start, end, heading, position) != checksum:
            raise damaged(f"the passages of the document {document_id}")
        if position != before and (not found or start > found[-1].start):
            found.append(Position(start, position_of(position)))
            before = position
    return tuple(found)
