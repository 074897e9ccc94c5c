"""An index as a vector store."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

from sakuin import Document as Stored
from sakuin import Index, Searcher
from sakuin.integrations import filtering
from sakuin.integrations.filtering import Where, all_of, one_of
from sakuin.integrations.llama_index.embedding import SakuinEmbedding
from sakuin.integrations.llama_index.filters import as_where
from sakuin.integrations.llama_index.nodes import as_node, as_stored, found_node
from sakuin.integrations.passages import places
from sakuin.search.results import Hit, Place

MODES = {
    VectorStoreQueryMode.DEFAULT: "dense",
    VectorStoreQueryMode.MMR: "dense",
    VectorStoreQueryMode.HYBRID: "hybrid",
    VectorStoreQueryMode.SEMANTIC_HYBRID: "hybrid",
    VectorStoreQueryMode.SPARSE: "bm25",
    VectorStoreQueryMode.TEXT_SEARCH: "bm25",
}
OF_ALPHA = {None: "hybrid", 0.0: "bm25", 1.0: "dense"}
REF_DOC = "metadata.ref_doc_id"


class SakuinVectorStore(BasePydanticVectorStore):
    """An index as a vector store.

    A node that is added is one document and one passage, with vectors by the index's own model: those that nodes come
    with are not kept, so give `VectorStoreIndex` the store's ``embed_model``. In an index that was built from files,
    nodes are passages of these.

    Query modes: ``default`` searches by the query's vector, ``hybrid`` by its words and meaning, ``sparse`` and
    ``text_search`` by its words, ``mmr`` by its vector for nodes that differ from each other.

    Attributes:
        index: The folder of the index.
    """

    stores_text: bool = True
    index: str = ".sakuin"
    _index: Index = PrivateAttr()
    _searcher: Searcher = PrivateAttr()

    def __init__(self, index: Index | str | os.PathLike[str] = ".sakuin", **kwargs: Any) -> None:
        """Open an index, and make it if it is not there.

        Args:
            index: Its folder, or an index that is open already, as with another model.
            kwargs: What a saved store has beside it.
        """
        opened = index if isinstance(index, Index) else Index.open(index)
        folder = os.fspath(opened.folder if isinstance(index, Index) else index)
        super().__init__(stores_text=True, index=folder)  # type: ignore[call-arg]
        self._index = opened
        self._searcher = opened.searcher()

    @classmethod
    def class_name(cls) -> str:
        """What saved components are known by."""
        return "SakuinVectorStore"

    @property
    def client(self) -> Index:
        """The index."""
        return self._index

    @property
    def searcher(self) -> Searcher:
        """Its reading side."""
        return self._searcher

    @property
    def embed_model(self) -> SakuinEmbedding:
        """The model of the index, at the dimensions that it stores."""
        return SakuinEmbedding(self._index.model, dim=self._searcher.manifest.dim)

    def close(self) -> None:
        """Let go of the index's files."""
        self._searcher.close()

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes, in place of those of the same ids, in one commit; returns the ids.

        Raises:
            DocumentError: a node has no text; nothing is changed then.
        """
        self._index.add((as_stored(node) for node in nodes), split=False)
        return [node.node_id for node in nodes]

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Nodes of some ids, that pass filters; all where neither is given."""
        return [as_node(stored) for stored in self._documents(node_ids, filters)]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Remove the nodes that were cut from a document."""
        found = filtering.documents(self._index, {REF_DOC: ref_doc_id})
        self._index.delete([stored.id for stored in found])

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Remove the nodes of some ids, that pass filters; none where neither is given."""
        if node_ids is not None or filters is not None:
            self._index.delete([stored.id for stored in self._documents(node_ids, filters)])

    def clear(self) -> None:
        """Remove all documents, those of files too."""
        self._index.delete([stored.id for stored in self._index.documents()])

    def _documents(self, node_ids: Sequence[str] | None, filters: MetadataFilters | None) -> Iterator[Stored]:
        conditions = [] if node_ids is None else [one_of("id", node_ids)]
        return filtering.documents(self._index, all_of([*conditions, *([as_where(filters)] if filters else [])]))

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Find what answers a query, by its mode.

        Args:
            query: What is asked for. ``alpha`` may be 0 (words only) or 1 (meaning only): anything between is the
                index's own weight, which `index tune` fits.
            kwargs: For ``mmr``, ``mmr_threshold`` (1 for the nearest to the query, 0 for the least like each other) and
                ``mmr_prefetch_factor`` (of how many times as many nodes, 4); for a text, further arguments of
                `Searcher.search`, such as ``min_relevance``.

        Raises:
            ValueError: the mode or a filter is none that an index has, or the query has neither text nor vector.
            SearchError: an argument is out of range, or the vector is of another model's dimensions.
        """
        if query.mode not in MODES:
            known = ", ".join(mode.value for mode in MODES)
            raise ValueError(f"An index has no mode {query.mode.value!r}: use {known}.")
        where = restriction(query)
        if query.mode is VectorStoreQueryMode.MMR:
            return self._varied(query, where, **kwargs)
        mode, k = MODES[query.mode], query.similarity_top_k
        if mode == "hybrid":
            mode, k = hybrid_mode(query.alpha), query.hybrid_top_k or k
        elif mode == "bm25":
            k = query.sparse_top_k or k
        elif query.query_embedding is not None:
            return answer(list(islice(places(self._nearest(query.query_embedding, where, k)), k)))
        if query.query_str is None:
            raise ValueError(f"The mode {query.mode.value!r} needs the query's text: give query_str.")
        text = query.query_str
        found = filtering.hits(
            self._index,
            where,
            lambda: self._searcher.search(
                text, k=k, mode=mode, where=where, **{"group": "passage", "syntax": False, **kwargs}
            ),
        )
        return answer(list(islice(places(found), k)))

    def _nearest(self, vector: Sequence[float], where: Where | None, k: int) -> tuple[Hit, ...]:
        return filtering.hits(self._index, where, lambda: self._searcher.search_vector(vector, k=k, where=where))

    def _varied(
        self,
        query: VectorStoreQuery,
        where: Where | None,
        *,
        mmr_threshold: float | None = None,
        mmr_prefetch_factor: float = 4.0,
    ) -> VectorStoreQueryResult:
        """What maximal marginal relevance chooses of the nearest."""
        if query.query_embedding is None and query.query_str is None:
            raise ValueError("The mode 'mmr' needs a vector or the query's text: give query_embedding or query_str.")
        vector = query.query_embedding or self.embed_model.get_query_embedding(query.query_str or "")
        k = query.similarity_top_k
        hits = self._nearest(vector, where, max(k, int(k * mmr_prefetch_factor)))
        if not hits:
            return answer([])
        scores, chosen = get_top_k_mmr_embeddings(
            (np.array(vector) / np.linalg.norm(vector)).tolist(),
            self._searcher.vectors(hits, dim=len(vector)).tolist(),
            # All are of length 1, or of zeros.
            similarity_fn=np.dot,
            similarity_top_k=k,
            embedding_ids=list(range(len(hits))),
            mmr_threshold=query.mmr_threshold if mmr_threshold is None else mmr_threshold,
        )
        result = answer([(hits[number], hits[number].places[0]) for number in chosen])
        result.similarities = [float(score) for score in scores]
        return result

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """As `add`."""
        return await asyncio.to_thread(self.add, nodes, **kwargs)

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """As `get_nodes`."""
        return await asyncio.to_thread(self.get_nodes, node_ids, filters)

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """As `delete`."""
        await asyncio.to_thread(self.delete, ref_doc_id, **delete_kwargs)

    async def adelete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """As `delete_nodes`."""
        await asyncio.to_thread(self.delete_nodes, node_ids, filters, **delete_kwargs)

    async def aclear(self) -> None:
        """As `clear`."""
        await asyncio.to_thread(self.clear)

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """As `query`."""
        return await asyncio.to_thread(self.query, query, **kwargs)


def hybrid_mode(alpha: float | None) -> str:
    """How an index searches for ``alpha``; raises ValueError where it is a weight of its own."""
    if alpha not in OF_ALPHA:
        raise ValueError(
            f"Cannot weigh meaning by alpha={alpha}: leave it out for the index's own weight, which `index tune` fits, "
            f"or give 0 for words only or 1 for meaning only."
        )
    return OF_ALPHA[alpha]


def restriction(query: VectorStoreQuery) -> Where | None:
    """What a query is restricted to as ``where``; None where it is not; raises ValueError as `as_where`."""
    conditions: list[Where] = [] if query.filters is None else [as_where(query.filters)]
    # LlamaIndex's index gives the nodes that it keeps itself: none where a store keeps them.
    if query.node_ids:
        conditions.append(one_of("id", query.node_ids))
    if query.doc_ids:
        conditions.append(one_of(REF_DOC, query.doc_ids))
    return all_of(conditions) or None


def answer(found: Sequence[tuple[Hit, Place]]) -> VectorStoreQueryResult:
    """What was found, as LlamaIndex has it."""
    nodes = [found_node(hit, place) for hit, place in found]
    return VectorStoreQueryResult(
        nodes=nodes, similarities=[hit.score for hit, _ in found], ids=[node.node_id for node in nodes]
    )
