"""Whether all rows are as they were written: what chooses among rows, or counts them, is no better than the rest."""

import json
import os
import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from sakuin.index.store.checksums import damaged, is_as_written, is_kind, place_checksum, row_checksum
from sakuin.index.store.files import STATE
from sakuin.index.store.schema import LABEL, begin, position_column
from sakuin.index.store.texts import require_blocks

MOST_ROWS = 40_000
"""Documents, places of passages and files that are compared with their checksums before rows are chosen or counted: all
of a small index, in a tenth of a second. Of a larger one what is shown is compared, and a step; `index verify` reads
all."""

STEP = 1_000
"""Rows of each table of a larger index that are compared before rows are chosen or counted, each time others, in a
hundredth of a second: what damage hides is found by and by."""

FIRST, LAST = -(2**63), 2**63 - 1
"""The lowest and the highest number that a row can have."""

MOST_KEPT = 256

COUNTED = {"files": "files", "documents": "documents", "places": "passages"}
"""Tables whose rows the manifest counts, by its names of them."""

ROWS = {"files": "rowid", "documents": "number", "passages": "id"}
"""What rows of a table are numbered by."""

LOOKED_UP = {
    "files": {"uri": "sqlite_autoindex_files_1"},
    "documents": {"id": "idx_documents_id", "file": "idx_documents_file"},
    "passages": {"document": "idx_passages_document", "passage_id": "idx_passages_passage_id"},
}
"""Columns by which rows are found, with the index of each."""


@dataclass(slots=True)
class Looked:
    """What was compared of a database in one state.

    Attributes:
        numbers: Of rows, by those tables of which not all were compared yet.
        at: The rows to go on from, by table: anywhere at first, so that each process compares others.
        left: Rows to come before the end, by table, from when it is begun at its beginning.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)


_looked: dict[tuple[object, ...], Looked] = {}
"""Databases that were looked at, by their files and the checksums of their manifests."""

_sound: set[tuple[object, ...]] = set()
"""Commits of which a writer found that the indexes of all tables say the same as these."""

_turn = threading.Lock()


def row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows there are, by the manifest's names of them."""
    columns = ", ".join(f"(SELECT count(*) FROM {table})" for table in COUNTED.values())
    return dict(zip(COUNTED, connection.execute(f"SELECT {columns}").fetchone(), strict=True))


def require_whole(connection: sqlite3.Connection) -> None:
    """See that rows of a small index are all there, and as they were written, but for the texts of documents.

    Of a large one some are compared, others each time.

    Args:
        connection: To the database.

    Raises:
        IndexFolderError: one has changed, or is missing.
    """
    if not connection.in_transaction:
        begin(connection, writing=False)
        try:
            require_whole(connection)
        finally:
            connection.rollback()
        return
    state = state_of(connection)
    looked = _looked.get(state)
    if looked is None:
        found = row_counts(connection)
        counted = connection.execute("SELECT value FROM manifest NOT INDEXED WHERE key = 'rows'").fetchone()
        if counted and counted[0] != "{}" and found != json.loads(counted[0]):
            raise damaged("the number of rows")
        if sum(found.values()) > MOST_ROWS:
            looked = Looked({table: found[name] for name, table in COUNTED.items() if found[name]})
        else:
            _require_all(connection)
            looked = Looked()
    # Threads look at an index through connections of their own; one at a time is enough.
    if _turn.acquire(blocking=False):
        try:
            for table in list(looked.numbers):
                require_step(connection, table, looked)
            _keep(state, looked)
        finally:
            _turn.release()


def note_commit(connection: sqlite3.Connection, before: tuple[object, ...]) -> tuple[object, ...]:
    """Take a commit for whole that this process made from one that was; returns what tells it from others.

    Args:
        connection: The writer's.
        before: What told the commit that the writer began with.
    """
    state = state_of(connection)
    with _turn:
        looked = _looked.get(before)
        if looked is not None and not looked.numbers:
            _keep(state, Looked())
        if before in _sound:
            _sound.add(state)
    return state


def require_lookups(connection: sqlite3.Connection) -> None:
    """See that the indexes by which a writer finds rows say the same as the tables: of a small index all of it.

    Rows that they hide would be written a second time, or stay. Of a large index some rows are looked up, others each
    time.

    Args:
        connection: To the database, in no transaction.

    Raises:
        IndexFolderError: they do not.
    """
    state = state_of(connection)
    if state in _sound:
        return
    begin(connection, writing=False)
    try:
        found = row_counts(connection)
        if sum(found.values()) <= MOST_ROWS:
            _require_sound(connection)
            _sound.clear()
            _sound.add(state)
            return
        for table, row in ROWS.items():
            first = _somewhere(connection, table)
            some = connection.execute(
                f"SELECT {row} FROM {table} NOT INDEXED WHERE {row} >= ? ORDER BY {row} LIMIT ?", (first, STEP)
            ).fetchall()
            if some:
                _look_up(connection, table, first, some[-1][0], len(some))
    finally:
        connection.rollback()


