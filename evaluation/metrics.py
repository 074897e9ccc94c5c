"""Metrics, as JMTEB and MTEB define them."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray


def ndcg_at(k: int, ranked: Sequence[str], relevant: Collection[str]) -> float:
    """Normalised discounted cumulative gain with binary relevance (Järvelin & Kekäläinen 2002), 0 to 1.

    Args:
        k: Cut-off rank.
        ranked: Names of what was found, best first, each once.
        relevant: Names of what should be found; 0 is returned where there are none.
    """
    gains = [1 / np.log2(rank + 2) for rank, name in enumerate(ranked[:k]) if name in relevant]
    ideal = [1 / np.log2(rank + 2) for rank in range(min(k, len(relevant)))]
    return float(sum(gains) / sum(ideal)) if ideal else 0.0


def spearman(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Spearman's rank correlation of two series, ties averaged; -1 to 1."""
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)
