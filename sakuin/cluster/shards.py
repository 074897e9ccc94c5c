"""The shards of a cluster as parts of what is searched: those that this process opens itself."""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from sakuin.cluster.copies import Copies
from sakuin.cluster.manifest import ClusterManifest
from sakuin.cluster.places import Disk, Place
from sakuin.files import cache_folder
from sakuin.index.snapshot import open_index
from sakuin.search.document_parts import DocumentPart
from sakuin.search.local_part import LocalPart
from sakuin.search.opening import AT_ONCE
from sakuin.search.parts import Part
from sakuin.search.reading import Excerpt, ReadablePassage, StoredDocument, read_around, read_document


class ClusterPart(DocumentPart, Protocol):
    """A shard that is searched, and of which documents are read."""

    def document(self, document_id: str, start: int, most: int | None) -> StoredDocument:
        """A document, see `Searcher.document`."""

    def around(self, passage: ReadablePassage, document_id: str | None, around: int) -> Excerpt:
        """A passage with those that stand around it, see `Searcher.read`."""


class Shards(Protocol):
    """All shards of a cluster, opened."""

    def spread(self, question: Callable[[Part], Any], parts: Iterable[Part]) -> Iterable[Any]:
        """Ask all of them the same, as `map` does."""

    def parts(self, manifest: ClusterManifest) -> Sequence[ClusterPart]:
        """Those of a state, in their order; what is open already is not opened again."""

    def keep(self, manifest: ClusterManifest) -> bool:
        """Let go of all that is neither of a state nor still searched; says whether nothing else is searched."""

    def close(self) -> None:
        """Let go of everything."""


class OpenedShard(LocalPart):
    """A shard whose index is open in this process. Nobody writes to its folder any more."""

    def document(self, document_id: str, start: int, most: int | None) -> StoredDocument:
        """A document."""
        return read_document(self.snapshot.folder, document_id, start=start, most=most)

    def around(self, passage: ReadablePassage, document_id: str | None, around: int) -> Excerpt:
        """A passage with those that stand around it."""
        return read_around(self.snapshot.folder, passage, document_id=document_id, around=around)


class LocalShards:
    """Shards that are opened in this process, some or all of a cluster."""

    def __init__(self, place: Place, copies: Path | None = None, beside: Executor | None = None) -> None:
        """Open nothing yet.

        Args:
            place: Of the cluster.
            copies: Folder on a disk of this machine to which shards are copied before they are opened; None to open
                those of a `Disk` where they are, and to copy those of a bucket to the user's cache.
            beside: Runs one leg of a search while another runs; None for threads of its own.
        """
        self._place = place
        in_place = isinstance(place, Disk) and copies is None
        self._copies = None if in_place else Copies(place, copies or cache_folder("shards"))
        self._beside = beside or ThreadPoolExecutor(AT_ONCE, "bm25")
        self._lock = threading.Lock()
        self._parts: dict[tuple[str, str], OpenedShard] = {}
        self._opening: dict[tuple[str, str], threading.Lock] = {}

    def part(self, cluster: str, folder: str) -> OpenedShard:
        """A shard, opened if it is not.

        Args:
            cluster: `ClusterManifest.id`.
            folder: Of the shard.

        Raises:
            ClusterError, IndexFolderError: it is missing or damaged.
        """
        key = (cluster, folder)
        with self._lock:
            if part := self._parts.get(key):
                return part
            opening = self._opening.setdefault(key, threading.Lock())
        # Copying takes minutes; whoever asks about a folder that is open does not wait for it.
        with opening:
            with self._lock:
                if part := self._parts.get(key):
                    return part
            # Without a name: a document of a cluster is known by its id alone.
            part = OpenedShard(open_index(self._here(cluster, folder)), self._beside)
            with self._lock:
                self._parts[key] = part
                self._opening.pop(key, None)
            return part

    def spread(self, question: Callable[[Part], Any], parts: Iterable[Part]) -> Iterable[Any]:
        """See `Shards`; one after the other, for each has all processors."""
        return map(question, parts)

    def parts(self, manifest: ClusterManifest) -> Sequence[ClusterPart]:
        """See `Shards`."""
        if self._copies is not None:
            # All of them before the first is copied, so that nobody deletes what is there of the others.
            self._copies.claim(manifest.id, [shard.folder for shard in manifest.shards])
        return [self.part(manifest.id, shard.folder) for shard in manifest.shards]

    def keep(self, manifest: ClusterManifest) -> bool:
        """See `Shards`; who searches another has that open."""
        self.keep_only(manifest.id, {shard.folder for shard in manifest.shards})
        return True

    def keep_only(self, cluster: str, folders: Collection[str]) -> None:
        """Let go of all but some folders of a cluster; who is searching others goes on."""
        with self._lock:
            self._parts = {key: part for key, part in self._parts.items() if key[0] == cluster and key[1] in folders}
        if self._copies is not None:
            self._copies.keep_only(cluster, folders)

    def close(self) -> None:
        """See `Shards`."""
        with self._lock:
            for part in self._parts.values():
                part.snapshot.close()
            self._parts.clear()
        if self._copies is not None:
            self._copies.close()
        self._beside.shutdown()

    def _here(self, cluster: str, folder: str) -> Path:
        """Where a shard can be opened, copied there if need be."""
        if self._copies is None:
            assert isinstance(self._place, Disk)
            return self._place.folder / folder
        return self._copies.path(cluster, folder)
