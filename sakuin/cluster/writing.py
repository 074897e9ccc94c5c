"""Changes what a searcher searches: an index, or a cluster, each change by the writers of its shards."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from sakuin.api import Index
from sakuin.cluster.changing import ClusterChanges, add_documents, delete
from sakuin.cluster.nodes import Nodes
from sakuin.cluster.opening import ClusterSearcher
from sakuin.index.documents import Document
from sakuin.index.upsert import Changes
from sakuin.index.where import Where
from sakuin.search.searcher import Searcher


class Writable(Protocol):
    """What documents are added to and removed from, each time in one commit."""

    def add(self, documents: Iterable[Document | Mapping[str, Any]] | Document | Mapping[str, Any]) -> Changes:
        """Add documents, see `Index.add`."""

    def delete(self, ids: Iterable[str | int] | str) -> Changes:
        """Remove documents, see `Index.delete`."""

    def delete_where(self, where: Where) -> Changes:
        """Remove the documents that pass a filter."""


class WritableIndex:
    """The index in a folder."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def add(self, documents: Iterable[Document | Mapping[str, Any]] | Document | Mapping[str, Any]) -> Changes:
        """See `Writable`."""
        return self.index.add(documents)

    def delete(self, ids: Iterable[str | int] | str) -> Changes:
        """See `Writable`."""
        return self.index.delete(ids)

    def delete_where(self, where: Where) -> Changes:
        """See `Writable`."""
        return self.index.delete([document.id for document in self.index.documents(where=where)])


class WritableCluster:
    """A cluster that is searched; its searcher sees a change once it is made."""

    def __init__(self, searcher: ClusterSearcher, nodes: Nodes, timeout: float) -> None:
        """Change nothing yet.

        Args:
            searcher: Of the cluster.
            nodes: What works.
            timeout: Seconds to wait for who else is changing the cluster.
        """
        self._searcher = searcher
        self._nodes = nodes
        self._timeout = timeout

    def add(self, documents: Iterable[Document | Mapping[str, Any]] | Document | Mapping[str, Any]) -> Changes:
        """See `Writable`."""
        return self._seen(add_documents(documents, self._searcher.place, self._nodes, timeout=self._timeout))

    def delete(self, ids: Iterable[str | int] | str) -> Changes:
        """See `Writable`."""
        return self._seen(delete(ids, self._searcher.place, self._nodes, timeout=self._timeout))

    def delete_where(self, where: Where) -> Changes:
        """See `Writable`."""
        # What others have committed may not be seen yet.
        self._searcher.refresh()
        ids: list[str] = []
        after, more = 0, True
        while more:
            some = self._searcher.documents(where=where, after=after, most=1_000)
            ids += [one.id for one in some.documents]
            more = some.more
            after = some.documents[-1].number if some.documents else 0
        return self.delete(ids) if ids else Changes()

    def _seen(self, changes: ClusterChanges) -> Changes:
        self._searcher.refresh()
        return Changes(**changes.numbers)


def writable(searcher: Searcher, *, timeout: float) -> Writable:
    """What changes the index or the cluster of a searcher.

    Args:
        searcher: Of it.
        timeout: Seconds to wait for another writer.

    Raises:
        IndexFolderError: the index cannot be written to.
    """
    if isinstance(searcher, ClusterSearcher):
        return WritableCluster(searcher, searcher.nodes, timeout)
    return WritableIndex(Index.open(searcher.folder, model=searcher.model, timeout=timeout))
