"""What people say of hits: which documents answer a query and which do not, kept in the index's folder.

``judgements.jsonl`` is a log. Each line is one judgement, and a later one of the same query and document stands in
place of an earlier one, so that writing is adding a line: it is on the disk before `append` returns, writers take
turns, and of a line that a crash cut off nothing is left. Who writes the index neither touches it nor waits for it.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from filelock import Timeout

from sakuin.files import sync_folder
from sakuin.index.clusters import cluster_of
from sakuin.index.errors import has_no_room
from sakuin.index.outliving import JUDGEMENTS, judging
from sakuin.index.store import connect
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.judged import JudgedQuery, known_names
from sakuin.tuning.records import Record, parse_rows, string

NAME = JUDGEMENTS
WAIT_SECONDS = 10.0

ANSWERS = "answers"
DOES_NOT_ANSWER = "does_not_answer"
NOTHING_ANSWERS = "nothing_answers"
WITHDRAWN = "withdrawn"
SAID = (ANSWERS, DOES_NOT_ANSWER, NOTHING_ANSWERS, WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What somebody said of a document as an answer to a query.

    Attributes:
        query: As asked, without spaces around it.
        document: The id of a document, a file, or the id of a passage; None where it is said of the whole index.
        passage: The id of the passage that was seen, None where that is not known.
        judgement: "answers", "does_not_answer", "nothing_answers" (of the whole index), or "withdrawn".
        time: When, in UTC, as ISO 8601 writes it.
    """

    query: str
    document: str | None
    passage: str | None
    judgement: str
    time: str

    def to_dict(self) -> dict[str, Any]:
        """A line of the file."""
        return asdict(self)


def judgement_of(query: str, document: str | None, *, answers: bool | None, passage: str | None = None) -> Judgement:
    """A judgement that is made now.

    Args:
        query: As asked.
        document: What is judged; None for the whole index, of which only ``answers=False`` can be said.
        answers: Whether it answers the query; None to withdraw what was said before.
        passage: Id of the passage that was seen.

    Raises:
        EvaluationError: the query is empty, or it is said of no document that it answers.
    """
    query = query.strip()
    if not query:
        raise EvaluationError("The query is empty: judge a document for a query that was asked.")
    if answers and document is None:
        raise EvaluationError("No document is named: say which one answers the query.")
    if answers is None:
        said = WITHDRAWN
    elif document is None:
        said = NOTHING_ANSWERS
    else:
        said = ANSWERS if answers else DOES_NOT_ANSWER
    return Judgement(query, document, passage, said, datetime.now(UTC).isoformat(timespec="milliseconds"))


def require_known(judgement: Judgement, folder: Path) -> None:
    """Raise EvaluationError if a judgement names what is not in the index; one that withdraws may."""
    document = judgement.document
    if document is None or judgement.judgement == WITHDRAWN:
        return
    with closing(connect(folder, read_only=True)) as connection:
        if not known_names([document], connection):
            raise EvaluationError(
                f"{document} is not in the index: name a document as `index search` shows it, or a file as "
                f"`index info --files` does."
            )


def append(folder: Path, judgement: Judgement) -> None:
    """Add a judgement to those of an index; it is on the disk when this returns.

    Raises:
        EvaluationError: it cannot be written, or other writers do not come to an end.
    """
    path = folder / NAME
    line = orjson.dumps(judgement.to_dict()) + b"\n"
    try:
        with judging(folder, WAIT_SECONDS):
            new = not path.exists()
            with path.open("a+b", buffering=0) as log:
                end = _whole(log.read() if log.seek(0) == 0 else b"")
                # Half a line is of a writer that came to no end, and was never told to be written.
                log.truncate(end)
                try:
                    if log.write(line) != len(line):
                        raise OSError("the disk is full")
                    os.fsync(log.fileno())
                except OSError:
                    log.truncate(end)
                    raise
            if new:
                sync_folder(folder)
    except Timeout as error:
        raise EvaluationError(f"Others are still writing to {path}: judge again in a moment.") from error
    except OSError as error:
        if has_no_room(folder, error):
            raise EvaluationError(
                f"The disk is full: nothing was added to {path}. Make room on it, then judge again."
            ) from error
        raise EvaluationError(
            f"Cannot write to {path} ({error.strerror or error}): see that the disk has room and the folder may be "
            f"written, then judge again."
        ) from error


def _whole(content: bytes) -> int:
    """How many bytes of a log are whole lines."""
    return content.rfind(b"\n") + 1


def read(folder: Path) -> list[Judgement]:
    """The judgements of an index that stand, in the order in which they were made; none where there is no file.

    Raises:
        EvaluationError: the file cannot be read, or a line is of another form; the message says which.
    """
    path = folder / NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EvaluationError(f"Cannot read {path}: {error.strerror or error}.") from error
    # A line that another process is writing, or that one left behind, is not there yet.
    content = content[: _whole(content)]
    return standing(parse_rows(content, _judgement, str(path))) if content.strip() else []


def _judgement(row: Record) -> Judgement:
    """A line of the file; raises KeyError, TypeError or ValueError where it has another form."""
    values = {name: row[name] for name in ("document", "passage")}
    for name, value in values.items():
        if not isinstance(value, str | None):
            raise TypeError(f"{name} must be a string or null; mend or delete the line")
    judgement = string(row, "judgement")
    if judgement not in SAID or (judgement == NOTHING_ANSWERS) > (values["document"] is None):
        raise ValueError(f"{judgement} is no judgement of {values['document']}; mend or delete the line")
    return Judgement(string(row, "query"), **values, judgement=judgement, time=string(row, "time"))


def standing(made: Iterable[Judgement]) -> list[Judgement]:
    """Those judgements that no later one takes the place of.

    That nothing answers a query, and that a document does, cannot both stand.
    """
    kept: dict[tuple[str, str | None], Judgement] = {}
    for one in made:
        kept.pop((one.query, one.document), None)
        if one.judgement == ANSWERS:
            kept.pop((one.query, None), None)
        if one.judgement == NOTHING_ANSWERS:
            kept = {key: known for key, known in kept.items() if key[0] != one.query or known.judgement != ANSWERS}
        if one.judgement != WITHDRAWN:
            kept[one.query, one.document] = one
    return list(kept.values())


def judged_queries(judgements: Sequence[Judgement]) -> list[JudgedQuery]:
    """Queries with an answer, as tuning and evaluation take them: what answers is worth 1, what does not 0."""
    gains: dict[str, dict[str, float]] = {}
    for one in judgements:
        if one.document is not None:
            gains.setdefault(one.query, {})[one.document] = float(one.judgement == ANSWERS)
    return [JudgedQuery(query, named) for query, named in gains.items() if any(named.values())]


def require_judged(judgements: Sequence[Judgement], folder: Path) -> list[JudgedQuery]:
    """The queries with an answer; raises EvaluationError, with what to do, where there is none."""
    queries = judged_queries(judgements)
    if not queries and cluster_of(folder):
        raise EvaluationError(
            f"No document was judged to answer a query in {folder}: judge from Python, by sakuin.cluster.tuned.judge, "
            f"or give a file of judged queries with --queries."
        )
    if not queries:
        raise EvaluationError(
            f"No document was judged to answer a query in {folder}: judge hits on the page (`index ui`), or give a "
            f"file of judged queries with --queries."
        )
    return queries
