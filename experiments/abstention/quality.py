"""What relevances are worth: how well they tell queries without an answer, and how well they are calibrated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.abstention.answers import ANSWERABLE, EASY, EXAMPLE_SET, HARD, Answer, Answers, Setting
from experiments.abstention.weights import fit_weights, usable, weighed_hits
from sakuin.search.relevance import Weights, log_odds, probability

BINS = 10


@dataclass(frozen=True)
class Quality:
    """What relevances are worth.

    Attributes:
        auc: By kind of unanswerable query, HARD or EASY: how often an answerable query's best hit has a higher
            relevance than an unanswerable one's.
        brier: Mean square of what the relevance of a hit is off.
        base: The same if every hit were given the share of relevant ones.
        error: Expected calibration error: what mean relevance and share of relevant hits are apart, over ten bins.
        best: The highest relevance of a hit, by kind, of each query that every leg of the mode could see.
    """

    auc: dict[int, float]
    brier: float
    base: float
    error: float
    best: dict[int, NDArray[np.float64]]


def quality_of(answers: Sequence[Answer], weights: Weights) -> Quality:
    """Judge relevances that some weights give."""
    known, relevant, counts = weighed_hits(answers)
    chance = probability(log_odds(known, weights))
    share = float(counts @ relevant / counts.sum())
    bins = np.minimum((chance * BINS).astype(int), BINS - 1)
    off = counts * (chance - relevant)
    best = {
        kind: np.array([answer.best(weights) for answer in answers if answer.kind == kind and answer.known])
        for kind in (ANSWERABLE, HARD, EASY)
    }
    return Quality(
        auc={kind: auc(best[ANSWERABLE], best[kind]) for kind in (HARD, EASY)},
        brier=float(counts @ (chance - relevant) ** 2 / counts.sum()),
        base=share * (1 - share),
        error=float(sum(abs(off[bins == number].sum()) for number in range(BINS)) / counts.sum()),
        best=best,
    )


def auc(high: NDArray[np.float64], low: NDArray[np.float64]) -> float:
    """Probability that a number of the first is higher than one of the second; ties count half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / 2 / len(low))


def precision_and_recall(best: Mapping[int, NDArray[np.float64]], kind: int, threshold: float) -> tuple[float, float]:
    """Precision and recall of abstaining where no hit has some relevance, were half of the queries answerable.

    Args:
        best: The highest relevance of a hit, by kind of query.
        kind: Of the unanswerable queries.
        threshold: Below this the search abstains.
    """
    wrong, right = (float((best[which] < threshold).mean()) for which in (ANSWERABLE, kind))
    return right / (right + wrong) if right + wrong else 1.0, right


def judge(name: str, sets: Mapping[str, Answers]) -> dict[Setting, Quality]:
    """Quality of one set by weights learnt from the other tasks."""
    weights = fit_weights([answers for other, answers in sets.items() if other not in (name, EXAMPLE_SET)])
    return {way: quality_of(answers, weights[way.mode]) for way, answers in sets[name].items() if usable(answers)}
