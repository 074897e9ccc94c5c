"""Tasks read from a folder of JSON Lines files, recognised by their names and the fields of their first line.

| file(s) | fields | family | task name |
| --- | --- | --- | --- |
| X_retrieval_corpus, X_retrieval_queries | docid, title, text; query, relevant_docs | retrieval | X |
| any | query, positives, negatives | reranking | file name |
| any | sentence1, sentence2, score | STS | file name |
| any | sentence1, sentence2, pair_label or label (0, 1) | pair classification | file name |
| X_train with X_test, X_valid or X_val | text, label | classification | X |
| any other, such as X_clustering | text, label | clustering | file name |
| any | ja, en | bitext matching | file name |

``X_dev`` beside the file X of a clustering or pair classification is what JMTEB's protocol chooses by.
Where a classification has several files beside ``X_train``, the first of test, valid, val is scored.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sakuin.evaluation.families import (
    BitextTask,
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
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.records import Record, listed, read_records, read_rows, string, strings

__all__ = [
    "BitextTask",
    "ClassificationTask",
    "ClusteringTask",
    "PairClassificationTask",
    "RerankingTask",
    "RetrievalTask",
    "StsTask",
    "Task",
    "find_tasks",
    "read_tasks",
    "select",
]

DEV = "_dev"
"""Of the file beside that of a clustering or pair classification task by which JMTEB's protocol chooses."""

QUERIES, CORPUS, TRAIN = "_retrieval_queries", "_retrieval_corpus", "_train"
# In the order of preference: JMTEB scores test files.
SCORED = ("_test", "_valid", "_val")
FORMS = (
    "X_retrieval_corpus + X_retrieval_queries, {query, positives, negatives}, {sentence1, sentence2, score}, "
    "{sentence1, sentence2, pair_label}, {text, label} in X_train + X_valid or alone, {ja, en}"
)


@dataclass(frozen=True)
class UnreadTask:
    """A task that is there but has not been read yet."""

    family: str
    read: Callable[[], Task]


def read_tasks(folder: Path, names: tuple[str, ...] = (), *, families: tuple[str, ...] = ()) -> list[Task]:
    """The tasks of a folder, by name.

    Args:
        folder: Holds JSON Lines files; see the module's table.
        names: Only these tasks, in this order; all where empty.
        families: Only tasks of these families; all where empty.

    Raises:
        EvaluationError: no such folder or task, or a line that cannot be read.
    """
    return [task.read() for task in select(find_tasks(folder), names=names, families=families)]


def select(unread: Mapping[str, UnreadTask], *, names: Sequence[str], families: Sequence[str]) -> list[UnreadTask]:
    """The tasks of these names, in their order, and of these families; all where they are empty.

    Raises:
        EvaluationError: no such task, or none is left.
    """
    missing = sorted(set(names) - unread.keys())
    if missing:
        raise EvaluationError(f"There is no task {', '.join(missing)}; there are: {', '.join(unread) or 'none'}.")
    chosen = [unread[name] for name in names or unread if not families or unread[name].family in families]
    if not chosen:
        there = ", ".join(f"{name} ({unread[name].family})" for name in names or unread)
        raise EvaluationError(f"There is no task of family {', '.join(families)} among: {there}.")
    return chosen


def find_tasks(folder: Path) -> dict[str, UnreadTask]:
    """The tasks of a folder by name, none of them read.

    Raises:
        EvaluationError: no such folder, no task in it, a task that lacks one of its files, or a bad first line.
    """
    if not folder.is_dir():
        raise EvaluationError(f"No folder {folder}: name one with evaluation tasks by --data.")
    paths = {path.stem: path for path in sorted(folder.glob("*.jsonl"))}
    tasks: dict[str, UnreadTask] = {}
    for stem in paths:
        for name, task in tasks_of_file(stem, paths):
            if name in tasks:
                raise EvaluationError(f"{folder} has two tasks called {name}: rename the files of one.")
            tasks[name] = task
    if not tasks:
        raise EvaluationError(f"{folder} has no tasks: it needs .jsonl files of these forms: {FORMS}.")
    return dict(sorted(tasks.items()))


def tasks_of_file(stem: str, paths: dict[str, Path]) -> Iterator[tuple[str, UnreadTask]]:
    """The name of the task that a file begins and the task; nothing where another file begins it or none does."""
    path = paths[stem]
    if stem.endswith(DEV) and stem.removesuffix(DEV) in paths:
        return
    beside = paths.get(stem + DEV)
    fields = set(next(iter(read_records(path, 1)), {}))
    if stem.endswith(QUERIES):
        name = stem.removesuffix(QUERIES)
        corpus = partner(name, CORPUS, path, paths)
        yield name, UnreadTask("retrieval", lambda: read_retrieval(name, corpus, path))
    elif stem.endswith(CORPUS):
        partner(stem.removesuffix(CORPUS), QUERIES, path, paths)
    elif {"query", "positives", "negatives"} <= fields:
        yield stem, UnreadTask("reranking", lambda: read_reranking(path))
    elif {"sentence1", "sentence2", "score"} <= fields:
        yield stem, UnreadTask("sts", lambda: read_sts(path))
    elif {"sentence1", "sentence2"} <= fields and fields & {"pair_label", "label"}:
        yield stem, UnreadTask("pair_classification", lambda: read_pair_classification(path, beside))
    elif {"ja", "en"} <= fields:
        yield stem, UnreadTask("bitext", lambda: read_bitext(path))
    elif {"text", "label"} <= fields:
        yield from labelled_tasks(stem, paths)


