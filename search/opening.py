"""What a searcher has open: an index, or several, as they were last committed."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sakuin.embedder import StaticEmbedder
from sakuin.index.clusters import CLUSTER, cluster_of, is_cluster
from sakuin.index.errors import IndexFolderError
from sakuin.index.model import load_model, load_model_at_hand
from sakuin.index.snapshot import Snapshot, identity, open_index
from sakuin.search.joining import join
from sakuin.search.local_part import LocalPart
from sakuin.search.request import SearchError
from sakuin.search.whole import Whole

if TYPE_CHECKING:
    from sakuin.search.searcher import Searcher

# A search holds Python's lock for half of its time: more at once would only take it from one another, and each other's
# place in the processor's caches.
AT_ONCE = 2


class Opened(Protocol):
    """What is searched, and may change. Safe to use from several threads."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """Of the indexes, as absolute paths."""

    def current(self) -> Whole:
        """The last committed state, opened again if it has changed.

        Raises:
            IndexFolderError: an index was deleted, replaced or damaged.
        """

    def snapshot(self) -> Snapshot:
        """That of the one index; raises SearchError where there are several."""

    def close(self) -> None:
        """Let go of the files."""


class OneIndex:
    """An index on this machine."""

    def __init__(self, snapshot: Snapshot, beside: Executor, name: str = "") -> None:
        """Watch an index from its opened state on; ``beside`` and ``name`` as for `LocalPart`."""
        self._beside, self._name = beside, name
        self._identity = identity(snapshot.folder)
        self._reload = threading.Lock()
        self._open(snapshot)

    def _open(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.part = LocalPart(snapshot, self._beside, self._name)
        self._whole = Whole.of_one(self.part)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Of the index."""
        return (self._snapshot.folder,)

    def current(self) -> Whole:
        """The last committed state."""
        folder = self._snapshot.folder
        if identity(folder) != self._identity:
            raise IndexFolderError(
                f"The index in {folder} was deleted or replaced since it was opened: open it again; a service, start "
                f"again."
            )
        with self._reload:
            if self._snapshot.outdated():
                # The old one stays open for searches under way in other threads, and closes with the last of them.
                self._open(open_index(folder))
            return self._whole

    def snapshot(self) -> Snapshot:
        """The last committed state."""
        self.current()
        return self._snapshot

    def close(self) -> None:
        """Let go of the files."""
        self._snapshot.close()


class SeveralIndexes:
    """Indexes on this machine that are searched as one."""

    def __init__(self, indexes: Sequence[OneIndex], model: StaticEmbedder) -> None:
        """Join indexes, all of one model; raises IndexFolderError where they cannot be searched together."""
        self._indexes = list(indexes)
        self._model = model
        self._reload = threading.Lock()
        self._parts = [one.part for one in self._indexes]
        self._whole = join(self._parts, model)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Of the indexes, in the order in which they were given."""
        return tuple(folder for one in self._indexes for folder in one.folders)

    def current(self) -> Whole:
        """The last committed state of each."""
        with self._reload:
            for one in self._indexes:
                one.current()
            parts = [one.part for one in self._indexes]
            if parts != self._parts:
                self._whole = join(parts, self._model)
                self._parts = parts
            return self._whole

    def snapshot(self) -> Snapshot:
        """Nothing: there are several."""
        raise SearchError(
            "Several indexes are searched together here, and this is asked of one: open the index that a hit names, by "
            "Searcher.open(hit.document.index)."
        )

    def close(self) -> None:
        """Let go of the files."""
        for one in self._indexes:
            one.close()


def cluster_searcher(folders: Sequence[str | os.PathLike[str]], model: StaticEmbedder | None) -> "Searcher | None":
    """The searcher of a cluster, where its folder, its cluster.json or its URI is all that is named; else None."""
    if len(folders) != 1:
        return None
    name = os.fspath(folders[0]).removesuffix(f"/{CLUSTER}")
    if "://" not in name and not is_cluster(Path(name)):
        return None
    # By name, for clusters are made of searchers and not the other way round.
    cluster: Searcher = import_module("sakuin.cluster.opening").open_cluster(name, model=model)
    return cluster


def require_alone(folders: Sequence[str | os.PathLike[str]]) -> None:
    """Raise SearchError where a cluster, or a URI, which can be nothing else, is named beside others."""
    for name in [os.fspath(folder) for folder in folders]:
        if len(folders) > 1 and ("://" in name or cluster_of(Path(name))):
            raise SearchError(f"{name} is a cluster, which is searched alone: name it and no other index.")


def opened(
    folders: Sequence[str | os.PathLike[str]], beside: Executor, model: StaticEmbedder | None
) -> tuple[Opened, StaticEmbedder | None]:
    """Open indexes, and the model of all of them; that of one index is None where it would have to be fetched first.

    Args:
        folders: Of the indexes; hits name them as they are given here.
        beside: Runs one leg of a search while another runs.
        model: That of the indexes where it is loaded already; None to load it.

    Raises:
        SearchError: none is named, or one twice, or a cluster beside others.
        IndexFolderError: there is no index in one, or they cannot be searched together.
        ModelError: the model cannot be loaded.
    """
    require_alone(folders)
    paths = [Path(folder).absolute() for folder in folders]
    if not paths:
        raise SearchError("No index is named: name the folder of one at least.")
    if len({path.resolve() for path in paths}) < len(paths):
        raise SearchError("An index is named twice: name each once.")
    with ExitStack() as closing:
        snapshots = []
        for path in paths:
            snapshots.append(open_index(path))
            closing.callback(snapshots[-1].close)
        first = snapshots[0]
        if len(snapshots) == 1:
            found: Opened = OneIndex(first, beside)
            at_hand = load_model_at_hand(first.manifest, first.folder, model)
        else:
            names = [os.fspath(folder) for folder in folders]
            indexes = [OneIndex(snapshot, beside, name) for snapshot, name in zip(snapshots, names, strict=True)]
            at_hand = load_model(first.manifest, first.folder, model)
            found = SeveralIndexes(indexes, at_hand)
        closing.pop_all()
        return found, at_hand
