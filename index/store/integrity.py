"""What of the database is not as it was written."""

import sqlite3
from collections.abc import Iterator

from sakuin.index.problems import Problem
from sakuin.index.store.checksums import indexed_text, passage_id_of, place_checksum, row_checksum
from sakuin.index.store.files import STATE
from sakuin.index.store.schema import LABEL, position_column


def integrity_problems(connection: sqlite3.Connection) -> list[Problem]:
    """What SQLite's own check finds, in its words."""
    rows = connection.execute("PRAGMA integrity_check").fetchall()
    return [Problem("database", {"detail": row[0]}) for row in rows if row[0] != "ok"]


def damaged_rows(connection: sqlite3.Connection) -> list[Problem]:
    """What does not agree with its checksum: files, documents, and passages with their ids."""
    problems = []
    for uri, *row, checksum in connection.execute(f"SELECT {STATE}, checksum FROM files"):
        if row_checksum((uri, *row)) != checksum:
            problems.append(Problem("file_state", {"file": uri}))
    documents = connection.execute(f"SELECT number, {LABEL}, text, label_checksum, text_checksum FROM documents")
    for number, *label, text, label_checksum, text_checksum in documents:
        document_id, _, _, title, _, _ = label
        if row_checksum(label) != label_checksum or passage_id_of(text) != text_checksum:
            problems.append(Problem("document", {"document": document_id}))
        elif any(stored != found for stored, found in passage_ids_of(connection, number, document_id, title, text)):
            problems.append(Problem("passages", {"document": document_id}))
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
        yield passage_id, passage_id_of(indexed_text(title, heading, text[start:end]))
        yield checksum, place_checksum(document_id, passage_id, start, end, heading, position)


def count_passages(connection: sqlite3.Connection) -> int:
    """Distinct passages that stand somewhere."""
    return int(connection.execute("SELECT count(DISTINCT passage_id) FROM passages").fetchone()[0])
