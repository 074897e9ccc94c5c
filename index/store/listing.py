"""Documents of an index a page at a time: nothing here ever holds more than it returns."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sakuin.index.documents import MetadataValue, Skipped
from sakuin.index.errors import DATABASE_ERRORS, IndexFolderError
from sakuin.index.store.checksums import damaged, is_kind, place_checksum, require_label
from sakuin.index.store.files import EXCLUDED, read_skipped
from sakuin.index.store.manifest import read_manifest, require_commit
from sakuin.index.store.parsing import parsed, position_of
from sakuin.index.store.schema import LABEL, begin, connect, one_row, position_column
from sakuin.index.store.texts import text_length, text_part
from sakuin.index.store.whole import require_whole
from sakuin.index.where import type_of

Order = Literal["name", "newest", "passages"]
ORDERS: tuple[Order, ...] = ("name", "newest", "passages")

# Which documents stand on a page is found in an index of the table, without reading texts; those few are then fetched.
_IN_ORDER: dict[Order, tuple[str, str]] = {
    "name": ("documents d", "d.id"),
    "newest": ("documents d", "d.number DESC"),
    "passages": (
        "documents d LEFT JOIN (SELECT document, count(*) AS n FROM passages GROUP BY document) p "
        "ON p.document = d.number",
        "p.n DESC, d.number",
    ),
}
_KEYS: dict[Order, str] = {"name": "d.id", "newest": "-d.number", "passages": "-ifnull(p.n, 0)"}


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document as a list shows it.

    Attributes:
        number: Of the document in the database.
        id: Its name.
        file: Name of the file it was read from; the same as ``id`` where that holds no other document.
        title: Never empty.
        kind: Suffix of the file, in lower case and without the dot.
        passages: How many it is cut into.
        characters: Length of its text.
    """

    number: int
    id: str
    file: str
    title: str
    kind: str
    passages: int
    characters: int


