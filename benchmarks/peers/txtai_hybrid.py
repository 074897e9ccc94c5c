"""txtai's hybrid search."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers.kind import DIM, Index, Kind, Setting, Vectors

WORDS: dict[str, Setting] = {
    "txtai's own words": {"method": "bm25"},
    "MeCab's words": {"method": "benchmarks.peers.txtai_words.MecabBM25"},
}


class Txtai:
    """Its BM25 and FAISS, texts stored in SQLite."""

    def __init__(self, folder: Path, words: Setting, index: Setting) -> None:
        from txtai import Embeddings

        self._vectors = self._built = np.zeros((0, DIM), np.float32)
        self._embeddings = Embeddings(
            method="external",
            transform=lambda inputs: self._next(inputs),
            scoring=WORDS[words["words"]] | {"terms": True, "normalize": True},
            faiss=dict(index),
            content=True,
        )

    def build(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Build both sides."""
        self._vectors = self._built = vectors
        self._embeddings.index((number, text, None) for number, text in enumerate(texts))

    def reindex(self, index: Setting) -> None:
        """Make FAISS's index anew."""
        from txtai.ann import ANNFactory

        self._embeddings.config["faiss"] = dict(index)
        self._embeddings.ann = ANNFactory.create(self._embeddings.config)
        self._embeddings.ann.index(self._built)

    def tune(self, probe: Setting) -> None:
        """Set nprobe."""
        self._embeddings.config["faiss"].update(probe)

    def search(self, query: str, vector: Vectors, k: int) -> list[int]:
        """Hybrid query."""
        self._vectors = vector[None, :]
        return [int(row["id"]) for row in self._embeddings.search(query, k)]

    def nearest(self, vector: Vectors, k: int) -> list[int]:
        """Query of FAISS alone."""
        return [int(number) for number, _ in self._embeddings.ann.search(vector[None, :], k)[0]]

    def _next(self, inputs: Sequence[str]) -> Vectors:
        """The vectors of the inputs, which come in order, in batches of txtai's choice."""
        rows, self._vectors = self._vectors[: len(inputs)], self._vectors[len(inputs) :]
        return rows


def indexes(passages: int) -> tuple[Index, ...]:
    """As it comes an IVF index of 4 sqrt(n) lists, a sixteenth of which is searched."""
    lists = min(round(4 * passages**0.5), passages // 39)
    shares = tuple({"nprobe": max(1, lists // share)} for share in (16, 8, 4, 2))
    return Index({}), Index({"sample": 0.2}, shares), Index({"components": "IDMap,Flat"})


TXTAI = Kind(
    name="txtai hybrid",
    title="txtai {txtai}",
    what="hybrid",
    distributions=("txtai",),
    make=Txtai,
    words={"words": "txtai's own words"},
    best_words={"words": "MeCab's words"},
    indexes=indexes,
    buildings=(
        ({"words": "txtai's own words"}, {"sample": 0.1}),
        ({"words": "MeCab's words"}, {"sample": 0.1}),
    ),
)
