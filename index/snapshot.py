"""An index as it was committed: what searches read."""

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sakuin.index import store
from sakuin.index.documents import Skipped
from sakuin.index.errors import DATABASE_ERRORS, IndexFolderError
from sakuin.index.integrity import changed_files, derived_path
from sakuin.index.store import Manifest, PassageRow
from sakuin.index.store.checksums import damaged
from sakuin.index.store.facets import MOST_VALUES, Facet, facets, field_names
from sakuin.index.store.filters import documents_with, matching_documents, passages_of
from sakuin.index.store.passages import (
    Glimpse,
    Source,
    documents_and_titles,
    read_glimpses,
    read_indexed,
    standing_documents,
)
from sakuin.index.terms import Terms
from sakuin.index.text.synonyms import SynonymFile
from sakuin.index.vectors import Chosen, Vectors
from sakuin.index.where import EVERYTHING, Condition

# A writer that commits while a reader is opening sweeps away the files the reader is about to open.
ATTEMPTS = 5

CHECKED_BYTES = 64_000_000
"""How much of the derived files opening reads to compare their checksums: all of a small index, in a few hundredths of
a second. Reading more would take longer than most searches; `index verify` reads all."""


K = TypeVar("K")
V = TypeVar("V")

MOST_COUNTED = 10_000
"""Values of a field that are counted of some documents."""

MOST_KEPT = 4
"""Filters, and counts, that a snapshot keeps: of a million passages a filter takes up to 20 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What passes a filter.

    Attributes:
        documents: int64 (d,), numbers of the documents, ascending.
        passages: int64 (n,), ids of the passages that stand in any of them, ascending.
        vectors: Where the vectors of these passages lie.
    """

    documents: NDArray[np.int64]
    passages: NDArray[np.int64]
    vectors: Chosen


