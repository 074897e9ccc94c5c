"""Judgements as files for other programs: TREC's qrels with their queries, and JSON Lines."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import orjson

from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.judged import JudgedQuery
from sakuin.tuning.judgements import ANSWERS, Judgement

QRELS, QUERIES = "judgements.qrels", "queries.tsv"


def plain(name: str) -> str:
    """A name without what would split a column or a path; % stands before the code of what was there."""
    return re.sub(r"[\s%/\\:]", lambda match: f"%{ord(match[0]):02X}", name)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def write_trec(folder: Path, judgements: Sequence[Judgement]) -> None:
    """Write ``judgements.qrels`` ("q1 0 document gain") and ``queries.tsv`` (q1, tab, query).

    Queries that nothing answers are among the queries, and without a line in the qrels where no document was judged.

    Raises:
        EvaluationError: the folder cannot be written to.
    """
    numbers = {query: f"q{number}" for number, query in enumerate(dict.fromkeys(one.query for one in judgements), 1)}
    qrels = (
        f"{numbers[one.query]} 0 {plain(one.document)} {int(one.judgement == ANSWERS)}"
        for one in sorted(judgements, key=lambda one: int(numbers[one.query][1:]))
        if one.document is not None
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_lines(folder / QRELS, qrels)
        write_lines(folder / QUERIES, (f"{number}\t{' '.join(query.split())}" for query, number in numbers.items()))
    except OSError as error:
        raise EvaluationError(f"Cannot write to {folder} ({error.strerror or error}): choose another.") from error


def json_lines(queries: Sequence[JudgedQuery]) -> Iterator[str]:
    """Judged queries as `index tune --queries` reads them, a line each."""
    for query in queries:
        yield orjson.dumps({"query": query.query, "relevant": dict(query.gains)}).decode()
