"""Files that documents were read from."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sakuin.index.documents import Skipped
from sakuin.index.reasons import Reason
from sakuin.index.store.checksums import damaged, is_kind, row_checksum

STATE = "uri, size, mtime_ns, sha256, reason"
"""What is noted of a file, in the order of its checksum."""

LOOK = "ctime_ns, inode"
"""What else is noted. Under no checksum, for indexes made before have none of it; if wrong, a file is hashed again."""

EXCLUDED = 'reason LIKE \'{"code":"excluded%\''
"""Of what is not to be read: no file of the index, and no skipped one."""

EXPECTED = " OR ".join(f'reason LIKE \'{{"code":"{code}"%\'' for code in sorted(Reason.EXPECTED))
"""Of what nobody expects to be read."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file looked like when it was read: enough to tell whether it changed."""

    uri: str
    size: int
    mtime_ns: int
    sha256: str
    reason: Reason | None = None
    """Why nothing, or not all, was taken from the file; None where all was."""
    ctime_ns: int = 0
    """When the disk last changed anything of it; 0 where the time did not tell, or was not noted."""
    inode: int = 0


def put_file(connection: sqlite3.Connection, state: FileState) -> None:
    """Store the state of a file, in place of what was known of it."""
    row = (state.uri, state.size, state.mtime_ns, state.sha256, state.reason.to_json() if state.reason else "")
    connection.execute(
        f"INSERT OR REPLACE INTO files ({STATE}, checksum, {LOOK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, row_checksum(row), state.ctime_ns, _signed(state.inode)),
    )


def drop_file(connection: sqlite3.Connection, uri: str) -> None:
    """Forget a file."""
    connection.execute("DELETE FROM files WHERE uri = ?", (uri,))


def read_files(connection: sqlite3.Connection) -> dict[str, FileState]:
    """Every file the index knows, by uri, of an index that is open for writing.

    Raises:
        IndexFolderError: what is noted of one is not what was written.
    """
    rows = connection.execute(f"SELECT {STATE}, checksum, {LOOK} FROM files")
    return {state.uri: state for state in map(read_file_state, rows)}


def read_skipped(connection: sqlite3.Connection, most: int = -1, *, excluded: bool = False) -> list[Skipped]:
    """The first of the files of which nothing, or not all, was taken, by name, what nobody expects to be read last.

    Args:
        connection: To the database.
        most: How many; -1 for all.
        excluded: Those that patterns leave out, in place of those that could not be read.

    Raises:
        IndexFolderError: what is noted of one is not what was written.
    """
    rows = connection.execute(
        f"SELECT {STATE}, checksum FROM files WHERE reason != '' AND ({EXCLUDED}) = ? "
        f"ORDER BY ({EXPECTED}), uri LIMIT ?",
        (excluded, most),
    )
    return [Skipped(state.uri, state.reason) for state in map(read_file_state, rows) if state.reason]


def read_file_state(row: Sequence[Any]) -> FileState:
    """A file from its row: `STATE`, checksum, and `LOOK` where it was asked for; raises IndexFolderError if changed."""
    uri, size, mtime_ns, sha256, reason, checksum, *look = row
    noted = (uri, size, mtime_ns, sha256, reason)
    if not is_kind(noted, "siiss") or row_checksum(noted) != checksum:
        raise damaged(f"what is noted of the file {uri}")
    ctime_ns, inode = look or (0, 0)
    try:
        why = Reason.from_json(reason)
    except (ValueError, RecursionError) as error:
        raise damaged(f"what is noted of the file {uri}") from error
    return FileState(uri, size, mtime_ns, sha256, why, ctime_ns, inode % 2**64)


def _signed(inode: int) -> int:
    """A number of 64 bits as SQLite holds it."""
    return inode - 2**64 if inode >= 2**63 else inode


def forget_hashes(connection: sqlite3.Connection, code: str) -> None:
    """Have the files read again of which something was left out for a reason of a code."""
    rows = connection.execute(f"SELECT {STATE}, checksum FROM files WHERE instr(reason, ?)", (f'"{code}"',)).fetchall()
    for state in map(read_file_state, rows):
        put_file(connection, replace(state, sha256=""))


def has_documents(connection: sqlite3.Connection, file: str) -> bool:
    """Whether the index has a document of a file."""
    return connection.execute("SELECT 1 FROM documents WHERE file = ?", (file,)).fetchone() is not None


def count_documents_by_file(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """(uri, number of documents) of every file."""
    return connection.execute(
        "SELECT f.uri, count(d.number) FROM files f LEFT JOIN documents d ON d.file = f.uri "
        f"WHERE NOT f.{EXCLUDED} GROUP BY f.uri ORDER BY f.uri"
    ).fetchall()


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Numbers of files, documents, distinct passages, further places where a passage stands again, skipped files."""
    # In one statement, which sees one state of an index that others write to. The manifest is read as when it was
    # opened: damage to the index of its keys would hide what was noted.
    numbers = connection.execute(
        "SELECT (SELECT count(*) FROM files), (SELECT count(*) FROM documents), (SELECT count(*) FROM passages), "
        f"(SELECT count(*) FROM files WHERE {EXCLUDED}), "
        f"(SELECT count(*) FROM files WHERE reason != '' AND NOT {EXCLUDED}), "
        "(SELECT value FROM manifest NOT INDEXED WHERE key = 'passages'), "
        "(SELECT value FROM manifest NOT INDEXED WHERE key = 'rows')"
    ).fetchone()
    files, documents, places, excluded, skipped, stored, counted = numbers
    noted = json.loads(counted) if counted else {}
    if noted and noted != {"files": files, "documents": documents, "places": places}:
        raise damaged("the number of rows")
    passages = int(stored or 0)
    return {
        "files": files - excluded,
        "documents": documents,
        "passages": passages,
        "duplicates": places - passages,
        "skipped": skipped,
    }
