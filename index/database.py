"""`documents.db`: files, documents and passages in SQLite, and the manifest that names the committed state.

The manifest is a table of the same database, so that the documents and the names of the vector and term files that
belong to them change in one transaction. A manifest in a file of its own would make a commit two steps, and a kill
between them an index that lies.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sakuin.index.documents import Document, MetadataValue, Passage, Skipped
from sakuin.index.errors import IndexFolderError
from sakuin.index.problems import Problem
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from sqlite_utils import Database

NAME = "documents.db"
FORMAT = 5
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
        passages: Distinct passages that can be found.
        stale_terms: Passages removed since the terms were written anew; BM25's statistics still count some of them.
        checksums: SHA-256 of each derived file, by its path in the index folder.
        sizes: Bytes of the same files.
        fusion: How `index tune` found the legs are best joined in this index; empty where it was not run.
        calibration: Of the scores of unrelated queries and passages of this index; empty where too few were sampled.
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
    passages: int
    stale_terms: int
    checksums: dict[str, str]
    sizes: dict[str, int]
    fusion: dict[str, float] = field(default_factory=dict)
    calibration: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file looked like when it was read: enough to tell whether it changed."""

    uri: str
    size: int
    mtime_ns: int
    sha256: str
    reason: Reason | None = None
    """Why nothing, or not all, was taken from the file; None where all was."""


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A stored passage with its document; of a passage that stands in several places, the first that was stored.

    Attributes:
        content: What vectors and terms know the passage by, see `content_number`.
        places: In how many places the same passage stands.
    """

    content: int
    places: int
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
        if "no such table" in str(error):
            raise IndexFolderError(
                f"The index in {folder} is still being made, or was never finished: wait, or run `index build` again."
            ) from error
        raise IndexFolderError(
            f"{path} cannot be opened as an index ({error}). If it is damaged, delete {folder} and build it again."
        ) from error


def create_tables(database: "Database") -> None:
    """Make the tables of an empty database."""
    database.table("manifest").create({"key": str, "value": str}, pk="key", if_not_exists=True)
    database.table("files").create(
        {"uri": str, "size": int, "mtime_ns": int, "sha256": str, "reason": str, "checksum": int},
        pk="uri",
        not_null={"size", "mtime_ns", "sha256", "reason", "checksum"},
        if_not_exists=True,
    )
    database.table("documents").create(
        {
            "id": int,
            "uri": str,
            "file": str,
            "title": str,
            "metadata": str,
            "label_checksum": int,
            "text_checksum": int,
            # Last: what stands behind a long text is slow to read.
            "text": str,
        },
        pk="id",
        not_null={"uri", "file", "title", "metadata", "label_checksum", "text_checksum", "text"},
        if_not_exists=True,
    )
    database.table("documents").create_index(["uri"], unique=True, if_not_exists=True)
    database.table("documents").create_index(["file"], if_not_exists=True)
    database.execute(
        "CREATE TABLE IF NOT EXISTS passages (id INTEGER PRIMARY KEY, content INTEGER NOT NULL, "
        "document INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE, start INTEGER NOT NULL, "
        "end INTEGER NOT NULL, heading TEXT NOT NULL)"
    )
    database.table("passages").create_index(["document"], if_not_exists=True)
    database.table("passages").create_index(["content"], if_not_exists=True)
    # Content that stands nowhere any more but whose vectors still stand in a segment.
    database.table("removed_passages").create({"content": int}, pk="content", if_not_exists=True)


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
        raise IndexFolderError(
            f"The index in {folder} is still being made, or was never finished: wait, or run `index build` again."
        )
    if values.get("format") != FORMAT:
        raise IndexFolderError(
            f"The index in {folder} has format {values.get('format')}, this version reads {FORMAT}: delete the "
            f"folder and build it again."
        )
    # An index of before a field with a default came to be is read with that default.
    names = [own.name for own in fields(Manifest) if own.name in values]
    needed = {own.name for own in fields(Manifest) if own.default_factory is MISSING}
    if manifest_checksum(rows) != values.get("checksum") or not needed <= set(names):
        raise IndexFolderError(
            f"The manifest in {folder} has changed since it was written: delete the folder and build it again."
        )
    return Manifest(**{name: values[name] for name in names})


def write_manifest(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Replace the manifest, inside the caller's transaction."""
    rows = {key: json.dumps(value) for key, value in asdict(manifest).items()}
    connection.executemany(
        "INSERT OR REPLACE INTO manifest (key, value) VALUES (?, ?)",
        [*rows.items(), ("checksum", json.dumps(manifest_checksum(rows)))],
    )


def manifest_checksum(rows: Mapping[str, str]) -> int:
    """By what a reader sees that the manifest is as it was written."""
    return content_number("\0".join(f"{key}={rows[key]}" for key in sorted(rows) if key != "checksum"))


