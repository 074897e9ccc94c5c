"""Scores of tasks that rank nothing, 0 to 1 (correlations from -1), as JMTEB and MTEB define them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def spearman(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Spearman's rank correlation of two series, ties averaged; -1 to 1, and 0 where one is constant."""
    from scipy.stats import spearmanr

    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b).statistic)


def macro_f1(gold: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Mean over classes of F1."""
    from sklearn.metrics import f1_score

    return float(f1_score(gold, predicted, average="macro", zero_division=0))


def binary_f1(gold: NDArray[Any], predicted: NDArray[Any]) -> float:
    """F1 of the class 1 among 0 and 1."""
    from sklearn.metrics import f1_score

    return float(f1_score(gold, predicted, zero_division=0))


def weighted_f1(gold: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Mean over classes of F1, weighted by how often each class occurs in ``gold``."""
    from sklearn.metrics import f1_score

    return float(f1_score(gold, predicted, average="weighted", zero_division=0))


def v_measure(gold: Sequence[str], clusters: NDArray[np.integer]) -> float:
    """Harmonic mean of homogeneity and completeness of clusters (Rosenberg & Hirschberg 2007)."""
    from sklearn.metrics import v_measure_score

    return float(v_measure_score(gold, clusters))


def average_precision(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """Area under the precision-recall curve as a step function; 0 where there is no positive label."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, scores)) if labels.any() else 0.0


def best_f1(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """F1 of the positive class at the threshold on ``scores`` that is best for it."""
    from sklearn.metrics import precision_recall_curve

    if not labels.any():
        return 0.0
    precision, recall, _ = precision_recall_curve(labels, scores)
    return float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))
