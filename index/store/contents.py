"""What one document holds beside its text: where its passages stand in it, and which stand around one of them."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from sakuin.index.documents import Heading, MetadataValue
from sakuin.index.store.checksums import damaged, is_kind, place_checksum, require_label
from sakuin.index.store.parsing import headings_of, parsed
from sakuin.index.store.schema import LABEL, batched, marks, one_row, position_column


@dataclass(frozen=True, slots=True)
class LabelRow:
    """What is stored of a document besides its text and passages; ``file`` is "" where a program added it."""

    number: int
    id: str
    uri: str
    file: str
    title: str
    metadata: dict[str, MetadataValue]
    headings: tuple[Heading, ...]


@dataclass(frozen=True, slots=True)
class ContentRow:
    """A passage as it stands in one document.

    Attributes:
        row: Of the table; the passages of a document ascend by it.
        passage_id: See `passage_id_of`.
        start, end: Character offsets in the document's text.
        heading: The heading it stands under, "" where there is none.
        position: Where in the file it begins; empty where that is not known.
    """

    row: int
    passage_id: int
    start: int
    end: int
    heading: str
    position: dict[str, int | str]


def read_label(connection: sqlite3.Connection, document_id: str) -> LabelRow | None:
    """The document of an id; None where there is none.

    Raises:
        IndexFolderError: it is not what was written.
    """
    found = connection.execute(
        f"SELECT number, label_checksum, {LABEL} FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    if found is None:
        return None
    number, checksum, *label = found
    require_label(label, checksum)
    own, uri, file, title, metadata, headings = label
    return LabelRow(number, own, uri, file, title, parsed(metadata), headings_of(headings))


def passages_between(connection: sqlite3.Connection, document: LabelRow, start: int, end: int) -> list[ContentRow]:
    """The passages of a document that begin at a character from ``start`` on and before ``end``, in order.

    Raises:
        IndexFolderError: one is not what was written.
    """
    return _rows(connection, document, "start >= ? AND start < ? ORDER BY id", (start, end))


def passages_around(
    connection: sqlite3.Connection, document: LabelRow, row: int, around: int
) -> tuple[list[ContentRow], int]:
    """A passage of a document, given by its row, with so many before and after it; and how many stand before these.

    Raises:
        IndexFolderError: one is not what was written.
    """
    before = _rows(connection, document, "id < ? ORDER BY id DESC LIMIT ?", (row, around))[::-1]
    after = _rows(connection, document, "id >= ? ORDER BY id LIMIT ?", (row, around + 1))
    earlier = "SELECT count(*) FROM passages WHERE document = ? AND id < ?"
    number = connection.execute(earlier, (document.number, (before + after)[0].row)).fetchone()[0]
    return before + after, int(number)


def row_of_passage(
    connection: sqlite3.Connection, passage_id: int, document: int | None = None, start: int | None = None
) -> tuple[int, int] | None:
    """(row, number of the document) of the first place where a passage stands, None where it stands nowhere.

    Args:
        connection: To the database.
        passage_id: Of the passage.
        document: Only in this document, given by its number.
        start: Only from this character of the text on.
    """
    # The sign keeps SQLite to the index by passage: a document may have very many.
    some = "SELECT id, document FROM passages WHERE passage_id = ?"
    values = [passage_id]
    for condition, value in (("+document = ?", document), ("start = ?", start)):
        if value is not None:
            some += f" AND {condition}"
            values.append(value)
    found: tuple[int, int] | None = connection.execute(f"{some} ORDER BY id LIMIT 1", values).fetchone()
    return found


def row_of_number(connection: sqlite3.Connection, document: int, number: int) -> int | None:
    """The row of a document's passage by its number, from 1; None where it has fewer."""
    numbered = "SELECT id FROM passages WHERE document = ? ORDER BY id LIMIT 1 OFFSET ?"
    found = connection.execute(numbered, (document, number - 1)).fetchone()
    return int(found[0]) if found else None


def id_of_document(connection: sqlite3.Connection, document: int) -> str:
    """The id of a document by its number."""
    return str(one_row(connection, "SELECT id FROM documents WHERE number = ?", document)[0])


def passage_ids_by_document(connection: sqlite3.Connection, documents: Sequence[int]) -> dict[int, NDArray[np.int64]]:
    """The ids of the passages of documents, int64 (n,), in their order, by number; those that are gone are left out."""
    found: dict[int, list[int]] = {}
    for some in batched(documents):
        rows = connection.execute(
            f"SELECT document, passage_id FROM passages WHERE document IN ({marks(some)}) ORDER BY document, id", some
        )
        for document, passage_id in rows:
            found.setdefault(document, []).append(passage_id)
    return {document: np.array(ids, np.int64) for document, ids in found.items()}


def passages_only_in(connection: sqlite3.Connection, document: int) -> NDArray[np.int64]:
    """int64 (n,): ids of the passages of a document that stand in no other."""
    rows = connection.execute(
        "SELECT DISTINCT passage_id FROM passages p WHERE document = ? AND NOT EXISTS "
        "(SELECT 1 FROM passages o WHERE o.passage_id = p.passage_id AND o.document != p.document)",
        (document,),
    )
    return np.fromiter((row[0] for row in rows), np.int64)


def text_checksums(connection: sqlite3.Connection) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of all documents, int64 (n,), ascending, and the checksum of each one's text, int64 (n,)."""
    rows = connection.execute("SELECT number, text_checksum FROM documents ORDER BY number")
    found = np.fromiter((value for row in rows for value in row), np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def read_names(connection: sqlite3.Connection, documents: Sequence[int]) -> dict[int, tuple[str, str]]:
    """(id, title) of documents by number; raises IndexFolderError where one is not what was written."""
    found = {}
    for some in batched(documents):
        rows = connection.execute(
            f"SELECT number, label_checksum, {LABEL} FROM documents WHERE number IN ({marks(some)})", some
        )
        for number, checksum, *label in rows:
            require_label(label, checksum)
            found[number] = (label[0], label[3])
    return found


def _rows(
    connection: sqlite3.Connection, document: LabelRow, condition: str, values: Sequence[int]
) -> list[ContentRow]:
    """Those passages of a document of which a condition holds; raises IndexFolderError if one is not as written."""
    columns = f"id, passage_id, start, end, heading, {position_column(connection)}, checksum"
    found = []
    for row, passage_id, start, end, heading, position, checksum in connection.execute(
        f"SELECT {columns} FROM passages p WHERE document = ? AND {condition}", (document.number, *values)
    ):
        if (
            not is_kind((passage_id, start, end, heading, position), "iiiss")
            or place_checksum(document.id, passage_id, start, end, heading, position) != checksum
        ):
            raise damaged(f"a passage of {document.id}")
        found.append(ContentRow(row, passage_id, start, end, heading, orjson.loads(position) if position else {}))
    return found
