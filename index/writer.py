"""Changes an index: documents to SQLite, vectors to a segment, terms to a generation; one atomic commit.

Everything a commit needs is written beside what is committed, under new names. SQLite's commit then makes the documents
and the manifest that names those files visible in one step. Killed before it, a writer leaves only files that no
manifest names; the next writer sweeps them away.
"""

import os
import re
import shutil
import sqlite3
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index import database
from sakuin.index.calibration import FEWEST, calibrated
from sakuin.index.database import FileState, Manifest, content_number, indexed_text
from sakuin.index.documents import Document, Passage
from sakuin.index.errors import IndexFolderError
from sakuin.index.passages import MAX_WIDTH
from sakuin.index.terms import Terms, TermsWriter, sync_folder
from sakuin.index.text.workers import Analysers
from sakuin.index.vectors import Part, Segment, as_int8, segment_files, sha256_of, to_merge, write_segment

DEFAULT_DIM = 256
LOCK = "writer.lock"
# Passages held back until they are encoded and analysed together.
BATCH = 4096
SEGMENT_FILE = re.compile(r"\d{8}\.(ids\.npy|int8\.npy|codes\.faiss)")
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


def start_anew(settings: Settings) -> tuple[Manifest, StaticEmbedder]:
    """The manifest of an index that holds nothing yet, and its model; makes nothing.

    Raises:
        IndexFolderError: the model has fewer numbers than are to be stored.
        ModelError: the model cannot be loaded.
    """
    settings = settled(settings)
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
        analyser=analysis(),
        passage_width=settings.passage_width or MAX_WIDTH,
        segments=[],
        passages=0,
        stale_terms=0,
        checksums={},
        sizes={},
    )
    return fresh, model


def settled(settings: Settings) -> Settings:
    """Settings with the whole path of a model folder: the index may be opened from another working folder."""
    if settings.model and Path(settings.model).is_dir():
        return replace(settings, model=str(Path(settings.model).resolve()))
    return settings


