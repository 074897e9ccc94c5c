"""Copies of a whole cluster: a backup, and putting one back."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

from sakuin.cluster import manifest as manifests
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import ClusterManifest, folder_of
from sakuin.cluster.nodes import Nodes
from sakuin.cluster.places import WORK, Disk, Place, place_of
from sakuin.index.integrity import check
from sakuin.index.outliving import JUDGEMENTS
from sakuin.index.report import Progress, no_progress


def backup(place: Place, destination: Place, nodes: Nodes, *, progress: Progress = no_progress) -> ClusterManifest:
    """Copy the committed state of a cluster to where there is none; changes wait meanwhile.

    The copy is checked, and a cluster itself: it can be searched where it is.

    Args:
        place: Of the cluster.
        destination: Where the copy goes.
        nodes: What works.
        progress: Told how many bytes are copied.

    Raises:
        ClusterError: there is a cluster already, or a shard is damaged; the copy is no cluster then.
    """
    if manifests.read(destination):
        raise ClusterError(f"There is a cluster in {destination.uri} already: choose another place for the copy.")
    manifests.require(place)
    with place.writing():
        return _transfer(place, destination, nodes, progress)


def restore(source: Place, place: Place, nodes: Nodes, *, progress: Progress = no_progress) -> ClusterManifest:
    """Make the state of a copy the committed one of a cluster, whose searches go on with it.

    Args:
        source: The copy, which stays.
        place: Of the cluster; need not be there.
        nodes: What works.
        progress: Told how many bytes are copied.

    Raises:
        ClusterError: there is no copy, or it is damaged; nothing is changed then.
    """
    manifests.require(source)
    with _kept(source):
        return _transfer(source, place, nodes, progress)


def _transfer(source: Place, target: Place, nodes: Nodes, progress: Progress) -> ClusterManifest:
    with target.writing():
        manifest, before = manifests.require(source), manifests.read(target)
        manifests.require_own(target)
        generation = before.generation + 1 if before else 1
        target.remove(WORK)
        calls = [
            (source.uri, shard.folder, target.uri, number, generation) for number, shard in enumerate(manifest.shards)
        ]
        shards = list(manifest.shards)
        done = 0
        for call, folder in nodes.run(copy_shard, calls):
            shards[call] = replace(shards[call], folder=folder)
            done += manifest.shards[call].bytes
            progress(f"shard {call}", done, manifest.bytes)
        name = before.id if before else token_hex(8)
        copied = replace(manifest, id=name, generation=generation, shards=tuple(shards))
        # What people judged stays where it is, and goes along where nobody judged anything.
        if (judged := source.read(JUDGEMENTS)) and target.read(JUDGEMENTS) is None:
            target.write(JUDGEMENTS, judged)
        manifests.commit(target, copied)
        kept = {shard.folder for state in (copied, before) if state for shard in state.shards}
        manifests.sweep(target, kept)
    return copied


def _kept(source: Place) -> AbstractContextManager[None]:
    """While nobody changes a copy; where it is only read there can be no lock.

    Should its owner change it there meanwhile, a shard that is gone is told as missing, and nothing is committed.
    """
    if isinstance(source, Disk) and not os.access(source.folder, os.W_OK):
        return nullcontext()
    writing: AbstractContextManager[None] = source.writing()
    return writing


def copy_shard(uri: str, folder: str, to: str, shard: int, generation: int) -> str:
    """Copy a shard to another place, and check the copy; returns the name of its folder there.

    Args:
        uri: Of the cluster.
        folder: Of the shard there.
        to: The other place.
        shard: Its number.
        generation: Of the cluster there, in which the copy is to be committed.

    Raises:
        ClusterError: the shard is damaged.
    """
    source, target = place_of(uri), place_of(to)
    with target.workspace() as work:
        index: Path = work / "index"
        # Not by links: what befalls a file must not befall its copy.
        source.copy(folder, index, link=False)
        _, problems = check(index)
        if problems:
            raise ClusterError(
                f"The shard in {uri}/{folder} is damaged ({problems[0]}), so nothing was copied. Check it with "
                f"`index verify --index`."
            )
        name = folder_of(shard, generation)
        target.publish(index, name)
    return name