class Snapshot:
    """The state of an index at one commit. Safe to use from several threads.

    Attributes:
        folder: Of the index.
        manifest: What was committed.
        vectors: Dense search.
        terms: BM25.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        """Prefer `open_index`."""
        self.folder = folder
        self._connection = connection
        # Such a connection goes on to see what it has read of what changes.
        self._is_fixed = isinstance(connection, store.Unchanging)
        # A connection that is merely dropped keeps its files open until Python looks for cycles.
        weakref.finalize(self, connection.close)
        self._lock = threading.Lock()
        self._selections: dict[Condition, Selection] = {}
        self._field_names: list[str] | None = None
        self._facets: dict[tuple[Condition, tuple[str, ...] | None, int], list[Facet]] = {}
        with self._reading():
            store.begin(connection, writing=False)
            self.manifest: Manifest = store.read_manifest(connection, folder)
            store.require_commit(folder, self.manifest)
            removed = store.removed_passages(connection)
            self._version = store.data_version(self._connection)
            connection.commit()
        if problems := changed_files(folder, self.manifest, CHECKED_BYTES):
            raise IndexFolderError(
                f"The index in {folder} is damaged: {next(iter(problems.values()))}. `index repair` makes such files "
                f"anew from the documents."
            )
        self._mapped = [
            (os.fspath(folder / derived_path(name, self.manifest.generation)), size)
            for name, size in self.manifest.sizes.items()
            if not name.endswith((".json", ".faiss"))
        ]
        self.vectors = Vectors(folder / "vectors", self.manifest.segments, removed)
        if len(self.vectors) != self.manifest.passages:
            # By damage to the list of those that count no more, which is under no checksum.
            raise IndexFolderError(
                f"The index in {folder} is damaged: vectors of {len(self.vectors):,} passages count, and it has "
                f"{self.manifest.passages:,}. `index repair` makes them anew from the documents."
            )
        self.terms = Terms(folder / "terms" / f"{self.manifest.generation:08d}", SynonymFile(folder).current)

    def passages(self, passage_ids: Sequence[int], selection: Selection | None = None) -> dict[int, PassageRow]:
        """Passages by id, with all places where they stand, or those in the documents of a selection.

        One that was removed since is missing.
        """
        documents = selection.documents if selection else None
        with self._reading(), self._at_one_moment():
            return store.read_passages(self._connection, passage_ids, documents=documents)

    def indexed(self, passage_ids: Sequence[int]) -> dict[int, str]:
        """What is indexed of passages, by id; one that was removed since is missing."""
        with self._reading(), self._at_one_moment():
            return read_indexed(self._connection, passage_ids)

    def documents_of(self, passage_ids: Sequence[int], selection: Selection | None = None) -> dict[int, list[int]]:
        """Numbers of the documents of each passage's places, as `passages` orders these, by passage id."""
        documents = selection.documents if selection else None
        with self._reading():
            return standing_documents(self._connection, passage_ids, documents)

    def sources_of(self, passage_ids: Sequence[int]) -> list[set[Source]]:
        """What tells the documents that each passage stands in, see `documents_and_titles`; nothing of one is gone."""
        with self._reading():
            store.require_whole(self._connection)
            return documents_and_titles(self._connection, passage_ids)

    def selection(self, condition: Condition) -> Selection:
        """What passes a filter; the last few are kept."""
        with self._reading():
            return remembered(self._selections, condition, lambda: self._select(condition))

    def _select(self, condition: Condition) -> Selection:
        documents = matching_documents(self._connection, condition)
        return self.chosen(documents, passages_of(self._connection, documents))

    def chosen(self, documents: NDArray[np.int64], passages: NDArray[np.int64]) -> Selection:
        """Some passages of some documents, both given ascending."""
        return Selection(documents, passages, self.vectors.chosen(passages))

    def documents_with(self, passages: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (n,), ascending: numbers of all documents in which any of the passages stands."""
        with self._reading():
            return documents_with(self._connection, passages)

    def passages_of(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (n,), ascending: ids of the passages of documents, given by their numbers."""
        with self._reading():
            return passages_of(self._connection, documents)

    def field_names(self) -> list[str]:
        """What filters call the fields that any document has."""
        with self._reading():
            store.require_whole(self._connection)
            if self._field_names is None:
                self._field_names = field_names(self._connection)
            return self._field_names

    def facets(
        self,
        condition: Condition = EVERYTHING,
        names: Collection[str] | None = None,
        limit: int = MOST_VALUES,
    ) -> list[Facet]:
        """How many of the documents that match a filter have which values; the last few answers are kept.

        Args:
            condition: The filter.
            names: Of the fields, as filters call them. None for those that two documents or more have, in all the
                index, and with `MOST_VALUES` values at most: the same whatever the filter.
            limit: Of each field so many values at most, those that most documents have.
        """
        if condition != EVERYTHING and names is None:
            names = [facet.name for facet in self.facets()]
        documents = self.selection(condition).documents if condition != EVERYTHING else None
        asked = (condition, None if names is None else tuple(sorted(names)), limit)
        with self._reading():
            return remembered(self._facets, asked, lambda: facets(self._connection, documents, names, limit))

    def counted(self, documents: NDArray[np.int64], names: Collection[str] | None) -> list[Facet]:
        """How many of some documents have which values.

        Args:
            documents: int64 (n,), their numbers.
            names: Of the fields, as filters call them; None for all.
        """
        with self._reading():
            return facets(self._connection, documents, names, limit=MOST_COUNTED, all_fields=True)

    def glimpses(self, passage_ids: Sequence[int]) -> dict[int, Glimpse]:
        """Many passages at once, as they stand in the first document of all; one that was removed since is missing.

        Each document is read once.
        """
        with self._reading(), self._at_one_moment():
            found = read_glimpses(self._connection, passage_ids)
        if len(found) < len(set(passage_ids)) and not self.outdated():
            raise damaged("a passage that is searched")
        return found

    def counts(self) -> dict[str, int]:
        """Numbers of files, documents, distinct passages, duplicates of them, and skipped files, as of now."""
        with self._reading():
            return store.counts(self._connection)

    def skipped(self) -> list[Skipped]:
        """The files of which nothing, or not all, was taken, and why."""
        with self._reading():
            store.require_whole(self._connection)
            return store.read_skipped(self._connection)

    def excluded(self) -> list[Skipped]:
        """The files and folders that patterns leave out, and by which."""
        with self._reading():
            store.require_whole(self._connection)
            return store.read_skipped(self._connection, excluded=True)

    def files(self) -> list[tuple[str, int]]:
        """(uri, number of documents) of every file."""
        with self._reading():
            store.require_whole(self._connection)
            return store.count_documents_by_file(self._connection)

    def outdated(self) -> bool:
        """Whether somebody has committed since.

        Raises:
            IndexFolderError: a file that is read by memory was cut short; to read what is gone would end the process.
        """
        with self._reading():
            version = store.data_version(self._connection)
            if version != self._version:
                # Where SQLite may not write beside its log, it gives each transaction a version of its own.
                if self._is_fixed or not store.is_last_commit(self._connection, self.manifest):
                    return True
                self._version = version
        for path, size in self._mapped:
            try:
                cut = os.stat(path).st_size < size
            except OSError:
                # Deleted by a writer that commits just now: what is open stays whole.
                continue
            if cut:
                raise IndexFolderError(
                    f"{path} was cut short since it was opened. `index repair` makes it anew from the documents."
                )
        return False

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One thread at a time; what SQLite raises, over a damaged or closed database, as our error."""
        with self._lock:
            try:
                yield
            except DATABASE_ERRORS as error:
                raise IndexFolderError(
                    f"The index in {self.folder} cannot be read ({error}). Check it with `index verify`."
                ) from error

    @contextmanager
    def _at_one_moment(self) -> Iterator[None]:
        """One state of the database for several questions, whatever others commit meanwhile."""
        store.begin(self._connection, writing=False)
        try:
            yield
        finally:
            self._connection.rollback()


def open_index(folder: Path) -> Snapshot:
    """Open the last committed state of an index.

    Raises:
        IndexFolderError: there is no index, or it is damaged or of another format.
    """
    for attempt in range(ATTEMPTS):
        connection = store.connect(folder, read_only=True)
        try:
            return Snapshot(folder, connection)
        except IndexFolderError:
            connection.close()
            if attempt + 1 == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def remembered(kept: dict[K, V], key: K, make: Callable[[], V]) -> V:
    """What is kept under a key, made where it is not; the `MOST_KEPT` that were last asked for are kept."""
    value = kept[key] = kept.pop(key) if key in kept else make()
    while len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]
    return value


def identity(folder: Path) -> tuple[int, int] | None:
    """What tells an index from another that was put in its place; None where there is none."""
    try:
        status = os.stat(folder / store.NAME)
    except OSError:
        return None
    return status.st_dev, status.st_ino
