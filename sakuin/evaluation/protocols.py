"""How tasks are scored: by this project's own protocol, or by what JMTEB and MTEB do where they differ from it.

JMTEB is that of its own evaluators, versions 1; its version 2 evaluates by MTEB.
"""

from collections.abc import Iterable
from dataclasses import replace

from sakuin.evaluation.families import (
    FAMILIES,
    BitextTask,
    ClusteringTask,
    PairClassificationTask,
    RerankingTask,
    Task,
)

OWN, JMTEB, MTEB = "sakuin", "jmteb", "mteb"
PROTOCOLS = (OWN, JMTEB, MTEB)

NAMES = {OWN: "this", JMTEB: "JMTEB's", MTEB: "MTEB 2's"}
# What is measured otherwise under each protocol than the benchmark of that name, or the benchmarks, would.
DIFFERENCES: dict[str, dict[str, str]] = {
    OWN: {
        "reranking": "nDCG@10, JaCWIR MAP@10; MTEB 2 has MAP (--protocol mteb)",
        "sts": "cosine; JMTEB takes the best of four measures on validation data",
        "retrieval": "cosine; JMTEB takes the best of three measures on validation data",
        "classification": "macro F1 of logistic regression; JMTEB takes two nearest neighbours where they are better "
        "on validation data, MTEB the accuracy of ten regressions on eight texts a class",
        "clustering": "mean of ten runs of k-means on the texts' principal components; JMTEB takes the best of four "
        "algorithms on whole vectors by validation data (--protocol jmteb), MTEB 2 mini-batch k-means on ten samples",
        "pair_classification": "average precision of cosines; JMTEB has F1 by a measure and threshold chosen on "
        "validation data (--protocol jmteb), MTEB the best average precision of several measures",
        "bitext": "accuracy of both directions; MTEB has the weighted F1 of one (--protocol mteb)",
    },
    JMTEB: {
        "sts": "cosine, not the best of four measures on validation data",
        "retrieval": "cosine, not the best of three measures on validation data; the ideal ranking is cut at 10 too",
        "classification": "logistic regression that converges, not two nearest neighbours where they are better on "
        "validation data",
        "clustering": "seeded; where a task has no validation data, it is chosen by the task itself",
        "pair_classification": "where a task has no validation data, it is chosen by the task itself",
        "bitext": "no task of JMTEB: accuracy of both directions",
    },
    MTEB: {
        "classification": "macro F1 of a regression on all texts, not the accuracy of ten on eight texts a class",
        "clustering": "mean of ten runs of k-means on all texts, not mini-batch k-means on ten samples",
        "pair_classification": "average precision of cosines, not the best of several measures",
    },
}


def under(protocol: str, task: Task) -> Task:
    """A task as a protocol scores it; of what only another protocol chooses by, nothing is left.

    Args:
        protocol: One of `PROTOCOLS`.
        task: As it was read.
    """
    match task, protocol:
        case RerankingTask(), "jmteb":
            return replace(task, metric="ndcg@10")
        case RerankingTask(), "mteb":
            return replace(task, metric="map")
        case ClusteringTask(), "jmteb":
            return replace(task, metric="best_v_measure", by_components=False)
        case ClusteringTask(), "mteb":
            return replace(task, dev=None, by_components=False)
        case PairClassificationTask(), "jmteb":
            return replace(task, metric="f1")
        case ClusteringTask() | PairClassificationTask(), _:
            return replace(task, dev=None)
        case BitextTask(), "mteb":
            return replace(task, metric="weighted_f1")
    return task


def differences(protocol: str, tasks: Iterable[Task]) -> list[str]:
    """Sentences that say where figures differ from those of JMTEB and MTEB, of the families among tasks."""
    there = {task.family for task in tasks}
    told = DIFFERENCES[protocol]
    return [
        f"{family.replace('_', ' ')} under {NAMES[protocol]} protocol: {told[family]}."
        for family in FAMILIES
        if family in there and family in told
    ]
