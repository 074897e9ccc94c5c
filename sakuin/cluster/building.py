"""Builds a cluster: rows are dealt to shards, each is written as an ordinary index, and one commit names them all.

What is finished is noted below ``building/``: the same command after an interruption does the rest.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any

from sakuin.cluster import manifest as manifests
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import ClusterManifest, Made
from sakuin.cluster.nodes import Nodes
from sakuin.cluster.places import BUILDING, WORK, Place, tidy
from sakuin.cluster.rows import PART_BYTES, Part, parts_of
from sakuin.cluster.tasks import Corpus, deal, made_name, make_of_files, make_of_rows, offsets_name
from sakuin.index.model import source_of
from sakuin.index.report import Progress, no_progress
from sakuin.index.settings import Settings

PLAN = f"{BUILDING}/plan.json"
MOST_SHARDS = 10_000


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did.

    Attributes:
        manifest: What is committed.
        resumed: Parts and shards that an interrupted build had finished already.
        seconds: Time taken.
    """

    manifest: ClusterManifest
    resumed: int
    seconds: float


def build_of_rows(
    corpus: str,
    place: Place,
    nodes: Nodes,
    *,
    shards: int,
    settings: Settings = Settings(),
    progress: Progress = no_progress,
    part_bytes: int = PART_BYTES,
) -> Built:
    """Build a cluster of documents that come as rows; of the same id the last one counts.

    Args:
        corpus: Path or URI of a file of JSON Lines or Parquet, or of a folder with such files. Every machine must be
            able to read it.
        place: Where the cluster is to lie.
        nodes: What works.
        shards: How many shards are made.
        settings: What each is made with; the model by name or folder.
        progress: Told how many bytes are dealt and made.
        part_bytes: About how much one task reads.

    Raises:
        ClusterError: there is a cluster already, there are no rows, or a machine was lost again and again.
        DocumentError: a row is no document; nothing is committed then.
    """
    started = time.perf_counter()
    settings = _by_name(settings)
    with place.writing():
        parts = parts_of(corpus, part_bytes)
        size = sum(part.bytes for part in parts)
        tell = _Telling(progress, 2 * size)
        _begin(place, {"parts": [part.to_dict() for part in parts], "shards": shards, "settings": asdict(settings)})
        resumed = _deal(place, nodes, parts, shards, tell)
        task = partial(make_of_rows, parts=range(len(parts)), settings=settings)
        made, known = _make(place, nodes, task, shards, lambda: tell("", size / shards))
        manifest = _commit(place, made)
    return Built(manifest, resumed + known, time.perf_counter() - started)


def build_of_files(
    corpus: Corpus,
    place: Place,
    nodes: Nodes,
    *,
    shards: int,
    settings: Settings = Settings(),
    progress: Progress = no_progress,
) -> Built:
    """Build a cluster of a folder of files, which every machine must see under the same path.

    Args:
        corpus: The folder.
        place: Where the cluster is to lie.
        nodes: What works.
        shards: How many shards are made.
        settings: What each is made with; the model by name or folder.
        progress: Told how many shards are made.

    Raises:
        ClusterError: there is a cluster already, or a machine was lost again and again.
        IndexFolderError: there is no such folder.
    """
    started = time.perf_counter()
    settings = _by_name(settings)
    with place.writing():
        tell = _Telling(progress, shards)
        _begin(place, {"corpus": asdict(corpus), "shards": shards, "settings": asdict(settings)})
        task = partial(make_of_files, shards=shards, corpus=corpus, settings=settings)
        made, known = _make(place, nodes, task, shards, lambda: tell("", 1))
        manifest = _commit(place, made)
    return Built(manifest, known, time.perf_counter() - started)


class _Telling:
    """How far the work is, of which some is done at a time."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0.0

    def __call__(self, name: str, more: float) -> None:
        self._done += more
        self._progress(name, round(self._done), self._total)


def _by_name(settings: Settings) -> Settings:
    """Settings that another machine understands."""
    return replace(settings, model=source_of(settings.model or ""))


def _begin(place: Place, plan: dict[str, Any]) -> None:
    """Begin a build, or go on with one that was interrupted; what was begun otherwise is deleted.

    Raises:
        ClusterError: there is a cluster already.
    """
    if not 1 <= plan["shards"] <= MOST_SHARDS:
        raise ClusterError(f"A cluster has 1 to {MOST_SHARDS:,} shards, not {plan['shards']:,}.")
    if manifests.read(place):
        raise ClusterError(
            f"There is a cluster in {place.uri} already: `index cluster info {place.uri}` shows it. Choose another "
            f"--out, or delete it first."
        )
    manifests.require_own(place)
    # Its hash, for parts of very many files are megabytes that are compared once.
    wanted = sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest().encode()
    if place.read(PLAN) != wanted:
        place.remove(BUILDING)
        place.write(PLAN, wanted)
    manifests.sweep(place, {_made(place, shard).shard.folder for shard in _known(place, plan["shards"])})
    place.remove(WORK)


def _deal(place: Place, nodes: Nodes, parts: list[Part], shards: int, tell: _Telling) -> int:
    """Deal all parts that are not dealt yet; returns how many were."""
    finished = set(place.names(f"{BUILDING}/dealt"))
    missing = [number for number in range(len(parts)) if offsets_name(number).rpartition("/")[2] not in finished]
    tell("", sum(part.bytes for part in parts) - sum(parts[number].bytes for number in missing))
    for call, _ in nodes.run(deal, [(place.uri, number, parts[number], shards) for number in missing]):
        part = parts[missing[call]]
        tell(part.uri, part.bytes)
    return len(parts) - len(missing)


def _make(
    place: Place, nodes: Nodes, task: Callable[..., Made], shards: int, tell: Callable[[], None]
) -> tuple[list[Made], int]:
    """Make all shards that are not made yet; returns all, and how many were."""
    made = {shard: _made(place, shard) for shard in _known(place, shards)}
    known = len(made)
    for _ in made:
        tell()
    missing = [shard for shard in range(shards) if shard not in made]
    for call, result in nodes.run(task, [(place.uri, shard) for shard in missing], whole=True):
        made[missing[call]] = result
        tell()
    return [made[shard] for shard in range(shards)], known


def _known(place: Place, shards: int) -> list[int]:
    """The shards that are made."""
    finished = set(place.names(f"{BUILDING}/shards"))
    return [shard for shard in range(shards) if made_name(shard).rpartition("/")[2] in finished]


def _made(place: Place, shard: int) -> Made:
    """A shard as it was made."""
    return Made.from_json(place.read(made_name(shard)) or b"")


def _commit(place: Place, made: list[Made]) -> ClusterManifest:
    """Commit a new cluster of shards that are made, and delete what only its build needed."""
    manifest = manifests.first(made)
    manifests.commit(place, manifest)
    tidy(place)
    return manifest