def analysis() -> str:
    """What the text analysis of this version is called."""
    from sakuin.index.text import Analyser

    return Analyser().name


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
        # Before anything is made: settings that cannot be met leave nothing behind.
        fresh = None if (folder / database.NAME).is_file() else start_anew(settings)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = folder / LOCK
            self._lock = FileLock(lock, timeout=0)
            self._lock.acquire()
            lock.write_text(f"{os.getpid()}")
        except Timeout as error:
            raise IndexFolderError(
                f"{writer_of(folder)} is writing to {folder}: wait until it has finished and try again."
            ) from error
        except OSError as error:
            raise IndexFolderError(f"Cannot write to {folder} ({error.strerror or error}): choose another.") from error
        self._terms: TermsWriter | None = None
        # Passages by content: to be encoded and analysed, and being analysed.
        self._waiting: list[tuple[int, str]] = []
        self._analysed: deque[tuple[list[int], Future[list[str]]]] = deque()
        self._analysers: Analysers | None = None
        self._new: list[Part] = []
        # Contents that stand in a segment but are removed, and contents that may stand nowhere since this transaction.
        self._removed: set[int] = set()
        self._orphans: set[int] = set()
        self._compacting = False
        try:
            self.connection = database.connect(folder, read_only=False)
        except BaseException:
            self._lock.release()
            raise
        try:
            self._create_tables()
            self._committed, self.manifest, self.model = self._prepare(settings, fresh)
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
        return len(self._waiting) + sum(len(ids) for ids, _ in self._new)

    def add(self, document: Document, file: str, passages: Sequence[Passage]) -> None:
        """Add a document read from ``file``; one of the same uri must have been removed before."""
        self._begin()
        texts = texts_of(document, passages)
        contents = [content_number(text) for text in texts]
        by_content = dict(zip(contents, texts, strict=True))
        for content in database.insert_document(self.connection, document, file, passages, contents):
            # What lost its last place in this same transaction is still in vectors and terms.
            if content not in self._orphans:
                self._waiting.append((content, by_content[content]))
        if len(self._waiting) >= BATCH:
            self._flush()

    def has(self, number: int, document: Document, file: str, passages: Sequence[Passage]) -> bool:
        """Whether the index has a document, by number, just so."""
        contents = [content_number(text) for text in texts_of(document, passages)]
        return database.has_document(self.connection, number, document, file, passages, contents)

    def remove(self, documents: Sequence[int]) -> None:
        """Remove documents, by number, with their passages."""
        if documents:
            self._begin()
            self._orphans |= database.delete_documents(self.connection, documents)

    def rebuild(self, progress: Callable[[int], None], vectors: bool, terms: bool) -> None:
        """Make vectors, terms, or both anew from the documents; the next commit puts them in place of those there were.

        Args:
            progress: Called with the number of passages done.
            vectors, terms: What to make anew.
        """
        self._begin(anew=terms)
        # What is made anew is known by no checksum of before.
        self.manifest = replace(self.manifest, checksums={}, sizes={})
        if terms:
            self.manifest = replace(self.manifest, stale_terms=0)
        if vectors:
            self._removed.clear()
            self.connection.execute("DELETE FROM removed_passages")
            self.manifest = replace(self.manifest, segments=[])
        self._feed(progress, vectors, terms)

    def compact(self, progress: Callable[[int], None]) -> bool:
        """Make one segment of all vectors, and terms whose statistics are those of what is there; False if so already.

        Args:
            progress: Called with the number of passages done.
        """
        removed = len(removed_passages(self.connection))
        # An index of before there was a calibration gets one.
        lacks = self.manifest.passages >= FEWEST and not self.manifest.calibration
        if len(self.manifest.segments) < 2 and not removed and not self.manifest.stale_terms and not lacks:
            return False
        anew = self.manifest.stale_terms > 0
        self._begin(anew)
        self._compacting = True
        if anew:
            self.manifest = replace(self.manifest, stale_terms=0)
            self._feed(progress, vectors=False, terms=True)
        return True

    def join_legs(self, fusion: dict[str, float]) -> None:
        """Note how searches join the legs from the next commit on: `search.fusion.Fusion`; empty for the default."""
        self.manifest = replace(self.manifest, fusion=fusion)

    def put_file(self, state: FileState) -> None:
        """Note the state of a file."""
        self._begin()
        database.put_file(self.connection, state)

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
        self._drain(0)
        gone = sorted(self._orphans - database.existing(self.connection, self._orphans))
        terms.remove(gone)
        generation = self.manifest.generation + 1
        segments, passages, files = self._write_vectors(f"{generation:08d}", np.array(gone, np.int64))
        terms.commit()
        files += sorted(path for path in self._terms_folder(generation).iterdir() if not path.name.endswith(".lock"))
        checksums, sizes = {}, {}
        for path in files:
            # Terms lie in a folder that is another with each commit, under names that stay.
            name = f"{path.relative_to(self.folder).parts[0]}/{path.name}"
            # Files are written once under names of their own: one known by name is known by content.
            known = self.manifest.checksums.get(name) if path.suffix != ".json" else None
            checksums[name] = known or sha256_of(path)
            sizes[name] = path.stat().st_size
        manifest = replace(
            self.manifest,
            generation=generation,
            segments=segments,
            passages=passages,
            stale_terms=self.manifest.stale_terms + len(gone),
            checksums=checksums,
            sizes=sizes,
            calibration=self._calibrated(generation, segments),
        )
        database.write_manifest(self.connection, manifest)
        for parent in (self.folder / "vectors", self.folder / "terms", self.folder):
            sync_folder(parent)
        self.connection.commit()
        self.manifest = self._committed = manifest
        self._forget()
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

    def _prepare(
        self, settings: Settings, fresh: tuple[Manifest, StaticEmbedder] | None
    ) -> tuple[Manifest | None, Manifest, StaticEmbedder]:
        """The committed manifest, if there is one; that to go on from; its model.

        Args:
            settings: Of the user.
            fresh: Of `start_anew`, where that was called already.
        """
        if self.connection.execute("SELECT count(*) FROM manifest").fetchone()[0]:
            manifest = database.read_manifest(self.connection, self.folder)
            settings, analyser = settled(settings), analysis()
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
        return None, *(fresh or start_anew(settings))

    def _terms_folder(self, generation: int) -> Path:
        return self.folder / "terms" / f"{generation:08d}"

    def _begin(self, anew: bool = False) -> TermsWriter:
        """Start a transaction, if none is open; ``anew`` with terms that start with nothing."""
        if self._terms is None:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise IndexFolderError(f"Cannot write to {self.folder} ({error}).") from error
            now = self.manifest.generation
            base = None if anew or not now else self._terms_folder(now)
            self._terms = TermsWriter(self._terms_folder(now + 1), base)
            self._removed = set(removed_passages(self.connection).tolist())
        return self._terms

    def _feed(self, progress: Callable[[int], None], vectors: bool, terms: bool) -> None:
        """Give all passages to the vectors, the terms, or both."""
        done = 0
        for some in chunks(database.indexed_texts(self.connection), BATCH):
            self._flush_passages(some, vectors, terms)
            done += len(some)
            progress(done)

    def _flush(self) -> None:
        """Encode and analyse the waiting passages."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._flush_passages(waiting, vectors=True, terms=True)

    def _flush_passages(self, passages: Sequence[tuple[int, str]], vectors: bool, terms: bool) -> None:
        numbers = [number for number, _ in passages]
        texts = [text for _, text in passages]
        if terms and len(texts) >= BATCH and sys.executable:
            self._analysers = self._analysers or Analysers()
            self._analysed.append((numbers, self._analysers.submit(texts)))
        elif terms:
            self._begin().add(numbers, texts)
        if vectors:
            self._encode(numbers, texts)
        if self._analysers:
            # So many that no worker waits, and no more: they are held in memory.
            self._drain(2 * self._analysers.number)

    def _encode(self, numbers: list[int], texts: list[str]) -> None:
        vectors = self.model.encode(texts, truncate_dim=self.manifest.dim)
        ids = np.array(numbers, np.int64)
        # The vector of a passage that was removed and comes again stands in its segment yet.
        if back := [number for number in numbers if number in self._removed]:
            self._removed.difference_update(back)
            self.connection.executemany("DELETE FROM removed_passages WHERE content = ?", [(i,) for i in back])
            fresh = ~np.isin(ids, back)
            ids, vectors = ids[fresh], vectors[fresh]
        self._new.append((ids, as_int8(vectors)))

    def _drain(self, most: int) -> None:
        """Take over what has been analysed, until at most so many batches are under way."""
        while self._analysed and (len(self._analysed) > most or self._analysed[0][1].done()):
            numbers, terms = self._analysed.popleft()
            self._begin().add_analysed(numbers, terms.result())

    def _write_vectors(self, name: str, gone: NDArray[np.int64]) -> tuple[list[str], int, list[Path]]:
        """Write the new vectors, with those of segments that they are merged with.

        Args:
            name: Of the new segment.
            gone: Contents that stand nowhere any more, ascending.

        Returns:
            The segments that count from now on, the vectors in them that count, and the segments' files.
        """
        folder = self.folder / "vectors"
        new = [(ids[keep], rows[keep]) for ids, rows in self._new for keep in [~np.isin(ids, gone)]]
        new_ids = np.concatenate([np.zeros(0, np.int64), *(ids for ids, _ in self._new)])
        self.connection.executemany(
            "INSERT INTO removed_passages (content) VALUES (?)", [(i,) for i in np.setdiff1d(gone, new_ids).tolist()]
        )
        removed = removed_passages(self.connection)
        segments = [Segment(folder, name, removed, with_codes=False) for name in self.manifest.segments]
        added = sum(len(ids) for ids, _ in new)
        sizes = [(len(segment.ids), len(segment.ids) - segment.live) for segment in segments]
        chosen = range(len(sizes)) if self._compacting else to_merge([*sizes, *([(added, 0)] if added else [])])
        old = [segments[i] for i in chosen if i < len(segments)]
        parts = [part for part in (*(segment.part() for segment in old), *new) if len(part[0])]
        kept = [segment.name for segment in segments if segment not in old]
        if old:
            dead = np.concatenate([segment.ids[segment.dead] for segment in old])
            self.connection.executemany("DELETE FROM removed_passages WHERE content = ?", [(i,) for i in dead.tolist()])
        files = [path for name in kept for path in segment_files(folder, name)]
        if parts:
            files += write_segment(folder, name, parts)
            kept.append(name)
        return kept, sum(segment.live for segment in segments) + added, files

    def _calibrated(self, generation: int, segments: Sequence[str]) -> dict[str, float]:
        """What is about to be committed, calibrated."""
        removed = removed_passages(self.connection)
        opened = [Segment(self.folder / "vectors", name, removed, with_codes=False) for name in segments]
        return calibrated(opened, Terms(self._terms_folder(generation)), self.connection, self.model)

    def _sweep(self) -> None:
        """Remove files of a writer's making that the committed manifest does not name."""
        committed = self._committed
        keep = {self.folder / name for name in committed.checksums} if committed else set()
        for path in (self.folder / "vectors").glob("*"):
            if path not in keep and SEGMENT_FILE.fullmatch(path.name):
                path.unlink(missing_ok=True)
        for path in (self.folder / "terms").glob("*"):
            if GENERATION.fullmatch(path.name) and not (committed and int(path.name) == committed.generation):
                shutil.rmtree(path, ignore_errors=True)

    def _discard(self) -> None:
        """Undo what was not committed."""
        if self.connection.in_transaction:
            self.connection.rollback()
        self._forget()
        self._sweep()

    def _forget(self) -> None:
        """Start anew with what is committed."""
        self._terms = None
        self._waiting, self._new = [], []
        self._analysed.clear()
        self._orphans = set()
        self._compacting = False

    def _close(self) -> None:
        if self._analysers:
            self._analysers.close()
        self.connection.close()
        self._lock.release()

    def _explained(self, error: BaseException) -> BaseException:
        """A failure of disk or database as an error that says so; any other error as it is."""
        if not isinstance(error, (sqlite3.Error, OSError)):
            return error
        # Of what SQLite raises, want of room and rights are operational errors; the others mean that rows are not as
        # they were written.
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            return IndexFolderError(
                f"The index in {self.folder} cannot be written, for it seems to be damaged ({error}). The last commit "
                f"stands. Check it with `index verify`."
            )
        return IndexFolderError(
            f"Writing the index in {self.folder} failed ({error}). The last commit stands. See that the disk has room "
            f"and that the folder may be written, then run the same command again."
        )


