"""The shards of a cluster as parts of what is searched: those that replicas on other machines answer for."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet

from sakuin.cluster import manifest as manifests
from sakuin.cluster.absent import Absent
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import ClusterManifest
from sakuin.cluster.places import Place
from sakuin.cluster.replicas import AT_ONCE, Replica, ShardReplicas, ShardUnavailableError
from sakuin.cluster.shards import ClusterPart
from sakuin.index.text.synonyms import Synonyms
from sakuin.search.parts import PartState

MOST_THREADS = 256

MISSING: ContextVar[set[int] | None] = ContextVar("missing", default=None)
"""Where a search may do without shards that do not answer: those it did without, by number."""


class RemoteShard:
    """A shard in one state, as a `ClusterPart`: every question is asked of a replica.

    Attributes:
        replicas: Who is asked.
        which: The cluster's id and the folder.
    """

    def __init__(self, replicas: ShardReplicas, cluster: str, folder: str) -> None:
        """Have it opened, and ask for what stays as it is; raises as `ShardReplicas.open`."""
        self.replicas = replicas
        self.which = (cluster, folder)
        self._state: PartState = replicas.open(*self.which)
        self._synonyms: Synonyms = self._ask("synonyms")

    def __getattr__(self, question: str) -> Callable[..., Any]:
        # All of them alike; what is defined below needs no asking.
        if question.startswith("_"):
            raise AttributeError(question)
        return partial(self._ask, question)

    def state(self) -> PartState:
        """What is committed."""
        return self._state

    def synonyms(self) -> Synonyms:
        """By which queries are widened."""
        return self._synonyms

    def outdated(self) -> bool:
        """Whether somebody has committed since: nobody writes to the folder of a shard."""
        return False

    def _ask(self, question: str, *arguments: Any) -> Any:
        missing = MISSING.get()
        absent = getattr(Absent, question, None) if missing is not None else None
        if missing is None or absent is None:
            return self.replicas.ask(*self.which, question, *arguments)
        # A search that did without it once does so to its end: its answers have to fit together.
        if self.replicas.shard not in missing:
            try:
                return self.replicas.ask(*self.which, question, *arguments, waits=False)
            except ShardUnavailableError:
                missing.add(self.replicas.shard)
        return absent(*arguments)


class AbsentShard(Absent):
    """A shard that none of its replicas could open, as a `ClusterPart`: a search goes without it, and says so."""

    def __init__(self, shard: int, like: PartState, why: ShardUnavailableError) -> None:
        """Take its place.

        Args:
            shard: Its number.
            like: The state of another shard, for what is the same of all.
            why: What is raised where it cannot be done without.
        """
        self._shard = shard
        self._state = PartState(like.name, replace(like.manifest, passages=0), 0, 0.0)
        self._why = why

    def __getattribute__(self, question: str) -> Any:
        if not question.startswith("_") and (missing := MISSING.get()) is not None:
            missing.add(self._shard)
        return super().__getattribute__(question)

    def __getattr__(self, question: str) -> Any:
        # What no search asks, as to read a document.
        if question.startswith("_"):
            raise AttributeError(question)
        raise self._why

    def state(self) -> PartState:
        """Nothing is committed."""
        return self._state

    def synonyms(self) -> Synonyms:
        """None."""
        return Synonyms()

    def outdated(self) -> bool:
        """Whether somebody has committed since: nobody writes to the folder of a shard."""
        return False


class RemoteShards:
    """All shards of a cluster, by their replicas on the machines of a Ray cluster."""

    def __init__(
        self,
        ray: Any,
        place: Place,
        shards: int,
        *,
        replicas: int,
        seconds: float,
        copies: Path | None = None,
        allow_partial: bool = False,
    ) -> None:
        """Start the replicas; nothing waits for them yet.

        Args:
            ray: The module, connected.
            place: Of the cluster.
            shards: How many there are.
            replicas: Of each shard.
            seconds: How long an answer may take.
            copies: As for `LocalShards`.
            allow_partial: Do without shards that cannot be opened.
        """
        self._ray = ray
        self._allow_partial = allow_partial
        self._place = place
        self._copies = copies
        self._twins = replicas
        self._seconds = seconds
        self._parts: dict[tuple[str, str], RemoteShard] = {}
        # Those of states before, until the last search that is still at one has ended.
        self._older: WeakSet[RemoteShard] = WeakSet()
        self._number = shards
        self.replicas: list[ShardReplicas] = []
        self._leaving: list[ShardReplicas] = []
        self._start(shards)
        # Threads that wait, for the answer of a shard each.
        self._threads = ThreadPoolExecutor(MOST_THREADS, "asking")

    def _start(self, shards: int) -> None:
        """Start replicas of so many shards, but of those that have some."""
        for shard in range(len(self.replicas), shards):
            self.replicas.append(
                ShardReplicas(
                    self._ray,
                    self._place.uri,
                    shard,
                    number=self._twins,
                    start=self._start_one,
                    seconds=self._seconds,
                )
            )

    def _start_one(self, avoided: Collection[str]) -> tuple[Any, str]:
        """Start a replica on the machine that has fewest, one of those that are not avoided if there is any."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        machines = sorted(node["NodeID"] for node in self._ray.nodes() if node["Alive"] and "CPU" in node["Resources"])
        if not machines:
            raise ClusterError("The Ray cluster has no machine with a processor: see `ray status`.")
        number = Counter(machine for replicas in self.replicas for machine in replicas.machines())
        machine = min(machines, key=lambda one: (one in avoided, number[one]))
        # No processor is claimed: on a machine of one, nothing else could ever run.
        options = {"num_cpus": 0, "max_concurrency": AT_ONCE}
        strategy = NodeAffinitySchedulingStrategy(machine, soft=False)
        actor = self._ray.remote(Replica).options(**options, scheduling_strategy=strategy)
        return actor.remote(self._place.uri, str(self._copies) if self._copies else None), machine

    def spread(self, question: Callable[[Any], Any], parts: Iterable[Any]) -> Iterator[Any]:
        """Ask all parts at the same time; their answers in their order."""
        # Each in the context of who asks, which says whether it can do without.
        return self._threads.map(lambda one: one[0].run(question, one[1]), [(copy_context(), part) for part in parts])

    def parts(self, manifest: ClusterManifest) -> Sequence[ClusterPart]:
        """See `Shards`."""
        self._start(len(manifest.shards))
        asked = [
            (self.replicas[number], manifest.id, shard.folder)
            for number, shard in enumerate(manifest.shards)
            if (manifest.id, shard.folder) not in self._parts
        ]
        failed: dict[str, ShardUnavailableError] = {}
        for opened, (_, cluster, folder) in zip(self._threads.map(self._open, asked), asked, strict=True):
            if isinstance(opened, RemoteShard):
                self._parts[cluster, folder] = opened
            else:
                failed[folder] = opened
        if failed:
            self._require_some(manifest, failed)
        parts: list[Any] = [self._parts.get((manifest.id, shard.folder)) for shard in manifest.shards]
        like = next(part for part in parts if part).state()
        return [
            cast(ClusterPart, part or AbsentShard(number, like, failed[manifest.shards[number].folder]))
            for number, part in enumerate(parts)
        ]

    @staticmethod
    def _open(which: tuple[ShardReplicas, str, str]) -> RemoteShard | ShardUnavailableError:
        try:
            return RemoteShard(*which)
        except ShardUnavailableError as error:
            return error

    def _require_some(self, manifest: ClusterManifest, failed: Mapping[str, ShardUnavailableError]) -> None:
        """Raise where some shards cannot be opened, unless it is allowed to do without them."""
        few = len(failed) < len(manifest.shards)
        # What was committed meanwhile may be the reason, and can be opened.
        if not (self._allow_partial and few and manifests.read(self._place) == manifest):
            raise next(iter(failed.values()))

    def keep(self, manifest: ClusterManifest) -> bool:
        """See `Shards`."""
        self._number = len(manifest.shards)
        # Of shards that are no more; searches that are still at the state before may ask them once more.
        leaving = self.replicas[self._number :]
        del self.replicas[self._number :]
        self._leaving += leaving
        for replicas in leaving:
            end = threading.Timer(self._seconds, self._end, [replicas])
            end.daemon = True
            end.start()
        kept = {(manifest.id, shard.folder) for shard in manifest.shards}
        self._older.update((part for key, part in self._parts.items() if key not in kept))
        self._parts = {key: part for key, part in self._parts.items() if key in kept}
        older = [(part.replicas, *part.which) for part in self._older]
        for replicas, shard in zip(self.replicas, manifest.shards, strict=True):
            others = [folder for its, cluster, folder in older if its is replicas and cluster == manifest.id]
            replicas.tell(manifest.id, [shard.folder, *others])
        return not older

    def look(self, manifest: ClusterManifest) -> None:
        """Ask replicas that did not answer, or were not asked for a while, whether they do now."""
        for replicas, shard in zip(self.replicas, manifest.shards, strict=False):
            replicas.look(manifest.id, shard.folder, "counts")

    def missing(self) -> list[int]:
        """The shards of which no replica answers."""
        return [replicas.shard for replicas in self.replicas[: self._number] if not replicas.lives()]

    def close(self) -> None:
        """See `Shards`."""
        self._threads.shutdown(cancel_futures=True)
        for replicas in [*self.replicas, *self._leaving]:
            replicas.stop()

    def _end(self, replicas: ShardReplicas) -> None:
        """End those of a shard that is no more, and forget them."""
        if replicas in self._leaving:
            self._leaving.remove(replicas)
            replicas.stop()