@dataclass(frozen=True, slots=True)
class ListedPassage:
    """A passage as it stands in its document.

    Attributes:
        number: Place in the document, from 1.
        start, end: Character offsets in the document's text.
        heading: The heading it stands under, "" where there is none.
        text: The passage.
        places: In how many places of all documents the same passage stands.
        position: Where in the file it begins; empty where that is not known.
    """

    number: int
    start: int
    end: int
    heading: str
    text: str
    places: int
    position: Mapping[str, int | str]


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database of an index at one moment, whatever others commit meanwhile.

    Raises:
        IndexFolderError: there is no index, or it cannot be read.
    """
    with closing(connect(folder, read_only=True)) as connection:
        try:
            begin(connection, writing=False)
            require_commit(folder, read_manifest(connection, folder))
            yield connection
        except DATABASE_ERRORS as error:
            raise IndexFolderError(
                f"The index in {folder} cannot be read ({error}). Check it with `index verify`."
            ) from error


def list_documents(
    connection: sqlite3.Connection,
    some: str = "",
    kind: str = "",
    order: Order = "name",
    first: int = 0,
    most: int = 50,
) -> list[ListedDocument]:
    """Documents ``first`` to ``first + most`` of those that match, in order.

    Args:
        connection: Of `reading`.
        some: Part of an id or title, in any case where it is ASCII; "" for all documents.
        kind: Suffix of the file without its dot; "" for all.
        order: By id ("name"), what was read last first ("newest"), or most passages first ("passages").
        first: How many to pass over.
        most: How many to give.
    """
    require_whole(connection)
    table, by = _IN_ORDER[order]
    where, values = _matching(some, kind)
    numbers = connection.execute(
        f"SELECT d.number FROM {table} {where} ORDER BY {by} LIMIT ? OFFSET ?", (*values, most, first)
    ).fetchall()
    return [_listed(connection, number) for (number,) in numbers]


def list_keys(
    connection: sqlite3.Connection, some: str, kind: str, order: Order, most: int
) -> list[tuple[str | int, int]]:
    """What documents that match are in order by, ascending, with their numbers: lists of several indexes are merged so.

    Args:
        connection: Of `reading`.
        some: As for `list_documents`.
        kind: As for `list_documents`.
        order: As for `list_documents`.
        most: So many at most, the first.
    """
    require_whole(connection)
    table, by = _IN_ORDER[order]
    where, values = _matching(some, kind)
    asked = f"SELECT {_KEYS[order]}, d.number FROM {table} {where} ORDER BY {by} LIMIT ?"
    return connection.execute(asked, (*values, most)).fetchall()


def list_numbered(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[ListedDocument]:
    """The documents of some numbers, in their order."""
    return [_listed(connection, number) for number in numbers]


def count_documents(connection: sqlite3.Connection, some: str = "", kind: str = "") -> int:
    """Number of documents that match.

    Args:
        connection: Of `reading`.
        some: As for `list_documents`.
        kind: As for `list_documents`.
    """
    require_whole(connection)
    where, values = _matching(some, kind)
    return int(connection.execute(f"SELECT count(*) FROM documents d {where}", values).fetchone()[0])


def list_kinds(connection: sqlite3.Connection) -> list[str]:
    """The kinds of files that were read, for `list_documents`, in alphabetical order."""
    require_whole(connection)
    some = "EXISTS (SELECT 1 FROM documents d WHERE d.file = files.uri)"
    kinds = {type_of(uri) for (uri,) in connection.execute(f"SELECT uri FROM files WHERE {some}")}
    return sorted(kinds - {""})


def list_skipped(connection: sqlite3.Connection, most: int) -> tuple[list[Skipped], int]:
    """The first of the files of which nothing, or not all, was taken, and why; and how many there are."""
    require_whole(connection)
    some = f"reason != '' AND NOT {EXCLUDED}"
    number = connection.execute(f"SELECT count(*) FROM files WHERE {some}").fetchone()[0]
    return read_skipped(connection, most), int(number)


def find_document(connection: sqlite3.Connection, document_id: str) -> ListedDocument | None:
    """The document of that id."""
    require_whole(connection)
    row = connection.execute("SELECT number FROM documents WHERE id = ?", (document_id,)).fetchone()
    return _listed(connection, row[0]) if row else None


def list_passages(connection: sqlite3.Connection, document: int, first: int = 0, most: int = 50) -> list[ListedPassage]:
    """Passages ``first`` to ``first + most`` of a document, in order.

    Raises:
        IndexFolderError: one of them, or the document's text, is not what was written.
    """
    rows = connection.execute(
        f"SELECT checksum, (SELECT count(*) FROM passages s WHERE s.passage_id = p.passage_id), passage_id, start, "
        f"end, heading, {position_column(connection)} FROM passages p WHERE document = ? ORDER BY id LIMIT ? OFFSET ?",
        (document, most, first),
    ).fetchall()
    (document_id,) = one_row(connection, "SELECT id FROM documents WHERE number = ?", document)
    for own, _, *place in rows:
        if not is_kind(place, "iiiss") or place_checksum(document_id, *place) != own:
            raise damaged(f"a passage of {document_id}")
    spans = [(start, end, heading, places, position) for _, places, _, start, end, heading, position in rows]
    begins = spans[0][0] if spans else 0
    text = text_part(connection, document, document_id, begins, spans[-1][1]) if spans else ""
    return [
        ListedPassage(
            number,
            start,
            end,
            heading,
            text[start - begins : end - begins],
            places,
            position_of(position),
        )
        for number, (start, end, heading, places, position) in enumerate(spans, first + 1)
    ]


def count_passages(connection: sqlite3.Connection, document: int, until: int) -> int:
    """How many passages of a document end before a character of its text."""
    some = "SELECT count(*) FROM passages WHERE document = ? AND end <= ?"
    return int(connection.execute(some, (document, until)).fetchone()[0])


def read_metadata(connection: sqlite3.Connection, document: int) -> dict[str, MetadataValue]:
    """What a document's file says of it besides its title and text."""
    read = f"SELECT metadata, label_checksum, {LABEL} FROM documents WHERE number = ?"
    stored, checksum, *label = one_row(connection, read, document)
    require_label(label, checksum)
    metadata: dict[str, MetadataValue] = parsed(stored)
    return metadata


def documents_in(connection: sqlite3.Connection, files: Sequence[str]) -> dict[str, int]:
    """How many documents were read from each of some files."""
    require_whole(connection)
    return {
        file: int(connection.execute("SELECT count(*) FROM documents WHERE file = ?", (file,)).fetchone()[0])
        for file in dict.fromkeys(files)
    }


def _matching(some: str, kind: str) -> tuple[str, list[str]]:
    conditions, values = [], []
    if some:
        pattern = f"%{_literal(some)}%"
        conditions.append("(d.id LIKE ? ESCAPE '\\' OR d.title LIKE ? ESCAPE '\\')")
        values += [pattern, pattern]
    if kind:
        conditions.append("d.file LIKE ? ESCAPE '\\'")
        values.append(f"%.{_literal(kind)}")
    return ("WHERE " + " AND ".join(conditions) if conditions else ""), values


def _literal(text: str) -> str:
    """A text in which LIKE finds no sign of its own."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _listed(connection: sqlite3.Connection, number: int) -> ListedDocument:
    checksum, passages, *label = one_row(
        connection,
        "SELECT label_checksum, (SELECT count(*) FROM passages WHERE document = d.number), "
        f"{LABEL} FROM documents d WHERE number = ?",
        number,
    )
    require_label(label, checksum)
    document_id, _, file, title, _, _ = label
    characters = text_length(connection, number, document_id)
    return ListedDocument(number, document_id, file, title, type_of(file), passages, characters)
