"""Tasks from the Hugging Face hub: JMTEB, JQaRA, JaCWIR.

Everything but ``load_rows`` is a plain function from rows (dictionaries) to a task. Names and fields are those of

- sbintuitions/JMTEB, versions 1 and 2, whose retrieval and reranking tasks have two subsets, ``X-query`` and
  ``X-corpus``;
- hotchpotch/JQaRA, one row for each question and candidate passage;
- hotchpotch/JaCWIR, ``eval`` with a query, its positive and its negatives, and ``collection`` with all documents.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sakuin.evaluation.families import (
    ClassificationTask,
    ClusteringTask,
    PairClassificationTask,
    RerankingTask,
    RetrievalTask,
    StsTask,
    Task,
    make_classification,
    make_clustering,
    make_reranking,
    make_retrieval,
    titled,
)
from sakuin.evaluation.models import first_line
from sakuin.evaluation.tasks import UnreadTask
from sakuin.extras import missing
from sakuin.tuning.errors import EvaluationError

Row = Mapping[str, Any]
Rows = Iterable[Row]

# Where the hub keeps every data set as plain Parquet files.
CONVERTED = "refs/convert/parquet"
JMTEB, JQARA, JACWIR = "sbintuitions/JMTEB", "hotchpotch/JQaRA", "hotchpotch/JaCWIR"
# Family of each task of JMTEB.
JMTEB_TASKS = {
    "jagovfaqs_22k": "retrieval",
    "jaqket": "retrieval",
    "mrtydi": "retrieval",
    "nlp_journal_title_abs": "retrieval",
    "nlp_journal_title_intro": "retrieval",
    "nlp_journal_abs_intro": "retrieval",
    "nlp_journal_abs_article": "retrieval",
    "jacwir-retrieval": "retrieval",
    "miracl-retrieval": "retrieval",
    "mintaka-retrieval": "retrieval",
    "mldr-retrieval": "retrieval",
    "esci": "reranking",
    "jqara": "reranking",
    "jacwir-reranking": "reranking",
    "miracl-reranking": "reranking",
    "mldr-reranking": "reranking",
    "jsts": "sts",
    "jsick": "sts",
    "amazon_counterfactual_classification": "classification",
    "amazon_review_classification": "classification",
    "massive_intent_classification": "classification",
    "massive_scenario_classification": "classification",
    "japanese_sentiment_classification": "classification",
    "sib200_japanese_classification": "classification",
    "wrime_classification": "classification",
    "livedoor_news": "clustering",
    "mewsc16_ja": "clustering",
    "sib200_japanese_clustering": "clustering",
    "paws_x_ja": "pair_classification",
}


def find_hub_tasks(name: str, *, dev: bool = False) -> dict[str, UnreadTask]:
    """The tasks of a collection by name, none of them loaded.

    Args:
        name: "jmteb", "jqara" or "jacwir", or one task of JMTEB, as "jmteb/jsts".
        dev: Load the validation split too, of tasks in which something may be chosen by it.

    Raises:
        EvaluationError: no such collection or task.
    """
    collection, _, subset = name.lower().partition("/")
    if collection == "jqara" and not subset:
        return {"jqara": UnreadTask("reranking", lambda: jqara(load_rows(JQARA, None, "test")))}
    if collection == "jacwir" and not subset:
        return {
            "jacwir": UnreadTask(
                "reranking",
                lambda: jacwir(load_rows(JACWIR, "eval", "eval"), load_rows(JACWIR, "collection", "collection")),
            )
        }
    if collection == "jmteb" and (not subset or subset in JMTEB_TASKS):
        chosen = [subset] if subset else list(JMTEB_TASKS)
        return {f"jmteb/{task}": UnreadTask(JMTEB_TASKS[task], partial(load_jmteb, task, dev=dev)) for task in chosen}
    raise EvaluationError(
        f"There are no tasks {name} on the hub: use jqara, jacwir, jmteb, or one of JMTEB's: "
        + ", ".join(f"jmteb/{task}" for task in JMTEB_TASKS)
    )


def load_jmteb(task: str, *, dev: bool = False) -> Task:
    """A task of JMTEB from the hub, its test split; of clustering and pair classification the validation split too."""
    name, family = f"jmteb/{task}", JMTEB_TASKS[task]
    if family == "retrieval":
        return retrieval(name, load_rows(JMTEB, f"{task}-query", "test"), load_rows(JMTEB, f"{task}-corpus", "corpus"))
    if family == "reranking":
        return reranking(name, load_rows(JMTEB, f"{task}-query", "test"), load_rows(JMTEB, f"{task}-corpus", "corpus"))
    if family == "classification":
        return classification(name, load_rows(JMTEB, task, "train"), load_rows(JMTEB, task, "test"))
    rows = load_rows(JMTEB, task, "test")
    if family == "sts":
        return sts(name, rows)
    validation = load_rows(JMTEB, task, "validation") if dev else None
    if family == "clustering":
        return replace(clustering(name, rows), dev=None if validation is None else clustering(name, validation))
    pairs = pair_classification(name, rows)
    return replace(pairs, dev=None if validation is None else pair_classification(name, validation))


def retrieval(name: str, queries: Rows, corpus: Rows) -> RetrievalTask:
    """Rows {query, relevant_docs} and {docid, text}; ``relevant_docs`` is one docid or a list."""

    def answers(row: Row) -> list[str]:
        given = row["relevant_docs"]
        return [str(docid) for docid in (given if isinstance(given, list | tuple) else [given])]

    return make_retrieval(
        name,
        ((str(row["docid"]), row["text"]) for row in corpus),
        ((row["query"], answers(row)) for row in queries),
    )


def reranking(name: str, queries: Rows, corpus: Rows) -> RerankingTask:
    """Rows {query, retrieved_docs, relevance_scores} and {docid, text}; gains may be graded, as in ESCI."""
    texts = {str(row["docid"]): row["text"] for row in corpus}
    return make_reranking(
        name,
        ((row["query"], gains_of_texts(texts, row["retrieved_docs"], row["relevance_scores"])) for row in queries),
    )


def gains_of_texts(texts: Mapping[str, str], docids: Iterable[Any], gains: Iterable[float]) -> dict[str, float]:
    """Gain of each candidate's text; the largest where two candidates have one text."""
    best: dict[str, float] = {}
    for docid, gain in zip(docids, gains, strict=True):
        text = texts[str(docid)]
        best[text] = max(best.get(text, 0.0), float(gain))
    return best


