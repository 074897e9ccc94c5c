"""Changes an index: documents to SQLite, vectors to a segment, terms to a generation; one atomic commit.

Everything a commit needs is written beside what is committed, under new names. SQLite's commit then makes the documents
and the manifest that names those files visible in one step. Killed before it, a writer leaves only files that no
manifest names; the next writer sweeps them away.
"""

import os
import re
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from embedder import StaticEmbedder
from index import database
from index.database import FileState, Manifest
from index.documents import Document, Passage
from index.errors import IndexFolderError
from index.passages import MAX_WIDTH
from index.terms import TermsWriter, sync_folder
from index.vectors import Vectors, sha256_of, write_segment

DEFAULT_DIM = 256
# Passages held back until they are encoded and analysed together.
BATCH = 8192
# All vector segments are merged into one when there are more, or when more than this share of the rows is dead.
MAX_SEGMENTS = 16
MAX_REMOVED_SHARE = 0.2
SEGMENT_FILE = re.compile(r"\d{8}m?\.(ids|f16)\.npy")
GENERATION = re.compile(r"\d{8}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an index is made with; None leaves it to the index, or to the defaults of a new one.

    Attributes:
        model: Model folder or hub name, "" for the packaged model.
        dim: Numbers stored of each vector.
        corpus: Folder the index is kept in step with.
        passage_width: Width that passages are cut to.
    """

    model: str | None = None
    dim: int | None = None
    corpus: str | None = None
    passage_width: int | None = None


def indexed_text(title: str, heading: str, text: str) -> str:
    """What is encoded and analysed for a passage: its title and heading give it context."""
    return "\n".join(dict.fromkeys(part for part in (title, heading, text) if part))


def load_model(manifest: Manifest, folder: Path) -> StaticEmbedder:
    """The model an index was made with; raises IndexFolderError if the one of that name is another now."""
    model = StaticEmbedder.load(manifest.model or None)
    if model.fingerprint != manifest.fingerprint:
        raise IndexFolderError(
            f"The index in {folder} was made with another version of the model "
            f"{manifest.model or 'that comes with the package'}, so its vectors cannot be compared with new ones. "
            f"Delete the folder and build the index again, or bring the old model back."
        )
    return model


class IndexWriter:
    """The one writer of an index folder; a context manager that discards what was not committed.

    Example:
        with IndexWriter(Path(".sakuin"), Settings()) as writer:
            writer.add(document, "notes.txt", split(document))
            writer.commit()
    """

    def __init__(self, folder: Path, settings: Settings = Settings()) -> None:
        """Lock the folder, make it if it is not there, and remove what a killed writer left.

        Raises:
            IndexFolderError: another writer is at work, the index is damaged, or the settings contradict it.
            ModelError: the model cannot be loaded.
        """
        self.folder = folder
        refuse_foreign(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / "writer.lock", timeout=0)
            self._lock.acquire()
        except Timeout as error:
            raise IndexFolderError(
                f"Another process is writing to {folder}: wait until it has finished and try again."
            ) from error
        except OSError as error:
            raise IndexFolderError(f"Cannot write to {folder} ({error.strerror or error}): choose another.") from error
        self._terms: TermsWriter | None = None
        self._waiting: list[tuple[int, str]] = []
        self._ids: list[NDArray[np.int64]] = []
        self._vectors: list[NDArray[np.float16]] = []
        try:
            self.connection = database.connect(folder, read_only=False)
        except BaseException:
            self._lock.release()
            raise
        try:
            self._create_tables()
            self._committed, self.manifest, self.model = self._prepare(settings)
            self._sweep()
        except (sqlite3.Error, OSError) as error:
            self._close()
            raise self._explained(error) from error
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> "IndexWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._discard()
        finally:
            self._close()
        if error is not None and self._explained(error) is not error:
            raise self._explained(error) from error

    @property
    def pending(self) -> int:
        """Passages added since the last commit."""
        return len(self._waiting) + sum(map(len, self._ids))

    def add(self, document: Document, file: str, passages: Sequence[Passage]) -> None:
        """Add a document read from ``file``; one of the same uri must have been removed before."""
        self._begin()
        numbers = database.insert_document(self.connection, document, file, passages)
        for number, passage in zip(numbers, passages, strict=True):
            text = document.text[passage.start : passage.end]
            self._waiting.append((number, indexed_text(document.title, passage.heading, text)))
        if len(self._waiting) >= BATCH:
            self._flush()

    def remove(self, documents: Sequence[int]) -> None:
        """Remove documents, by number, with their passages."""
        if not documents:
            return
        terms = self._begin()
        self._flush()
        terms.remove(database.delete_documents(self.connection, documents))

    def put_file(self, state: FileState) -> None:
        """Note the state of a file."""
        self._begin()
        self.connection.execute(
            "INSERT OR REPLACE INTO files (uri, size, mtime_ns, sha256, reason) VALUES (?, ?, ?, ?, ?)",
            (state.uri, state.size, state.mtime_ns, state.sha256, state.reason),
        )

    def drop_file(self, uri: str) -> None:
        """Forget a file."""
        self._begin()
        self.connection.execute("DELETE FROM files WHERE uri = ?", (uri,))

    def commit(self) -> None:
        """Make everything since the last commit visible at once; a new index is committed even if empty."""
        if self._terms is None and self.manifest == self._committed:
            return
        terms = self._begin()
        self._flush()
        generation = self.manifest.generation + 1
        segments, checksums = self._write_vectors(f"{generation:08d}")
        terms.commit()
        folder = self._terms_folder(generation)
        for path in sorted(folder.iterdir()):
            name = f"terms/{path.name}"
            # Files of terms are written once under random names: one known by name is known by content.
            known = self.manifest.checksums.get(name) if path.suffix != ".json" else None
            if not path.name.endswith(".lock"):
                checksums[name] = known or sha256_of(path)
        manifest = replace(self.manifest, generation=generation, segments=segments, checksums=checksums)
        database.write_manifest(self.connection, manifest)
        for parent in (self.folder / "vectors", self.folder / "terms", self.folder):
            sync_folder(parent)
        self.connection.commit()
        self.manifest = self._committed = manifest
        self._terms = None
        self._ids, self._vectors = [], []
        self._sweep()
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _create_tables(self) -> None:
        tables = {row[0] for row in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "removed_passages" in tables:
            return
        if tables:
            raise IndexFolderError(f"{self.folder / database.NAME} is no index of ours: choose another folder.")
        import sqlite_utils

        self.connection.execute("BEGIN IMMEDIATE")
        database.create_tables(sqlite_utils.Database(self.connection))
        self.connection.commit()

    def _prepare(self, settings: Settings) -> tuple[Manifest | None, Manifest, StaticEmbedder]:
        """The committed manifest, if there is one; that to go on from; its model."""
        from index.analyser import Analyser

        analyser = Analyser().name
        if settings.model and Path(settings.model).is_dir():
            # The index may be opened from another working folder.
            settings = replace(settings, model=str(Path(settings.model).resolve()))
        if self.connection.execute("SELECT count(*) FROM manifest").fetchone()[0]:
            manifest = database.read_manifest(self.connection, self.folder)
            for name in ("model", "dim", "corpus", "passage_width"):
                wanted, has = getattr(settings, name), getattr(manifest, name)
                if name == "corpus" and not has:
                    continue
                if wanted is not None and wanted != has:
                    raise IndexFolderError(
                        f"The index in {self.folder} was made with {name} {has or 'default'!r}, not "
                        f"{wanted or 'default'!r}. Choose another index folder, or delete this one and build it again."
                    )
            if manifest.analyser != analyser:
                raise IndexFolderError(
                    f"The index in {self.folder} was made by another text analysis ({manifest.analyser}; now "
                    f"{analyser}). Delete the folder and build it again."
                )
            adopted = replace(manifest, corpus=settings.corpus or manifest.corpus)
            return manifest, adopted, load_model(manifest, self.folder)
        model = StaticEmbedder.load(settings.model or None)
        dim = min(DEFAULT_DIM, model.dimension) if settings.dim is None else settings.dim
        if not 1 <= dim <= model.dimension:
            raise IndexFolderError(f"Cannot store {dim} numbers a vector: the model has 1 to {model.dimension}.")
        fresh = Manifest(
            format=database.FORMAT,
            generation=0,
            corpus=settings.corpus or "",
            model=settings.model or "",
            fingerprint=model.fingerprint,
            dim=dim,
            analyser=analyser,
            passage_width=settings.passage_width or MAX_WIDTH,
            segments=[],
            checksums={},
        )
        return None, fresh, model

    def _terms_folder(self, generation: int) -> Path:
        return self.folder / "terms" / f"{generation:08d}"

    def _begin(self) -> TermsWriter:
        """Start a transaction, if none is open."""
        if self._terms is None:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise IndexFolderError(f"Cannot write to {self.folder} ({error}).") from error
            now = self.manifest.generation
            self._terms = TermsWriter(self._terms_folder(now + 1), self._terms_folder(now) if now else None)
        return self._terms

    def _flush(self) -> None:
        """Encode and analyse the waiting passages."""
        if not self._waiting:
            return
        numbers = [number for number, _ in self._waiting]
        texts = [text for _, text in self._waiting]
        vectors = self.model.encode(texts, truncate_dim=self.manifest.dim, normalize=True)
        self._ids.append(np.array(numbers, np.int64))
        self._vectors.append(vectors.astype(np.float16))
        self._begin().add(numbers, texts)
        self._waiting = []

    def _write_vectors(self, name: str) -> tuple[list[str], dict[str, str]]:
        """Write the new vectors; returns the segments that count from now on and their checksums."""
        folder = self.folder / "vectors"
        segments = list(self.manifest.segments)
        checksums = {path: value for path, value in self.manifest.checksums.items() if path.startswith("vectors/")}
        if self._ids:
            written = write_segment(folder, name, np.concatenate(self._ids), np.concatenate(self._vectors))
            segments.append(name)
            checksums |= {f"vectors/{file}": value for file, value in written.items()}
        removed = removed_passages(self.connection)
        rows = self.connection.execute("SELECT count(*) FROM passages").fetchone()[0] + len(removed)
        if segments and (len(segments) > MAX_SEGMENTS or len(removed) > MAX_REMOVED_SHARE * rows):
            live = Vectors(folder, segments, removed, self.manifest.dim)
            written = write_segment(folder, f"{name}m", live.ids, live.rows)
            segments = [f"{name}m"]
            checksums = {f"vectors/{file}": value for file, value in written.items()}
            self.connection.execute("DELETE FROM removed_passages")
        return segments, checksums

    def _sweep(self) -> None:
        """Remove files of a writer's making that the committed manifest does not name."""
        committed = self._committed
        keep = {self.folder / name for name in committed.checksums} if committed else set()
        for path in (self.folder / "vectors").glob("*.npy"):
            if path not in keep and SEGMENT_FILE.fullmatch(path.name):
                path.unlink(missing_ok=True)
        for path in (self.folder / "terms").glob("*"):
            if GENERATION.fullmatch(path.name) and not (committed and int(path.name) == committed.generation):
                shutil.rmtree(path, ignore_errors=True)

    def _discard(self) -> None:
        """Undo what was not committed."""
        if self.connection.in_transaction:
            self.connection.rollback()
        self._terms = None
        self._sweep()

    def _close(self) -> None:
        self.connection.close()
        self._lock.release()

    def _explained(self, error: BaseException) -> BaseException:
        """A failure of disk or database as an error that says so; any other error as it is."""
        if not isinstance(error, (sqlite3.Error, OSError)):
            return error
        return IndexFolderError(
            f"Writing the index in {self.folder} failed ({error}). The last commit stands. See that the disk has room "
            f"and that the folder may be written, then run the same command again."
        )


def refuse_foreign(folder: Path) -> None:
    """Raise IndexFolderError if a folder is somebody else's: it holds files, but no index."""
    if not folder.is_dir() or (folder / database.NAME).is_file():
        return
    if any(path.name != "writer.lock" and not path.name.startswith(".") for path in folder.iterdir()):
        raise IndexFolderError(f"{folder} holds other files and no index: choose an empty or a new folder.")


def removed_passages(connection: sqlite3.Connection) -> NDArray[np.int64]:
    """Numbers of passages that are gone but whose vectors still stand in a segment, ascending."""
    rows = connection.execute("SELECT id FROM removed_passages ORDER BY id").fetchall()
    return np.array([row[0] for row in rows], np.int64)


def folder_bytes(folder: Path) -> int:
    """Size of all files in a folder."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except OSError:  # swept away meanwhile
                continue
    return total
