"""What of the database is not as it was written."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from sakuin.index.problems import Problem
from sakuin.index.store.checksums import indexed_text, is_as_written, passage_id_of, place_checksum, row_checksum
from sakuin.index.store.files import STATE
from sakuin.index.store.schema import LABEL, create_tables, position_column

DEFAULT = 2
"""Where the default stands in what `schema_of` tells of a column."""


def integrity_problems(connection: sqlite3.Connection) -> list[Problem]:
    """What SQLite's own check finds, in its words."""
    rows = connection.execute("PRAGMA integrity_check").fetchall()
    return [Problem("database", {"detail": row[0]}) for row in rows if row[0] != "ok"]


def schema_problems(connection: sqlite3.Connection) -> list[Problem]:
    """Tables, columns, keys and indexes that are not those that a writer makes: SQLite reads rows by them.

    A column with a default may be missing, or be one more: such columns are added to indexes that are there.
    """
    from sqlite_utils import Database

    with closing(sqlite3.connect(":memory:")) as empty:
        create_tables(Database(empty))
        expected = schema_of(empty)
    found = schema_of(connection)
    differing = {part for part in expected.keys() & found.keys() if expected[part] != found[part]}
    lonely = {**expected, **found}
    differing |= {
        part
        for part in expected.keys() ^ found.keys()
        if not (part.startswith("column ") and lonely[part][DEFAULT] is not None)
    }
    return [Problem("schema", {"part": part}) for part in sorted(differing)]


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


def damaged_rows(connection: sqlite3.Connection) -> list[Problem]:
    """What does not agree with its checksum: files, documents, and passages with their ids."""
    problems = []
    for uri, *row, checksum in connection.execute(f"SELECT {STATE}, checksum FROM files"):
        if row_checksum((uri, *row)) != checksum:
            problems.append(Problem("file_state", {"file": str(uri)}))
    documents = connection.execute(f"SELECT number, {LABEL}, text, label_checksum, text_checksum FROM documents")
    for number, *label, text, label_checksum, text_checksum in documents:
        document_id, _, _, title, _, _ = label
        if not is_as_written(label, label_checksum) or type(text) is not str or passage_id_of(text) != text_checksum:
            problems.append(Problem("document", {"document": str(document_id)}))
        elif any(stored != found for stored, found in passage_ids_of(connection, number, document_id, title, text)):
            problems.append(Problem("passages", {"document": document_id}))
    homeless = connection.execute(
        "SELECT count(*) FROM passages WHERE NOT EXISTS (SELECT 1 FROM documents WHERE number = document)"
    ).fetchone()[0]
    if homeless:
        problems.append(Problem("homeless_passages", {"number": homeless}))
    return problems


def passage_ids_of(
    connection: sqlite3.Connection, number: int, document_id: str, title: str, text: str
) -> Iterator[tuple[int, int]]:
    """The stored and the true id of each passage of a document, and the stored and the true checksum of its place."""
    places = connection.execute(
        f"SELECT passage_id, start, end, heading, {position_column(connection)}, checksum FROM passages p "
        "WHERE document = ?",
        (number,),
    )
    for passage_id, start, end, heading, position, checksum in places:
        if type(heading) is not str or not 0 <= start <= end <= len(text):
            # Under no checksum is whether a heading is text, nor how long a text is that was shortened.
            yield -1, passage_id
            continue
        yield passage_id, passage_id_of(indexed_text(title, heading, text[start:end]))
        yield checksum, place_checksum(document_id, passage_id, start, end, heading, position)


def count_passages(connection: sqlite3.Connection) -> int:
    """Distinct passages that stand somewhere."""
    return int(connection.execute("SELECT count(DISTINCT passage_id) FROM passages").fetchone()[0])
