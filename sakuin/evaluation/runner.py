"""Evaluates models on tasks, leaving out what is finished."""

from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from sakuin.evaluation.cache import Cache, hash_of_code, hash_of_texts
from sakuin.evaluation.dense import Side, Vectors, evaluate_vectors, sides
from sakuin.evaluation.families import RerankingTask, RetrievalTask, Task, digest
from sakuin.evaluation.models import DenseModel, Model, SearchModel
from sakuin.evaluation.results import ModelResults, TaskResult
from sakuin.evaluation.searching import evaluate_search

DIMS = (1024, 512, 256, 128, 64, 32)


def dims_of(model: Model, asked: Sequence[int] | None) -> tuple[list[int], str]:
    """The dimensions to evaluate a model at, largest first, and a note on those it does not have.

    Args:
        model: A search has just its own.
        asked: None for the model's own dimension and the usual smaller ones.
    """
    if isinstance(model, SearchModel):
        return [model.dim], ""
    if asked is None:
        return [model.dimension, *(dim for dim in DIMS if dim < model.dimension)], ""
    dims = sorted({dim for dim in asked if dim <= model.dimension}, reverse=True)
    left_out = sorted(set(asked) - set(dims), reverse=True)
    note = (
        f"{model.name} has {model.dimension} dimensions: left out {', '.join(map(str, left_out))}" if left_out else ""
    )
    if not dims:
        # A model is never left out of the tables without a figure.
        return [model.dimension], f"{note} and measured it whole."
    return dims, f"{note}." if note else ""


def evaluate(
    models: Sequence[Model], tasks: Sequence[Task], *, dims: dict[str, list[int]], cache: Cache
) -> Iterator[ModelResults]:
    """The results of each model in turn.

    Args:
        models: Of different names.
        tasks: Searches take part in retrieval and reranking only.
        dims: By model name, largest first.
        cache: What was finished before is taken from here.
    """
    searches = [model for model in models if isinstance(model, SearchModel)]
    searched: dict[str, ModelResults] = {}
    for model in models:
        if isinstance(model, SearchModel):
            searched = searched or evaluate_searches(searches, tasks, cache)
            yield searched[model.name]
            continue
        results = ModelResults(model.name, dims[model.name], model.pooling)
        for task in tqdm(tasks, model.name, leave=False, disable=None):
            results.tasks[task.name] = evaluate_dense(model, task, dims=dims[model.name], cache=cache)
        yield results


def evaluate_dense(model: DenseModel, task: Task, *, dims: Sequence[int], cache: Cache) -> dict[int, TaskResult]:
    """A model's figures on a task at each dimension, encoded once."""
    roles = {name: model.key(side.role) for name, side in sides(task).items()}
    keys = {dim: [hash_of_code(searching=False), digest(task), roles, dim] for dim in dims}
    figures = {dim: found for dim in dims if (found := cache.figures(keys[dim]))}
    missing = [dim for dim in dims if dim not in figures]
    if missing:
        whole = vectors_of(model, task, cache)
        for dim in missing:
            figures[dim] = evaluate_vectors(task, {name: truncated(vectors, dim) for name, vectors in whole.items()})
            cache.keep(keys[dim], figures[dim])
    return {dim: figures[dim] for dim in dims}


def vectors_of(model: DenseModel, task: Task, cache: Cache) -> dict[str, Vectors]:
    """Uncut vectors of each side of a task."""

    def encode(side: Side) -> Vectors:
        if not model.slow:
            return model.encode(side.texts, side.role)
        key = [model.key(side.role), hash_of_texts(side.texts)]
        return cache.vectors(key, (len(side.texts), model.dimension), lambda: model.encode(side.texts, side.role))

    return {name: encode(side) for name, side in sides(task).items()}


def truncated(vectors: Vectors, dim: int) -> Vectors:
    """The first dimensions of each vector, float32 (n, dim)."""
    return np.ascontiguousarray(vectors[:, :dim])


def evaluate_searches(searches: Sequence[SearchModel], tasks: Sequence[Task], cache: Cache) -> dict[str, ModelResults]:
    """Results of all search modes, which share one index a task."""
    results = {model.name: ModelResults(model.name, [model.dim]) for model in searches}
    ranking = [task for task in tasks if isinstance(task, RetrievalTask | RerankingTask)]
    for task in tqdm(ranking, " and ".join(results), leave=False, disable=None):
        keys = {
            model.name: [hash_of_code(searching=True), digest(task), model.name, model.fingerprint, model.dim]
            for model in searches
        }
        figures = {name: found for name, key in keys.items() if (found := cache.figures(key))}
        missing = [model for model in searches if model.name not in figures]
        if missing:
            dim = max(model.dim for model in missing) or None
            results_of_modes = evaluate_search(
                task, [model.name for model in missing], model=missing[0].source, dim=dim
            )
            for name, figure in results_of_modes.items():
                cache.keep(keys[name], figure)
            figures |= results_of_modes
        for model in searches:
            results[model.name].tasks[task.name] = {model.dim: figures[model.name]}
    return results
