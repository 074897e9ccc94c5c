"""Clusters on the pages: which folder has a document, and the documents of all shards as one list."""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from pathlib import Path

from sakuin.cluster.dealing import home
from sakuin.cluster.manifest import ClusterManifest, require
from sakuin.cluster.places import Disk
from sakuin.index.clusters import is_cluster
from sakuin.index.documents import Skipped, expected_last
from sakuin.index.store.listing import (
    ListedDocument,
    Order,
    count_documents,
    list_keys,
    list_kinds,
    list_numbered,
    list_skipped,
    reading,
)

ORDERS: tuple[Order, ...] = ("name", "passages")
"""Orders of the list. What was read last is not known across shards."""


def committed(folder: Path) -> ClusterManifest:
    """The committed state of a cluster; raises ClusterError where it cannot be read."""
    return require(Disk(folder.absolute()))


def folders_of(folder: Path) -> list[Path]:
    """The folders of an index: its own, or those of the shards of a cluster, in their order."""
    return [folder / shard.folder for shard in committed(folder).shards] if is_cluster(folder) else [folder]


def folder_of(folder: Path, document_id: str) -> Path:
    """The folder that has a document: the index's own, or of a cluster that of the document's shard."""
    return folder_among(folders_of(folder), document_id)


def folder_among(folders: Sequence[Path], document_id: str) -> Path:
    """As `folder_of`, of the folders of an index."""
    return folders[home(document_id, len(folders))]


def kinds_of(folder: Path) -> list[str]:
    """The kinds of files that were read, in alphabetical order."""
    kinds: set[str] = set()
    for shard in folders_of(folder):
        with reading(shard) as connection:
            kinds.update(list_kinds(connection))
    return sorted(kinds)


def skipped_of(folder: Path, most: int) -> tuple[list[Skipped], int]:
    """The first of the files of which nothing, or not all, was taken, and how many there are."""
    skipped: list[Skipped] = []
    number = 0
    for shard in folders_of(folder):
        with reading(shard) as connection:
            some, own = list_skipped(connection, most)
        skipped += some
        number += own
    return expected_last(skipped)[:most], number


def count_all(folder: Path, some: str, kind: str) -> int:
    """Number of documents that match, as `count_documents` counts them."""
    number = 0
    for shard in folders_of(folder):
        with reading(shard) as connection:
            number += count_documents(connection, some, kind)
    return number


def list_all(folder: Path, some: str, kind: str, order: Order, *, first: int, most: int) -> list[ListedDocument]:
    """Documents ``first`` to ``first + most`` of those of all shards that match, in order, as `list_documents` does.

    Each shard gives what stands before that place, too: names alone, which are few beside texts.
    """
    shards = folders_of(folder)
    keys = []
    for place, shard in enumerate(shards):
        with reading(shard) as connection:
            own = list_keys(connection, some, kind, order, first + most)
        keys.append([(key, place, number) for key, number in own])
    return list(_documents(shards, [(place, number) for _, place, number in islice(merge(*keys), first, first + most)]))


def _documents(shards: list[Path], chosen: list[tuple[int, int]]) -> Iterator[ListedDocument]:
    """The documents of some places, each a shard and a number in it."""
    found: dict[tuple[int, int], ListedDocument] = {}
    for place in {place for place, _ in chosen}:
        numbers = [number for other, number in chosen if other == place]
        with reading(shards[place]) as connection:
            documents = list_numbered(connection, numbers)
        found |= {(place, number): one for number, one in zip(numbers, documents, strict=True)}
    return (found[one] for one in chosen)
