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


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Documents and their passages.

    Attributes:
        numbers: int64 (n,), of the documents, ascending.
        starts: int64 (n + 1,): where in ``passages`` those of each document begin, and the last end.
        passages: int64 (m,), ids, in the order of the documents.
    """

    numbers: NDArray[np.int64]
    starts: NDArray[np.int64]
    passages: NDArray[np.int64]


def standing_passages(
    connection: sqlite3.Connection,
    documents: NDArray[np.int64] | None,
    *,
    without: NDArray[np.int64],
    most: int,
) -> Standing:
    """Documents with the passages that stand in them.

    Args:
        connection: To the database.
        documents: int64 (n,), numbers of those that count; None for all.
        without: int64 (n,), numbers of those that do not.
        most: Passages of each document; of more, so many that lie evenly in it.
    """
    rows = connection.execute("SELECT document, passage_id FROM passages ORDER BY document, id")
    found = np.fromiter((value for row in rows for value in row), np.int64).reshape(-1, 2)
    kept = ~np.isin(found[:, 0], without)
    if documents is not None:
        kept &= np.isin(found[:, 0], documents)
    found = found[kept]
    _, firsts, counts = np.unique(found[:, 0], return_index=True, return_counts=True)
    if (counts > most).any():
        spread = (
            start + (np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64))
            for start, count in zip(firsts.tolist(), counts.tolist(), strict=True)
        )
        found = found[np.concatenate(list(spread))]
    numbers, firsts = np.unique(found[:, 0], return_index=True)
    return Standing(numbers, np.append(firsts, len(found)), found[:, 1])


def same_texts(connection: sqlite3.Connection, documents: NDArray[np.int64] | None) -> list[list[int]]:
    """Numbers of the documents with the same text, ascending, the largest group first.

    Args:
        connection: To the database.
        documents: int64 (n,), numbers of those that count; None for all.
    """
    rows = connection.execute("SELECT text_checksum, number FROM documents ORDER BY number")
    by_text: dict[int, list[int]] = {}
    counting = None if documents is None else set(documents.tolist())
    for checksum, number in rows:
        if counting is None or number in counting:
            by_text.setdefault(checksum, []).append(number)
    groups = [group for group in by_text.values() if len(group) > 1]
    return sorted(groups, key=lambda group: (-len(group), group))


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
