"""sakuin in LangChain: embeddings, a vector store over `Index`, and a retriever over `Searcher`.

    store = SakuinVectorStore(".sakuin")
    store.add_texts(["有給休暇は三日前までに申請してください。"], [{"year": 2024}], ids=["faq-1"])
    store.similarity_search("休みたい", k=3, filter={"year": {"$gte": 2020}})

    SakuinRetriever(searcher=Searcher.open(".sakuin"), k=5).invoke("有給休暇の申請方法")

The asynchronous methods are LangChain's own, which run these in threads; an index and a searcher are safe there.
"""

import os
import uuid
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from sakuin import Document as Stored
from sakuin import Index, Searcher, StaticEmbedder
from sakuin.extras import missing
from sakuin.integrations.passages import places, standing
from sakuin.search.results import Hit, Place

try:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.vectorstores import VectorStore
    from langchain_core.vectorstores.utils import maximal_marginal_relevance
except ImportError as error:
    raise ImportError(missing("langchain_core", "langchain")) from error

Filter = dict[str, Any]
"""As ``where`` of `Searcher.search`."""


class SakuinEmbeddings(Embeddings):
    """Vectors by a static model, scaled to length 1."""

    def __init__(self, model: str | os.PathLike[str] | StaticEmbedder | None = None, *, dim: int | None = None) -> None:
        """Load the model, if it is not loaded already.

        Args:
            model: As `StaticEmbedder.load` takes it, or one that is loaded; None for the packaged model.
            dim: Keep only the first so many dimensions; None for all.
        """
        self.model = model if isinstance(model, StaticEmbedder) else StaticEmbedder.load(model)
        self.dim = dim

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text."""
        vectors: list[list[float]] = self.model.encode(texts, self.dim, normalize=True).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query: of the same kind as those of documents."""
        return self.embed_documents([text])[0]


