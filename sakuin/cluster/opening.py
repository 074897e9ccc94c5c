"""A cluster as what a searcher has open: all shards of one generation of cluster.json, ranked as one index."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sakuin.cluster import manifest as manifests
from sakuin.cluster.dealing import home
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import ClusterManifest
from sakuin.cluster.nodes import Nodes, ThisProcess
from sakuin.cluster.places import Disk, Place, place_of
from sakuin.cluster.shards import ClusterPart, LocalShards, Shards
from sakuin.embedder import StaticEmbedder
from sakuin.files import cache_folder
from sakuin.index.errors import IndexFolderError
from sakuin.index.file_location import FileLocation
from sakuin.index.model import load_model
from sakuin.index.snapshot import Snapshot
from sakuin.index.store import Manifest
from sakuin.index.where import Where
from sakuin.search.document_parts import DocumentList
from sakuin.search.documents import MOST_BYTES
from sakuin.search.duplicates import Duplicates
from sakuin.search.joining import join
from sakuin.search.opening import AT_ONCE
from sakuin.search.reading import Excerpt, ReadablePassage, StoredDocument, UnknownDocumentError
from sakuin.search.request import SearchError, SearchRequest
from sakuin.search.results import Hit, SearchResult
from sakuin.search.searcher import Searcher
from sakuin.search.similar import SimilarDocuments
from sakuin.search.whole import Whole

T = TypeVar("T")

ATTEMPTS = 5
"""Whoever opens a state may find that two more were committed meanwhile, and its folders are gone."""


class OpenedCluster:
    """The last committed state of a cluster, opened. Safe to use from several threads.

    Attributes:
        place: Of the cluster.
        manifest: What is committed, as it was opened last.
        watched: Whether somebody calls `refresh` now and then.
    """

    def __init__(self, place: Place, shards: Shards, model: StaticEmbedder | None = None) -> None:
        """Open the committed state.

        Args:
            place: Of the cluster.
            shards: Opens its shards.
            model: That of the cluster where it is loaded already; None to load it.

        Raises:
            ClusterError, IndexFolderError: there is no cluster, or a shard is missing or damaged.
            ModelError: the model cannot be loaded.
        """
        self.place = place
        self._shards = shards
        self._reload = threading.Lock()
        self._version: object = None
        self.watched = False
        self._settled = False
        self._given = model is not None
        self._model = model
        self._open()

    @property
    def model(self) -> StaticEmbedder:
        """Of all shards."""
        assert self._model is not None
        return self._model

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folder of the cluster, or one of this machine for what is kept of a cluster in a bucket."""
        if isinstance(self.place, Disk):
            return (self.place.folder,)
        return (cache_folder("clusters") / self.manifest.id,)

    @property
    def parts(self) -> Sequence[ClusterPart]:
        """The shards, in their order."""
        return self._parts

    def current(self) -> Whole:
        """See `Opened`; where somebody else calls `refresh`, what that found."""
        if not self.watched:
            self.refresh()
        return self._whole

    def refresh(self, *, anew: bool = False) -> None:
        """Look whether the cluster was changed, and open what is committed now.

        Args:
            anew: Ask what is known of all shards once more, also where nothing was changed.

        Raises:
            ClusterError, IndexFolderError: it cannot be opened.
        """
        with self._reload:
            if anew or self.place.version(manifests.NAME) != self._version:
                self._open()
            elif not self._settled:
                # Not at once: searches that began before are still at the state before.
                self._settled = self._shards.keep(self.manifest)

    def snapshot(self) -> Snapshot:
        """Nothing: there are many."""
        raise SearchError(
            "This is asked of one index, and a cluster has many: ask one of its shards, whose folders `index cluster "
            "info` lists."
        )

    def close(self) -> None:
        """Let go of everything."""
        self._shards.close()

    def _open(self) -> None:
        for attempt in range(ATTEMPTS):
            version = self.place.version(manifests.NAME)
            manifest = manifests.require(self.place)
            try:
                parts = self._shards.parts(manifest)
                model = self._model_of(parts[0].state().manifest)
                whole = self._joined(parts, manifest, model)
            except (ClusterError, IndexFolderError):
                if attempt + 1 == ATTEMPTS or manifests.require(self.place) == manifest:
                    raise
                continue
            self._version, self.manifest, self._parts, self._whole = version, manifest, parts, whole
            self._model, self._settled = model, False
            return

    def _model_of(self, manifest: Manifest) -> StaticEmbedder:
        """The one that was given, or that of the shards: `restore` may put in place what another was used for."""
        fits = self._model is not None and self._model.fingerprint == manifest.fingerprint
        return load_model(manifest, Path(self.place.uri), self._model if self._given or fits else None)

    def _joined(self, parts: Sequence[ClusterPart], manifest: ClusterManifest, model: StaticEmbedder) -> Whole:
        whole = join(parts, model, spread=self._shards.spread)
        whole.place = self.place.uri
        whole.manifest = replace(
            whole.manifest,
            generation=manifest.generation,
            corpus=manifest.corpus,
            fusion=manifest.fusion,
            rerank=manifest.rerank,
        )
        return whole


