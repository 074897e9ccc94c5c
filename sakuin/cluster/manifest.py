"""cluster.json: which folders are the shards of a cluster. Writing it is the commit of a change."""

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from secrets import token_hex
from typing import Any

from sakuin.cluster.errors import ClusterError
from sakuin.cluster.places import BUILDING, LOCK_FILE, WORK, Place
from sakuin.index.outliving import OUTLIVING
from sakuin.index.store import Manifest

NAME = "cluster.json"
FORMAT = 1
MADE_WITH = ("corpus", "model", "fingerprint", "dim", "analyser", "passage_width")
"""What is the same in the manifests of all shards' indexes."""

TUNED = ("fusion", "rerank")
"""What `index tune` sets."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard as it is committed.

    Attributes:
        folder: Of its index, below the cluster's; never changed once it is named here.
        documents: How many it has.
        passages: Distinct ones of them.
        skipped: Files of which nothing, or not all, was taken; `index info --files` lists them.
        bytes: On disk.
    """

    folder: str
    documents: int
    passages: int
    skipped: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ClusterManifest:
    """The committed state of a cluster.

    Attributes:
        format: Version of the layout.
        id: Tells a cluster from another that was at the same place before.
        generation: Number of the last commit.
        corpus: Folder of files that the cluster is kept in step with; "" where it was built of rows.
        model: What to load the model by, as in an index's manifest.
        fingerprint: Of the model.
        dim: Dimensions stored of each vector.
        analyser: Name of the analysis that made the terms.
        passage_width: Width that passages are cut to.
        shards: In their order, in which `dealing.home` counts.
        fusion: How the legs are fused, where `index tune` found something; empty for the default.
        rerank: The transformer that is asked for a second opinion; "" for none.
    """

    format: int
    id: str
    generation: int
    corpus: str
    model: str
    fingerprint: str
    dim: int
    analyser: str
    passage_width: int
    shards: tuple[Shard, ...]
    fusion: dict[str, float] = field(default_factory=dict)
    rerank: str = ""

    @property
    def documents(self) -> int:
        """In all shards."""
        return sum(shard.documents for shard in self.shards)

    @property
    def passages(self) -> int:
        """In all shards; what stands in two of them counts twice."""
        return sum(shard.passages for shard in self.shards)

    @property
    def bytes(self) -> int:
        """On disk, of all shards."""
        return sum(shard.bytes for shard in self.shards)


@dataclass(frozen=True, slots=True)
class Made:
    """A shard that is written and not committed.

    Attributes:
        shard: The shard.
        settings: What its index was made with, by the names of `MADE_WITH`.
    """

    shard: Shard
    settings: dict[str, Any]

    @classmethod
    def of(cls, shard: Shard, index: Manifest) -> "Made":
        """A shard with the manifest of its index."""
        return cls(shard, {name: getattr(index, name) for name in MADE_WITH})

    def to_json(self) -> bytes:
        """To be read by `from_json`."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Made":
        """What `to_json` wrote."""
        values = json.loads(content)
        return cls(Shard(**values["shard"]), values["settings"])


def first(made: Sequence[Made]) -> ClusterManifest:
    """The manifest of a new cluster of some shards, in their order.

    Raises:
        ClusterError: they were not all made alike.
    """
    settings = made[0].settings
    for number, each in enumerate(made):
        if odd := [name for name in MADE_WITH if each.settings[name] != settings[name]]:
            raise ClusterError(
                f"Shards 0 and {number} were made with another {' and '.join(odd)}: see that all machines have the "
                f"same version of this software and of the model, delete the folder and build again."
            )
    return ClusterManifest(
        format=FORMAT, id=token_hex(8), generation=1, shards=tuple(each.shard for each in made), **settings
    )


def read(place: Place) -> ClusterManifest | None:
    """The committed state of a cluster; None where there is none.

    Raises:
        ClusterError: it is damaged, or of another format.
    """
    content = place.read(NAME)
    if content is None:
        return None
    again = f"put a backup in its place (`index cluster restore`), or delete {place.uri} and build it again"
    try:
        values: dict[str, Any] = json.loads(content)
        if values["format"] != FORMAT:
            raise ClusterError(
                f"{place.uri}/{NAME} has format {values['format']}, this version reads {FORMAT}: {again}."
            )
        if values.pop("checksum") != checksum(values):
            raise ClusterError(f"{place.uri}/{NAME} has changed since it was written: {again}.")
        shards = tuple(Shard(**shard) for shard in values.pop("shards"))
        return ClusterManifest(shards=shards, **values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ClusterError(f"{place.uri}/{NAME} cannot be read ({error!r}): {again}.") from error


def require(place: Place) -> ClusterManifest:
    """The committed state of a cluster; raises ClusterError where there is none."""
    manifest = read(place)
    if manifest is None:
        raise ClusterError(
            f"There is no cluster in {place.uri}: `index cluster build CORPUS --out {place.uri}` makes one."
        )
    return manifest


def commit(place: Place, manifest: ClusterManifest) -> None:
    """Make a state the committed one.

    Raises:
        ClusterError: somebody else has committed meanwhile; nothing is changed then.
    """
    now = read(place)
    if (now.generation if now else 0) != manifest.generation - 1:
        raise ClusterError(
            f"The cluster in {place.uri} was changed by somebody else meanwhile, so nothing was committed: run the "
            f"same command again, and see that one at a time changes it."
        )
    # What was not tuned is as versions wrote it that could not be.
    values = {name: value for name, value in asdict(manifest).items() if value or name not in TUNED}
    content = json.dumps({**values, "checksum": checksum(values)}, ensure_ascii=False, indent=1)
    place.write(NAME, content.encode())


def next_generation(manifest: ClusterManifest, shards: Sequence[Shard]) -> ClusterManifest:
    """The state after a change."""
    return replace(manifest, generation=manifest.generation + 1, shards=tuple(shards))


def folder_of(shard: int, generation: int) -> str:
    """A name for the folder that a shard has from a generation on, another with each call.

    So nobody ever writes where something is committed: no task that was given up and goes on, nor another command.
    """
    return f"shards/{shard:04d}/{generation:08d}-{token_hex(4)}"


def require_own(place: Place) -> None:
    """Raises ClusterError where a place holds anything but a cluster, or what a build has left: it would be deleted."""
    names = {NAME, LOCK_FILE, "shards", BUILDING, WORK, *OUTLIVING}
    if others := [name for name in place.names("") if name not in names]:
        raise ClusterError(
            f"There is {others[0]} in {place.uri}, which is no part of a cluster: name a new or an empty folder."
        )


def sweep(place: Place, kept: Collection[str]) -> None:
    """Delete all folders of shards but some, by their names; what cannot be deleted now, the next change deletes."""
    for name in _names(place, "shards"):
        for folder in _names(place, name):
            if folder not in kept:
                # Another machine may have it open.
                with suppress(OSError):
                    place.remove(folder)


def _names(place: Place, folder: str) -> list[str]:
    """What lies in a folder, by its names in the place; nothing where that cannot be seen."""
    with suppress(OSError):
        return [f"{folder}/{name}" for name in place.names(folder)]
    return []


def checksum(values: dict[str, Any]) -> str:
    """By what a reader sees that a manifest is as it was written."""
    return sha256(json.dumps(values, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
