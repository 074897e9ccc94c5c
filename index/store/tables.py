"""The tables of the database, and whether those that are there are these."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache

DEFAULT = 2
"""Where the default stands in what `schema_of` tells of a column."""

TEXT_BLOCKS = """
-- Of long texts, see `sakuin.index.store.texts`. An index that was made before has no such table.
CREATE TABLE IF NOT EXISTS text_blocks (
    document INTEGER NOT NULL REFERENCES documents(number) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (document, start)
)
"""

TABLES = f"""
CREATE TABLE IF NOT EXISTS "manifest" ("key" TEXT PRIMARY KEY, "value" TEXT);

CREATE TABLE IF NOT EXISTS "files" (
    "uri" TEXT PRIMARY KEY,
    "size" INTEGER NOT NULL,
    "mtime_ns" INTEGER NOT NULL,
    "sha256" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "checksum" INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS "documents" (
    "number" INTEGER PRIMARY KEY,
    "id" TEXT NOT NULL,
    "uri" TEXT NOT NULL,
    -- '' where a program added the document.
    "file" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "metadata" TEXT NOT NULL,
    "headings" TEXT NOT NULL,
    "label_checksum" INTEGER NOT NULL,
    "text_checksum" INTEGER NOT NULL,
    -- Last: what stands behind a long text is slow to read.
    "text" TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS "idx_documents_id" ON "documents" ("id");
CREATE INDEX IF NOT EXISTS "idx_documents_file" ON "documents" ("file");

{TEXT_BLOCKS};

-- A row for each place where a passage stands.
CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY,
    passage_id INTEGER NOT NULL,
    document INTEGER NOT NULL REFERENCES documents(number) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    heading TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    position TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS "idx_passages_document" ON "passages" ("document");
CREATE INDEX IF NOT EXISTS "idx_passages_passage_id" ON "passages" ("passage_id");

-- Passages that stand nowhere any more but whose vectors still stand in a segment.
CREATE TABLE IF NOT EXISTS "removed_passages" ("passage_id" INTEGER PRIMARY KEY);
"""


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty database, in the caller's transaction if there is one."""
    # One of the libraries that the project is asked to stand on. With pandas, which it looks for, that takes half a
    # second to import; readers do without.
    from sqlite_utils import Database

    _create(Database(connection, execute_plugins=False).execute)
    add_columns(connection)


def _create(execute: Callable[[str], object]) -> None:
    for statement in TABLES.split(";"):
        execute(statement)


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


def changed_parts(connection: sqlite3.Connection) -> list[str]:
    """Tables, columns, keys and indexes that are not those that a writer makes, by name: SQLite reads rows by them.

    A column with a default may be missing, or be one more, and the table of long texts may be missing: these are added
    to indexes that are there.
    """
    expected, found = expected_schema(), schema_of(connection)
    if "table text_blocks" not in found:
        expected = {part: about for part, about in expected.items() if "text_blocks" not in part}
    changed = {part for part in expected.keys() & found.keys() if expected[part] != found[part]}
    lonely = {**expected, **found}
    changed |= {
        part
        for part in expected.keys() ^ found.keys()
        if not (part.startswith("column ") and lonely[part][DEFAULT] is not None)
    }
    return sorted(changed)


@cache
def expected_schema() -> dict[str, tuple[object, ...]]:
    """What `schema_of` tells of a database whose tables were just made."""
    with closing(sqlite3.connect(":memory:")) as empty:
        _create(empty.execute)
        add_columns(empty)
        return schema_of(empty)


def schema_of(connection: sqlite3.Connection) -> dict[str, tuple[object, ...]]:
    """What SQLite understands of a schema, by the names of its parts, whatever the spelling of its SQL."""
    parts: dict[str, tuple[object, ...]] = {}
    made = connection.execute(
        "SELECT type, name, tbl_name FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    for kind, name, table in made.fetchall():
        parts[f"{kind} {name}"] = (table,)
        if kind != "table":
            continue
        columns = 'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)'
        for column, *about in connection.execute(columns, (name,)):
            parts[f"column {name}.{column}"] = tuple(about)
        keys = 'SELECT "from", "table", "to", on_update, on_delete FROM pragma_foreign_key_list(?)'
        for column, *about in connection.execute(keys, (name,)):
            parts[f"foreign key {name}.{column}"] = tuple(about)
        indexes = 'SELECT name, "unique", origin, partial FROM pragma_index_list(?)'
        for index, *about in connection.execute(indexes, (name,)).fetchall():
            ordered = connection.execute('SELECT name, "desc", coll, key FROM pragma_index_xinfo(?)', (index,))
            parts[f"index {index}"] = (name, *about, *ordered.fetchall())
    return parts