def state_of(connection: sqlite3.Connection) -> tuple[object, ...]:
    """What tells a commit in one file from others."""
    checksum = connection.execute("SELECT value FROM manifest NOT INDEXED WHERE key = 'checksum'").fetchone()
    path = connection.execute("SELECT file FROM pragma_database_list").fetchone()[0]
    status = None
    # What is open can be read where it was deleted, as a shard's folder is two commits later.
    with suppress(FileNotFoundError):
        status = os.stat(path) if path else None
    # Without a file, or before the first commit, it is told from all.
    return (status.st_dev, status.st_ino, status.st_mtime_ns, *checksum) if status and checksum else (object(),)


def _keep(state: tuple[object, ...], looked: Looked) -> None:
    _looked[state] = looked
    while len(_looked) > MOST_KEPT:
        del _looked[next(iter(_looked))]


def _require_sound(connection: sqlite3.Connection) -> None:
    """See that the indexes of all tables, by which rows are found, say the same as these; raises IndexFolderError."""
    for table in COUNTED.values():
        for (told,) in connection.execute(f"PRAGMA integrity_check({table})").fetchall():
            if told != "ok":
                raise damaged(f"the table {table}, as SQLite says ({told})")


def _somewhere(connection: sqlite3.Connection, table: str) -> int:
    """The number of a row, or of none, of a table."""
    highest = connection.execute(f"SELECT max({ROWS[table]}) FROM {table}").fetchone()[0]
    return random.randrange(max(1, int(highest or 0)))


def _look_up(connection: sqlite3.Connection, table: str, first: int, last: int, number: int) -> None:
    """Look up so many rows of a table, all between two, by its indexes; raises IndexFolderError if one is not there."""
    row = ROWS[table]
    for column, index in LOOKED_UP[table].items():
        looked_up = connection.execute(
            f"SELECT count(*) FROM {table} a NOT INDEXED JOIN {table} b INDEXED BY {index} "
            f"ON b.{column} = a.{column} AND b.{row} = a.{row} WHERE a.{row} BETWEEN ? AND ?",
            (first, last),
        ).fetchone()
        if looked_up[0] != number:
            raise damaged(f"the index {index}")


def _require_all(connection: sqlite3.Connection) -> None:
    """Compare all rows; raises IndexFolderError where one has changed."""
    _require_sound(connection)
    for table in COUNTED.values():
        for _, what in changed_rows(connection, table):
            if what:
                raise damaged(what)
    require_blocks(connection)


def require_step(connection: sqlite3.Connection, table: str, looked: Looked) -> None:
    """Compare the next rows of a table, and look each up by its indexes; raises IndexFolderError where one changed."""
    if table not in looked.at:
        looked.at[table] = _somewhere(connection, table)
    first = looked.at[table]
    compared = list(changed_rows(connection, table, first, STEP))
    for _, what in compared:
        if what:
            raise damaged(what)
    last = compared[-1][0] if compared else first
    _look_up(connection, table, first, last, len(compared))
    looked.at[table] = min(last, LAST - 1) + 1
    if table in looked.left:
        looked.left[table] -= len(compared)
    if len(compared) < STEP:
        if looked.left.get(table):
            raise damaged(f"the number of rows of the table {table}")
        if table in looked.left:
            del looked.numbers[table]
        else:
            looked.at[table], looked.left[table] = FIRST, looked.numbers[table]


def changed_rows(
    connection: sqlite3.Connection, table: str, first: int | None = None, most: int = -1
) -> Iterator[tuple[int, str]]:
    """Rows of a table, by number, in order, with what has changed since it was written: "" where that is nothing.

    Args:
        connection: To the database.
        table: One of `ROWS`; of documents the text is not compared.
        first: The lowest number; None for all rows.
        most: So many rows; -1 for all.
    """
    row = ROWS[table]
    some, values = ("", [most]) if first is None else (f"WHERE a.{row} >= ?", [first, most])
    ending = f"{some} ORDER BY a.{row} LIMIT ?"
    if table == "files":
        for number, checksum, *noted in connection.execute(
            f"SELECT a.rowid, checksum, {STATE} FROM files a {ending}", values
        ):
            same = row_checksum(noted) == checksum and is_kind(noted, "siiss")
            yield number, "" if same else f"what is noted of the file {noted[0]!s}"
    elif table == "documents":
        for number, checksum, *label in connection.execute(
            f"SELECT number, label_checksum, {LABEL} FROM documents a {ending}", values
        ):
            yield number, "" if is_as_written(label, checksum) else f"the document {label[0]!s}"
    else:
        position = position_column(connection).replace("p.", "a.")
        for number, document, checksum, *place in connection.execute(
            f"SELECT a.id, d.id, a.checksum, passage_id, start, end, heading, {position} FROM passages a "
            f"LEFT JOIN documents d ON d.number = a.document {ending}",
            values,
        ):
            same = type(document) is str and is_kind(place, "iiiss") and place_checksum(document, *place) == checksum
            yield number, "" if same else f"a passage of {document or 'a document that is not there'!s}"
