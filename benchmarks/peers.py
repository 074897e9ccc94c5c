"""What users would pick instead, each as its documentation shows it, over the same vectors of the same model.

- LanceDB: a table with an IVF-PQ index (from 100,000 rows on, as it advises) and full-text search over pairs of
  characters, the setting it has for Japanese; hybrid queries with its default reranker (RRF).
- txtai: `hybrid=True`, its own BM25 and FAISS with the index it chooses for the number of rows, texts stored in SQLite.
- bm25s beside a flat FAISS index: MeCab words, RRF in a few lines; nothing is kept on disk.

All three get vectors from sentence-transformers, which loads our model as it is and is the slowest part of some of
them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

DIM = 256
CANDIDATES = 100
RRF_K = 60
LANCE_INDEX_FROM = 100_000

Vectors = NDArray[np.float32]


class Peer(Protocol):
    """A system that can be built from passages and asked; its name is its class's."""

    def __init__(self, folder: Path) -> None:
        """Make an empty one.

        Args:
            folder: For its files.
        """

    def build(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Take passages and their vectors (n, DIM), of length 1."""

    def search(self, query: str, vector: Vectors, k: int) -> list[int]:
        """The positions of the best k passages for a query and its vector (DIM,)."""


class LanceDB:
    """LanceDB's hybrid search."""

    def __init__(self, folder: Path) -> None:
        import lancedb

        self._db = lancedb.connect(str(folder))
        self._table: Any = None

    def build(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Build table and indexes."""
        import pyarrow

        table = pyarrow.table(
            {
                "id": pyarrow.array(np.arange(len(texts))),
                "text": pyarrow.array(list(texts)),
                "vector": pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), DIM),
            }
        )
        self._table = self._db.create_table("passages", table)
        self._table.create_fts_index(
            "text",
            base_tokenizer="ngram",
            ngram_min_length=2,
            ngram_max_length=2,
            stem=False,
            remove_stop_words=False,
            use_tantivy=False,
        )
        if len(texts) >= LANCE_INDEX_FROM:
            self._table.create_index(metric="cosine", vector_column_name="vector")
        self._table.wait_for_index([index.name for index in self._table.list_indices()])

    def search(self, query: str, vector: Vectors, k: int) -> list[int]:
        """Hybrid query."""
        found = self._table.search(query_type="hybrid").vector(vector).text(query).limit(k).to_arrow()
        return [int(number) for number in found["id"].to_pylist()]


class Txtai:
    """txtai's hybrid search."""

    def __init__(self, folder: Path) -> None:
        from txtai import Embeddings

        self._vectors = np.zeros((0, DIM), np.float32)
        self._embeddings = Embeddings(
            method="external", transform=lambda inputs: self._next(inputs), hybrid=True, content=True
        )

    def build(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Build both sides."""
        self._vectors = vectors
        self._embeddings.index((number, text, None) for number, text in enumerate(texts))

    def search(self, query: str, vector: Vectors, k: int) -> list[int]:
        """Hybrid query."""
        self._vectors = vector[None, :]
        return [int(row["id"]) for row in self._embeddings.search(query, k)]

    def _next(self, inputs: Sequence[str]) -> Vectors:
        """The vectors of the inputs, which come in order, in batches of txtai's choice."""
        rows, self._vectors = self._vectors[: len(inputs)], self._vectors[len(inputs) :]
        return rows


class Bm25sFaiss:
    """bm25s and FAISS, joined by hand."""

    def __init__(self, folder: Path) -> None:
        import bm25s
        import faiss
        from fugashi import GenericTagger
        from ipadic import MECAB_ARGS

        self._tagger = GenericTagger(f"-Owakati {MECAB_ARGS}")
        self._words = bm25s.BM25(method="lucene")
        self._flat = faiss.IndexFlatIP(DIM)

    def build(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Build both sides."""
        self._flat.add(vectors)
        self._words.index([self._tokens(text) for text in texts], show_progress=False)

    def search(self, query: str, vector: Vectors, k: int) -> list[int]:
        """Both lists, joined by reciprocal rank (Cormack et al. 2009)."""
        dense = self._flat.search(vector[None, :], CANDIDATES)[1][0]
        words = self._words.retrieve([self._tokens(query)], k=CANDIDATES, show_progress=False)[0][0]
        scores: dict[int, float] = {}
        for ranked in (dense.tolist(), words.tolist()):
            for rank, number in enumerate(ranked, 1):
                scores[number] = scores.get(number, 0) + 1 / (RRF_K + rank)
        return sorted(scores, key=lambda number: -scores[number])[:k]

    def _tokens(self, text: str) -> list[str]:
        return str(self._tagger.parse(text)).split()


PEERS: dict[str, type[Peer]] = {"LanceDB hybrid": LanceDB, "txtai hybrid": Txtai, "bm25s + FAISS flat": Bm25sFaiss}
