"""Judgements and rankings as files that trec_eval and its relatives read.

A qrels line is "query 0 document gain", a run line "query Q0 document rank score model". Queries are called q1, q2 ...
in the order of the task.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sakuin.embedder.model import normalized
from sakuin.evaluation.cache import Cache
from sakuin.evaluation.families import RetrievalTask
from sakuin.evaluation.models import DenseModel, Model, SearchModel
from sakuin.evaluation.nearest import nearest
from sakuin.evaluation.runner import truncated, vectors_of
from sakuin.evaluation.searching import ScoredDocids, rank_corpus
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.qrels import plain, write_lines

DEPTH = 100


def write_runs(
    folder: Path,
    models: Sequence[Model],
    *,
    tasks: Sequence[RetrievalTask],
    dims: dict[str, list[int]],
    cache: Cache,
) -> None:
    """Write TASK.qrels, and TASK.MODEL.run with the best hundred documents of each query at the largest dimension.

    Raises:
        EvaluationError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for task in tasks:
            write_lines(folder / f"{plain(task.name)}.qrels", qrels_lines(task))
            for model in models:
                tag = plain(model.name)
                rankings = rankings_of(model, task, dims[model.name][0], cache)
                write_lines(folder / f"{plain(task.name)}.{tag}.run", run_lines(rankings, tag))
    except OSError as error:
        raise EvaluationError(f"Cannot write to {folder} ({error.strerror or error}): give --runs another.") from error


def rankings_of(model: Model, task: RetrievalTask, dim: int, cache: Cache) -> list[ScoredDocids]:
    """For each query, its best documents with their scores."""
    if isinstance(model, SearchModel):
        return rank_corpus(task, [model.name], model=model.source, dim=dim or None, k=DEPTH)[model.name]
    return dense_rankings(model, task, dim, cache)


def dense_rankings(model: DenseModel, task: RetrievalTask, dim: int, cache: Cache) -> list[ScoredDocids]:
    """For each query, its nearest documents with their cosines."""
    vectors = {name: normalized(truncated(whole, dim)) for name, whole in vectors_of(model, task, cache).items()}
    rows, cosines = nearest(vectors["queries"], vectors["texts"], k=DEPTH)
    return [
        [(task.docids[row], cosine) for row, cosine in zip(*best, strict=True)]
        for best in zip(rows.tolist(), cosines.tolist(), strict=True)
    ]


def qrels_lines(task: RetrievalTask) -> Iterable[str]:
    """The lines of a task's judgements."""
    for number, docids in enumerate(task.relevant, 1):
        for docid in sorted(docids):
            yield f"q{number} 0 {plain(docid)} 1"


def run_lines(rankings: Sequence[ScoredDocids], tag: str) -> Iterable[str]:
    """The lines of a run."""
    for number, ranking in enumerate(rankings, 1):
        for rank, (docid, score) in enumerate(ranking, 1):
            yield f"q{number} Q0 {plain(docid)} {rank} {score:.9g} {tag}"
