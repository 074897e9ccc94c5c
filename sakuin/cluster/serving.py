"""A cluster whose shards are answered for on the machines of a Ray cluster, for a service to search."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import require
from sakuin.cluster.nodes import RayNodes, connected
from sakuin.cluster.opening import ATTEMPTS, ClusterSearcher, OpenedCluster
from sakuin.cluster.places import Place
from sakuin.cluster.remote import MISSING, RemoteShards
from sakuin.cluster.replicas import ShardUnavailableError
from sakuin.index.errors import IndexFolderError
from sakuin.index.store import Manifest
from sakuin.search.request import SearchRequest
from sakuin.search.results import Notice, SearchResult

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How soon a commit is noticed, and that a replica which was started again answers."""


class RemoteSearcher(ClusterSearcher):
    """Searches a cluster by the replicas of its shards."""

    at_once = 16
    """Searches that wait for shards at the same time; what a search does itself takes little of it."""

    def __init__(
        self, opened: OpenedCluster, shards: RemoteShards, beside: ThreadPoolExecutor, *, allow_partial: bool
    ) -> None:
        """Prefer `remote_searcher`."""
        super().__init__(opened, opened.model, beside)
        self._shards = shards
        self._allow_partial = allow_partial

    def answer(self, request: SearchRequest) -> SearchResult:
        """See `Searcher.answer`; where that is allowed, without shards that do not answer, and the result says so."""
        # A replica that was started anew cannot open a state of two commits ago: its folders are gone. There may be two
        # more by the time that the state of now is asked.
        for _ in range(ATTEMPTS - 1):
            generation = self._opened.manifest.generation
            missing: set[int] = set()
            try:
                found = self._answered(request, missing)
                if not missing:
                    return found
                with suppress(ClusterError, IndexFolderError):
                    self._opened.refresh()
                if self._opened.manifest.generation == generation:
                    return found
            except (IndexFolderError, ShardUnavailableError):
                self._opened.refresh()
                if self._opened.manifest.generation == generation:
                    raise
        return self._answered(request, set())

    def _answered(self, request: SearchRequest, missing: set[int]) -> SearchResult:
        """Answer once; shards that were done without are added to ``missing``, where that is allowed."""
        if not self._allow_partial:
            return super().answer(request)
        before = MISSING.set(missing)
        whole = self._opened.current()
        try:
            result = self._without(missing, request)
        finally:
            MISSING.reset(before)
            if missing:
                # What was counted without them is not to be told of all.
                for each in (whole, self._opened.current()):
                    each.terms.forget()
        if not missing:
            return result
        if len(missing) == len(self._shards.replicas):
            raise ShardUnavailableError("No shard of the cluster answers: see whether its machines live.", 0)
        told = Notice("missing_shards", {"shards": ", ".join(map(str, sorted(missing)))})
        return replace(result, notices=(*result.notices, told))

    def _without(self, missing: set[int], request: SearchRequest) -> SearchResult:
        """Answer without shards that do not; one that is found missing is not asked again, and is so noted."""
        while True:
            known = len(missing)
            try:
                return super().answer(request)
            except IndexFolderError:
                # One that had ranked its passages, and was gone before they were read: all is ranked without it.
                if len(missing) == known:
                    raise

    def shard_counts(self) -> list[dict[str, float]]:
        """What was asked of each shard, see `ShardReplicas.counts`."""
        return [dict(replicas.counts) for replicas in self._shards.replicas]

    @property
    def manifest(self) -> Manifest:
        """What is committed.

        Raises:
            ShardUnavailableError: a shard has no replica that answers, so the cluster cannot be searched.
        """
        if (missing := self._shards.missing()) and not self._allow_partial:
            raise ShardUnavailableError(
                f"Shards {', '.join(map(str, missing))} have no replica that answers: others are started.", missing[0]
            )
        return super().manifest


@contextmanager
def remote_searcher(
    place: Place,
    address: str,
    *,
    replicas: int,
    seconds: float,
    copies: Path | None = None,
    allow_partial: bool = False,
) -> Iterator[RemoteSearcher]:
    """A cluster, opened by replicas of its shards, which end with it; every shard has answered when it is there.

    Args:
        place: Of the cluster.
        address: Of the Ray cluster, as for `nodes.nodes_at`.
        replicas: Of each shard.
        seconds: How long a shard's answer may take.
        copies: As for `LocalShards`.
        allow_partial: Search without shards that do not answer, and say so; otherwise that is an error.

    Raises:
        ClusterError, IndexFolderError: there is no cluster, no Ray, or a shard cannot be opened.
        ModelError: the cluster's model cannot be loaded.
    """
    # What a replica raises after its twin has answered is of no interest to anybody.
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")
    manifest = require(place)
    with connected(address) as ray:
        shards = RemoteShards(
            ray,
            place,
            len(manifest.shards),
            replicas=replicas,
            seconds=seconds,
            copies=copies,
            allow_partial=allow_partial,
        )
        try:
            opened = OpenedCluster(place, shards)
        except BaseException:
            shards.close()
            raise
        ended = threading.Event()
        watchers = _watchers(opened, shards, ended)
        opened.watched = True
        searcher = RemoteSearcher(opened, shards, ThreadPoolExecutor(1, "beside"), allow_partial=allow_partial)
        searcher.nodes = RayNodes(ray)
        with searcher:
            for watcher in watchers:
                watcher.start()
            try:
                yield searcher
            finally:
                ended.set()
                for watcher in watchers:
                    watcher.join()


def _watchers(opened: OpenedCluster, shards: RemoteShards, ended: threading.Event) -> list[threading.Thread]:
    """Threads that see to commits and to replicas: two, for replicas die while a state is opened too."""
    works = (partial(_look, opened, shards), _Refreshing(opened, shards))
    return [threading.Thread(target=_again_and_again, args=(work, ended), daemon=True) for work in works]


def _look(opened: OpenedCluster, shards: RemoteShards) -> None:
    """See whether lost replicas are back, and start others for those that died."""
    shards.look(opened.manifest)


class _Refreshing:
    """Opens what is committed, beside the searches."""

    def __init__(self, opened: OpenedCluster, shards: RemoteShards) -> None:
        self._opened = opened
        self._shards = shards
        self._missing: list[int] = []

    def __call__(self) -> None:
        """Open it where that is not done."""
        before, self._missing = self._missing, self._shards.missing()
        # What was asked while a shard was missing was counted without it.
        self._opened.refresh(anew=bool(before) and not self._missing)


def _again_and_again(work: Callable[[], None], ended: threading.Event) -> None:
    """Do something now and then; searches go on with the state that is open, whatever comes of it."""
    while not ended.wait(LOOK_SECONDS):
        # The next time may find the shards, the disk or the store of the cluster back.
        try:
            work()
        except (ClusterError, IndexFolderError) as error:
            log.info("What is committed cannot be opened yet: %s", error)
        except Exception:
            # Whatever it is: were nobody to look any more, no later commit would be searched.
            log.exception("What is committed cannot be looked at; searches go on with what is open")