def content_number(text: str) -> int:
    """The number of a passage's content, 0 to 2**63 - 1: the start of the BLAKE2b hash of what is indexed of it.

    The same passage has the same number wherever it stands and whenever it came, so it is encoded and counted once, and
    an index orders ties alike however it was made. Of ten million passages two share a number with probability 1e-5.
    """
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 1


def insert_document(
    connection: sqlite3.Connection,
    document: Document,
    file: str,
    passages: Sequence[Passage],
    contents: Sequence[int],
) -> list[int]:
    """Store a document and its passages; returns those of the contents that stood nowhere before, in order."""
    label = label_of(document, file)
    cursor = connection.execute(
        "INSERT INTO documents (uri, file, title, metadata, text, label_checksum, text_checksum) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*label, document.text, row_checksum(label), content_number(document.text)),
    )
    number = cursor.lastrowid
    known = existing(connection, contents)
    connection.executemany(
        "INSERT INTO passages (content, document, start, end, heading) VALUES (?, ?, ?, ?, ?)",
        [
            (content, number, passage.start, passage.end, passage.heading)
            for content, passage in zip(contents, passages, strict=True)
        ],
    )
    return [content for content in dict.fromkeys(contents) if content not in known]


def put_file(connection: sqlite3.Connection, state: FileState) -> None:
    """Store the state of a file, in place of what was known of it."""
    row = (state.uri, state.size, state.mtime_ns, state.sha256, state.reason.to_json() if state.reason else "")
    connection.execute(
        "INSERT OR REPLACE INTO files (uri, size, mtime_ns, sha256, reason, checksum) VALUES (?, ?, ?, ?, ?, ?)",
        (*row, row_checksum(row)),
    )


def row_checksum(row: Sequence[str | int]) -> int:
    """By what readers see that a row has changed: SQLite's own check does not look into values."""
    return content_number("\0".join(map(str, row)))


def damaged(what: str) -> IndexFolderError:
    """What to raise where a reader finds that something of the database has changed."""
    return IndexFolderError(
        f"{NAME} is damaged: {what} has changed since it was written. Check the index with `index verify`."
    )


def damaged_rows(connection: sqlite3.Connection) -> list[Problem]:
    """What does not agree with its checksum: files, documents, and passages with their content."""
    problems = []
    for uri, *row, checksum in connection.execute("SELECT uri, size, mtime_ns, sha256, reason, checksum FROM files"):
        if row_checksum((uri, *row)) != checksum:
            problems.append(Problem("file_state", {"file": uri}))
    documents = connection.execute(
        "SELECT id, uri, file, title, metadata, text, label_checksum, text_checksum FROM documents"
    )
    for number, *label, text, label_checksum, text_checksum in documents:
        uri, _, title, _ = label
        if row_checksum(label) != label_checksum or content_number(text) != text_checksum:
            problems.append(Problem("document", {"document": uri}))
        elif any(content != found for content, found in contents_of(connection, number, title, text)):
            problems.append(Problem("passages", {"document": uri}))
    return problems


def contents_of(connection: sqlite3.Connection, document: int, title: str, text: str) -> Iterator[tuple[int, int]]:
    """The stored and the true content number of each passage of a document."""
    places = connection.execute("SELECT content, start, end, heading FROM passages WHERE document = ?", (document,))
    for content, start, end, heading in places:
        yield content, content_number(indexed_text(title, heading, text[start:end]))


