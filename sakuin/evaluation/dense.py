"""Figures of a model's vectors alone, for every family of tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.components import for_clustering
from sakuin.embedder.model import normalized
from sakuin.evaluation.families import (
    BitextTask,
    ClassificationTask,
    ClusteringTask,
    PairClassificationTask,
    RerankingTask,
    RetrievalTask,
    StsTask,
    Task,
)
from sakuin.evaluation.jmteb import best_clustering, f1_by_threshold
from sakuin.evaluation.nearest import nearest
from sakuin.evaluation.results import TaskResult, result_of_rankings
from sakuin.evaluation.scores import average_precision, best_f1, macro_f1, spearman, v_measure, weighted_f1
from sakuin.tuning.metrics import CUTOFF

Role = Literal["query", "passage"]
Vectors = NDArray[np.float32]
# Runs of k-means that a figure is the mean of.
CLUSTERINGS = 10
SEED = 0
# Pairs of a query and a candidate that are gathered at a time: 32 MB of vectors a side at 1024 dimensions.
BLOCK_PAIRS = 8192
NO_ITEMS = np.empty(0, np.float64)


@dataclass(frozen=True)
class Side:
    """Texts of a task that are encoded alike: as queries or as passages, for models that tell them apart."""

    role: Role
    texts: tuple[str, ...]


def sides(task: Task) -> dict[str, Side]:
    """All texts of a task. Symmetric tasks use the query's prompt for everything, as JMTEB does for E5."""
    if isinstance(task, RetrievalTask | RerankingTask):
        return {"queries": Side("query", task.queries), "texts": Side("passage", task.texts)}
    if isinstance(task, ClassificationTask):
        return {"train": Side("query", task.train_texts), "texts": Side("query", task.texts)}
    if isinstance(task, ClusteringTask):
        return {"texts": Side("query", task.texts)} | ({"dev": Side("query", task.dev.texts)} if task.dev else {})
    if isinstance(task, PairClassificationTask) and task.dev:
        dev = {"dev_first": Side("query", task.dev.first), "dev_second": Side("query", task.dev.second)}
        return sides(replace(task, dev=None)) | dev
    return {"first": Side("query", task.first), "second": Side("query", task.second)}


def score(model: StaticEmbedder, task: Task, *, dim: int) -> float:
    """The main metric of a task of any family at ``dim`` dimensions; 0 to 1.

    Raises:
        ModelError: ``dim`` is not between 1 and the model's dimension.
    """
    vectors = {name: model.encode(side.texts, truncate_dim=dim) for name, side in sides(task).items()}
    return evaluate_vectors(task, vectors).score


def evaluate_vectors(task: Task, vectors: Mapping[str, Vectors]) -> TaskResult:
    """Figures of a task from the vectors of its sides.

    Args:
        task: Of any family.
        vectors: For each of ``sides(task)``, float32 (texts, d), of any length; truncated, but not
            scaled, to d dimensions.
    """
    match task:
        case RetrievalTask():
            return retrieval_result(task, vectors["queries"], vectors["texts"])
        case RerankingTask():
            return reranking_result(task, vectors["queries"], vectors["texts"])
        case StsTask():
            return sts_result(task, vectors["first"], vectors["second"])
        case ClassificationTask():
            return classification_result(task, vectors["train"], vectors["texts"])
        case ClusteringTask(metric="best_v_measure"):
            return best_clustering(task, vectors["texts"], vectors.get("dev"))
        case ClusteringTask():
            return clustering_result(task, vectors["texts"])
        case PairClassificationTask(metric="f1"):
            dev = (vectors["dev_first"], vectors["dev_second"]) if task.dev else None
            return f1_by_threshold(task, vectors["first"], vectors["second"], dev=dev)
        case PairClassificationTask():
            return pair_classification_result(task, vectors["first"], vectors["second"])
        case BitextTask():
            return bitext_result(task, vectors["first"], vectors["second"])


def retrieval_result(task: RetrievalTask, queries: Vectors, texts: Vectors) -> TaskResult:
    """Mean nDCG@10 of ranking the whole corpus by cosine."""
    rows, _ = nearest(normalized(queries), normalized(texts), k=CUTOFF)
    return result_of_rankings(task, [[task.docids[row] for row in best] for best in rows.tolist()])


def reranking_result(task: RerankingTask, queries: Vectors, texts: Vectors) -> TaskResult:
    """The task's metric of ranking each query's own candidates by cosine."""
    asked = np.repeat(np.arange(len(task.queries)), [len(own) for own in task.candidates])
    indices = np.concatenate([np.array(own, np.int64) for own in task.candidates])
    scores = np.empty(len(indices), np.float32)
    queries, texts = normalized(queries), normalized(texts)
    for start in range(0, len(indices), BLOCK_PAIRS):
        part = slice(start, start + BLOCK_PAIRS)
        scores[part] = np.einsum("ij,ij->i", queries[asked[part]], texts[indices[part]])
    # By query, then by score; lexsort is stable, so equal scores stay in the task's order, which says nothing.
    order = np.lexsort((-scores, asked))
    ends = np.cumsum([len(own) for own in task.candidates])
    return result_of_rankings(task, [list(map(str, own.tolist())) for own in np.split(indices[order], ends[:-1])])