def writer_of(folder: Path) -> str:
    """Who holds the lock of an index, as far as is known."""
    try:
        return f"Process {int((folder / LOCK).read_text())}"
    except (OSError, ValueError):
        return "Another process"


def refuse_foreign(folder: Path) -> None:
    """Raise IndexFolderError if a folder is somebody else's: it holds files, but no index."""
    if not folder.is_dir() or (folder / database.NAME).is_file():
        return
    if any(path.name != LOCK and not path.name.startswith(".") for path in folder.iterdir()):
        raise IndexFolderError(f"{folder} holds other files and no index: choose an empty or a new folder.")


def removed_passages(connection: sqlite3.Connection) -> NDArray[np.int64]:
    """Contents that stand nowhere any more but whose vectors still stand in a segment, ascending."""
    rows = connection.execute("SELECT content FROM removed_passages ORDER BY content").fetchall()
    return np.array([row[0] for row in rows], np.int64)


def texts_of(document: Document, passages: Sequence[Passage]) -> list[str]:
    """What is indexed of each passage of a document."""
    text = document.text
    return [indexed_text(document.title, p.heading, text[p.start : p.end]) for p in passages]


def chunks(passages: Iterable[tuple[int, str]], size: int) -> Iterator[list[tuple[int, str]]]:
    """Lists of ``size``, the last one shorter."""
    passages = iter(passages)
    while some := list(islice(passages, size)):
        yield some


def folder_bytes(folder: Path) -> int:
    """Size of all files in an index."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            # SQLite's log goes away with its last user; a commit has put its contents into the database.
            if name.endswith(("-wal", "-shm")):
                continue
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except OSError:  # swept away meanwhile
                continue
    return total
