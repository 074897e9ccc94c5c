"""What of the database is not as it was written."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import accumulate

from sakuin.index.problems import Problem
from sakuin.index.store.checksums import (
    indexed_text,
    is_as_written,
    is_kind,
    passage_id_of,
    place_checksum,
    row_checksum,
)
from sakuin.index.store.files import STATE
from sakuin.index.store.schema import LABEL, position_column
from sakuin.index.store.tables import changed_parts
from sakuin.index.store.texts import blocks_of, has_blocks, is_block_as_written


def integrity_problems(connection: sqlite3.Connection) -> list[Problem]:
    """What SQLite's own check finds, in its words."""
    rows = connection.execute("PRAGMA integrity_check").fetchall()
    return [Problem("database", {"detail": row[0]}) for row in rows if row[0] != "ok"]


def schema_problems(connection: sqlite3.Connection) -> list[Problem]:
    """Parts of the schema that are not as a writer makes them."""
    return [Problem("schema", {"part": part}) for part in changed_parts(connection)]


def damaged_rows(connection: sqlite3.Connection) -> list[Problem]:
    """What does not agree with its checksum: files, documents, and passages with their ids."""
    problems = []
    for uri, *row, checksum in connection.execute(f"SELECT {STATE}, checksum FROM files"):
        if row_checksum((uri, *row)) != checksum or not is_kind((uri, *row), "siiss"):
            problems.append(Problem("file_state", {"file": str(uri)}))
    documents = connection.execute(f"SELECT number, {LABEL}, text, label_checksum, text_checksum FROM documents")
    for number, *label, in_row, label_checksum, text_checksum in documents:
        document_id, _, _, title, _, _ = label
        blocks = blocks_of(connection, number)
        text = "".join(str(part) for _, _, part in blocks) if blocks else in_row
        if (
            (blocks and not are_whole(document_id, in_row, blocks))
            or not is_as_written(label, label_checksum)
            or type(text) is not str
            or passage_id_of(text) != text_checksum
        ):
            problems.append(Problem("document", {"document": str(document_id)}))
        elif any(stored != found for stored, found in passage_ids_of(connection, number, document_id, title, text)):
            problems.append(Problem("passages", {"document": document_id}))
    homeless = connection.execute(
        "SELECT count(*) FROM passages WHERE NOT EXISTS (SELECT 1 FROM documents WHERE number = document)"
    ).fetchone()[0]
    if homeless:
        problems.append(Problem("homeless_passages", {"number": homeless}))
    if has_blocks(connection):
        homeless = connection.execute(
            "SELECT count(*) FROM text_blocks WHERE NOT EXISTS (SELECT 1 FROM documents WHERE number = document)"
        ).fetchone()[0]
        if homeless:
            problems.append(Problem("homeless_texts", {"number": homeless}))
    return problems


def are_whole(document_id: str, in_row: object, blocks: Sequence[tuple[int, int, str]]) -> bool:
    """Whether blocks are as they were written, each beginning where the one before it ends, with nothing beside."""
    if in_row != "" or not all(is_block_as_written(document_id, *block) for block in blocks):
        return False
    ends = accumulate(len(text) for _, _, text in blocks)
    return all(start == end for (start, _, _), end in zip(blocks, [0, *ends], strict=False))


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
        if not is_kind((passage_id, start, end, heading, position), "iiiss") or not 0 <= start <= end <= len(text):
            # Under no checksum is of which type a value is, nor how long a text is that was shortened.
            yield -1, passage_id
            continue
        yield passage_id, passage_id_of(indexed_text(title, heading, text[start:end]))
        yield checksum, place_checksum(document_id, passage_id, start, end, heading, position)


def count_passages(connection: sqlite3.Connection) -> int:
    """Distinct passages that stand somewhere."""
    return int(connection.execute("SELECT count(DISTINCT passage_id) FROM passages").fetchone()[0])
