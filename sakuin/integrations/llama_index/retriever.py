"""A retriever over an index of any origin."""

import asyncio
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from sakuin import Searcher
from sakuin.integrations.filtering import Where
from sakuin.integrations.llama_index.nodes import found_node


class SakuinRetriever(BaseRetriever):
    """The passages that answer a query, from an index of any origin, with where each stands.

    Beside a document's own metadata, passages have ``source`` (its uri), ``title``, ``heading``, ``start`` and ``end``
    (character offsets in the document), ``score`` and ``relevance``, where the document has no metadata of that name.
    Their source node is the document. Nodes that `SakuinVectorStore` added come back as they were.
    """

    def __init__(
        self,
        searcher: Searcher,
        *,
        k: int = 10,
        mode: str = "hybrid",
        where: Where | None = None,
        min_relevance: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """Make a retriever of a searcher.

        Args:
            searcher: Of the index.
            k: At most so many passages; as all below, an argument of `Searcher.search`.
            mode: "hybrid", "dense" or "bm25".
            where: A filter.
            min_relevance: Leave out passages of a lower relevance, 0 to 1.
            kwargs: Of `BaseRetriever`.
        """
        super().__init__(**kwargs)
        self.searcher = searcher
        self.k = k
        self.mode = mode
        self.where = where
        self.min_relevance = min_relevance

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self.searcher.search(
            query_bundle.query_str,
            k=self.k,
            mode=self.mode,
            where=self.where,
            min_relevance=self.min_relevance,
            group="passage",
            syntax=False,
        )
        return [NodeWithScore(node=found_node(hit, hit.places[0]), score=hit.score) for hit in found.hits]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)
