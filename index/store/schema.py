"""The tables, and connections to them."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sakuin.index.errors import IndexFolderError, opening_error
from sakuin.index.store.checksums import NAME

if TYPE_CHECKING:
    from sqlite_utils import Database

LABEL_COLUMNS = ("id", "uri", "file", "title", "metadata", "headings")
"""The columns of a document besides its text, in the order of their checksum."""

LABEL = ", ".join(LABEL_COLUMNS)

# Of pages that a writer holds, at most.
CACHE_KIB = 65_536

# SQLite's own limit on ? in a statement is 32,766.
MANY = 10_000


def connect(folder: Path, read_only: bool) -> sqlite3.Connection:
    """Open the database of an index folder.

    Raises:
        IndexFolderError: there is none, or SQLite cannot use it.
    """
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
            connection = sqlite3.connect(f"{address}&immutable=1", uri=True, check_same_thread=False)
            require_manifest(connection, folder)
        return connection
    except sqlite3.Error as error:
        raise opening_error(folder, path.name, error) from error


def require_manifest(connection: sqlite3.Connection, folder: Path) -> None:
    """See that the table of the manifest is there and can be read; raises IndexFolderError where it is not there."""
    if not has_manifest_table(connection):
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
    """Another number after another connection has committed."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def has_tables(connection: sqlite3.Connection) -> bool:
    """Whether the tables are there; raises ValueError where there are others."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "removed_passages" not in tables:
        raise ValueError("no index of ours")
    return bool(tables)


def create_tables(database: "Database") -> None:
    """Make the tables of an empty database."""
    database.table("manifest").create({"key": str, "value": str}, pk="key", if_not_exists=True)
    database.table("files").create(
        {"uri": str, "size": int, "mtime_ns": int, "sha256": str, "reason": str, "checksum": int},
        pk="uri",
        not_null={"size", "mtime_ns", "sha256", "reason", "checksum"},
        if_not_exists=True,
    )
    database.table("documents").create(
        {
            "number": int,
            "id": str,
            "uri": str,
            # "" where a program added the document.
            "file": str,
            "title": str,
            "metadata": str,
            "headings": str,
            "label_checksum": int,
            "text_checksum": int,
            # Last: what stands behind a long text is slow to read.
            "text": str,
        },
        pk="number",
        not_null={"id", "uri", "file", "title", "metadata", "headings", "label_checksum", "text_checksum", "text"},
        if_not_exists=True,
    )
    database.table("documents").create_index(["id"], unique=True, if_not_exists=True)
    database.table("documents").create_index(["file"], if_not_exists=True)
    # A row for each place where a passage stands.
    database.execute(
        "CREATE TABLE IF NOT EXISTS passages (id INTEGER PRIMARY KEY, passage_id INTEGER NOT NULL, "
        "document INTEGER NOT NULL REFERENCES documents(number) ON DELETE CASCADE, start INTEGER NOT NULL, "
        "end INTEGER NOT NULL, heading TEXT NOT NULL, checksum INTEGER NOT NULL, position TEXT NOT NULL DEFAULT '')"
    )
    add_columns(database.conn)
    database.table("passages").create_index(["document"], if_not_exists=True)
    database.table("passages").create_index(["passage_id"], if_not_exists=True)
    # Passages that stand nowhere any more but whose vectors still stand in a segment.
    database.table("removed_passages").create({"passage_id": int}, pk="passage_id", if_not_exists=True)


def add_columns(connection: sqlite3.Connection) -> None:
    """Add to an index that was made before what is noted of files since; what was made then goes on reading it."""
    known = columns_of(connection, "files")
    for name in ("ctime_ns", "inode"):
        if name not in known:
            connection.execute(f"ALTER TABLE files ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0")
    if "position" not in columns_of(connection, "passages"):
        connection.execute("ALTER TABLE passages ADD COLUMN position TEXT NOT NULL DEFAULT ''")


def columns_of(connection: sqlite3.Connection, table: str) -> set[str]:
    """The names of a table's columns."""
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


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
