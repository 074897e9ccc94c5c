"""Whether two models differ by more than the choice of queries or pairs explains.

Metrics that are means over items (nDCG of queries, accuracy of translations) are compared by Fisher's randomisation
test, which Smucker, Allan & Carterette 2007 ("A comparison of statistical significance tests for information retrieval
evaluation", CIKM) recommend: under the null hypothesis it does not matter which model an item's two figures come from,
so they are swapped at random. Others (Spearman, average precision, macro F1) are compared by a paired bootstrap over
items (Efron & Tibshirani 1993; for language tasks Berg-Kirkpatrick et al. 2012). Intervals are bootstrap percentiles
for both. Clustering has no figure an item. p-values are two-sided and not corrected for the number of tasks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEED = 0
TRIALS = 10_000
# Each resample computes its metric anew.
RESAMPLES = 1000
BLOCK = 200
INTERVAL = (2.5, 97.5)

Items = NDArray[np.float64]


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


def paired_bootstrap(
    a: Items,
    b: Items,
    statistic: Callable[[NDArray[np.int64], Items], float],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Difference:
    """Paired bootstrap of the difference of a statistic.

    The p-value is twice the smaller share of resamples in which the difference is not positive, or not negative.

    Args:
        a: float64 (n,), figures of items by one model.
        b: float64 (n,), figures of the same items by the other.
        statistic: From places of items and their figures to the score.
        resamples: Of items, with replacement.
        seed: Of the random numbers.
    """
    generator = np.random.default_rng(seed)
    everything = np.arange(len(a))
    value = statistic(everything, a) - statistic(everything, b)
    differences = np.empty(resamples)
    for i in range(resamples):
        chosen = generator.integers(0, len(a), len(a))
        differences[i] = statistic(chosen, a[chosen]) - statistic(chosen, b[chosen])
    low, high = np.percentile(differences, INTERVAL)
    fewer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p = min(1.0, 2 * (fewer + 1) / (resamples + 1))
    return Difference(value, float(low), float(high), p, "bootstrap")
