"""What relevances are worth: how well they tell queries without an answer, and how well they are calibrated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.abstention.answers import ANSWERABLE, EASY, EXAMPLE_SET, HARD, Answer, Answers, Setting
from experiments.abstention.corpora import base_of
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


def below(best: NDArray[np.float64], threshold: float) -> float:
    """The share of queries whose best hit has a lower relevance than some threshold."""
    return float((best < threshold).mean())


def judged(sets: Mapping[str, Answers]) -> dict[str, dict[Setting, Quality]]:
    """Quality of each set by weights learnt from those of other corpora, the example corpus never among them."""
    learnt = {
        base: fit_weights([own for name, own in sets.items() if base_of(name) not in (base, EXAMPLE_SET)])
        for base in dict.fromkeys(map(base_of, sets))
    }
    return {
        name: {
            way: quality_of(answers, learnt[base_of(name)][way.mode]) for way, answers in own.items() if usable(answers)
        }
        for name, own in sets.items()
    }
