"""Texts of documents: a short one in the document's row, a long one in blocks, so that a part is read by itself.

SQLite reads what is in a row from its beginning on: to show a passage at the end of a book would be to read the book.
"""

import sqlite3
from collections.abc import Sequence

from sakuin.index.store.checksums import damaged, passage_id_of, row_checksum
from sakuin.index.store.schema import begin, one_row
from sakuin.index.store.tables import TEXT_BLOCKS, columns_of

BLOCK = 8_192
"""Characters of a block; a text of no more stands in the document's row, which has "" where there are blocks."""


def text_in_row(text: str) -> str:
    """What of a text stands in the row of its document."""
    return "" if len(text) > BLOCK else text


def insert_blocks(connection: sqlite3.Connection, document: int, document_id: str, text: str) -> None:
    """Store the text of a document, given by number and id, if it is a long one."""
    if len(text) <= BLOCK:
        return
    blocks = [(start, text[start : start + BLOCK]) for start in range(0, len(text), BLOCK)]
    connection.executemany(
        "INSERT INTO text_blocks (document, start, checksum, text) VALUES (?, ?, ?, ?)",
        [(document, start, row_checksum((document_id, start, part)), part) for start, part in blocks],
    )


def has_blocks(connection: sqlite3.Connection) -> bool:
    """Whether long texts stand in blocks: an index may have been made before, and a writer may come at any time."""
    return bool(columns_of(connection, "text_blocks"))


def whole_text(connection: sqlite3.Connection, document: int, in_row: str) -> str:
    """A document's text, not compared with any checksum.

    Args:
        connection: To the database.
        document: Number of the document.
        in_row: What stands in its row.
    """
    if in_row != "" or not has_blocks(connection):
        return in_row
    rows = connection.execute("SELECT text FROM text_blocks WHERE document = ? ORDER BY start", (document,))
    # What damage made of a text is told by its checksum, which this has not either.
    return "".join(str(text) for (text,) in rows)


def text_part(connection: sqlite3.Connection, document: int, document_id: str, start: int, end: int) -> str:
    """The characters ``start`` to before ``end`` of a document's text, which has so many.

    Raises:
        IndexFolderError: they are not what was written.
    """
    text = _text_in_row(connection, document, document_id)
    if text is not None:
        return text[start:end]
    blocks = _blocks_between(connection, document, start, end)
    part = _cut(blocks, start, end)
    if len(part) != end - start or not all(is_block_as_written(document_id, *block) for block in blocks):
        raise damaged(f"the document {document_id}")
    return part


def block_part(connection: sqlite3.Connection, document: int, start: int, end: int) -> str:
    """The same of a text in blocks, "" of any other, for who compares the part with a checksum of its own."""
    return _cut(_blocks_between(connection, document, start, end), start, end) if has_blocks(connection) else ""


def text_length(connection: sqlite3.Connection, document: int, document_id: str) -> int:
    """Characters of a document's text.

    Raises:
        IndexFolderError: the end of it is not what was written.
    """
    text = _text_in_row(connection, document, document_id)
    if text is not None:
        return len(text)
    last = "SELECT start, checksum, text FROM text_blocks WHERE document = ? ORDER BY start DESC LIMIT 1"
    block = connection.execute(last, (document,)).fetchone()
    length = block[0] + len(str(block[2])) if block else 0
    # Blocks that are lost at the end are missed by the last passage.
    least = connection.execute(
        "SELECT end FROM passages WHERE document = ? ORDER BY id DESC LIMIT 1", (document,)
    ).fetchone()
    if not block or not is_block_as_written(document_id, *block) or (least and length < least[0]):
        raise damaged(f"the document {document_id}")
    return int(length)


def _text_in_row(connection: sqlite3.Connection, document: int, document_id: str) -> str | None:
    """The text in a document's row, compared with its checksum; None where it stands in blocks."""
    text, checksum = one_row(connection, "SELECT text, text_checksum FROM documents WHERE number = ?", document)
    if not text and checksum != passage_id_of("") and has_blocks(connection):
        return None
    if type(text) is not str or passage_id_of(text) != checksum:
        raise damaged(f"the document {document_id}")
    return text


def is_block_as_written(document_id: str, start: int, checksum: int, text: str) -> bool:
    """Whether a block is text, and what was written."""
    return type(text) is str and row_checksum((document_id, start, text)) == checksum


def require_blocks(connection: sqlite3.Connection) -> None:
    """See that no block is missing, and none is of no document; what they hold is compared when it is shown.

    Raises:
        IndexFolderError: one is.
    """
    if not has_blocks(connection):
        return
    odd = connection.execute(
        "SELECT document FROM text_blocks GROUP BY document "
        f"HAVING min(start) != 0 OR max(start) != (count(*) - 1) * {BLOCK} "
        "OR NOT EXISTS (SELECT 1 FROM documents WHERE number = document) LIMIT 1"
    ).fetchone()
    odd = (
        odd
        or connection.execute(
            "SELECT number FROM documents WHERE text = '' AND text_checksum != ? "
            "AND NOT EXISTS (SELECT 1 FROM text_blocks WHERE document = number) LIMIT 1",
            (passage_id_of(""),),
        ).fetchone()
    )
    if odd:
        raise damaged(f"the text of document number {odd[0]}")


def blocks_of(connection: sqlite3.Connection, document: int) -> list[tuple[int, int, str]]:
    """(start, checksum, text) of all blocks of a document, in order; none where it has none."""
    if not has_blocks(connection):
        return []
    rows = connection.execute(
        "SELECT start, checksum, text FROM text_blocks WHERE document = ? ORDER BY start", (document,)
    )
    return rows.fetchall()


def make_blocks(connection: sqlite3.Connection) -> None:
    """Move the long texts of an index that was made before into blocks, in a transaction of its own."""
    begin(connection, writing=True)
    try:
        connection.execute(TEXT_BLOCKS)
        numbers = connection.execute("SELECT number FROM documents WHERE length(text) > ?", (BLOCK,)).fetchall()
        for (number,) in numbers:
            document_id, text, checksum = connection.execute(
                "SELECT id, text, text_checksum FROM documents WHERE number = ?", (number,)
            ).fetchone()
            # Of a damaged one the blocks would have checksums that agree.
            if type(text) is str and passage_id_of(text) == checksum:
                insert_blocks(connection, number, document_id, text)
                connection.execute("UPDATE documents SET text = '' WHERE number = ?", (number,))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _blocks_between(connection: sqlite3.Connection, document: int, start: int, end: int) -> list[tuple[int, int, str]]:
    """(start, checksum, text) of the blocks that hold some characters of a text."""
    rows = connection.execute(
        "SELECT start, checksum, text FROM text_blocks WHERE document = ? AND start < ? AND start >= "
        "(SELECT max(start) FROM text_blocks WHERE document = ? AND start <= ?) ORDER BY start",
        (document, end, document, start),
    )
    return rows.fetchall()


def _cut(blocks: Sequence[tuple[int, int, str]], start: int, end: int) -> str:
    """Characters of a text, of the blocks that hold them."""
    if not blocks:
        return ""
    first = blocks[0][0]
    return "".join(str(text) for _, _, text in blocks)[start - first : end - first]
