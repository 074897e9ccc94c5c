"""Whether two models differ on a task by more than the choice of its items explains.

Metrics that are means over items are compared by the randomisation test of `tuning.significance`, others (Spearman,
average precision, macro F1) by a paired bootstrap over items (Efron & Tibshirani 1993; for language tasks
Berg-Kirkpatrick et al. 2012). Clustering has no figure an item.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sakuin.evaluation.families import (
    BitextTask,
    ClassificationTask,
    PairClassificationTask,
    RerankingTask,
    RetrievalTask,
    StsTask,
    Task,
)
from sakuin.evaluation.results import TaskResult
from sakuin.evaluation.scores import average_precision, binary_f1, macro_f1, spearman, weighted_f1
from sakuin.tuning.significance import INTERVAL, SEED, Difference, Items, randomisation_test

# Each resample computes its metric anew.
RESAMPLES = 1000


def task_difference(task: Task, a: TaskResult, b: TaskResult, *, resamples: int = RESAMPLES) -> Difference | None:
    """Test the difference of two models on a task.

    Args:
        task: Of any family.
        a: Of the first model.
        b: Of the second.
        resamples: Of the bootstrap, where the task's score is no mean over items.

    Returns:
        The difference; None for clustering, which has no figure an item.
    """
    if isinstance(task, RetrievalTask | RerankingTask | BitextTask) and task.metric != "weighted_f1":
        return randomisation_test(a.items, b.items)
    statistic = statistic_of(task)
    return paired_bootstrap(a.items, b.items, statistic, resamples) if statistic else None


def statistic_of(task: Task) -> Callable[[NDArray[np.int64], Items], float] | None:
    """The function from indices of items and their figures to a task's score; None where there is none."""
    match task:
        case StsTask():
            scores = np.array(task.scores)
            return lambda chosen, items: spearman(scores[chosen], items)
        case PairClassificationTask(metric="f1"):
            golden = np.array(task.labels)
            return lambda chosen, items: binary_f1(golden[chosen], items.astype(np.int64))
        case BitextTask():
            return lambda chosen, items: weighted_f1(chosen, items.astype(np.int64))
        case PairClassificationTask():
            pairs = np.array(task.labels)
            return lambda chosen, items: average_precision(pairs[chosen], items)
        case ClassificationTask():
            _, codes = np.unique([*task.train_labels, *task.labels], return_inverse=True)
            gold = codes[len(task.train_labels) :]
            return lambda chosen, items: macro_f1(gold[chosen], items.astype(np.int64))
        case _:
            return None


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
        statistic: From positions of items and their figures to the score.
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
