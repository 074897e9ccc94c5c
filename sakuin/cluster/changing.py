"""Changes a committed cluster: what is touched of it is written anew, and one commit makes all of that visible.

Each shard that is touched is copied, as far as its disk cannot share what stays, changed by its ordinary writer and put
beside the old one; then cluster.json is written. Whoever reads goes on with the folders that were committed when they
opened it. Killed at any moment, a change leaves folders that no cluster.json names; the next one deletes them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sakuin.cluster import manifest as manifests
from sakuin.cluster.dealing import home
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import ClusterManifest
from sakuin.cluster.nodes import Nodes
from sakuin.cluster.places import BUILDING, WORK, Place, tidy
from sakuin.cluster.rows import PART_BYTES, parts_of
from sakuin.cluster.tasks import (
    Changed,
    Corpus,
    add_dealt,
    change_shard,
    compact_shard,
    deal,
    deal_some,
    delete_ids,
    offsets_of,
    sync,
)
from sakuin.index.documents import Document
from sakuin.index.lock import WAIT_SECONDS
from sakuin.index.records import documents_of, ids_of, records_of
from sakuin.index.report import Progress, no_progress
from sakuin.index.settings import Settings


@dataclass(frozen=True, slots=True)
class ClusterChanges:
    """What a change did.

    Attributes:
        manifest: What is committed now.
        shards: How many shards were written anew.
        numbers: How many documents or files were ``added``, ``updated``, ``unchanged`` and ``removed``.
    """

    manifest: ClusterManifest
    shards: int
    numbers: Mapping[str, int]


def add_documents(
    documents: Iterable[Document | Mapping[str, Any]] | Document | Mapping[str, Any],
    place: Place,
    nodes: Nodes,
    *,
    progress: Progress = no_progress,
    timeout: float = WAIT_SECONDS,
) -> ClusterChanges:
    """Add documents, in place of those of the same ids.

    Args:
        documents: As `Index.add` takes them.
        place: Of the cluster.
        nodes: What works.
        progress: Told how many shards are done.
        timeout: Seconds to wait for who else is changing it.

    Raises:
        DocumentError: one cannot be added; nothing is changed then.
        ClusterError: there is no cluster, or somebody else is changing it.
    """

    def dealt(shards: int) -> Sequence[int]:
        return deal_some(place, documents_of(records_of(documents)), shards, first=0, at_a_time=PART_BYTES)

    return _add(dealt, place, nodes, progress, timeout)


def add_rows(
    corpus: str, place: Place, nodes: Nodes, *, progress: Progress = no_progress, part_bytes: int = PART_BYTES
) -> ClusterChanges:
    """Add documents that come as rows, in place of those of the same ids; of the same id the last one counts.

    Args:
        corpus: As for `building.build_of_rows`.
        place: Of the cluster.
        nodes: What works.
        progress: Told how many shards are done.
        part_bytes: About how much one task reads.

    Raises:
        DocumentError: a row is no document, or one that stands in a file; nothing is changed then.
        ClusterError: there is no cluster, or somebody else is changing it.
    """

    def dealt(shards: int) -> Sequence[int]:
        parts = parts_of(corpus, part_bytes)
        for _ in nodes.run(deal, [(place.uri, number, part, shards) for number, part in enumerate(parts)]):
            pass
        return range(len(parts))

    return _add(dealt, place, nodes, progress, WAIT_SECONDS)


def delete(
    ids: Iterable[str | int] | str, place: Place, nodes: Nodes, *, timeout: float = WAIT_SECONDS
) -> ClusterChanges:
    """Remove documents by their ids; those that are not there are passed over.

    Args:
        ids: Of the documents.
        place: Of the cluster.
        nodes: What works.
        timeout: Seconds to wait for who else is changing it.

    Raises:
        ClusterError: there is no cluster, or somebody else is changing it.
    """
    wanted = ids_of(ids)

    def calls(before: ClusterManifest) -> Iterator[tuple[int, Change]]:
        by_shard: dict[int, list[str]] = {}
        for one in wanted:
            by_shard.setdefault(home(one, len(before.shards)), []).append(one)
        for shard, own in sorted(by_shard.items()):
            yield shard, partial(delete_ids, ids=own)

    return _change(place, nodes, calls, timeout=timeout)


def sync_files(corpus: Corpus, place: Place, nodes: Nodes, *, progress: Progress = no_progress) -> ClusterChanges:
    """Bring a cluster in step with the folder of files that it was built of.

    Args:
        corpus: The folder, and how it is read.
        place: Of the cluster.
        nodes: What works.
        progress: Told how many shards are done.

    Raises:
        IndexFolderError: there is no such folder, or the cluster is kept in step with another.
        ClusterError: there is no cluster, or somebody else is changing it.
    """

    def calls(before: ClusterManifest) -> Iterator[tuple[int, Change]]:
        for shard in range(len(before.shards)):
            yield shard, partial(_sync, shard=shard, shards=len(before.shards), corpus=corpus)

    return _change(place, nodes, calls, progress)


def corpus_of(place: Place) -> str:
    """The folder of files that a cluster is kept in step with; raises ClusterError where there is none."""
    folder = manifests.require(place).corpus
    if not folder:
        raise ClusterError(
            f"The cluster in {place.uri} was built of rows, which are in step with no folder: `index cluster add` adds "
            f"rows, `index cluster delete` removes documents."
        )
    return folder


def compact(place: Place, nodes: Nodes, *, progress: Progress = no_progress) -> ClusterChanges:
    """Put every shard into the form it would have if it were built at once, as `index compact` does."""

    def calls(before: ClusterManifest) -> Iterator[tuple[int, Change]]:
        for shard in range(len(before.shards)):
            yield shard, compact_shard

    return _change(place, nodes, calls, progress)


Change = Callable[..., Mapping[str, int]]
"""Changes the index in a folder, which it is given; returns numbers of `ClusterChanges`."""


def _sync(index: Any, settings: Settings, *, shard: int, shards: int, corpus: Corpus) -> Mapping[str, int]:
    report = sync(index, shard, shards=shards, corpus=corpus, settings=settings)
    names = ("added", "updated", "unchanged", "removed")
    return {name: getattr(report, name) for name in names}


def _add(
    dealt: Callable[[int], Sequence[int]], place: Place, nodes: Nodes, progress: Progress, timeout: float
) -> ClusterChanges:
    """Add documents; ``dealt`` deals them to so many shards and returns the parts."""

    def calls(before: ClusterManifest) -> Iterator[tuple[int, Change]]:
        shards = len(before.shards)
        parts = dealt(shards)
        offsets = [offsets_of(place, number) for number in parts]
        for shard in range(shards):
            if any(one[shard] < one[shard + 1] for one in offsets):
                yield shard, partial(add_dealt, uri=place.uri, shard=shard, parts=parts)

    return _change(place, nodes, calls, progress, timeout)


def _change(
    place: Place,
    nodes: Nodes,
    calls: Callable[[ClusterManifest], Iterator[tuple[int, Change]]],
    progress: Progress = no_progress,
    timeout: float = WAIT_SECONDS,
) -> ClusterChanges:
    """Change shards and commit them together.

    Args:
        place: Of the cluster.
        nodes: What works.
        calls: Gives the shards to be changed, each with what changes it, once nobody else changes the cluster.
        progress: Told how many shards are done.
        timeout: Seconds to wait for that.
    """
    manifests.require(place)
    with place.writing(timeout):
        before = manifests.require(place)
        # What one that was killed has left.
        place.remove(BUILDING)
        place.remove(WORK)
        settings = Settings(model=before.model, dim=before.dim)
        tasks = list(calls(before))
        shards = list(before.shards)
        numbers = dict.fromkeys(("added", "updated", "unchanged", "removed"), 0)
        written = 0
        arguments = [
            (place.uri, shards[shard].folder, shard, before.generation + 1, change, settings) for shard, change in tasks
        ]
        for done, (call, result) in enumerate(nodes.run(change_shard, arguments, whole=True), 1):
            changed: Changed = result
            if changed.shard:
                shards[tasks[call][0]] = changed.shard
                written += 1
            for name, number in changed.numbers.items():
                numbers[name] += number
            progress(f"shard {tasks[call][0]}", done, len(tasks))
        manifest = before
        if written:
            manifest = manifests.next_generation(before, shards)
            manifests.commit(place, manifest)
            # What was committed before stays, for those who are reading it.
            manifests.sweep(place, {shard.folder for state in (before, manifest) for shard in state.shards})
        tidy(place)
    return ClusterChanges(manifest, written, numbers)
