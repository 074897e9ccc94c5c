"""bm25s and FAISS, joined by hand."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.kind import DIM, Index, Kind, Setting, Vectors, by_rank
from benchmarks.peers.words import tokens, tokens_of_all

CANDIDATES = 100
CORES = os.cpu_count() or 1
# As many vectors train an index.
TRAINED_ON = 100_000


class Bm25sFaiss:
    """Both in memory."""

    def __init__(self, folder: Path, words: Setting, index: Setting) -> None:
        import bm25s

        self._words = bm25s.BM25(method="lucene", backend=words["backend"])
        self._processes, self._setting = words.get("processes", 1), index
        self._vectors = np.zeros((0, DIM), np.float32)
        self._index: Any = None

    def build(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Build both sides."""
        self._vectors = vectors
        self.reindex(self._setting)
        self._words.index(tokens_of_all(texts, self._processes), show_progress=False)

    def reindex(self, index: Setting) -> None:
        """Make FAISS's index anew, by its factory."""
        import faiss

        self._index = faiss.index_factory(DIM, index["index"], faiss.METRIC_INNER_PRODUCT)
        self._index.train(self._vectors[:TRAINED_ON])
        self._index.add(self._vectors)

    def tune(self, probe: Setting) -> None:
        """Set threads, nprobe or k_factor."""
        import faiss

        faiss.omp_set_num_threads(probe.get("threads", CORES))
        if "nprobe" in probe:
            faiss.extract_index_ivf(self._index).nprobe = probe["nprobe"]
        if "k_factor" in probe:
            self._index.k_factor = probe["k_factor"]

    def search(self, query: str, vector: Vectors, k: int) -> list[int]:
        """Both lists, joined by rank."""
        found = self._words.retrieve([tokens(query)], k=CANDIDATES, show_progress=False)[0][0]
        return by_rank([self.nearest(vector, CANDIDATES), found.tolist()], k)

    def nearest(self, vector: Vectors, k: int) -> list[int]:
        """FAISS alone."""
        found: list[int] = self._index.search(vector[None, :], k)[1][0].tolist()
        return found


def indexes(passages: int) -> tuple[Index, ...]:
    """As it comes flat; at its best codes of 4 bits, all or in lists, whose best are compared exactly."""
    lists = max(1, round(passages**0.5))
    threads = ({"threads": 1}, {"threads": CORES})
    # Codes of 4 bits are compared by one thread for each query.
    refined = tuple({"threads": 1, "k_factor": factor} for factor in (1, 4))
    listed = tuple({"threads": 1, "k_factor": 2, "nprobe": max(1, lists // share)} for share in (4, 2))
    return (
        Index({"index": "Flat"}, threads),
        Index({"index": "PQ128x4fs,RFlat"}, refined),
        Index({"index": f"IVF{lists},PQ128x4fs,RFlat"}, listed),
    )


BM25S_FAISS = Kind(
    name="bm25s + FAISS",
    title="bm25s {bm25s} + FAISS {faiss_cpu}",
    what="ids of passages only",
    distributions=("bm25s", "faiss-cpu"),
    make=Bm25sFaiss,
    words={"backend": "numpy"},
    best_words={"backend": "numba", "processes": CORES},
    indexes=indexes,
    # Flat is what FAISS builds fastest.
    buildings=(({"backend": "numpy", "processes": CORES}, {"index": "Flat"}),),
)
