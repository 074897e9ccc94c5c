"""Means over queries with their intervals, and whether two differ by more than the choice of queries explains.

Means (nDCG of queries, accuracy of translations) are compared by Fisher's randomisation test, which Smucker, Allan &
Carterette 2007 ("A comparison of statistical significance tests for information retrieval evaluation", CIKM)
recommend: under the null hypothesis it does not matter which model an item's two figures come from, so they are swapped
at random. Intervals are bootstrap percentiles (Efron & Tibshirani 1993). p-values are two-sided and not corrected for
the number of comparisons.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEED = 0
TRIALS = 10_000
BLOCK = 200
INTERVAL = (2.5, 97.5)

Items = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over queries, 0 to 1, and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """How much better the first model is.

    Attributes:
        value: Score of the first less score of the second.
        low, high: 95 % interval.
        p: Two-sided p-value.
        test: "randomisation" or "bootstrap".
    """

    value: float
    low: float
    high: float
    p: float
    test: str


def estimate(items: Items, seed: int = SEED) -> Estimate:
    """The mean of items (n,) and the percentiles of means of resamples (Efron & Tibshirani 1993)."""
    generator = np.random.default_rng(seed)
    means = [items[generator.integers(0, len(items), (BLOCK, len(items)))].mean(axis=1) for _ in range(TRIALS // BLOCK)]
    low, high = np.percentile(np.concatenate(means), INTERVAL)
    return Estimate(float(items.mean()), float(low), float(high))


def randomisation_test(a: Items, b: Items, trials: int = TRIALS, seed: int = SEED) -> Difference:
    """Fisher's randomisation test of the mean difference, with a bootstrap interval.

    Args:
        a: float64 (n,), figures of items by one model.
        b: float64 (n,), figures of the same items by the other.
        trials: Random swaps, and resamples for the interval.
        seed: Of the random numbers.
    """
    generator = np.random.default_rng(seed)
    differences = a - b
    value, n = float(differences.mean()), len(differences)
    as_large, means = 0, []
    for start in range(0, trials, BLOCK):
        rows = min(BLOCK, trials - start)
        signs = generator.integers(0, 2, (rows, n), np.int8) * 2 - 1
        # What is as large but for rounding counts as as large.
        as_large += int((np.abs(signs @ differences / n) >= abs(value) - 1e-12).sum())
        means.append(differences[generator.integers(0, n, (rows, n))].mean(axis=1))
    low, high = np.percentile(np.concatenate(means), INTERVAL)
    return Difference(value, float(low), float(high), (as_large + 1) / (trials + 1), "randomisation")
