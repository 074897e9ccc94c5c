"""Changes an index: documents to SQLite, vectors to a segment, terms to a generation; one atomic commit.

Everything a commit needs is written beside what is committed, under new names. SQLite's commit then makes the documents
and the manifest that names those files visible in one step. Killed before it, a writer leaves only files that no
manifest names; the next writer sweeps them away.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType

import numpy as np

from sakuin.embedder import StaticEmbedder
from sakuin.files import sync_folder
from sakuin.index import store
from sakuin.index.background import background_of, is_outdated
from sakuin.index.derived import noted
from sakuin.index.documents import Document, Passage
from sakuin.index.errors import DATABASE_ERRORS, IndexFolderError, full_disk, has_no_room, writing_error
from sakuin.index.lock import WAIT_SECONDS, acquire
from sakuin.index.model import load_model
from sakuin.index.pending import PendingTerms, PendingVectors
from sakuin.index.settings import Settings, adopted, first_manifest
from sakuin.index.store import FileState, Manifest
from sakuin.index.sweeping import sweep, unmake
from sakuin.index.terms import Terms, TermsWriter
from sakuin.index.unchanged import unchanged_terms
from sakuin.index.vectors import Segment, as_int8

# Passages held back until they are encoded and analysed together.
BATCH = 4096


class IndexWriter:
    """The one writer of an index folder; a context manager that discards what was not committed.

    Example:
        with IndexWriter(Path(".sakuin"), Settings()) as writer:
            writer.add(document, "notes.txt", split(document))
            writer.commit()
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings = Settings(),
        *,
        timeout: float = WAIT_SECONDS,
    ) -> None:
        """Lock the folder, make it if it is not there, and remove what a killed writer left.

        Args:
            folder: Of the index.
            settings: What it is made with, or must have been made with.
            timeout: Seconds to wait for another writer.

        Raises:
            IndexFolderError: another writer is at work, the index is damaged, or the settings contradict it.
            ModelError: the model cannot be loaded.
        """
        self.folder = folder
        self._made_folder, self._unmake = not folder.exists(), False
        # Before anything is made: settings that cannot be met leave nothing behind.
        fresh = None if (folder / store.NAME).is_file() else first_manifest(settings)
        self._lock = acquire(folder, timeout)
        self._terms: TermsWriter | None = None
        # Passages by id, to be encoded and analysed.
        self._waiting: list[tuple[int, str]] = []
        self._new = PendingVectors(folder / "vectors")
        self._new_terms = PendingTerms(self._begin)
        # Passages that stand in a segment but are removed, and passages that may stand nowhere since this transaction.
        self._removed: set[int] = set()
        self._orphans: set[int] = set()
        self._compacting = self._rebuilding = False
        try:
            self.connection = store.connect(folder, read_only=False)
        except BaseException:
            self._lock.release()
            raise
        try:
            self._create_tables()
            self._committed, self.manifest, self.model = self._prepare(settings, fresh)
            self._state = store.state_of(self.connection)
            sweep(self.folder, self._committed)
        except (*DATABASE_ERRORS, OSError) as error:
            self._close()
            raise writing_error(self.folder, error) from error
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
        if error is not None and writing_error(self.folder, error) is not error:
            raise writing_error(self.folder, error) from error

    @property
    def pending(self) -> int:
        """Passages added since the last commit."""
        return len(self._waiting) + len(self._new)

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever committed."""
        return self._committed is None

    def unmake(self) -> None:
        """Have an index that is new deleted at the end, and its folder if that is new too."""
        self._unmake = True

    def add(self, document: Document, file: str, passages: Sequence[Passage]) -> None:
        """Add a document read from ``file``, "" for none; one of the same id must have been removed before."""
        self.add_all([(document, passages)], file)

    def add_all(self, documents: Iterable[tuple[Document, Sequence[Passage]]], file: str) -> None:
        """The same of several documents, with their passages, in less time."""
        self._begin()
        by_id: dict[int, str] = {}
        new = []
        for document, passages in documents:
            texts = texts_of(document, passages)
            passage_ids = [store.passage_id_of(text) for text in texts]
            by_id.update(zip(passage_ids, texts, strict=True))
            new.append(store.NewDocument(document, passages, passage_ids))
        for passage_id in store.insert_documents(self.connection, file, new):
            # What lost its last place in this same transaction is still in vectors and terms.
            if passage_id not in self._orphans:
                self._waiting.append((passage_id, by_id[passage_id]))
        if len(self._waiting) >= BATCH:
            self._flush()

    def has(self, number: int, document: Document, file: str, passages: Sequence[Passage]) -> bool:
        """Whether the index has a document, by number, just so."""
        passage_ids = [store.passage_id_of(text) for text in texts_of(document, passages)]
        return store.has_document(self.connection, number, document, file, passages, passage_ids)

    def remove(self, documents: Sequence[int]) -> None:
        """Remove documents, by number, with their passages."""
        if documents:
            self._begin()
            self._orphans |= store.delete_documents(self.connection, documents)

    def rebuild(self, progress: Callable[[int], None], vectors: bool, terms: bool) -> None:
        """Make vectors, terms, or both anew from the documents; the next commit puts them in place of those there were.

        Args:
            progress: Called with the number of passages done.
            vectors: Whether to make vectors anew.
            terms: Whether to make terms anew.
        """
        self._begin(anew=terms)
        self._rebuilding = True
        # What is made anew is known by no checksum of before.
        self.manifest = replace(self.manifest, checksums={}, sizes={})
        if terms:
            self.manifest = replace(self.manifest, stale_terms=0)
        if vectors:
            self._removed.clear()
            store.forget_removed(self.connection)
            self.manifest = replace(self.manifest, segments=[])
        self._feed(progress, vectors, terms)

    def compact(self, progress: Callable[[int], None]) -> bool:
        """Make one segment of all vectors, and terms whose statistics are those of what is there; False if so already.

        Args:
            progress: Called with the number of passages done.
        """
        removed = len(store.removed_passages(self.connection))
        stale = self.manifest.stale_terms or self.manifest.changed
        if len(self.manifest.segments) < 2 and not removed and not stale:
            return False
        anew = self.manifest.stale_terms > 0
        self._begin(anew)
        self._compacting = True
        if anew:
            self.manifest = replace(self.manifest, stale_terms=0)
            self._feed(progress, vectors=False, terms=True)
        return True

    def set_fusion(self, fusion: dict[str, float]) -> None:
        """Note how searches fuse the legs from the next commit on: `search.fusion.Fusion`; empty for the default."""
        self.manifest = replace(self.manifest, fusion=fusion)

    def set_rerank(self, name: str) -> None:
        """Note which transformer searches ask for a second opinion from the next commit on; "" for none."""
        self.manifest = replace(self.manifest, rerank=name)

    def put_file(self, state: FileState) -> None:
        """Note the state of a file."""
        self._begin()
        store.put_file(self.connection, state)

    def drop_file(self, uri: str) -> None:
        """Forget a file."""
        self._begin()
        store.drop_file(self.connection, uri)

    def commit(self) -> None:
        """Make everything since the last commit visible at once; a new index is committed even if empty."""
        if self._terms is None and self.manifest == self._committed:
            return
        terms = self._begin()
        self._flush()
        gone = sorted(self._orphans - store.existing(self.connection, self._orphans))
        generation = self.manifest.generation + 1
        # The last passages are analysed, then tantivy writes what it holds in one thread, where FAISS makes codes in
        # others: side by side they leave no processor idle.
        with ThreadPoolExecutor(1, "terms") as beside:
            written = beside.submit(self._finish_terms, terms, gone)
            segments, passages, files = self._new.write(
                self.connection,
                self.manifest.segments,
                name=f"{generation:08d}",
                gone=np.array(gone, np.int64),
                merge_all=self._compacting,
                checksums=self.manifest.checksums,
            )
            written.result()
        files += sorted(path for path in self._terms_folder(generation).iterdir() if not path.name.endswith(".lock"))
        checksums, sizes = noted(self.folder, files, self.manifest.checksums)
        come = 0 if self._rebuilding else len(self._new)
        changed = self.manifest.changed + come + len(gone)
        measured = self._compacting or is_outdated(self.manifest.background, changed, passages)
        manifest = replace(
            self.manifest,
            generation=generation,
            segments=segments,
            passages=passages,
            stale_terms=self.manifest.stale_terms + len(gone),
            checksums=checksums,
            sizes=sizes,
            background=self._background(generation, segments) if measured else self.manifest.background,
            changed=0 if measured else changed,
            rows=store.row_counts(self.connection),
            version=store.own_version(),
        )
        store.write_manifest(self.connection, manifest)
        for parent in (self.folder / "vectors", self.folder / "terms", self.folder):
            sync_folder(parent)
        self.connection.commit()
        self.manifest = self._committed = manifest
        self._forget()
        sweep(self.folder, self._committed)
        store.checkpoint(self.connection)
        self._state = store.note_commit(self.connection, self._state)

    def _create_tables(self) -> None:
        try:
            if store.has_tables(self.connection):
                store.add_columns(self.connection)
                store.require_schema(self.connection)
                if not store.has_blocks(self.connection):
                    store.make_blocks(self.connection)
                return
        except ValueError as error:
            raise IndexFolderError(f"{self.folder / store.NAME} is {error}: choose another folder.") from error
        store.begin(self.connection, writing=True)
        store.create_tables(self.connection)
        self.connection.commit()

    def _prepare(
        self, settings: Settings, fresh: tuple[Manifest, StaticEmbedder] | None
    ) -> tuple[Manifest | None, Manifest, StaticEmbedder]:
        """The committed manifest, if there is one; that to go on from; its model.

        Args:
            settings: Of the user.
            fresh: Of `first_manifest`, where that was called already.
        """
        if not store.has_manifest(self.connection):
            return None, *(fresh or first_manifest(settings))
        manifest = store.read_manifest(self.connection, self.folder)
        # Before anything is swept away: what is left of a later commit may be all that tells of it.
        store.require_commit(self.folder, manifest)
        store.require_lookups(self.connection)
        return manifest, adopted(manifest, settings, self.folder), load_model(manifest, self.folder, settings.loaded)

    def _terms_folder(self, generation: int) -> Path:
        return self.folder / "terms" / f"{generation:08d}"

    def _begin(self, anew: bool = False) -> TermsWriter:
        """Start a transaction, if none is open; ``anew`` with terms that start with nothing."""
        if self._terms is None:
            try:
                store.begin(self.connection, writing=True)
            except sqlite3.OperationalError as error:
                if has_no_room(self.folder, error):
                    raise full_disk(self.folder) from error
                raise IndexFolderError(f"Cannot write to {self.folder} ({error}).") from error
            now = self.manifest.generation
            base = None if anew or not now else unchanged_terms(self.folder, self.manifest)
            self._terms = TermsWriter(self._terms_folder(now + 1), base)
            self._removed = set(store.removed_passages(self.connection).tolist())
        return self._terms

    def _feed(self, progress: Callable[[int], None], vectors: bool, terms: bool) -> None:
        """Give all passages to the vectors, the terms, or both."""
        done = 0
        for some in chunks(store.indexed_texts(self.connection), BATCH):
            self._flush_passages(some, vectors, terms)
            done += len(some)
            progress(done)

    def _flush(self) -> None:
        """Encode and analyse the waiting passages."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._flush_passages(waiting, vectors=True, terms=True)

    def _flush_passages(self, passages: Sequence[tuple[int, str]], vectors: bool, terms: bool) -> None:
        passage_ids = [passage_id for passage_id, _ in passages]
        texts = [text for _, text in passages]
        if terms:
            self._new_terms.add(passage_ids, texts, many=len(texts) >= BATCH)
        if vectors:
            self._encode(passage_ids, texts)
        self._new_terms.drain()

    def _encode(self, passage_ids: list[int], texts: list[str]) -> None:
        vectors = self.model.encode(texts, truncate_dim=self.manifest.dim)
        ids = np.array(passage_ids, np.int64)
        # The vector of a passage that was removed and comes again stands in its segment yet.
        if back := [passage_id for passage_id in passage_ids if passage_id in self._removed]:
            self._removed.difference_update(back)
            store.forget_removed(self.connection, back)
            fresh = ~np.isin(ids, back)
            ids, vectors = ids[fresh], vectors[fresh]
        self._new.add(ids, as_int8(vectors))

    def _finish_terms(self, terms: TermsWriter, gone: Sequence[int]) -> None:
        """Take over what is still being analysed, remove what is gone, and make the generation durable."""
        self._new_terms.drain(all_of_them=True)
        terms.remove(gone)
        terms.commit()

    def _background(self, generation: int, segments: Sequence[str]) -> dict[str, float]:
        """Background score statistics of what is about to be committed."""
        removed = store.removed_passages(self.connection)
        opened = [Segment(self.folder / "vectors", name, removed, with_codes=False) for name in segments]
        return background_of(opened, Terms(self._terms_folder(generation)), self.connection, self.model)

    def _discard(self) -> None:
        """Undo what was not committed."""
        if self.connection.in_transaction:
            self.connection.rollback()
        self._forget()
        sweep(self.folder, self._committed)

    def _forget(self) -> None:
        """Start anew with what is committed."""
        self._terms = None
        self._waiting = []
        self._new.clear()
        self._new_terms.clear()
        self._orphans = set()
        self._compacting = self._rebuilding = False

    def _close(self) -> None:
        self._new_terms.close()
        self.connection.close()
        if self._unmake:
            unmake(self.folder, made_folder=self._made_folder)
        self._lock.release()


def texts_of(document: Document, passages: Sequence[Passage]) -> list[str]:
    """What is indexed of each passage of a document."""
    text = document.text
    return [store.indexed_text(document.title, p.heading, text[p.start : p.end]) for p in passages]


def chunks(passages: Iterable[tuple[int, str]], size: int) -> Iterator[list[tuple[int, str]]]:
    """Lists of ``size``, the last one shorter."""
    passages = iter(passages)
    while some := list(islice(passages, size)):
        yield some
