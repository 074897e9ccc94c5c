"""Folders of clusters, which are no indexes: how they are told from them, and what to say where one is wanted."""

from pathlib import Path

from sakuin.index.errors import IndexFolderError

CLUSTER = "cluster.json"
"""What lies in the folder of a cluster; see `sakuin.cluster`."""


class ClusterFolderError(IndexFolderError):
    """A cluster, where one index is wanted."""

    code = "is_cluster"


def is_cluster(folder: Path) -> bool:
    """Whether a folder is that of a cluster."""
    return (folder / CLUSTER).is_file()


def cluster_of(named: Path) -> Path | None:
    """The folder of a cluster that is named by it, or by its cluster.json; None where that is no cluster."""
    folder = named.parent if named.name == CLUSTER else named
    return folder if is_cluster(folder) else None


def refuse_cluster(named: Path, instead: str = "") -> None:
    """Raise ClusterFolderError where what is named as an index is a cluster; ``instead`` is what to do, a clause."""
    if not (folder := cluster_of(named)):
        return
    instead = instead or (
        f"what reads an index reads each of the shards, whose folders `index cluster info {folder}` names, and "
        f"`index cluster --help` lists what changes a cluster"
    )
    raise ClusterFolderError(f"{folder} is a cluster, and one index is wanted here: {instead}.")