def indexed_texts(connection: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    """The content number of each distinct passage, and what is indexed of it."""
    seen: set[int] = set()
    for number, title, text in connection.execute("SELECT id, title, text FROM documents ORDER BY id"):
        # Cut here: SQLite's substr reads a text from its start each time.
        places = connection.execute(
            "SELECT content, start, end, heading FROM passages WHERE document = ? ORDER BY id", (number,)
        )
        for content, start, end, heading in places:
            if content not in seen:
                seen.add(content)
                yield content, indexed_text(title, heading, text[start:end])


def indexed_text(title: str, heading: str, text: str) -> str:
    """What is encoded and analysed for a passage: its title and heading give it context."""
    return "\n".join(dict.fromkeys(part for part in (title, heading, text) if part))


def existing(connection: sqlite3.Connection, contents: Collection[int]) -> set[int]:
    """Those of the contents that stand somewhere."""
    found: set[int] = set()
    for some in batched(list(contents), MANY):
        marks = ",".join("?" * len(some))
        found.update(
            row[0] for row in connection.execute(f"SELECT content FROM passages WHERE content IN ({marks})", some)
        )
    return found


def delete_documents(connection: sqlite3.Connection, numbers: Sequence[int]) -> set[int]:
    """Remove documents with their passages; returns the contents of those passages."""
    contents: set[int] = set()
    for some in batched(numbers, MANY):
        marks = ",".join("?" * len(some))
        rows = connection.execute(f"SELECT content FROM passages WHERE document IN ({marks})", some)
        contents.update(row[0] for row in rows)
        connection.execute(f"DELETE FROM documents WHERE id IN ({marks})", some)
    return contents


def documents_of_file(connection: sqlite3.Connection, file: str) -> dict[str, int]:
    """Numbers of the documents that were read from a file, by uri."""
    return dict(connection.execute("SELECT uri, id FROM documents WHERE file = ?", (file,)).fetchall())


def has_document(
    connection: sqlite3.Connection,
    number: int,
    document: Document,
    file: str,
    passages: Sequence[Passage],
    contents: Sequence[int],
) -> bool:
    """Whether a document is stored just so, with the same passages."""
    row = connection.execute("SELECT label_checksum, text_checksum FROM documents WHERE id = ?", (number,)).fetchone()
    if row != (row_checksum(label_of(document, file)), content_number(document.text)):
        return False
    stored = connection.execute("SELECT content, start, end FROM passages WHERE document = ? ORDER BY id", (number,))
    return stored.fetchall() == [(content, p.start, p.end) for content, p in zip(contents, passages, strict=True)]


def label_of(document: Document, file: str) -> tuple[str, ...]:
    """What is stored of a document besides its text: uri, file, title, metadata."""
    metadata = json.dumps(document.metadata, ensure_ascii=False) if document.metadata else "{}"
    return document.uri, file, document.title, metadata


def read_passages(connection: sqlite3.Connection, contents: Sequence[int]) -> dict[int, PassageRow]:
    """Passages by content; those that are gone are left out.

    Raises:
        IndexFolderError: one of them, or the name, title or metadata of its document, is not what was written.
    """
    found: dict[int, PassageRow] = {}
    for some in batched(contents, MANY):
        rows = connection.execute(
            "SELECT p.content, f.places, p.start, p.end, p.heading, substr(d.text, p.start + 1, p.end - p.start), "
            "d.uri, d.file, d.title, d.metadata, d.label_checksum FROM (SELECT min(id) AS id, count(*) AS places "
            f"FROM passages WHERE content IN ({','.join('?' * len(some))}) GROUP BY content) f "
            "JOIN passages p ON p.id = f.id JOIN documents d ON d.id = p.document",
            some,
        )
        for *place, uri, file, title, metadata, checksum in rows:
            if row_checksum((uri, file, title, metadata)) != checksum:
                raise damaged(f"the document {uri}")
            passage = PassageRow(*(*place, uri, title, json.loads(metadata)))
            if content_number(indexed_text(title, passage.heading, passage.text)) != passage.content:
                raise damaged(f"a passage of {uri}")
            found[passage.content] = passage
    return found


def read_files(connection: sqlite3.Connection) -> dict[str, FileState]:
    """Every file the index knows, by uri.

    Raises:
        IndexFolderError: what is noted of one is not what was written.
    """
    rows = connection.execute("SELECT uri, size, mtime_ns, sha256, reason, checksum FROM files")
    return {state.uri: state for state in map(_file_state, rows)}


def read_skipped(connection: sqlite3.Connection, most: int = -1) -> list[Skipped]:
    """The first of the files of which nothing, or not all, was taken, in order of their names; -1 for all.

    Raises:
        IndexFolderError: what is noted of one is not what was written.
    """
    rows = connection.execute(
        "SELECT uri, size, mtime_ns, sha256, reason, checksum FROM files WHERE reason != '' ORDER BY uri LIMIT ?",
        (most,),
    )
    return [Skipped(state.uri, state.reason) for state in map(_file_state, rows) if state.reason]


def _file_state(row: Sequence[Any]) -> FileState:
    uri, size, mtime_ns, sha256, reason, checksum = row
    if row_checksum((uri, size, mtime_ns, sha256, reason)) != checksum:
        raise damaged(f"what is noted of the file {uri}")
    return FileState(uri, size, mtime_ns, sha256, Reason.from_json(reason))


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Numbers of files, documents, distinct passages, further places where a passage stands again, skipped files."""
    numbers = {
        name: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        for name, table in {
            "files": "files",
            "documents": "documents",
            "places": "passages",
            "skipped": "files WHERE reason != ''",
        }.items()
    }
    row = connection.execute("SELECT value FROM manifest WHERE key = 'passages'").fetchone()
    passages = int(row[0]) if row else 0
    return {
        "files": numbers["files"],
        "documents": numbers["documents"],
        "passages": passages,
        "duplicates": numbers["places"] - passages,
        "skipped": numbers["skipped"],
    }


def batched(numbers: Sequence[int], size: int) -> Iterable[Sequence[Any]]:
    """Slices of at most ``size``."""
    return (numbers[start : start + size] for start in range(0, len(numbers), size))