def sts(name: str, rows: Rows) -> StsTask:
    """Rows {sentence1, sentence2, label}."""
    given = list(rows)
    return StsTask(
        name,
        tuple(row["sentence1"] for row in given),
        tuple(row["sentence2"] for row in given),
        tuple(float(row["label"]) for row in given),
    )


def pair_classification(name: str, rows: Rows) -> PairClassificationTask:
    """Rows {sentence1, sentence2, label}, label 0 or 1."""
    given = list(rows)
    return PairClassificationTask(
        name,
        tuple(row["sentence1"] for row in given),
        tuple(row["sentence2"] for row in given),
        tuple(int(row["label"]) for row in given),
    )


def classification(name: str, train: Rows, test: Rows) -> ClassificationTask:
    """Rows {text, label}."""
    return make_classification(
        name, [(row["text"], str(row["label"])) for row in train], [(row["text"], str(row["label"])) for row in test]
    )


def clustering(name: str, rows: Rows) -> ClusteringTask:
    """Rows {text, label}."""
    return make_clustering(name, [(row["text"], str(row["label"])) for row in rows])


def jqara(rows: Rows) -> RerankingTask:
    """Rows {q_id, question, title, text, label}, label 0 or 1: JQaRA's nDCG@10, with its MRR@10 beside it."""
    questions: dict[str, str] = {}
    gains: dict[str, dict[str, float]] = {}
    for row in rows:
        number, text = str(row["q_id"]), titled(row["title"], row["text"])
        questions[number] = row["question"]
        own = gains.setdefault(number, {})
        own[text] = max(own.get(text, 0.0), float(row["label"]))
    return make_reranking("jqara", ((questions[number], own) for number, own in gains.items()))


def jacwir(queries: Rows, collection: Rows) -> RerankingTask:
    """Rows {query, positive, negatives} and {doc_id, title, description}: JaCWIR's MAP@10, beside it its Hits@10."""
    texts = {str(row["doc_id"]): titled(row["title"], row["description"]) for row in collection}

    def judged(row: Row) -> tuple[str, dict[str, float]]:
        docids = [row["positive"], *row["negatives"]]
        return row["query"], gains_of_texts(texts, docids, [1.0] + [0.0] * len(row["negatives"]))

    return make_reranking("jacwir", map(judged, queries), "map@10")


def load_rows(path: str, subset: str | None, split: str) -> list[Row]:
    """The rows of a data set of the hub.

    A data set that is loaded by a Python script of its own, as JMTEB is, is read from the hub's conversion to Parquet
    instead: nothing that a data set brings is executed.

    Raises:
        EvaluationError: ``datasets`` is missing, or there is no network.
    """
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise EvaluationError(f"Cannot read {path}. {missing('datasets', 'eval')}") from error
    try:
        try:
            return list(load_dataset(path, subset, split=split))
        except RuntimeError as error:
            if "script" not in str(error):
                raise
            return list(load_dataset(path, subset, split=split, revision=CONVERTED))
    except Exception as error:  # Whatever it or the network raises: for the user it is one failure.
        asked = f"{path}/{subset}" if subset else path
        raise EvaluationError(
            f"Cannot load {asked} from the Hugging Face hub ({first_line(error)}). Check the network; or load it where "
            "there is one, and copy the folder ~/.cache/huggingface here."
        ) from error
