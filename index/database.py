"""`documents.db`: files, documents and passages in SQLite, and the manifest that names the committed state.

The manifest is a table of the same database, so that the documents and the names of the vector and term files that
belong to them change in one transaction. A manifest in a file of its own would make a commit two steps, and a kill
between them an index that lies.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.documents import Document, MetadataValue, Passage
from index.errors import IndexFolderError

if TYPE_CHECKING:
    from sqlite_utils import Database

NAME = "documents.db"
FORMAT = 1
# SQLite's own limit on ? in a statement is 32,766.
MANY = 10_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """The committed state of an index.

    Attributes:
        format: Version of the folder's layout.
        generation: Number of the last commit; names the folder of terms.
        corpus: Folder that `index build` keeps the index in step with, "" where there is none.
        model: What to load the model by: "" for the packaged one, else a folder or hub name.
        fingerprint: Of the model whose vectors are stored.
        dim: Numbers stored of each vector.
        analyser: Name of the analysis that made the terms.
        passage_width: Width that passages are cut to.
        segments: Names of the vector segments, oldest first.
        checksums: SHA-256 of each derived file, by its path in the index folder.
    """

    format: int
    generation: int
    corpus: str
    model: str
    fingerprint: str
    dim: int
    analyser: str
    passage_width: int
    segments: list[str]
    checksums: dict[str, str]


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file looked like when it was read: enough to tell whether it changed."""

    uri: str
    size: int
    mtime_ns: int
    sha256: str
    reason: str
    """Why nothing, or not all, was taken from the file; "" where all was."""


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A stored passage with its document."""

    id: int
    document: int
    start: int
    end: int
    heading: str
    text: str
    uri: str
    title: str
    metadata: dict[str, MetadataValue]


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
            return connection
        if not path.is_file():
            raise IndexFolderError(f"No index in {folder}: build one with `index build CORPUS_DIR --index {folder}`.")
        address = f"{path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, check_same_thread=False, timeout=10)
        try:
            connection.execute("SELECT 1 FROM manifest")
        except sqlite3.OperationalError:
            # On a read-only disk SQLite cannot make the files WAL mode needs; with no WAL there is nothing to miss.
            wal = path.with_name(f"{NAME}-wal")
            if wal.exists() and wal.stat().st_size:
                raise
            connection.close()
            connection = sqlite3.connect(f"{address}&immutable=1", uri=True, check_same_thread=False)
            connection.execute("SELECT 1 FROM manifest")
        return connection
    except sqlite3.Error as error:
        raise IndexFolderError(
            f"{path} cannot be opened as an index ({error}). If it is damaged, delete {folder} and build it again."
        ) from error


def create_tables(database: "Database") -> None:
    """Make the tables of an empty database."""
    database.table("manifest").create({"key": str, "value": str}, pk="key", if_not_exists=True)
    database.table("files").create(
        {"uri": str, "size": int, "mtime_ns": int, "sha256": str, "reason": str},
        pk="uri",
        not_null={"size", "mtime_ns", "sha256", "reason"},
        if_not_exists=True,
    )
    database.table("documents").create(
        {"id": int, "uri": str, "file": str, "title": str, "text": str, "metadata": str},
        pk="id",
        not_null={"uri", "file", "title", "text", "metadata"},
        if_not_exists=True,
    )
    database.table("documents").create_index(["uri"], unique=True, if_not_exists=True)
    database.table("documents").create_index(["file"], if_not_exists=True)
    # AUTOINCREMENT: a number is never given twice, so vectors and terms can never point at somebody else's passage.
    database.execute(
        "CREATE TABLE IF NOT EXISTS passages (id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL "
        "REFERENCES documents(id) ON DELETE CASCADE, start INTEGER NOT NULL, end INTEGER NOT NULL, "
        "heading TEXT NOT NULL)"
    )
    database.table("passages").create_index(["document"], if_not_exists=True)
    # Passages that are gone but whose vectors still stand in a segment.
    database.table("removed_passages").create({"id": int}, pk="id", if_not_exists=True)


def read_manifest(connection: sqlite3.Connection, folder: Path) -> Manifest:
    """The committed state; raises IndexFolderError where it is missing or of another format."""
    try:
        rows = dict(connection.execute("SELECT key, value FROM manifest").fetchall())
        values = {key: json.loads(value) for key, value in rows.items()}
    except (sqlite3.Error, ValueError) as error:
        raise IndexFolderError(
            f"The manifest in {folder} cannot be read ({error}): delete the folder and build it again."
        ) from error
    if not values:
        raise IndexFolderError(f"The index in {folder} was never finished: run `index build` or `index add` again.")
    if values.get("format") != FORMAT:
        raise IndexFolderError(
            f"The index in {folder} has format {values.get('format')}, this version reads {FORMAT}: delete the "
            f"folder and build it again."
        )
    return Manifest(**{field.name: values[field.name] for field in fields(Manifest)})


def write_manifest(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Replace the manifest, inside the caller's transaction."""
    connection.executemany(
        "INSERT OR REPLACE INTO manifest (key, value) VALUES (?, ?)",
        [(key, json.dumps(value)) for key, value in asdict(manifest).items()],
    )


