"""An index as a document store."""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

from haystack import Document, default_from_dict, default_to_dict
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy

from sakuin import Index
from sakuin.integrations import filtering
from sakuin.integrations.haystack.documents import as_documents, as_stored, given_metadata, kept_metadata
from sakuin.integrations.haystack.filters import Filters, as_where
from sakuin.integrations.passages import passage_id, places, standing
from sakuin.search.results import Hit


class SakuinDocumentStore:
    """An index as a document store.

    A document that is written is one passage, encoded by the index's own model: embeddings that it has are not kept.
    Metadata of any form come back as they were; texts, numbers, booleans, dates, lists of these, and such values inside
    of dictionaries (``meta.author.name``) can be filtered by. In an index that was built from files there are the
    documents of these files, and what retrievers find are passages of them.
    """

    def __init__(self, index: Index | str | os.PathLike[str] = ".sakuin") -> None:
        """Open an index, and make it if it is not there.

        Args:
            index: Its folder, or an index that is open already, as with another model.
        """
        self.index = index if isinstance(index, Index) else Index.open(index)
        self.searcher = self.index.searcher()
        self._named = os.fspath(self.index.folder if isinstance(index, Index) else index)

    def close(self) -> None:
        """Let go of the index's files."""
        self.searcher.close()

    def to_dict(self) -> dict[str, Any]:
        """The store as a pipeline is saved with it: the folder of the index, as it was given."""
        return default_to_dict(self, index=self._named)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "SakuinDocumentStore":
        """The store of a saved pipeline."""
        return default_from_dict(cls, data)

    def count_documents(self) -> int:
        """Number of documents."""
        return len(self.index)

    def count_documents_by_filter(self, filters: Filters) -> int:
        """Number of documents that pass a filter."""
        return len(self._ids(filters))

    def filter_documents(self, filters: Filters | None = None) -> list[Document]:
        """Whole documents that pass a filter, in the order in which they came; all where there is none.

        Raises:
            FilterError: the filter is none of Haystack's, or cannot be followed.
        """
        return as_documents(filtering.documents(self.index, as_where(filters)))

    def write_documents(self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE) -> int:
        """Write documents, in one commit.

        Args:
            documents: Each with content.
            policy: For ids that are there already: OVERWRITE replaces, SKIP passes over, FAIL and NONE raise. What
                another process writes between the check and the commit is replaced.

        Returns:
            How many were written.

        Raises:
            ValueError: something else than a list of documents is given.
            DuplicateDocumentError: an id is there already, or twice among the documents; nothing is written then.
            DocumentError: a document has no content, or metadata that cannot be stored; nothing is written then.
        """
        given = list(documents) if isinstance(documents, Iterable) and not isinstance(documents, str) else [documents]
        if not all(isinstance(document, Document) for document in given):
            raise ValueError("Give a list of Haystack's Documents.")
        if policy is not DuplicatePolicy.OVERWRITE:
            given = self._fresh(given, fail=policy is not DuplicatePolicy.SKIP)
        self.index.add((as_stored(document) for document in given), split=False)
        return len(given)

    def _fresh(self, documents: list[Document], *, fail: bool) -> list[Document]:
        """Documents whose ids are not there yet; raises DuplicateDocumentError instead of leaving out, if told so."""
        known = {stored.id for stored in self.index.get([document.id for document in documents])}
        fresh = []
        for document in documents:
            if document.id not in known:
                fresh.append(document)
            elif fail:
                raise DuplicateDocumentError(
                    f"There is a document {document.id!r} already: write with DuplicatePolicy.OVERWRITE or SKIP."
                )
            known.add(document.id)
        return fresh

    def delete_documents(self, document_ids: list[str]) -> None:
        """Remove documents by their ids; those that are not there are passed over."""
        self.index.delete(document_ids)

    def delete_all_documents(self) -> None:
        """Remove all documents, those of files too."""
        self.delete_by_filter({})

    def delete_by_filter(self, filters: Filters) -> int:
        """Remove the documents that pass a filter; returns how many."""
        return self.index.delete(self._ids(filters)).removed

    def update_by_filter(self, filters: Filters, meta: dict[str, Any]) -> int:
        """Add to the metadata of the documents that pass a filter, or replace of it; returns how many these are.

        Raises:
            DocumentError: one of them is of a file, and kept in step with it; nothing is changed then.
        """
        updated = [
            replace(stored, metadata=kept_metadata(given_metadata(stored.metadata) | meta))
            for stored in filtering.documents(self.index, as_where(filters))
        ]
        self.index.add(updated, split=False)
        return len(updated)

    def _ids(self, filters: Filters | None) -> list[str]:
        return [document.id for document in filtering.documents(self.index, as_where(filters))]

    def search(
        self,
        query: str,
        *,
        filters: Filters | None = None,
        top_k: int = 10,
        mode: str = "hybrid",
        min_relevance: float = 0.0,
    ) -> list[Document]:
        """The passages that answer a query, best first; see `SakuinRetriever`."""
        where = as_where(filters)
        found = filtering.hits(
            self.index,
            where,
            lambda: self.searcher.search(
                query,
                k=top_k,
                mode=mode,
                where=where,
                min_relevance=min_relevance,
                group="passage",
                syntax=False,
            ),
        )
        return passages(found, top_k)

    def search_vector(self, vector: list[float], *, filters: Filters | None = None, top_k: int = 10) -> list[Document]:
        """The passages nearest to a vector of the index's model, best first."""
        where = as_where(filters)
        found = filtering.hits(self.index, where, lambda: self.searcher.search_vector(vector, k=top_k, where=where))
        return passages(found, top_k)

    async def count_documents_async(self) -> int:
        """As `count_documents`."""
        return await asyncio.to_thread(self.count_documents)

    async def count_documents_by_filter_async(self, filters: Filters) -> int:
        """As `count_documents_by_filter`."""
        return await asyncio.to_thread(self.count_documents_by_filter, filters)

    async def filter_documents_async(self, filters: Filters | None = None) -> list[Document]:
        """As `filter_documents`."""
        return await asyncio.to_thread(self.filter_documents, filters)

    async def write_documents_async(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """As `write_documents`."""
        return await asyncio.to_thread(self.write_documents, documents, policy)

    async def delete_documents_async(self, document_ids: list[str]) -> None:
        """As `delete_documents`."""
        await asyncio.to_thread(self.delete_documents, document_ids)

    async def delete_all_documents_async(self) -> None:
        """As `delete_all_documents`."""
        await asyncio.to_thread(self.delete_all_documents)

    async def delete_by_filter_async(self, filters: Filters) -> int:
        """As `delete_by_filter`."""
        return await asyncio.to_thread(self.delete_by_filter, filters)

    async def update_by_filter_async(self, filters: Filters, meta: dict[str, Any]) -> int:
        """As `update_by_filter`."""
        return await asyncio.to_thread(self.update_by_filter, filters, meta)


def passages(hits: Iterable[Hit], k: int) -> list[Document]:
    """Hits as Haystack has them, each passage of at most k places."""
    found = []
    for hit, place in islice(places(hits), k):
        where = standing(hit, place) | {"source_id": place.document.id}
        score = where.pop("score")
        own = given_metadata(place.document.metadata)
        found.append(Document(id=passage_id(place), content=hit.text, meta=where | own, score=score))
    return found
