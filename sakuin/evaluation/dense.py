"""Figures of a model's vectors alone, for every family of tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
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
from sakuin.evaluation.nearest import nearest
from sakuin.evaluation.results import Measured, of_rankings
from sakuin.tuning.metrics import CUTOFF, average_precision, best_f1, macro_f1, spearman, v_measure, weighted_f1

Role = Literal["query", "passage"]
Vectors = NDArray[np.float32]
# Runs of k-means that a figure is the mean of.
CLUSTERINGS = 10
SEED = 0
# Pairs of a query and a candidate that are gathered at a time: 32 MB of vectors a side at 1024 numbers.
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
        return {"texts": Side("query", task.texts)}
    return {"first": Side("query", task.first), "second": Side("query", task.second)}


def score(model: StaticEmbedder, task: Task, dim: int) -> float:
    """The main metric of a task of any family at ``dim`` numbers; 0 to 1.

    Raises:
        ModelError: ``dim`` is not between 1 and the model's dimension.
    """
    return measure(task, {name: model.encode(side.texts, truncate_dim=dim) for name, side in sides(task).items()}).score


def measure(task: Task, vectors: Mapping[str, Vectors]) -> Measured:
    """Figures of a task from the vectors of its sides.

    Args:
        task: Of any family.
        vectors: For each of ``sides(task)``, float32 (texts, d), of any length; cut, but not scaled, to d numbers.
    """
    match task:
        case RetrievalTask():
            return measure_retrieval(task, vectors["queries"], vectors["texts"])
        case RerankingTask():
            return measure_reranking(task, vectors["queries"], vectors["texts"])
        case StsTask():
            return measure_sts(task, vectors["first"], vectors["second"])
        case ClassificationTask():
            return measure_classification(task, vectors["train"], vectors["texts"])
        case ClusteringTask():
            return measure_clustering(task, vectors["texts"])
        case PairClassificationTask():
            return measure_pair_classification(task, vectors["first"], vectors["second"])
        case BitextTask():
            return measure_bitext(task, vectors["first"], vectors["second"])


def measure_retrieval(task: RetrievalTask, queries: Vectors, texts: Vectors) -> Measured:
    """Mean nDCG@10 of ranking the whole corpus by cosine."""
    rows, _ = nearest(normalized(queries), normalized(texts), CUTOFF)
    return of_rankings(task, [[task.docids[row] for row in best] for best in rows.tolist()])


def measure_reranking(task: RerankingTask, queries: Vectors, texts: Vectors) -> Measured:
    """The task's metric of ranking each query's own candidates by cosine."""
    asked = np.repeat(np.arange(len(task.queries)), [len(places) for places in task.candidates])
    places = np.concatenate([np.array(places, np.int64) for places in task.candidates])
    scores = np.empty(len(places), np.float32)
    queries, texts = normalized(queries), normalized(texts)
    for start in range(0, len(places), BLOCK_PAIRS):
        part = slice(start, start + BLOCK_PAIRS)
        scores[part] = np.einsum("ij,ij->i", queries[asked[part]], texts[places[part]])
    # By query, then by score; lexsort is stable, so equal scores stay in the task's order, which says nothing.
    order = np.lexsort((-scores, asked))
    ends = np.cumsum([len(own) for own in task.candidates])
    return of_rankings(task, [list(map(str, own.tolist())) for own in np.split(places[order], ends[:-1])])


def measure_sts(task: StsTask, first: Vectors, second: Vectors) -> Measured:
    """Spearman's correlation of cosines and people's scores."""
    cosines = paired_cosines(first, second)
    return Measured(spearman(cosines, np.array(task.scores)), cosines, {})


def measure_classification(task: ClassificationTask, train: Vectors, texts: Vectors) -> Measured:
    """Macro F1 of a logistic regression on the vectors as the model gives them.

    JMTEB fits scikit-learn's LogisticRegression with its default settings on unscaled vectors and, beside it, two
    nearest neighbours, of which it takes whichever is better on validation data. Here it is always the regression, with
    the same settings but enough iterations to converge.
    """
    from sklearn.linear_model import LogisticRegression

    _, codes = np.unique([*task.train_labels, *task.labels], return_inverse=True)
    known, gold = codes[: len(task.train_labels)], codes[len(task.train_labels) :]
    predicted = LogisticRegression(max_iter=1000, random_state=SEED).fit(train, known).predict(texts)
    return Measured(
        macro_f1(gold, predicted), predicted.astype(np.float64), {"accuracy": float((gold == predicted).mean())}
    )


def measure_clustering(task: ClusteringTask, texts: Vectors) -> Measured:
    """V-measure of k-means with as many clusters as there are classes, on the vectors as the model gives them.

    JMTEB tries mini-batch k-means, bisecting k-means, agglomerative clustering and BIRCH with that number of clusters
    and takes the best on validation data. Here it is always plain k-means, and the figure is the mean of ten runs from
    seeded starts: of single ones, the figure differs by several points from one to the next.
    """
    from sklearn.cluster import KMeans

    classes = len(set(task.labels))
    runs = (KMeans(n_clusters=classes, n_init=1, random_state=SEED + run) for run in range(CLUSTERINGS))
    figures = [v_measure(task.labels, each.fit_predict(texts)) for each in runs]
    return Measured(float(np.mean(figures)), NO_ITEMS, {"deviation": float(np.std(figures))})


def measure_pair_classification(task: PairClassificationTask, first: Vectors, second: Vectors) -> Measured:
    """Average precision of cosines, and F1 at the threshold that is best for it."""
    cosines, labels = paired_cosines(first, second), np.array(task.labels)
    return Measured(average_precision(labels, cosines), cosines, {"f1": best_f1(labels, cosines)})


def measure_bitext(task: BitextTask, first: Vectors, second: Vectors) -> Measured:
    """Accuracy of taking each sentence's nearest neighbour in the other language, the mean of both directions.

    A neighbour is right if its text is that of the translation, so a sentence that occurs twice is no mistake. F1 is
    MTEB's, weighted over the sentences to be found, the mean of both directions.
    """
    first, second = normalized(first), normalized(second)
    hits, f1 = [], []
    for queries, texts, names in ((first, second, task.second), (second, first, task.first)):
        _, gold = np.unique(names, return_inverse=True)
        predicted = gold[nearest(queries, texts, 1)[0][:, 0]]
        hits.append(gold == predicted)
        f1.append(weighted_f1(gold, predicted))
    there, back = hits
    extra = {"first_to_second": float(there.mean()), "second_to_first": float(back.mean()), "f1": float(np.mean(f1))}
    items = (there.astype(np.float64) + back) / 2
    return Measured(float(items.mean()), items, extra)


def paired_cosines(first: Vectors, second: Vectors) -> NDArray[np.float64]:
    """Cosines, float64 (n,), of each row with the other's row of the same number; 0 for zero vectors."""
    cosines: NDArray[np.float32] = np.einsum("ij,ij->i", normalized(first), normalized(second))
    return cosines.astype(np.float64)
