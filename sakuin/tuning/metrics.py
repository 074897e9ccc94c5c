"""Metrics of rankings, 0 to 1, as trec_eval defines them.

Rankings are lists of names, best first, each once. Judgements are a collection of relevant names, each worth 1, or a
mapping from name to gain; names that are not in it are worth nothing.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

Judged = Collection[str] | Mapping[str, float]

CUTOFF = 10
"""The rank that figures look no further than, unless they say otherwise."""


def gain(relevant: Judged, name: str) -> float:
    """What finding a name is worth."""
    if isinstance(relevant, Mapping):
        return relevant.get(name, 0.0)
    return float(name in relevant)


def gains_of(relevant: Judged) -> list[float]:
    """All gains above 0, largest first."""
    gains = relevant.values() if isinstance(relevant, Mapping) else [1.0] * len(relevant)
    return sorted((value for value in gains if value > 0), reverse=True)


def ndcg_at(k: int, ranked: Sequence[str], relevant: Judged) -> float:
    """Normalised discounted cumulative gain with linear gains (Järvelin & Kekäläinen 2002), trec_eval's ndcg_cut.

    The ideal ranking is cut at k too. (JMTEB 1.x did not cut it in retrieval, which makes a difference only for queries
    with more than k relevant documents.)

    Args:
        k: Cut-off rank.
        ranked: Names of what was found, best first, each once.
        relevant: Names of what should be found, or their gains; 0 is returned where there are none.
    """
    discounts = 1 / np.log2(np.arange(k) + 2)
    found = np.array([gain(relevant, name) for name in ranked[:k]])
    ideal = np.array(gains_of(relevant)[:k])
    return float(found @ discounts[: len(found)] / (ideal @ discounts[: len(ideal)])) if len(ideal) else 0.0


def reciprocal_rank_at(k: int, ranked: Sequence[str], relevant: Judged) -> float:
    """1 over the rank of the first relevant name among the first k, 0 if none (Voorhees 1999); the mean is MRR@k."""
    return next((1 / rank for rank, name in enumerate(ranked[:k], 1) if gain(relevant, name) > 0), 0.0)


def average_precision_at(k: int, ranked: Sequence[str], relevant: Judged) -> float:
    """Mean over all relevant names of the precision at their rank, 0 beyond rank k; trec_eval's map_cut.

    The mean over queries is MAP@k.
    """
    hits = np.array([gain(relevant, name) > 0 for name in ranked[:k]], bool)
    precisions = np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)
    number = len(gains_of(relevant))
    return float(precisions.sum() / number) if number else 0.0


def hit_at(k: int, ranked: Sequence[str], relevant: Judged) -> float:
    """1 if a relevant name is among the first k, else 0; trec_eval's success, the mean is called Hits@k or hit rate."""
    return float(any(gain(relevant, name) > 0 for name in ranked[:k]))


def recall_at(k: int, ranked: Sequence[str], relevant: Judged) -> float:
    """Share of the relevant names that are among the first k; trec_eval's recall."""
    number = len(gains_of(relevant))
    return sum(gain(relevant, name) > 0 for name in ranked[:k]) / number if number else 0.0
