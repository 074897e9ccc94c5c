"""Whether all rows are as they were written: what chooses among rows, or counts them, is no better than the rest."""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator

from sakuin.index.store.checksums import damaged, is_as_written, is_kind, place_checksum, row_checksum
from sakuin.index.store.files import STATE
from sakuin.index.store.schema import LABEL, begin, position_column

MOST_ROWS = 40_000
"""Documents, places of passages and files that are compared with their checksums before rows are chosen or counted: all
of a small index, in a tenth of a second. Of a larger one what is shown is compared, and `index verify` reads all."""

MOST_KEPT = 16

_compared: dict[tuple[object, ...], None] = {}
"""Databases that were found whole, by their files and the checksums of their manifests."""

_turn = threading.Lock()

COUNTED = {"files": "files", "documents": "documents", "places": "passages"}
"""Tables whose rows the manifest counts, by its names of them."""


def row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows there are, by the manifest's names of them."""
    columns = ", ".join(f"(SELECT count(*) FROM {table})" for table in COUNTED.values())
    return dict(zip(COUNTED, connection.execute(f"SELECT {columns}").fetchone(), strict=True))


def require_whole(connection: sqlite3.Connection) -> None:
    """See that rows of a small index are all there, and as they were written, but for the texts of documents.

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
    manifest = dict(connection.execute("SELECT key, value FROM manifest WHERE key IN ('checksum', 'rows')").fetchall())
    path = connection.execute("SELECT file FROM pragma_database_list").fetchone()[0]
    status = os.stat(path) if path else None
    state = (status and (status.st_dev, status.st_ino, status.st_mtime_ns), manifest.get("checksum"))
    if state in _compared:
        return
    found = row_counts(connection)
    if sum(found.values()) > MOST_ROWS:
        return
    if (counted := json.loads(manifest.get("rows", "{}"))) and found != counted:
        raise damaged("the number of rows")
    for table in COUNTED.values():
        # That its indexes, by which rows are found, say the same as the table.
        for (told,) in connection.execute(f"PRAGMA integrity_check({table})").fetchall():
            if told != "ok":
                raise damaged(f"the table {table}, as SQLite says ({told})")
    for what in changed_rows(connection):
        raise damaged(what)
    if path:
        # Threads look at an index through connections of their own.
        with _turn:
            _compared[state] = None
            while len(_compared) > MOST_KEPT:
                del _compared[next(iter(_compared))]


def changed_rows(connection: sqlite3.Connection) -> Iterator[str]:
    """What has changed since it was written, of files, of documents without their texts, and of places."""
    for uri, *row, checksum in connection.execute(f"SELECT {STATE}, checksum FROM files"):
        if row_checksum((uri, *row)) != checksum or not is_kind((uri, *row), "siiss"):
            yield f"what is noted of the file {uri!s}"
    ids: dict[int, str] = {}
    for number, checksum, *label in connection.execute(f"SELECT number, label_checksum, {LABEL} FROM documents"):
        if not is_as_written(label, checksum):
            yield f"the document {label[0]!s}"
        ids[number] = label[0]
    for document, checksum, *place in connection.execute(
        f"SELECT document, checksum, passage_id, start, end, heading, {position_column(connection)} FROM passages p"
    ):
        if document not in ids or not is_kind(place, "iiiss") or place_checksum(ids[document], *place) != checksum:
            yield f"a passage of {ids.get(document, 'a document that is not there')!s}"
