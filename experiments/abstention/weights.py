"""Weights of the evidence, learnt from what indexes answer."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from experiments.abstention.answers import FEWEST_QUERIES, SHARES, Answer, Answers
from sakuin.index.background import FEWEST
from sakuin.search import MODES
from sakuin.search.relevance import Evidence, Weights, log_odds, probability
from sakuin.tuning.errors import EvaluationError


def fit_weights(sets: Sequence[Answers]) -> dict[str, Weights]:
    """Weights of the evidence, by mode, learnt from all dimensions of some sets.

    Every set counts the same, whatever its number of queries, and so does each of its queries of one kind.

    Raises:
        EvaluationError: all sets are too small.
    """
    weights = {}
    for mode in MODES:
        parts = [
            weighed_hits(own) for answers in sets for way, own in answers.items() if way.mode == mode and usable(own)
        ]
        if not parts:
            raise EvaluationError(
                f"The other tasks are too small to learn from for mode {mode}: one needs {FEWEST} documents and "
                f"{FEWEST_QUERIES} queries."
            )
        known = concatenated([known for known, _, _ in parts])
        relevant, counts = (np.concatenate([part[item] for part in parts]) for item in (1, 2))
        weights[mode] = logistic(known, relevant, counts)
    return weights


def usable(answers: Sequence[Answer]) -> bool:
    """Whether there are queries enough, of each kind, to learn from."""
    numbers = Counter(answer.kind for answer in answers if answer.known)
    return all(numbers[kind] >= FEWEST_QUERIES for kind in SHARES)


def weighed_hits(answers: Sequence[Answer]) -> tuple[Evidence, NDArray[np.bool_], NDArray[np.float64]]:
    """Evidence of all hits, which are relevant, and how much each counts; all together 1, if there is every kind."""
    found = [(answer.known, answer) for answer in answers if answer.known]
    number = Counter(answer.kind for _, answer in found)
    counts = [
        np.full(len(answer.relevant), SHARES[answer.kind] / number[answer.kind] / len(answer.relevant))
        for _, answer in found
    ]
    return (
        concatenated([known for known, _ in found]),
        np.concatenate([answer.relevant for _, answer in found]),
        np.concatenate(counts),
    )


def concatenated(parts: Sequence[Evidence]) -> Evidence:
    """Evidence of several searches of one mode, one after the other."""
    meaning = [part.meaning for part in parts if part.meaning is not None]
    words = [part.words for part in parts if part.words is not None]
    return Evidence(
        np.concatenate(meaning) if meaning else None,
        np.concatenate(words) if words else None,
        np.concatenate([part.behind for part in parts]),
    )


def logistic(known: Evidence, relevant: NDArray[np.bool_], counts: NDArray[np.float64]) -> Weights:
    """The weights that make what is relevant most likely.

    Args:
        known: Of n hits.
        relevant: (n,), what is to be told.
        counts: (n,), how much each hit counts.
    """
    from scipy.optimize import minimize

    meaning = 0 if known.meaning is None else known.meaning.shape[1]
    words = 0 if known.words is None else known.words.shape[1]

    def unpacked(values: NDArray[np.float64]) -> Weights:
        flat = values.tolist()
        return Weights(
            tuple(flat[:meaning]) if meaning else None,
            tuple(flat[meaning:-1]) if words else None,
            flat[-1],
        )

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = unpacked(values)
        odds = log_odds(known, weights)
        off = counts * (probability(odds) - relevant)
        # What a leg's own odds are of both together is by how much they move them.
        legs = odds - weights.behind * known.behind
        slopes = [
            own.T @ (off * np.exp(own @ np.array(part) - legs))
            for own, part in ((known.meaning, weights.meaning), (known.words, weights.words))
            if own is not None and part is not None
        ]
        cost = counts @ (np.logaddexp(0, odds) - relevant * odds)
        return float(cost), np.concatenate([*slopes, [off @ known.behind]])

    # From where either leg has some odds, which grow with its score.
    start = [*([-3.0, 1.0, 0.0, 0.0, 0.0] if meaning else []), *([-3.0, 3.0] if words else []), 1.0]
    return unpacked(minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-7 * counts.sum()}).x)