def insert_document(
    connection: sqlite3.Connection, document: Document, file: str, passages: Sequence[Passage]
) -> range:
    """Store a document and its passages; returns the passages' numbers, which follow one another."""
    cursor = connection.execute(
        "INSERT INTO documents (uri, file, title, text, metadata) VALUES (?, ?, ?, ?, ?)",
        (document.uri, file, document.title, document.text, json.dumps(document.metadata, ensure_ascii=False)),
    )
    number = cursor.lastrowid
    connection.executemany(
        "INSERT INTO passages (document, start, end, heading) VALUES (?, ?, ?, ?)",
        [(number, passage.start, passage.end, passage.heading) for passage in passages],
    )
    last = int(connection.execute("SELECT max(id) FROM passages").fetchone()[0] or 0)
    return range(last + 1 - len(passages), last + 1)


def delete_documents(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[int]:
    """Remove documents with their passages; returns the numbers of those passages."""
    gone: list[int] = []
    for some in batched(numbers, MANY):
        marks = ",".join("?" * len(some))
        gone += [row[0] for row in connection.execute(f"SELECT id FROM passages WHERE document IN ({marks})", some)]
        connection.execute(f"DELETE FROM documents WHERE id IN ({marks})", some)
    connection.executemany("INSERT INTO removed_passages (id) VALUES (?)", [(i,) for i in gone])
    return gone


def documents_of_file(connection: sqlite3.Connection, file: str) -> list[int]:
    """Numbers of the documents that were read from a file."""
    return [row[0] for row in connection.execute("SELECT id FROM documents WHERE file = ?", (file,))]


def read_passages(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, PassageRow]:
    """Passages by number; those that are gone are left out."""
    found: dict[int, PassageRow] = {}
    for some in batched(numbers, MANY):
        rows = connection.execute(
            "SELECT p.id, d.id, p.start, p.end, p.heading, substr(d.text, p.start + 1, p.end - p.start), d.uri, "
            "d.title, d.metadata FROM passages p JOIN documents d ON d.id = p.document "
            f"WHERE p.id IN ({','.join('?' * len(some))})",
            some,
        )
        for row in rows:
            found[row[0]] = PassageRow(*(*row[:8], json.loads(row[8])))
    return found


def read_files(connection: sqlite3.Connection) -> dict[str, FileState]:
    """Every file the index knows, by uri."""
    rows = connection.execute("SELECT uri, size, mtime_ns, sha256, reason FROM files")
    return {row[0]: FileState(*row) for row in rows}


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Numbers of files, documents, passages and skipped files."""
    return {
        name: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for name, table in {
            "files": "files",
            "documents": "documents",
            "passages": "passages",
            "skipped": "files WHERE reason != ''",
        }.items()
    }


def batched(numbers: Sequence[int], size: int) -> Iterable[Sequence[Any]]:
    """Slices of at most ``size``."""
    return (numbers[start : start + size] for start in range(0, len(numbers), size))
