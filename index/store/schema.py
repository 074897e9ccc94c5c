"""Connections to the database, and what all that read it share."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sakuin.index.clusters import refuse_cluster
from sakuin.index.errors import DATABASE_ERRORS, IndexFolderError, opening_error
from sakuin.index.store.checksums import NAME, damaged
from sakuin.index.store.tables import changed_parts, columns_of

LABEL_COLUMNS = ("id", "uri", "file", "title", "metadata", "headings")
"""The columns of a document besides its text, in the order of their checksum."""

LABEL = ", ".join(LABEL_COLUMNS)

# Of pages that a writer holds, at most.
CACHE_KIB = 65_536

# SQLite's own limit on ? in a statement is 32,766.
MANY = 10_000


class Unchanging(sqlite3.Connection):
    """A connection to a database on a read-only disk, which SQLite takes for one that nobody writes to."""


def connect(folder: Path, read_only: bool, *, any_schema: bool = False) -> sqlite3.Connection:
    """Open the database of an index folder.

    Args:
        folder: Of the index.
        read_only: Not to be written to; a database that is not there is then not made.
        any_schema: Open it also where its schema is not that of our tables, to look into what has become of it.

    Raises:
        IndexFolderError: there is none, SQLite cannot use it, or its schema has changed.
    """
    connection = _connected(folder, read_only)
    try:
        if read_only and not any_schema:
            require_schema(connection)
    except DATABASE_ERRORS as error:
        connection.close()
        raise opening_error(folder, NAME, error) from error
    except IndexFolderError:
        connection.close()
        raise
    return connection


def _connected(folder: Path, read_only: bool) -> sqlite3.Connection:
    path = folder / NAME
    try:
        if not read_only:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            # Passages come in no order of their ids: with SQLite's own 2 MB, pages of that index are written to the log
            # again and again, more than twice as much in all.
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            return connection
        if not path.is_file():
            refuse_cluster(folder)
            raise IndexFolderError(f"No index in {folder}: build one with `index build CORPUS_DIR --index {folder}`.")
        address = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, check_same_thread=False, timeout=10)
        try:
            require_manifest(connection, folder)
        except sqlite3.OperationalError:
            # On a read-only disk SQLite cannot make the files WAL mode needs; with no WAL there is nothing to miss.
            wal = path.with_name(f"{NAME}-wal")
            if wal.exists() and wal.stat().st_size:
                raise
            connection.close()
            connection = sqlite3.connect(
                f"{address}&immutable=1", uri=True, check_same_thread=False, factory=Unchanging
            )
            require_manifest(connection, folder)
        return connection
    except DATABASE_ERRORS as error:
        raise opening_error(folder, path.name, error) from error


def require_schema(connection: sqlite3.Connection) -> None:
    """Raise IndexFolderError where tables are not as a writer makes them: SQLite would read other values in rows."""
    if parts := changed_parts(connection):
        raise damaged(f"{parts[0]} of its schema")


def require_manifest(connection: sqlite3.Connection, folder: Path) -> None:
    """See that the table of the manifest is there and can be read; raises IndexFolderError where it is not there."""
    if not has_manifest_table(connection):
        # The first writer makes all tables at once.
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise IndexFolderError(
                f"{folder / NAME} is of another program, or damaged: choose another folder, or put a backup in its "
                f"place with `index restore`."
            )
        raise unfinished(folder)
    connection.execute("SELECT 1 FROM manifest")


def has_manifest_table(connection: sqlite3.Connection) -> bool:
    """Whether a first writer has come so far as to make the tables."""
    made = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'manifest'"
    return connection.execute(made).fetchone() is not None


def unfinished(folder: Path) -> IndexFolderError:
    """What to raise where nothing was ever committed."""
    return IndexFolderError(
        f"The index in {folder} is still being made, or was never finished: wait, or run `index build` again."
    )


def begin(connection: sqlite3.Connection, *, writing: bool) -> None:
    """Start a transaction: to write, or to read one state whatever others commit meanwhile."""
    connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")


def checkpoint(connection: sqlite3.Connection) -> None:
    """Take what is committed from SQLite's log into the database, as far as readers allow."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def data_version(connection: sqlite3.Connection) -> int:
    """Another number after another connection has committed; where a disk is read-only, now and then without that."""
    if isinstance(connection, Unchanging):
        # SQLite looks for no others there, but the disk may be read-only for us alone.
        path = connection.execute("SELECT file FROM pragma_database_list").fetchone()[0]
        return hash((_look(path), _look(f"{path}-wal")))
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _look(path: str) -> tuple[int, ...]:
    """What of a file changes when it is written to; empty where there is none, or nothing in it."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns) if status.st_size else ()


def has_tables(connection: sqlite3.Connection) -> bool:
    """Whether the tables are there; raises ValueError where there are others."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "removed_passages" not in tables:
        raise ValueError("no index of ours")
    return bool(tables)


def one_row(connection: sqlite3.Connection, sql: str, number: int) -> tuple[Any, ...]:
    """The row of a document that another row, or an index of the table, names by its number.

    Raises:
        IndexFolderError: there is none.
    """
    row: tuple[Any, ...] | None = connection.execute(sql, (number,)).fetchone()
    if row is None:
        raise damaged(f"what names document number {number}")
    return row


def position_column(connection: sqlite3.Connection) -> str:
    """The SQL for where in its file a passage of the table ``p`` stands.

    An index may have been made before that was noted, and a writer may add the column at any time: ask each time.
    """
    return "p.position" if "position" in columns_of(connection, "passages") else "''"


def batched(values: Sequence[Any], size: int = MANY) -> Iterable[Sequence[Any]]:
    """Slices of at most ``size``."""
    return (values[start : start + size] for start in range(0, len(values), size))


def marks(values: Sequence[Any]) -> str:
    """As many ? as there are values."""
    return ",".join("?" * len(values))
