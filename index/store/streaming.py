"""All documents of an index, one after the other, for what takes them elsewhere."""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from sakuin.index.store.checksums import require_label, row_checksum
from sakuin.index.store.contents import LabelRow
from sakuin.index.store.parsing import headings_of, parsed
from sakuin.index.store.schema import LABEL


def all_labels(connection: sqlite3.Connection) -> Iterator[LabelRow]:
    """What is stored of each document besides its text and passages, in the order in which they came.

    Raises:
        IndexFolderError: one is not what was written.
    """
    rows = connection.execute(f"SELECT number, label_checksum, {LABEL} FROM documents ORDER BY number")
    for number, checksum, *label in rows:
        require_label(label, checksum)
        own, uri, file, title, metadata, headings = label
        yield LabelRow(number, own, uri, file, title, parsed(metadata), headings_of(headings))


def fingerprints(connection: sqlite3.Connection) -> Iterator[tuple[int, str, int]]:
    """(number, id, fingerprint) of each document, in the order in which they came.

    Two documents of the same fingerprint have the same label, text, passages and positions in their file.
    """
    documents = connection.execute("SELECT number, id, label_checksum, text_checksum FROM documents ORDER BY number")
    passages = connection.execute("SELECT document, checksum FROM passages ORDER BY document, id")
    standing = groupby(passages, key=itemgetter(0))
    document, own = next(standing, (None, iter(())))
    for number, name, label, text in documents:
        places: list[int] = []
        if document == number:
            places = [checksum for _, checksum in own]
            document, own = next(standing, (None, iter(())))
        yield number, name, row_checksum((label, text, *places))