class ClusterSearcher(Searcher):
    """Searches a cluster as one index: the same hits, scores, relevance and explanations."""

    _opened: OpenedCluster

    nodes: Nodes = ThisProcess()
    """What works when the cluster is changed by who searches it."""

    @property
    def place(self) -> Place:
        """Where the cluster lies."""
        return self._opened.place

    @property
    def model(self) -> StaticEmbedder:
        """Of all shards, as they were opened last."""
        return self._opened.model

    def refresh(self) -> None:
        """See what was committed, at once."""
        self._require_open()
        self._opened.refresh()

    def _answer(self, request: SearchRequest, vector: NDArray[np.float32] | None = None) -> SearchResult:
        model = self.model
        try:
            found = super()._answer(request, vector)
            if self.model is model:
                return found
        except Exception:
            if self.model is model:
                raise
        # What was committed meanwhile is of another model, so what was found, or failed, is of no use.
        return super()._answer(request, vector)

    def document(self, document_id: str, *, index: str = "", start: int = 0, most: int | None = None) -> StoredDocument:
        """See `Searcher.document`; a cluster is one index."""
        require_unnamed(index)
        return self._lately(lambda: self._shard_of(document_id).document(document_id, start, most))

    def read(
        self, passage: ReadablePassage, *, document: str | None = None, index: str = "", around: int = 2
    ) -> Excerpt:
        """See `Searcher.read`; a cluster is one index."""
        require_unnamed(index)

        def read() -> Excerpt:
            own = self._document_of(passage) if document is None else document
            return self._shard_of(own).around(passage, own, around)

        return self._lately(read)

    def similar(
        self, of: str | Hit, *, passage: str | int | None = None, k: int = 10, where: Where | None = None
    ) -> SimilarDocuments:
        """See `Searcher.similar`."""
        near = super().similar
        return self._lately(lambda: near(of, passage=passage, k=k, where=where))

    def duplicates(self, *, above: float = 0.95, most: int = 1_000, where: Where | None = None) -> Duplicates:
        """See `Searcher.duplicates`."""
        alike = super().duplicates
        return self._lately(lambda: alike(above=above, most=most, where=where))

    def documents(
        self, *, where: Where | None = None, after: int = 0, most: int = 100, most_bytes: int = MOST_BYTES
    ) -> DocumentList:
        """See `Searcher.documents`."""
        listed = super().documents
        return self._lately(lambda: listed(where=where, after=after, most=most, most_bytes=most_bytes))

    def file_location(self, document_id: str, *, index: str = "") -> FileLocation | None:
        """See `Searcher.file_location`."""
        found = super().file_location
        return self._lately(lambda: found(document_id, index=index))

    def _lately(self, question: Callable[[], T]) -> T:
        """What is answered, of what is committed now where folders of what was open are gone."""
        generation = self._opened.manifest.generation
        try:
            return question()
        except (ClusterError, IndexFolderError):
            # Two commits later, what a shard reads anew is deleted.
            self._opened.refresh()
            if self._opened.manifest.generation == generation:
                raise
            return question()

    def _shard_of(self, document_id: str) -> ClusterPart:
        self._require_open()
        self._opened.current()
        parts = self._opened.parts
        return parts[home(document_id, len(parts))]

    def _document_of(self, passage: ReadablePassage) -> str:
        """The document in which a passage is read where none is named."""
        if isinstance(passage, Hit):
            return passage.document.id
        if isinstance(passage, int):
            raise SearchError(f"Passage {passage} of which document? Give the document, or a hit or its passage_id.")
        name = passage if isinstance(passage, str) else passage.passage_id
        try:
            number = int(name, 16)
        except ValueError:
            raise SearchError(f"{name[:200]!r} is no passage_id: give one as hits have it.") from None
        rows = self.whole.passages([number])
        if number not in rows:
            raise UnknownDocumentError(f"There is no passage {name!r}: give a passage_id as hits have it.")
        return rows[number].places[0].document_id


def require_unnamed(index: str) -> None:
    """Raise SearchError where one of several indexes is asked for."""
    if index:
        raise SearchError(f"No index here is called {index[:200]!r}: there is one, which needs no name.")


def open_cluster(
    place: str | os.PathLike[str], *, model: StaticEmbedder | None = None, copies: Path | None = None
) -> ClusterSearcher:
    """Open all shards of a cluster in this process.

    Args:
        place: Of the cluster, a folder or URI.
        model: Its model where it is loaded already; None to load it.
        copies: As for `LocalShards`.

    Raises:
        ClusterError, IndexFolderError: there is no cluster, or a shard is missing or damaged.
        ModelError: the model cannot be loaded.
    """
    where = place_of(os.fspath(place))
    beside = ThreadPoolExecutor(AT_ONCE, "bm25")
    shards = LocalShards(where, copies, beside)
    try:
        opened = OpenedCluster(where, shards, model)
        return ClusterSearcher(opened, opened.model, beside)
    except BaseException:
        shards.close()
        raise
