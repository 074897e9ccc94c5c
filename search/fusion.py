"""Joins the rankings of the two legs into one.

Reciprocal rank fusion (Cormack et al. 2009) throws the scores away, and with legs of unequal strength it falls below
the better one. A weighted sum of normalised scores (Bruch et al. 2023, arXiv:2210.11934) keeps them: where one leg is
sure and the other is not, the sure one decides.
"""

import numpy as np
from numpy.typing import NDArray

# Share of the dense leg; docs/experiments.md has the figures it was chosen by.
DENSE_WEIGHT = 0.3


def normalised(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores (n,) moved and scaled so that the lowest is 0 and the highest 1; all 0 where they are all equal."""
    values = scores.astype(np.float64)
    low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
    return (values - low) / (high - low) if high > low else np.zeros(len(values))


def weighted_shares(
    dense: NDArray[np.float32], bm25: NDArray[np.float32], dense_weight: float = DENSE_WEIGHT
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each leg adds to the fused score of each candidate.

    Args:
        dense: Cosines (n,) of the candidates of both legs together.
        bm25: BM25 scores (n,) of the same candidates.
        dense_weight: From 0 (only BM25) to 1 (only dense).

    Returns:
        Two arrays (n,); their sum is the fused score, from 0 to 1.
    """
    return dense_weight * normalised(dense), (1 - dense_weight) * normalised(bm25)
