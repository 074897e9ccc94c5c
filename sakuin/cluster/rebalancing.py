"""Deals the documents of a cluster to another number of shards, while searches go on with the old ones."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from sakuin.cluster import manifest as manifests
from sakuin.cluster.building import MOST_SHARDS
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import ClusterManifest, Made
from sakuin.cluster.nodes import Nodes
from sakuin.cluster.places import BUILDING, WORK, Place, place_of, tidy
from sakuin.cluster.tasks import deal_some, make_of_rows
from sakuin.index.report import Progress, no_progress
from sakuin.index.settings import Settings
from sakuin.index.store import stored_documents
from sakuin.index.store.listing import reading

AT_A_TIME = 64 << 20
"""Characters of documents that are dealt together."""

MOST_PARTS = 1_000_000
"""Of one shard: parts of the next one count from there."""


def rebalance(
    place: Place, nodes: Nodes, *, shards: int, progress: Progress = no_progress, at_a_time: int = AT_A_TIME
) -> ClusterManifest:
    """Make so many shards of all documents, each as if it were built at once, and commit them.

    Args:
        place: Of the cluster, which must have been built of rows.
        nodes: What works.
        shards: How many there are to be.
        progress: Told how many shards are read and made.
        at_a_time: Characters of documents that are dealt together.

    Raises:
        ClusterError: there is no cluster, it was built of files, or somebody else is changing it.
    """
    if not 1 <= shards <= MOST_SHARDS:
        raise ClusterError(f"A cluster has 1 to {MOST_SHARDS:,} shards, not {shards:,}.")
    manifests.require(place)
    with place.writing():
        before = manifests.require(place)
        if before.corpus:
            raise ClusterError(
                f"The cluster in {place.uri} was built of files: build another of {before.corpus} with --shards "
                f"{shards}, and `index cluster restore` it here."
            )
        place.remove(BUILDING)
        place.remove(WORK)
        made = _made(place, nodes, before, shards, progress, at_a_time)
        manifest = replace(manifests.next_generation(before, []), shards=manifests.first(made).shards)
        manifests.commit(place, manifest)
        # What was committed before stays, for those who are reading it.
        manifests.sweep(place, {shard.folder for state in (before, manifest) for shard in state.shards})
        tidy(place)
    return manifest


def _made(
    place: Place, nodes: Nodes, before: ClusterManifest, shards: int, progress: Progress, at_a_time: int
) -> list[Made]:
    total = len(before.shards) + shards
    parts: dict[int, Sequence[int]] = {}
    calls = [(place.uri, number, shard.folder, shards, at_a_time) for number, shard in enumerate(before.shards)]
    for call, found in nodes.run(deal_shard, calls):
        parts[call] = found
        progress(f"shard {call}", len(parts), total)
    settings = Settings(model=before.model, dim=before.dim, passage_width=before.passage_width)
    in_order = [part for number in range(len(before.shards)) for part in parts[number]]
    task = partial(make_of_rows, parts=in_order, settings=settings, generation=before.generation + 1)
    made: dict[int, Made] = {}
    for call, result in nodes.run(task, [(place.uri, shard) for shard in range(shards)], whole=True):
        made[call] = result
        progress(f"shard {call}", len(before.shards) + len(made), total)
    return [made[shard] for shard in range(shards)]


def deal_shard(uri: str, number: int, folder: str, shards: int, at_a_time: int) -> list[int]:
    """Read a shard and deal its documents to others; returns the parts into which they were dealt.

    Args:
        uri: Of the cluster.
        number: Of the shard.
        folder: Of the shard.
        shards: How many there are to be.
        at_a_time: Characters of documents that are dealt together.
    """
    place = place_of(uri)
    with place.workspace() as work:
        place.copy(folder, work / "index")
        with reading(work / "index") as connection:
            return deal_some(
                place, stored_documents(connection), shards, first=number * MOST_PARTS, at_a_time=at_a_time
            )
