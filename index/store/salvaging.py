"""What is whole of a damaged database: rows that agree with their checksums, copied into a new one."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sakuin.index.errors import DATABASE_ERRORS, IndexFolderError
from sakuin.index.store.checksums import (
    indexed_text,
    is_as_written,
    is_kind,
    passage_id_of,
    place_checksum,
)
from sakuin.index.store.files import LOOK, STATE, FileState, put_file, read_file_state
from sakuin.index.store.schema import LABEL, position_column
from sakuin.index.store.tables import create_tables
from sakuin.index.store.texts import insert_blocks, text_in_row, whole_text

Place = tuple[int, int, int, str, str, int]
"""passage_id, start, end, heading, position, checksum."""

LONGEST_GAP = 2**40
"""Numbers after a row that cannot be read are tried in ever longer steps, up to so many at once."""


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A document as it is stored, whole."""

    number: int
    label: Sequence[str]
    label_checksum: int
    text_checksum: int
    text: str
    places: Sequence[Place]


def mend_schema(path: Path) -> None:
    """Give a database the schema that a writer makes where it has another, and make its indexes anew if they can be."""
    with closing(sqlite3.connect(":memory:")) as empty:
        create_tables(empty)
        expected = empty.execute("SELECT sql, type, tbl_name, name FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    with suppress(*DATABASE_ERRORS), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany("UPDATE sqlite_master SET sql = ?, type = ?, tbl_name = ? WHERE name = ?", expected)
        connection.commit()
    with suppress(*DATABASE_ERRORS), closing(sqlite3.connect(path)) as connection:
        connection.execute("REINDEX")
        connection.commit()


def save_whole(source: sqlite3.Connection, target: sqlite3.Connection, *, places: int | None) -> int:
    """Copy documents that are whole, with their passages, and what is noted of files.

    Args:
        source: The damaged database.
        target: A new one with tables, in a transaction.
        places: Of passages in all documents, None where that is not known: if as many are there, none is missing.

    Returns:
        How many documents were copied.
    """
    with suppress(*DATABASE_ERRORS):
        if source.execute("SELECT count(*) FROM passages NOT INDEXED").fetchone()[0] == places:
            places = -1
    copied = 0
    for row in whole_documents(source):
        if places != -1 and not covers(row):
            continue
        target.execute(
            f"INSERT INTO documents (number, {LABEL}, label_checksum, text_checksum, text) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row.number, *row.label, row.label_checksum, row.text_checksum, text_in_row(row.text)),
        )
        insert_blocks(target, row.number, row.label[0], row.text)
        target.executemany(
            "INSERT INTO passages (document, passage_id, start, end, heading, position, checksum) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(row.number, *place) for place in row.places],
        )
        copied += 1
    for state in whole_files(source):
        put_file(target, state)
    return copied


def count_documents(connection: sqlite3.Connection) -> int:
    """How many documents a damaged database seems to hold."""
    with suppress(*DATABASE_ERRORS):
        return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])
    return 0


def forget_all_hashes(connection: sqlite3.Connection) -> None:
    """Have all files read again: which of them lost a document is not known."""
    for state in list(whole_files(connection)):
        put_file(connection, replace(state, sha256=""))


def whole_files(connection: sqlite3.Connection) -> Iterator[FileState]:
    """What is noted of files and is as it was written."""
    with suppress(*DATABASE_ERRORS):
        for row in connection.execute(f"SELECT {STATE}, checksum, {LOOK} FROM files NOT INDEXED").fetchall():
            with suppress(IndexFolderError, ValueError, TypeError, KeyError):
                yield read_file_state(row)


def whole_documents(connection: sqlite3.Connection) -> Iterator[StoredRow]:
    """Documents that are as they were written, in the order of their numbers; what cannot be read is passed over."""
    number, step = -1, 1
    while step < LONGEST_GAP:
        try:
            row = connection.execute(
                f"SELECT number, {LABEL}, label_checksum, text_checksum, text FROM documents WHERE number > ? "
                "ORDER BY number LIMIT 1",
                (number,),
            ).fetchone()
            if row is None:
                return
            text = whole_text(connection, row[0], row[-1])
            places = connection.execute(
                f"SELECT passage_id, start, end, heading, {position_column(connection)}, checksum FROM passages p "
                "WHERE document = ? ORDER BY id",
                (row[0],),
            ).fetchall()
        except DATABASE_ERRORS:
            # Small steps first, for the next row may be whole.
            number, step = number + step, step + 1 if step < 100 else step * 2
            continue
        number, step = row[0], 1
        *label, label_checksum, text_checksum, _ = row[1:]
        found = StoredRow(number, label, label_checksum, text_checksum, text, places)
        if is_whole(found):
            yield found


def is_whole(row: StoredRow) -> bool:
    """Whether a document and its places are as they were written."""
    text = row.text
    if not is_as_written(row.label, row.label_checksum) or type(text) is not str:
        return False
    title = row.label[3]
    return passage_id_of(text) == row.text_checksum and all(
        is_kind(place, "iiissi")
        and 0 <= place[1] <= place[2] <= len(text)
        and place_checksum(row.label[0], *place[:5]) == place[5]
        and passage_id_of(indexed_text(title, place[3], text[place[1] : place[2]])) == place[0]
        for place in row.places
    )


def covers(row: StoredRow) -> bool:
    """Whether every character of a text but white space and headings stands in a passage, as it does when it is cut."""
    spans = [(start, end) for _, start, end, *_ in row.places]
    spans += [(start, end) for start, end, _ in json.loads(row.label[5])]
    at = 0
    for start, end in sorted(spans):
        if row.text[at:start].strip():
            return False
        at = max(at, end)
    return bool(row.places) and not row.text[at:].strip()
