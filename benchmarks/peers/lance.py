"""LanceDB's hybrid search, with its default reranker (RRF)."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.kind import DIM, Index, Kind, Setting, Vectors

# From as many rows on it advises an index.
INDEX_FROM = 100_000
GRAPH_OF_INT8_TO = 200_000
CORES = os.cpu_count() or 1
FIELD, METRIC = "vector", "cosine"
WORDS: dict[str, Setting] = {
    "pairs of characters": {"base_tokenizer": "ngram", "ngram_min_length": 2, "ngram_max_length": 2},
    "ICU's words": {"base_tokenizer": "icu"},
}


class LanceDB:
    """A table with both indexes."""

    def __init__(self, folder: Path, words: Setting, index: Setting) -> None:
        import lancedb

        self._db, self._words, self._index = lancedb.connect(str(folder)), words, index
        self._table: Any = None
        self._probe: Setting = {}

    def build(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Write the table and make both indexes."""
        import pyarrow
        from lancedb.index import FTS

        columns = {
            "id": pyarrow.array(np.arange(len(texts))),
            "text": pyarrow.array(list(texts)),
            FIELD: pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), DIM),
        }
        self._table = self._db.create_table("passages", pyarrow.table(columns))
        options = WORDS[self._words["words"]] | {"stem": False, "remove_stop_words": False, "num_workers": CORES}
        self._table.create_index("text", config=FTS(**options))
        self.reindex(self._index)

    def reindex(self, index: Setting) -> None:
        """Make the index of vectors; without a kind there is none, and searches compare all."""
        from lancedb import index as kinds

        options = dict(index)
        kind = options.pop("index", None)
        if kind:
            self._table.create_index(FIELD, config=getattr(kinds, kind)(distance_type=METRIC, **options), replace=True)
        self._table.wait_for_index([each.name for each in self._table.list_indices()])

    def tune(self, probe: Setting) -> None:
        """Set nprobes, ef or refine_factor."""
        self._probe = probe

    def search(self, query: str, vector: Vectors, k: int) -> list[int]:
        """Hybrid query."""
        return self._asked(self._table.search(query_type="hybrid").vector(vector).text(query), k)

    def nearest(self, vector: Vectors, k: int) -> list[int]:
        """Vector query."""
        return self._asked(self._table.search(vector), k)

    def _asked(self, query: Any, k: int) -> list[int]:
        query = query.distance_type(METRIC).limit(k)
        for name, value in self._probe.items():
            query = getattr(query, name)(value)
        return [int(number) for number in query.to_arrow()["id"].to_pylist()]


def indexes(passages: int) -> tuple[Index, ...]:
    """As it comes none below 100,000 rows, and IVF-PQ from there."""
    default = Index({"index": "IvfPq"} if passages >= INDEX_FROM else {})
    exact = () if passages >= INDEX_FROM else (Index({}),)
    lists = max(1, round(passages**0.5))
    flat = Index({"index": "IvfFlat"}, tuple({"nprobes": count} for count in (10, 20, 50)))
    scalar = Index(
        {"index": "IvfSq", "num_partitions": lists},
        tuple({"nprobes": lists // share, "refine_factor": 2} for share in (8, 4, 2) if lists >= share),
    )
    # A graph of a million takes minutes to build, and over float32 it finds more than over int8.
    graphs = ("HnswFlat",) if passages > GRAPH_OF_INT8_TO else ("HnswSq", "HnswFlat")
    graph = {"num_partitions": 1, "m": 16, "ef_construction": 100}
    efforts = tuple({"ef": effort} for effort in (200, 400, 800))
    return (
        default,
        *exact,
        flat,
        scalar,
        *(Index({"index": kind, **graph}, efforts) for kind in graphs),
    )


LANCEDB = Kind(
    name="LanceDB hybrid",
    title="LanceDB {lancedb}",
    what="hybrid",
    distributions=("lancedb",),
    make=LanceDB,
    words={"words": "pairs of characters"},
    best_words={"words": "ICU's words"},
    indexes=indexes,
    buildings=(
        ({"words": "ICU's words"}, {"index": "IvfFlat"}),
        ({"words": "ICU's words"}, {"index": "IvfSq"}),
        ({"words": "ICU's words"}, {"index": "IvfRq"}),
    ),
)
