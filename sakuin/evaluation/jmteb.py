"""What JMTEB chooses on validation data: an algorithm of clustering; a measure of pairs, and its threshold.

Where a task has no validation data, the choice is by the task itself, as JMTEB's is when it is given one set for both.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.model import normalized
from sakuin.evaluation.families import ClusteringTask, PairClassificationTask
from sakuin.evaluation.results import TaskResult
from sakuin.evaluation.scores import average_precision, binary_f1, v_measure
from sakuin.tuning.errors import EvaluationError

Vectors = NDArray[np.float32]
SEED = 0


def best_clustering(task: ClusteringTask, texts: Vectors, dev: Vectors | None) -> TaskResult:
    """V-measure of the one of four algorithms that is best on validation data.

    JMTEB's four, of as many clusters as the task has classes, with its settings; seeded, which JMTEB is not.

    Args:
        task: Of metric "best_v_measure".
        texts: float32 (texts, d).
        dev: float32 (texts, d) of ``task.dev``; None where there is none.

    Raises:
        EvaluationError: there are fewer texts to choose by than classes.
    """
    from sklearn.cluster import AgglomerativeClustering, Birch, BisectingKMeans, MiniBatchKMeans

    classes = len(set(task.labels))
    chosen_by = task.dev or task
    if len(chosen_by.texts) < classes:
        raise EvaluationError(
            f"The task {task.name} has {classes} classes, and {len(chosen_by.texts)} texts to choose an algorithm by: "
            f"give it more of these."
        )
    algorithms = {
        "mini_batch_kmeans": MiniBatchKMeans(n_clusters=classes, n_init="auto", random_state=SEED),
        "agglomerative": AgglomerativeClustering(n_clusters=classes),
        "bisecting_kmeans": BisectingKMeans(n_clusters=classes, random_state=SEED),
        "birch": Birch(n_clusters=classes),
    }
    by_dev = texts if dev is None else dev
    figures = {name: v_measure(chosen_by.labels, each.fit_predict(by_dev)) for name, each in algorithms.items()}
    best = max(figures, key=lambda name: figures[name])
    score = v_measure(task.labels, algorithms[best].fit_predict(texts))
    return TaskResult(score, np.empty(0), {f"chosen_by_{name}": figure for name, figure in figures.items()})


@dataclass(frozen=True)
class Threshold:
    """Pairs whose likeness is this or more are taken to belong together, and what F1 that gives."""

    value: float
    f1: float


def f1_by_threshold(
    task: PairClassificationTask, first: Vectors, second: Vectors, *, dev: tuple[Vectors, Vectors] | None
) -> TaskResult:
    """F1 of pairs, told apart by the measure and threshold that are best on validation data.

    Args:
        task: Of metric "f1".
        first: float32 (pairs, d).
        second: The same.
        dev: Both of ``task.dev``; None where there is none.

    Raises:
        EvaluationError: all labels to choose by are equal.
    """
    golden = np.array((task.dev or task).labels)
    if len(set(golden.tolist())) != 2:
        raise EvaluationError(f"The task {task.name} has one label only to choose a threshold by.")
    chosen_by = likenesses(*(dev or (first, second)))
    thresholds = {name: best_threshold(golden, values) for name, values in chosen_by.items()}
    best = max(thresholds, key=lambda name: thresholds[name].f1)
    own = likenesses(first, second)
    predicted = own[best] >= thresholds[best].value
    labels = np.array(task.labels)
    extra = {"average_precision": average_precision(labels, own["cosine"])}
    extra |= {f"chosen_by_{name}": threshold.f1 for name, threshold in thresholds.items()}
    return TaskResult(binary_f1(labels, predicted.astype(np.int64)), predicted.astype(np.float64), extra)


def likenesses(first: Vectors, second: Vectors) -> dict[str, NDArray[np.float64]]:
    """How alike the rows of two sets are, float64 (pairs,) by each measure; the larger, the more alike."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    cosines = np.einsum("ij,ij->i", normalized(first).astype(np.float64), normalized(second))
    return {
        "cosine": cosines,
        "manhattan": -np.abs(a - b).sum(axis=1),
        "euclidean": -np.linalg.norm(a - b, axis=1),
        "dot": np.einsum("ij,ij->i", a, b),
    }


def best_threshold(golden: NDArray[np.integer], values: NDArray[np.float64]) -> Threshold:
    """The threshold halfway between two neighbours that gives the best F1; of equal ones the highest.

    Args:
        golden: 0 or 1 (pairs,).
        values: float64 (pairs,), how alike each pair is.
    """
    order = np.argsort(-values, kind="stable")
    found = np.cumsum(golden[order])[:-1]
    # 2 / (1 / precision + 1 / recall), of taking the first 1, 2, ... pairs.
    f1 = 2 * found / (np.arange(1, len(golden)) + golden.sum())
    best = int(np.argmax(f1))
    return Threshold(float(values[order[best : best + 2]].mean()), float(f1[best]))
