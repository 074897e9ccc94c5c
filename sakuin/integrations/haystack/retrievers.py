"""Retrievers of a store: by a text, and by a vector."""

import asyncio
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.document_stores.types import FilterPolicy, apply_filter_policy

from sakuin.integrations.haystack.filters import Filters
from sakuin.integrations.haystack.store import SakuinDocumentStore


@component
class SakuinRetriever:
    """The passages that answer a query, by meaning and by words.

    Each is a document with a score, its document's metadata, and, where it has no metadata of these names, ``source``
    and ``source_id`` (the document's uri and id), ``title``, ``heading``, ``start`` and ``end`` (character offsets in
    the document) and ``relevance``, the probability that it answers. A document that was written to the store is one
    such passage and has its id; of one that was cut, as those of files are, later passages have ``#START`` behind it.
    """

    def __init__(
        self,
        document_store: SakuinDocumentStore,
        filters: Filters | None = None,
        top_k: int = 10,
        mode: str = "hybrid",
        min_relevance: float = 0.0,
        filter_policy: FilterPolicy = FilterPolicy.REPLACE,
    ) -> None:
        """Make a retriever of a store.

        Args:
            document_store: To search.
            filters: What to search among.
            top_k: At most so many passages.
            mode: "hybrid", "dense" (meaning) or "bm25" (words).
            min_relevance: Leave out passages of a lower relevance, 0 to 1.
            filter_policy: Whether filters at a search take the place of these or come on top.
        """
        self.document_store = document_store
        self.filters = filters
        self.top_k = top_k
        self.mode = mode
        self.min_relevance = min_relevance
        self.filter_policy = filter_policy

    def to_dict(self) -> dict[str, Any]:
        """The retriever as a pipeline is saved with it."""
        return default_to_dict(
            self,
            document_store=self.document_store,
            filters=self.filters,
            top_k=self.top_k,
            mode=self.mode,
            min_relevance=self.min_relevance,
            filter_policy=self.filter_policy.value,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "SakuinRetriever":
        """The retriever of a saved pipeline."""
        return default_from_dict(cls, with_policy(data))

    @component.output_types(documents=list[Document])
    def run(self, query: str, filters: Filters | None = None, top_k: int | None = None) -> dict[str, list[Document]]:
        """Search for a text, with other filters or another ``top_k`` where they are given."""
        found = self.document_store.search(
            query,
            filters=apply_filter_policy(self.filter_policy, self.filters, filters),
            top_k=self.top_k if top_k is None else top_k,
            mode=self.mode,
            min_relevance=self.min_relevance,
        )
        return {"documents": found}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, filters: Filters | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """As `run`."""
        return await asyncio.to_thread(self.run, query, filters, top_k)


@component
class SakuinEmbeddingRetriever:
    """The passages nearest to a vector of the index's model, such as `SakuinTextEmbedder` gives."""

    def __init__(
        self,
        document_store: SakuinDocumentStore,
        filters: Filters | None = None,
        top_k: int = 10,
        filter_policy: FilterPolicy = FilterPolicy.REPLACE,
    ) -> None:
        """Make a retriever of a store; the arguments are those of `SakuinRetriever`."""
        self.document_store = document_store
        self.filters = filters
        self.top_k = top_k
        self.filter_policy = filter_policy

    def to_dict(self) -> dict[str, Any]:
        """The retriever as a pipeline is saved with it."""
        return default_to_dict(
            self,
            document_store=self.document_store,
            filters=self.filters,
            top_k=self.top_k,
            filter_policy=self.filter_policy.value,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "SakuinEmbeddingRetriever":
        """The retriever of a saved pipeline."""
        return default_from_dict(cls, with_policy(data))

    @component.output_types(documents=list[Document])
    def run(
        self, query_embedding: list[float], filters: Filters | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """Search for a vector, with other filters or another ``top_k`` where they are given."""
        found = self.document_store.search_vector(
            query_embedding,
            filters=apply_filter_policy(self.filter_policy, self.filters, filters),
            top_k=self.top_k if top_k is None else top_k,
        )
        return {"documents": found}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query_embedding: list[float], filters: Filters | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """As `run`."""
        return await asyncio.to_thread(self.run, query_embedding, filters, top_k)


def with_policy(data: dict[str, Any]) -> dict[str, Any]:
    """A saved retriever with its filter policy as the object that it is."""
    parameters = dict(data["init_parameters"])
    if "filter_policy" in parameters:
        parameters["filter_policy"] = FilterPolicy.from_str(parameters["filter_policy"])
    return data | {"init_parameters": parameters}
