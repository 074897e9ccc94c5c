"""The families of tasks, as JMTEB divides them, and the data that each holds.

JMTEB (sbintuitions/JMTEB) has retrieval, reranking, STS, classification, clustering and, in its first version, pair
classification; bitext matching is MTEB's (Muennighoff et al. 2023, arXiv:2210.07316). Every task knows the name of its
family and of its main metric.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import orjson

from sakuin.tuning.errors import EvaluationError


@dataclass(frozen=True)
class RetrievalTask:
    """Queries whose relevant documents are known.

    Attributes:
        name: File name before ``_retrieval_``.
        docids, texts: The corpus; a text is title, newline, text where there is a title.
        queries, relevant: The queries and, for each, the docids of its answers.
    """

    family: ClassVar[str] = "retrieval"
    metric: ClassVar[str] = "ndcg@10"
    name: str
    docids: tuple[str, ...]
    texts: tuple[str, ...]
    queries: tuple[str, ...]
    relevant: tuple[frozenset[str], ...]

    def missing(self) -> frozenset[str]:
        """The docids of answers that are not in the corpus, which no search can find."""
        return frozenset().union(*self.relevant) - frozenset(self.docids)


@dataclass(frozen=True)
class RerankingTask:
    """Queries, each with its own candidates of known relevance.

    Attributes:
        texts: All candidates of all queries, each text once.
        queries: The queries.
        candidates: For each query, the indices in ``texts`` of its candidates, in an order that says nothing.
        gains: For each query, how relevant each candidate is; 0 is not.
        metric: The main metric, "ndcg@10", "map@10", or "map", which looks at the whole ranking.
    """

    family: ClassVar[str] = "reranking"
    name: str
    texts: tuple[str, ...]
    queries: tuple[str, ...]
    candidates: tuple[tuple[int, ...], ...]
    gains: tuple[tuple[float, ...], ...]
    metric: str = "ndcg@10"


@dataclass(frozen=True)
class StsTask:
    """Pairs of sentences with people's scores of their similarity."""

    family: ClassVar[str] = "sts"
    metric: ClassVar[str] = "spearman"
    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class ClassificationTask:
    """Labelled texts to learn from and others to be labelled."""

    family: ClassVar[str] = "classification"
    metric: ClassVar[str] = "macro_f1"
    name: str
    train_texts: tuple[str, ...]
    train_labels: tuple[str, ...]
    texts: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class ClusteringTask:
    """Texts with the classes that clusters should find again.

    Attributes:
        texts, labels: The texts and the class of each.
        metric: "v_measure", or "best_v_measure" for that of the algorithm that is best on ``dev``.
        by_components: Whether what is clustered are the vectors' principal components, as encoding with the task
            "cluster" gives them, or the vectors as they are.
        dev: Others, by which to choose.
    """

    family: ClassVar[str] = "clustering"
    name: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    metric: str = "v_measure"
    by_components: bool = True
    dev: "ClusteringTask | None" = None


@dataclass(frozen=True)
class PairClassificationTask:
    """Pairs of sentences that belong together (1) or do not (0).

    Attributes:
        first, second, labels: The pairs and the label of each.
        metric: "average_precision", or "f1" for that of the measure and threshold that are best on ``dev``.
        dev: Others, by which to choose.
    """

    family: ClassVar[str] = "pair_classification"
    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    labels: tuple[int, ...]
    metric: str = "average_precision"
    dev: "PairClassificationTask | None" = None


@dataclass(frozen=True)
class BitextTask:
    """Sentences of one language and, in the same order, their translations.

    Attributes:
        first, second: The sentences.
        metric: "accuracy", of both directions, or "weighted_f1", of finding the second by the first.
    """

    family: ClassVar[str] = "bitext"
    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    metric: str = "accuracy"


Task = (
    RetrievalTask | RerankingTask | StsTask | ClassificationTask | ClusteringTask | PairClassificationTask | BitextTask
)

# In the order of tables.
FAMILIES = ("retrieval", "reranking", "sts", "classification", "clustering", "pair_classification", "bitext")


def make_reranking(
    name: str, judged: Iterable[tuple[str, Mapping[str, float]]], metric: str = "ndcg@10"
) -> RerankingTask:
    """A reranking task from (query, {candidate text: gain}).

    Candidates are put into the order of their hashes: data sets list positives first, or in the order of some ranker,
    which would decide ties in favour of the model. Queries without a relevant candidate are left out.

    Raises:
        EvaluationError: there is no query with one.
    """
    index_of: dict[str, int] = {}
    queries, candidates, gains = [], [], []
    for query, gain_of in judged:
        if any(gain > 0 for gain in gain_of.values()):
            shuffled = sorted(gain_of, key=lambda text: hashlib.sha256(text.encode()).digest())
            queries.append(query)
            candidates.append(tuple(index_of.setdefault(text, len(index_of)) for text in shuffled))
            gains.append(tuple(float(gain_of[text]) for text in shuffled))
    if not queries:
        raise EvaluationError(f"The task {name} has no query with a relevant candidate.")
    return RerankingTask(name, tuple(index_of), tuple(queries), tuple(candidates), tuple(gains), metric)


def make_retrieval(
    name: str, corpus: Iterable[tuple[str, str]], asked: Iterable[tuple[str, Iterable[str]]]
) -> RetrievalTask:
    """A retrieval task from (docid, text) and (query, docids of answers); queries without an answer are left out.

    Raises:
        EvaluationError: there is no query with an answer.
    """
    documents = list(corpus)
    judged = [(query, frozenset(docids)) for query, docids in asked]
    judged = [(query, docids) for query, docids in judged if docids]
    if not judged:
        raise EvaluationError(f"The task {name} has no query with a relevant document.")
    return RetrievalTask(
        name,
        tuple(docid for docid, _ in documents),
        tuple(text for _, text in documents),
        tuple(query for query, _ in judged),
        tuple(docids for _, docids in judged),
    )


def make_classification(
    name: str, train: Sequence[tuple[str, str]], judged: Sequence[tuple[str, str]]
) -> ClassificationTask:
    """A classification task from (text, label) to learn from and (text, label) to be judged by."""
    return ClassificationTask(
        name,
        tuple(text for text, _ in train),
        tuple(label for _, label in train),
        tuple(text for text, _ in judged),
        tuple(label for _, label in judged),
    )


def make_clustering(name: str, labelled: Sequence[tuple[str, str]]) -> ClusteringTask:
    """A clustering task from (text, label)."""
    return ClusteringTask(name, tuple(text for text, _ in labelled), tuple(label for _, label in labelled))


def titled(title: str | None, text: str) -> str:
    """What is encoded and indexed for a document: title, newline, text where there is a title."""
    return f"{title}\n{text}" if title else text


def size(task: Task) -> dict[str, int]:
    """How much there is of a task: numbers of queries, documents, pairs or texts."""
    if isinstance(task, RetrievalTask | RerankingTask):
        return {"queries": len(task.queries), "documents": len(task.texts)}
    if isinstance(task, ClassificationTask):
        return {"train": len(task.train_texts), "texts": len(task.texts), "classes": len(set(task.labels))}
    if isinstance(task, ClusteringTask):
        return {"texts": len(task.texts), "classes": len(set(task.labels))}
    return {"pairs": len(task.first)}


def digest(task: Task) -> str:
    """Hash of everything that a task's figures depend on: its family, metric, texts and judgements; not its name."""
    content = [getattr(task, field.name) for field in fields(task) if field.name != "name"]
    # Sets have no order of their own that would be the same in the next process.
    return hashlib.sha256(orjson.dumps([task.family, task.metric, content], default=sorted)).hexdigest()
