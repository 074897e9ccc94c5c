"""What a second opinion adds to the scores of the legs.

It is one more leg of the sum: its scores of the first hits, brought to 0 to 1 by their lowest and highest, with a
weight; the legs keep the rest of the weight. Hits that were not looked at get nothing of it, so they stay behind those
that were. docs/experiments/second-opinion.md has the figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sakuin.search.fusion import Scaling
from sakuin.search.ranked import Ranked
from sakuin.search.results import LegScore

WEIGHT = 0.4
"""Of the opinion; the legs share the rest."""


def combined(ranked: Sequence[Ranked], opinions: Mapping[int, float], *, weight: float = WEIGHT) -> list[Ranked]:
    """Hits in the order of their scores with the opinion, under the ranks that they had together.

    Args:
        ranked: Best first.
        opinions: Scores by a transformer of the first of them, by passage id; all of the first so many.
        weight: Of the opinion.
    """
    if not opinions:
        return list(ranked)
    values = np.array(list(opinions.values()), np.float32)
    scaling = Scaling.of(values, weight)
    order = {passage_id: rank for rank, passage_id in enumerate(sorted(opinions, key=lambda one: -opinions[one]), 1)}
    highest = max(hit.score for hit in ranked)
    found = []
    for hit in ranked:
        legs = (hit.dense, hit.bm25, hit.interaction)
        dense, bm25, interaction = (lessened(leg, 1 - weight, highest) for leg in legs)
        opinion = None
        if hit.passage_id in opinions:
            score = opinions[hit.passage_id]
            opinion = LegScore(order[hit.passage_id], score, float(scaling.weight * scaling.normalised(score)), scaling)
        total = sum(leg.share for leg in (dense, bm25, interaction, opinion) if leg)
        found.append(replace(hit, score=total, dense=dense, bm25=bm25, interaction=interaction, rerank=opinion))
    best = sorted(found, key=lambda hit: -hit.score)
    return [replace(hit, rank=own.rank) for hit, own in zip(best, ranked, strict=True)]


def lessened(leg: LegScore | None, weight: float, highest: float) -> LegScore | None:
    """A leg's score of a hit where a share of the weight goes to the opinion.

    Args:
        leg: As it was.
        weight: What is left to the legs.
        highest: Score of the best hit, which counts as all where the leg is alone.
    """
    if leg is None:
        return None
    scaling = replace(leg.scaling, weight=weight * leg.scaling.weight) if leg.scaling else Scaling(weight, 0.0, highest)
    return LegScore(leg.rank, leg.score, float(scaling.weight * scaling.normalised(leg.score)), scaling)
