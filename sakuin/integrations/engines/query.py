"""What a query is to an engine that holds an exported index: a vector, and terms with what each counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.search import Searcher


@dataclass(frozen=True, slots=True, eq=False)
class EngineQuery:
    """A query as vector and terms.

    Attributes:
        vector: float32 (dim,), of length 1; zero where the model knows no part of the query.
        terms: Its terms, those of synonyms too, with their weights. The sum of weight times a passage's weight of the
            same term is the passage's BM25 score.
    """

    vector: NDArray[np.float32]
    terms: dict[str, float]


def engine_query(searcher: Searcher, text: str, *, dim: int | None = None) -> EngineQuery:
    """What to ask an engine for; the query language is not read, every character is searched as it stands.

    Args:
        searcher: Of the index that was exported: the same model, analysis and synonyms.
        text: The query.
        dim: Dimensions that were exported; None for all that are stored.
    """
    snapshot = searcher.snapshot
    vector = searcher.model.encode([text], truncate_dim=dim or snapshot.manifest.dim, normalize=True)[0]
    return EngineQuery(vector, snapshot.terms.weights(text))