class SakuinVectorStore(VectorStore):
    """An index as a vector store: hybrid search unless another mode is asked for.

    A text that is added is one document and one passage. Of an index that was built from files, results are passages:
    several may have the id of one document. Metadata are texts, numbers, booleans, dates and lists of these.

    Wherever results are asked for, ``filter`` is as ``where`` of `Searcher.search`, and further arguments (``mode``,
    ``dim``, ``rescore``, ``min_relevance``) are passed on to it.
    """

    def __init__(self, index: Index | str | os.PathLike[str] = ".sakuin", *, mode: str = "hybrid") -> None:
        """Open an index, and make it if it is not there.

        Args:
            index: Its folder, or an index that is open already, as with another model.
            mode: How to search where nothing else is said: "hybrid", "dense" or "bm25".
        """
        self.index = index if isinstance(index, Index) else Index.open(index)
        self.mode = mode
        self.searcher = self.index.searcher()

    def close(self) -> None:
        """Let go of the index's files."""
        self.searcher.close()

    @property
    def embeddings(self) -> SakuinEmbeddings:
        """The model of the index, at the dimensions that it stores."""
        return SakuinEmbeddings(self.index.model, dim=self.searcher.manifest.dim)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        index: Index | str | os.PathLike[str] = ".sakuin",
        mode: str = "hybrid",
        **kwargs: Any,
    ) -> "SakuinVectorStore":
        """Open an index and add texts to it.

        Args:
            texts: To add.
            embedding: `SakuinEmbeddings`, for an index that is to be made with another model or dimension; None for the
                index's own.
            metadatas: As for `add_texts`.
            ids: As for `add_texts`.
            index: As for `SakuinVectorStore`.
            mode: As for `SakuinVectorStore`.
            kwargs: As for `add_texts`.

        Raises:
            TypeError: ``embedding`` is something else: an index has words and vectors by its own model.
        """
        if embedding is not None and not isinstance(embedding, SakuinEmbeddings):
            raise TypeError(
                f"An index is made with a static model of its own, not with {type(embedding).__name__}: give "
                f"SakuinEmbeddings(model), or None for the packaged model."
            )
        if embedding is not None and not isinstance(index, Index):
            index = Index.open(index, model=embedding.model, dim=embedding.dim)
        store = cls(index, mode=mode)
        store.add_texts(texts, metadatas, ids=ids, **kwargs)
        return store

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts, in place of those of the same ids, in one commit.

        Args:
            texts: Each is a passage of its own, as a text splitter of LangChain gives them.
            metadatas: Of each.
            ids: Of each; where there is none, one is made up.
            kwargs: ``split=True`` cuts long texts into passages of a few sentences, as `Index.add` does.

        Returns:
            The ids.

        Raises:
            ValueError: there are more or fewer ids or metadata than texts.
            DocumentError: a text is empty, or its metadata cannot be stored; nothing is changed then.
        """
        given = list(texts)
        for what, values in (("metadatas", metadatas), ("ids", ids)):
            if values is not None and len(values) != len(given):
                raise ValueError(f"There are {len(given)} texts and {len(values)} {what}: give one for each.")
        names = [name or str(uuid.uuid4()) for name in ids or [None] * len(given)]
        known = metadatas or [{}] * len(given)
        self.index.add(
            (Stored(id=name, text=text, metadata=own) for name, text, own in zip(names, given, known, strict=True)),
            split=bool(kwargs.get("split", False)),
        )
        return names

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """Remove documents by their ids, those that are not there passed over; None removes all. Returns True."""
        self.index.delete([document.id for document in self.index.documents()] if ids is None else ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Whole documents, in the order of the ids; those that are not there are left out."""
        return [
            Document(id=found.id, page_content=found.text, metadata=dict(found.metadata))
            for found in self.index.get(list(ids))
        ]

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        filter: Filter | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The best passages for a query."""
        return [document for document, _ in self.similarity_search_with_score(query, k, filter, **kwargs)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        filter: Filter | None = None,
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """The same, with what they are ordered by: the larger, the better."""
        hits = self._search(query, k, filter, **kwargs)
        return [(document_of(place, hit), hit.score) for hit, place in islice(places(hits), k)]

    def _similarity_search_with_relevance_scores(
        self,
        query: str,
        k: int = 4,
        filter: Filter | None = None,
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """The same, with the probability that each answers; in an index too small to tell, its score from 0 to 1."""
        hits = self._search(query, k, filter, **kwargs)
        return [
            (document_of(place, hit), min(1.0, max(0.0, hit.score)) if hit.relevance is None else hit.relevance)
            for hit, place in islice(places(hits), k)
        ]

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        filter: Filter | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The passages nearest to a vector of the index's model, of as many dimensions as it stores or fewer."""
        hits = self.searcher.search_vector(embedding, k=k, where=filter, **kwargs).hits
        return [document_of(place, hit) for hit, place in islice(places(hits), k)]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Filter | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """Of the best passages for a query some that differ from each other.

        Args:
            query: Any text.
            k: At most so many.
            fetch_k: Of so many of the best.
            lambda_mult: 1 for the nearest to the query, 0 for the least like each other.
            filter: As everywhere.
            kwargs: As everywhere.
        """
        hits = self._search(query, fetch_k, filter, **kwargs)
        return self._varied(self.embeddings.embed_query(query), hits, k, lambda_mult)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Filter | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The same for a vector."""
        hits = self.searcher.search_vector(embedding, k=fetch_k, where=filter, **kwargs).hits
        return self._varied(embedding, hits, k, lambda_mult)

    def _search(self, query: str, k: int, where: Filter | None, **kwargs: Any) -> tuple[Hit, ...]:
        return self.searcher.search(
            query, k=k, where=where, **{"mode": self.mode, "group": "passage", "syntax": False, **kwargs}
        ).hits

    def _varied(self, query: list[float], hits: Sequence[Hit], k: int, lambda_mult: float) -> list[Document]:
        """Of hits those that maximal marginal relevance chooses."""
        vectors = list(self.searcher.vectors(hits, dim=len(query)))
        chosen = maximal_marginal_relevance(np.array(query), vectors, lambda_mult, k)
        return [document_of(hits[number].places[0], hits[number]) for number in chosen]


class SakuinRetriever(BaseRetriever):
    """The passages that answer a query, from an index of any origin, with where each stands.

    Beside a document's own metadata, passages have ``source`` (its uri), ``title``, ``heading``, ``start`` and ``end``
    (character offsets in the document), ``score`` and ``relevance``, where the document has no metadata of that name.

    Attributes:
        searcher: Of the index.
        k: At most so many passages; as ``mode``, ``where`` and ``min_relevance``, an argument of `Searcher.search`,
            which `invoke` takes too.
        mode: "hybrid", "dense" or "bm25".
        where: A filter.
        min_relevance: Leave out passages of a lower relevance, 0 to 1.
    """

    searcher: Searcher
    k: int = 10
    mode: str = "hybrid"
    where: Filter | None = None
    min_relevance: float = 0.0

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        settings: dict[str, Any] = {
            "k": self.k,
            "mode": self.mode,
            "where": self.where,
            "min_relevance": self.min_relevance,
            "group": "passage",
            "syntax": False,
        }
        return [cited(hit) for hit in self.searcher.search(query, **(settings | kwargs)).hits]


def document_of(place: Place, hit: Hit) -> Document:
    """A passage as LangChain has it, under the id of its document."""
    return Document(id=place.document.id, page_content=hit.text, metadata=dict(place.document.metadata))


def cited(hit: Hit) -> Document:
    """A passage with where it stands."""
    metadata = standing(hit, hit.places[0]) | hit.document.metadata
    return Document(id=hit.document.id, page_content=hit.text, metadata=metadata)
