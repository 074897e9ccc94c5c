"""Searches an index: dense, BM25, or both fused."""

import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index import DEFAULT_INDEX
from sakuin.index.documents import Skipped
from sakuin.index.snapshot import Snapshot
from sakuin.index.store import Manifest
from sakuin.index.store.facets import MOST_VALUES, Facet
from sakuin.index.where import Where
from sakuin.search.answering import answer
from sakuin.search.breakdown import SIDES, Side, explain_again
from sakuin.search.documents import DocumentReader
from sakuin.search.explanation import Explanation
from sakuin.search.filtering import check_fields, read, require_known
from sakuin.search.opening import AT_ONCE, Opened, cluster_searcher, opened
from sakuin.search.request import (
    BY_DOCUMENT,
    BY_PASSAGE,
    SearchError,
    SearchRequest,
    checked_dim,
    checked_vector,
    filter_of,
)
from sakuin.search.rerank.opinion import Opinions
from sakuin.search.results import Hit, PassageHit, SearchResult
from sakuin.search.whole import Whole


class Searcher(DocumentReader):
    """Searches one index. Safe to use from several threads; sees what other processes commit.

    A process opens its own: a searcher cannot be pickled, nor used after a fork.

    Example:
        with Searcher.open(".sakuin") as searcher:
            for hit in searcher.search("有給休暇の申請方法", k=5).hits:
                print(hit.rank, hit.document.uri, hit.text)
    """

    at_once: ClassVar[int] = AT_ONCE

    def __init__(self, found: Opened, model: StaticEmbedder | None, beside: Executor) -> None:
        """Prefer `Searcher.open`."""
        self._model = model
        self._opened = found
        self._turns = threading.Semaphore(self.at_once)
        self._beside = beside
        self._opinions = Opinions(found.folders[0])
        self._process = os.getpid()
        self._closing = threading.Lock()
        self._closed = False

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = DEFAULT_INDEX,
        *,
        model: StaticEmbedder | None = None,
    ) -> "Searcher":
        """Open the index in a folder, or those in several folders, to search them as one index of all documents.

        Args:
            folder: Of the index, of a cluster, or of several indexes; another working folder later on changes nothing.
            model: The index's model where it is loaded already, as by whoever writes to it; None to load it.

        Raises:
            IndexFolderError: no index there, a damaged one, one made by another model, or several that cannot be
                searched together.
            ModelError: the index's model cannot be loaded.
            SearchError: no folder is named, or one twice.
        """
        folders = [folder] if isinstance(folder, str | os.PathLike) else list(folder)
        if cluster := cluster_searcher(folders, model):
            return cluster
        beside = ThreadPoolExecutor(AT_ONCE, "bm25")
        try:
            return cls(*opened(folders, beside, model), beside)
        except BaseException:
            beside.shutdown()
            raise

    def __enter__(self) -> "Searcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise SearchError(
            f"A searcher cannot be sent to another process: open one there, by Searcher.open({self._named()}), in "
            f"the initializer of a pool of processes."
        )

    def close(self) -> None:
        """Let go of the index's files, when the searches under way have ended; later ones raise SearchError."""
        if os.getpid() != self._process:
            # They are those of the process that opened them, and its searches do not end in a fork.
            return
        self._closed = True
        with self._closing, ExitStack() as turns:
            for _ in range(self.at_once):
                turns.enter_context(self._turns)
            self._beside.shutdown()
            self._opened.close()

    def _named(self) -> str:
        """What opens the same, as it is written in Python."""
        folders = [str(folder) for folder in self.folders]
        return repr(folders[0] if len(folders) == 1 else folders)

    @property
    def folder(self) -> Path:
        """The index's folder, as an absolute path; of several the first."""
        return self.folders[0]

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of all indexes that are searched, as absolute paths."""
        return self._opened.folders

    @property
    def manifest(self) -> Manifest:
        """What is committed: model, dimension, and so on; of several indexes what is so of all together."""
        return self.whole.manifest

    @property
    def whole(self) -> Whole:
        """What is searched, as it was last committed, for more than one question about the same state."""
        self._require_open()
        return self._opened.current()

    @property
    def snapshot(self) -> Snapshot:
        """What is committed, for more than one question about the same state."""
        return self._current()

    def counts(self) -> dict[str, int]:
        """Numbers of files, documents, passages and skipped files; of several indexes their sums."""
        return self.whole.counts()

    def skipped(self) -> list[Skipped]:
        """The files of which nothing, or not all, was taken, and why."""
        return self._current().skipped()

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        mode: str = "hybrid",
        dim: int | None = None,
        rescore: int | None = None,
        explain: bool = False,
        where: Where | None = None,
        min_relevance: float = 0.0,
        group: str = BY_DOCUMENT,
        passages: int = 3,
        offset: int = 0,
        rerank: str | bool | None = None,
        top: int = 20,
        sort: str | None = None,
        recency: str | None = None,
        syntax: bool = True,
        facets: bool | Collection[str] = False,
    ) -> SearchResult:
        """Find the documents that answer a query, each with its best passages, or the passages.

        Args:
            query: Any text, in Japanese, English or both; see `search.query` for what it may ask of hits.
            k: At most so many hits, 1 to 10,000.
            mode: "hybrid", "dense" (meaning) or "bm25" (words).
            dim: Compare only the first so many dimensions of the vectors; None for all that are stored.
            rescore: How many candidates dense search compares exactly; see `SearchRequest`.
            explain: Fill in each hit's explanation, which takes some milliseconds a hit.
            where: Search only passages of documents that have these values of metadata; see `SearchRequest`.
            min_relevance: Leave out passages of a lower relevance, 0 to 1.
            group: What a hit is: "document", in the place of its best passage, or "passage".
            passages: At most so many of the best passages of each document.
            offset: Leave out so many of the first hits.
            rerank: Ask a transformer for a second opinion on the ``top`` first passages; see `SearchRequest`.
            top: How many it is asked about.
            sort: A field to put the best hits into order by; see `SearchRequest`.
            recency: Move up newer documents: a half-life such as "90d"; see `SearchRequest`.
            syntax: Read the query language; False to search for every character as it stands.
            facets: Count values of metadata of the documents that match, see `SearchRequest`.

        Raises:
            SearchError: an argument is out of range, no document has such a field, or hits are to be left out by their
                relevance in an index too small to tell it.
        """
        return self.answer(
            SearchRequest(
                query=query,
                k=k,
                mode=mode,
                dim=dim,
                rescore=rescore,
                explain=explain,
                where=where,
                min_relevance=min_relevance,
                group=group,
                passages=passages,
                offset=offset,
                rerank=rerank,
                top=top,
                sort=sort,
                recency=recency,
                syntax=syntax,
                facets=facets,
            )
        )

    def answer(self, request: SearchRequest) -> SearchResult:
        """Find what answers a request.

        Raises:
            SearchError: the index stores fewer dimensions, no document has such a field, or hits are to be left out by
                their relevance in an index too small to tell it.
        """
        started = time.perf_counter()
        self._require_process()
        with self._turns:
            return replace(self._answer(request), seconds=time.perf_counter() - started)

    def search_vector(
        self, vector: ArrayLike, *, k: int = 10, rescore: int | None = None, where: Where | None = None
    ) -> SearchResult:
        """Find the passages nearest to a vector, as mode "dense" finds those nearest to the vector of a query.

        Args:
            vector: float32 (d,), of the index's model; d is the stored dimension or less, and then as many dimensions
                of the stored vectors are compared. It is scaled to length 1.
            k: At most so many hits, 1 to 10,000.
            rescore: How many candidates are compared exactly; see `SearchRequest`.
            where: Search only passages of documents that have these values of metadata; see `SearchRequest`.

        Returns:
            As `search` does, with "" for the query; nothing is highlighted.

        Raises:
            SearchError: an argument is out of range, the vector has more dimensions than are stored or no direction,
                or no document has such a field.
        """
        started = time.perf_counter()
        scaled = checked_vector(vector)
        self._require_process()
        asked: dict[str, Any] = {"k": k, "dim": len(scaled), "rescore": rescore, "where": where, "group": BY_PASSAGE}
        request = SearchRequest(query="", mode="dense", **asked)
        with self._turns:
            return replace(self._answer(request, scaled), seconds=time.perf_counter() - started)

    def vectors(self, hits: Sequence[Hit | PassageHit], *, dim: int | None = None) -> NDArray[np.float32]:
        """The stored vectors of hits.

        Args:
            hits: Of searches of any mode in this index, or passages of these.
            dim: The first so many dimensions; None for all that are stored.

        Returns:
            float32 (n, dim), each of length 1; of zeros for a passage that the model knows nothing of, or that is gone.

        Raises:
            SearchError: the index stores fewer dimensions.
        """
        whole = self.whole
        return whole.rows([int(hit.passage_id, 16) for hit in hits], checked_dim(dim, stored=whole.manifest.dim))

    def _answer(self, request: SearchRequest, vector: NDArray[np.float32] | None = None) -> SearchResult:
        return answer(lambda: self.whole, self.model, request, opinions=self._opinions, vector=vector)

    def facets(
        self, where: Where | None = None, *, names: Collection[str] | None = None, limit: int = MOST_VALUES
    ) -> list[Facet]:
        """Values that a search can be restricted to, and how many documents have each.

        Args:
            where: Count only documents that match; as in `search`.
            names: Of the fields. None for folder, by the topmost one, type, and fields of metadata that two documents
                or more have, with at most 50 values in all the index: the same whatever ``where``, but for fields that
                no document has that matches.
            limit: Of each field so many values at most, those that most documents have.

        Raises:
            SearchError: no document has such a field.
        """
        whole = self.whole
        if names is not None:
            check_fields(whole, names)
        condition = filter_of(where or {})
        if where:
            require_known(whole, condition)
        return whole.facets(condition, names, limit)

    def explain(
        self, query: str, hit: Hit, *, dim: int | None = None, by: Side = "passage", syntax: bool = True
    ) -> Explanation:
        """Take the score of a hit apart, down to the words of query and passage.

        Args:
            query: What the hit was found by.
            hit: Of a search of any mode in this index, as it is now.
            dim: How many dimensions that search compared.
            by: "passage" or "query": whose tokens a cosine is a sum over; those of the other stand below each.
            syntax: As in that search.

        Returns:
            An explanation whose value is the hit's score.

        Raises:
            SearchError: an argument is out of range, or the score is not what this query and index give.
        """
        if by not in SIDES:
            raise SearchError(f"Unknown side {by!r}: use {' or '.join(SIDES)}.")
        whole = self.whole
        compared = checked_dim(dim, stored=whole.manifest.dim)
        text = read(whole, SearchRequest(query=query, syntax=syntax)).text
        return explain_again(whole, self.model, text, hit, dim=compared, by=by)

    def _require_process(self) -> None:
        """Raise SearchError in a forked process, before anything waits for what only the other process can end."""
        if os.getpid() != self._process:
            # Neither threads nor SQLite's connections live on in a forked process.
            raise SearchError("This searcher was opened before the process was forked: open one in each process.")

    def _current(self) -> Snapshot:
        """The last committed state of the one index; raises SearchError where there are several."""
        self._require_open()
        return self._opened.snapshot()

    def _require_open(self) -> None:
        self._require_process()
        if self._closed:
            raise SearchError("This searcher is closed: open another.")


Opening = Callable[[], AbstractContextManager[Searcher]]
"""Opens what is searched, such as `Searcher.open` with a folder."""
