"""What an evaluation gives: a score, what it is the mean of, and the scores beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sakuin.evaluation.families import RerankingTask, RetrievalTask, Task
from sakuin.tuning.metrics import CUTOFF, average_precision_at, hit_at, ndcg_at, recall_at, reciprocal_rank_at

RANKING_METRICS = {
    "ndcg@10": ndcg_at,
    "mrr@10": reciprocal_rank_at,
    "map@10": average_precision_at,
    "hits@10": hit_at,
    "recall@10": recall_at,
}


WHOLE_RANKING = "map"
"""The metric of rankings that looks beyond rank `CUTOFF`: such rankings must name all that was found."""


@dataclass(frozen=True)
class TaskResult:
    """A model's figures on one task at one dimension.

    Attributes:
        score: The task's main metric, 0 to 1.
        items: float64, what the score is made of, one number an item, for significance tests: the metric itself for
            each query or pair of translations; the cosine of each pair (STS, pair classification); the index of each
            predicted label among the sorted labels (classification), the predicted label (F1 of pair classification),
            the place of the sentence that was found (weighted F1 of bitext matching); none (clustering).
        extra: Other metrics by name.
    """

    score: float
    items: NDArray[np.float64]
    extra: dict[str, float]


@dataclass
class ModelResults:
    """All results of one model.

    Attributes:
        name: As it was asked for.
        dims: Dimensions evaluated, largest first; 0 stands for a search that compares no vectors.
        pooling: Of a static model; None for others.
        tasks: Figures by task name and dimension.
    """

    name: str
    dims: list[int]
    pooling: str | None = None
    tasks: dict[str, dict[int, TaskResult]] = field(default_factory=dict)


def result_of_rankings(task: RetrievalTask | RerankingTask, rankings: Sequence[Sequence[str]]) -> TaskResult:
    """Figures of rankings.

    Args:
        task: A retrieval task, or a reranking task, whose candidates are called by their indices as strings.
        rankings: For each query, the names of its best documents, at least ten where there are as many; all of them
            where the task's metric is `WHOLE_RANKING`.
    """
    values = {
        metric: np.array([function(CUTOFF, *pair) for pair in zip(rankings, judgements(task), strict=True)], np.float64)
        for metric, function in RANKING_METRICS.items()
    }
    if task.metric == WHOLE_RANKING:
        pairs = zip(rankings, judgements(task), strict=True)
        values[WHOLE_RANKING] = np.array(
            [average_precision_at(len(ranked), ranked, judged) for ranked, judged in pairs]
        )
    items = values.pop(task.metric)
    return TaskResult(float(items.mean()), items, {metric: float(each.mean()) for metric, each in values.items()})


def judgements(task: RetrievalTask | RerankingTask) -> Sequence[frozenset[str] | dict[str, float]]:
    """For each query, the names of its relevant documents, or the gains of its candidates."""
    if isinstance(task, RetrievalTask):
        return task.relevant
    return [
        {str(index): gain for index, gain in zip(*pair, strict=True)}
        for pair in zip(task.candidates, task.gains, strict=True)
    ]


def in_order(tasks: Sequence[Task], families: Sequence[str]) -> list[Task]:
    """Tasks by family, in the order of families, then by name."""
    return sorted(tasks, key=lambda task: (families.index(task.family), task.name))
