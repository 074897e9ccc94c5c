"""Figures of a model's vectors alone."""

import numpy as np

from embedder import StaticEmbedder
from evaluation.metrics import ndcg_at, spearman
from evaluation.tasks import RetrievalTask, StsTask, Task

CUTOFF = 10


def score(model: StaticEmbedder, task: Task, dim: int) -> float:
    """nDCG@10 of a retrieval task by cosine, or Spearman of an STS task, at ``dim`` numbers; 0 to 1."""
    return score_sts(model, task, dim) if isinstance(task, StsTask) else score_retrieval(model, task, dim)


def score_sts(model: StaticEmbedder, task: StsTask, dim: int) -> float:
    """Spearman's correlation of cosine and people's scores."""
    first, second = (model.encode(side, truncate_dim=dim, normalize=True) for side in (task.first, task.second))
    return spearman((first * second).sum(axis=1), np.array(task.scores))


def score_retrieval(model: StaticEmbedder, task: RetrievalTask, dim: int) -> float:
    """Mean nDCG@10 of ranking the whole corpus by cosine."""
    corpus = model.encode(task.texts, truncate_dim=dim, normalize=True)
    queries = model.encode(task.queries, truncate_dim=dim, normalize=True)
    gains = []
    for vector, relevant in zip(queries, task.relevant, strict=True):
        best = np.argsort(-(corpus @ vector), kind="stable")[:CUTOFF]
        gains.append(ndcg_at(CUTOFF, [task.docids[i] for i in best], relevant))
    return float(np.mean(gains))
