"""Whether two models differ on a task by more than the choice of its items explains, by `tuning.significance`."""

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
from sakuin.tuning.metrics import average_precision, macro_f1, spearman
from sakuin.tuning.significance import RESAMPLES, Difference, Items, paired_bootstrap, randomisation_test


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
    if isinstance(task, RetrievalTask | RerankingTask | BitextTask):
        return randomisation_test(a.items, b.items)
    statistic = statistic_of(task)
    return paired_bootstrap(a.items, b.items, statistic, resamples) if statistic else None


def statistic_of(task: Task) -> Callable[[NDArray[np.int64], Items], float] | None:
    """The function from indices of items and their figures to a task's score; None where there is none."""
    match task:
        case StsTask():
            scores = np.array(task.scores)
            return lambda chosen, items: spearman(scores[chosen], items)
        case PairClassificationTask():
            pairs = np.array(task.labels)
            return lambda chosen, items: average_precision(pairs[chosen], items)
        case ClassificationTask():
            _, codes = np.unique([*task.train_labels, *task.labels], return_inverse=True)
            gold = codes[len(task.train_labels) :]
            return lambda chosen, items: macro_f1(gold[chosen], items.astype(np.int64))
        case _:
            return None