def sts_result(task: StsTask, first: Vectors, second: Vectors) -> TaskResult:
    """Spearman's correlation of cosines and people's scores."""
    cosines = paired_cosines(first, second)
    return TaskResult(spearman(cosines, np.array(task.scores)), cosines, {})


def classification_result(task: ClassificationTask, train: Vectors, texts: Vectors) -> TaskResult:
    """Macro F1 of a logistic regression on the vectors as the model gives them.

    JMTEB fits scikit-learn's LogisticRegression with its default settings on unscaled vectors and, beside it, two
    nearest neighbours, of which it takes whichever is better on validation data. Here it is always the regression, with
    the same settings but enough iterations to converge.
    """
    from sklearn.linear_model import LogisticRegression

    _, codes = np.unique([*task.train_labels, *task.labels], return_inverse=True)
    known, gold = codes[: len(task.train_labels)], codes[len(task.train_labels) :]
    predicted = LogisticRegression(max_iter=1000, random_state=SEED).fit(train, known).predict(texts)
    return TaskResult(
        macro_f1(gold, predicted), predicted.astype(np.float64), {"accuracy": float((gold == predicted).mean())}
    )


def clustering_result(task: ClusteringTask, texts: Vectors) -> TaskResult:
    """V-measure of k-means with as many clusters as there are classes.

    Clustered is what `StaticEmbedder.encode` gives for the task "cluster": the principal components of the vectors,
    here of any model's; under other protocols the vectors as the model gives them. JMTEB tries mini-batch k-means,
    bisecting k-means, agglomerative clustering and BIRCH with that number of clusters and takes the best on validation
    data. Here it is always plain k-means, and the figure is the mean of ten runs from seeded starts: of single ones,
    the figure differs by several points from one to the next.
    """
    from sklearn.cluster import KMeans

    if task.by_components:
        texts = normalized(for_clustering(normalized(texts)))
    classes = len(set(task.labels))
    runs = (KMeans(n_clusters=classes, n_init=1, random_state=SEED + run) for run in range(CLUSTERINGS))
    figures = [v_measure(task.labels, each.fit_predict(texts)) for each in runs]
    return TaskResult(float(np.mean(figures)), NO_ITEMS, {"deviation": float(np.std(figures))})


def pair_classification_result(task: PairClassificationTask, first: Vectors, second: Vectors) -> TaskResult:
    """Average precision of cosines, and F1 at the threshold that is best for it."""
    cosines, labels = paired_cosines(first, second), np.array(task.labels)
    return TaskResult(average_precision(labels, cosines), cosines, {"f1": best_f1(labels, cosines)})


def bitext_result(task: BitextTask, first: Vectors, second: Vectors) -> TaskResult:
    """Accuracy of taking each sentence's nearest neighbour in the other language, the mean of both directions.

    A neighbour is right if its text is that of the translation, so a sentence that occurs twice is no mistake. F1 is
    MTEB's, weighted over the sentences to be found, the mean of both directions. Where the task's metric is
    "weighted_f1", the score is that of finding the second by the first alone, as MTEB has it.
    """
    first, second = normalized(first), normalized(second)
    hits, f1 = [], []
    for queries, texts, names in ((first, second, task.second), (second, first, task.first)):
        _, gold = np.unique(names, return_inverse=True)
        predicted = gold[nearest(queries, texts, k=1)[0][:, 0]]
        hits.append(gold == predicted)
        f1.append(weighted_f1(gold, predicted))
    there, back = hits
    extra = {"first_to_second": float(there.mean()), "second_to_first": float(back.mean()), "f1": float(np.mean(f1))}
    if task.metric == "weighted_f1":
        # By places, as MTEB counts: the other of two sentences that are equal is a mistake.
        found = nearest(first, second, k=1)[0][:, 0]
        return TaskResult(weighted_f1(np.arange(len(found)), found), found.astype(np.float64), extra)
    items = (there.astype(np.float64) + back) / 2
    return TaskResult(float(items.mean()), items, extra)


def paired_cosines(first: Vectors, second: Vectors) -> NDArray[np.float64]:
    """Cosines, float64 (n,), of each row with the other's row of the same number; 0 for zero vectors."""
    cosines: NDArray[np.float32] = np.einsum("ij,ij->i", normalized(first), normalized(second))
    return cosines.astype(np.float64)
