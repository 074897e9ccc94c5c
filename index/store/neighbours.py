"""Documents beside another in the same file, such as the rows of a table around one of them."""

import re
import sqlite3
from collections.abc import Iterator

from sakuin.index.store.contents import LabelRow, read_label
from sakuin.index.store.texts import text_length, text_part

LONGEST = 10_000
"""Characters of a text; documents with longer ones are left out."""


def read_neighbours(connection: sqlite3.Connection, document: LabelRow, most: int) -> list[tuple[LabelRow, str]]:
    """Documents of a document's file whose ids differ from its own by the number at their end, by that, and itself.

    Args:
        connection: Of `reading`.
        document: Of the same.
        most: So many before it in the database, and as many after, are looked at.

    Returns:
        Each with its whole text.

    Raises:
        IndexFolderError: one of them is not what was written.
    """
    alike = _parted(document.id)[0]
    rows = connection.execute(
        "SELECT id FROM documents WHERE file = ? AND number BETWEEN ? AND ?",
        (document.file, document.number - most, document.number + most),
    ).fetchall()
    parted = sorted((number, name) for (name,) in rows for start, number in [_parted(name)] if start == alike)
    return list(_texts(connection, [name for _, name in parted]))


def _texts(connection: sqlite3.Connection, ids: list[str]) -> Iterator[tuple[LabelRow, str]]:
    for name in ids:
        label = read_label(connection, name)
        if label and (length := text_length(connection, label.number, name)) <= LONGEST:
            yield label, text_part(connection, label.number, name, 0, length)


def _parted(document_id: str) -> tuple[str, int]:
    """An id without the number that it ends with, and the number: -1 where there is none."""
    digits = re.search(r"[0-9]{1,15}\Z", document_id)
    return (document_id[: digits.start()], int(digits[0])) if digits else (document_id, -1)
