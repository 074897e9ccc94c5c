"""Tasks read from a folder of JSON Lines files.

``NAME_retrieval_corpus.jsonl`` ({docid, title, text}) with ``NAME_retrieval_queries.jsonl`` ({query, relevant_docs}) is
a retrieval task; a file of {sentence1, sentence2, score} is a semantic textual similarity (STS) task.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from embedder.errors import SakuinError


class EvaluationError(SakuinError):
    """A task or model that cannot be evaluated."""


@dataclass(frozen=True)
class RetrievalTask:
    """Queries whose relevant documents are known.

    Attributes:
        name: File name before ``_retrieval_``.
        docids, texts: The corpus; a text is title, newline, text where there is a title.
        queries, relevant: The queries and, for each, the docids of its answers.
    """

    name: str
    docids: tuple[str, ...]
    texts: tuple[str, ...]
    queries: tuple[str, ...]
    relevant: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class StsTask:
    """Pairs of sentences with people's scores of their similarity."""

    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    scores: tuple[float, ...]


Task = RetrievalTask | StsTask


def read_tasks(folder: Path, names: tuple[str, ...] = ()) -> list[Task]:
    """The retrieval and STS tasks of a folder, by name; all where ``names`` is empty.

    Raises:
        EvaluationError: no such folder or task, or a line that cannot be read.
    """
    if not folder.is_dir():
        raise EvaluationError(f"No folder {folder}: name one with retrieval or STS tasks by --data.")
    tasks: dict[str, Task] = {}
    for path in sorted(folder.glob("*.jsonl")):
        if path.stem.endswith("_retrieval_queries"):
            name = path.stem.removesuffix("_retrieval_queries")
            tasks[name] = read_retrieval(name, folder / f"{name}_retrieval_corpus.jsonl", path)
        elif (records := read_records(path, 1)) and {"sentence1", "sentence2", "score"} <= records[0].keys():
            tasks[path.stem] = read_sts(path)
    missing = sorted(set(names) - tasks.keys())
    if missing or not tasks:
        raise EvaluationError(f"{folder} has no task {', '.join(missing)}; it has: {', '.join(tasks) or 'none'}.")
    return [tasks[name] for name in (names or tasks)]


def read_retrieval(name: str, corpus: Path, queries: Path) -> RetrievalTask:
    """A retrieval task from its two files."""
    documents = read_records(corpus)
    asked = read_records(queries)
    try:
        return RetrievalTask(
            name,
            tuple(str(d["docid"]) for d in documents),
            tuple(f"{d['title']}\n{d['text']}" if d.get("title") else d["text"] for d in documents),
            tuple(q["query"] for q in asked),
            tuple(frozenset(map(str, q["relevant_docs"])) for q in asked),
        )
    except (KeyError, TypeError) as error:
        raise EvaluationError(f"{corpus} or {queries} lacks a field ({error}).") from error


def read_sts(path: Path) -> StsTask:
    """An STS task from its file."""
    records = read_records(path)
    try:
        return StsTask(
            path.stem,
            tuple(r["sentence1"] for r in records),
            tuple(r["sentence2"] for r in records),
            tuple(float(r["score"]) for r in records),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"{path} lacks a field ({error}).") from error


def read_records(path: Path, limit: int | None = None) -> list[dict[str, Any]]:
    """At most ``limit`` objects of a JSON Lines file."""
    records: list[dict[str, Any]] = []
    try:
        with path.open("rb") as lines:
            for line in islice(lines, limit):
                record = orjson.loads(line)
                if not isinstance(record, dict):
                    raise ValueError("not an object")
                records.append(record)
    except OSError as error:
        raise EvaluationError(f"Cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise EvaluationError(f"{path}, line {len(records) + 1}: {error}.") from error
    return records