def labelled_tasks(stem: str, paths: dict[str, Path]) -> Iterator[tuple[str, UnreadTask]]:
    """The classification or clustering task that a file of texts and labels begins."""
    path = paths[stem]
    if stem.endswith(TRAIN):
        name = stem.removesuffix(TRAIN)
        scored = next((paths[name + suffix] for suffix in SCORED if name + suffix in paths), None)
        if scored is None:
            raise EvaluationError(f"{path} has nothing to be scored on: put {name}_valid.jsonl beside it.")
        test = scored
        yield name, UnreadTask("classification", lambda: read_classification(name, path, test))
        return
    for suffix in SCORED:
        if stem.endswith(suffix):
            partner(stem.removesuffix(suffix), TRAIN, path, paths)
            return
    dev = paths.get(stem + DEV)
    yield stem, UnreadTask("clustering", lambda: read_clustering(path, dev))


def partner(name: str, suffix: str, path: Path, paths: dict[str, Path]) -> Path:
    """The file that must stand beside another."""
    if name + suffix not in paths:
        raise EvaluationError(f"{path} is half a task: {name}{suffix}.jsonl is missing beside it.")
    return paths[name + suffix]


def read_retrieval(name: str, corpus: Path, queries: Path) -> RetrievalTask:
    """A retrieval task from its two files."""
    documents = read_rows(corpus, lambda row: (str(row["docid"]), titled(row.get("title"), string(row, "text"))))
    twice = [docid for docid, times in Counter(docid for docid, _ in documents).items() if times > 1]
    if twice:
        raise EvaluationError(f"{corpus} has the docid {twice[0]} more than once.")
    return make_retrieval(
        name,
        documents,
        read_rows(queries, lambda row: (string(row, "query"), [str(docid) for docid in listed(row, "relevant_docs")])),
    )


def read_reranking(path: Path) -> RerankingTask:
    """A reranking task from its file; a text that is both positive and negative counts as positive."""

    def judged(row: Record) -> tuple[str, dict[str, float]]:
        negatives = dict.fromkeys(strings(row, "negatives"), 0.0)
        return string(row, "query"), negatives | dict.fromkeys(strings(row, "positives"), 1.0)

    return make_reranking(path.stem, read_rows(path, judged))


def read_sts(path: Path) -> StsTask:
    """An STS task from its file."""
    rows = read_rows(path, lambda row: (*pair(row), float(row["score"])))
    if len({score for *_, score in rows}) < 2:
        raise EvaluationError(f"{path} has only one score: there is no order to compare with.")
    return StsTask(path.stem, *(tuple(column) for column in zip(*rows, strict=True)))


def read_clustering(path: Path, dev: Path | None = None) -> ClusteringTask:
    """A clustering task from its file, and the one to choose by."""
    return replace(make_clustering(path.stem, read_rows(path, labelled)), dev=read_clustering(dev) if dev else None)


def read_pair_classification(path: Path, dev: Path | None = None) -> PairClassificationTask:
    """A pair classification task from its file, and the one to choose by; ``pair_label`` goes before ``label``."""

    def judged(row: Record) -> tuple[str, str, int]:
        label = row["pair_label"] if "pair_label" in row else row["label"]
        if label not in (0, 1):
            raise ValueError(f"the label of a pair must be 0 or 1, not {label!r}")
        return *pair(row), int(label)

    first, second, labels = zip(*read_rows(path, judged), strict=True)
    return PairClassificationTask(path.stem, first, second, labels, dev=read_pair_classification(dev) if dev else None)


def read_classification(name: str, train: Path, test: Path) -> ClassificationTask:
    """A classification task from the file to learn from and the file to be scored on."""
    task = make_classification(name, read_rows(train, labelled), read_rows(test, labelled))
    if len(set(task.train_labels)) < 2:
        raise EvaluationError(f"{train} has only one label: there is nothing to tell apart.")
    return task


def read_bitext(path: Path) -> BitextTask:
    """A bitext task from its file."""
    rows = read_rows(path, lambda row: (string(row, "ja"), string(row, "en")))
    return BitextTask(path.stem, tuple(ja for ja, _ in rows), tuple(en for _, en in rows))


def labelled(row: Record) -> tuple[str, str]:
    """Text and label of a record."""
    return string(row, "text"), str(row["label"])


def pair(row: Record) -> tuple[str, str]:
    """Both sentences of a record."""
    return string(row, "sentence1"), string(row, "sentence2")
