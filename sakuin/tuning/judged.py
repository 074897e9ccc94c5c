"""Judged queries for an index of one's own: what should be found for each.

A line of a JSON Lines file is one query: {"query": TEXT, "relevant": [NAME, ...]}, or "relevant_docs" in place of
"relevant", or with gains {"query": TEXT, "relevant": {NAME: GAIN, ...}}. Other fields are passed over. A NAME is a
document as `index search` shows it, a file (all its documents), or the `passage_id` of a passage, which `--json` shows.
"""

import math
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sakuin.index.store import connect, existing
from sakuin.index.store import passages as stored
from sakuin.search.local_part import LocalPart
from sakuin.search.searcher import Searcher
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.records import parse_rows, read_rows, string

FIELDS = ("relevant", "relevant_docs")
PASSAGE_ID = re.compile(r"[0-7][0-9a-f]{15}")
NAMES_SHOWN = 3


@dataclass(frozen=True)
class JudgedQuery:
    """A query and the gain of each document, file or passage that was judged for it; of others it is 0."""

    query: str
    gains: Mapping[str, float]


@dataclass(frozen=True)
class Judgements:
    """Judged queries of which something can be found in an index.

    Attributes:
        queries: With those judgements only that name something in the index.
        unknown: Judged names that are not in the index, each once.
        left_out: Number of queries of which nothing relevant is in the index.
    """

    queries: tuple[JudgedQuery, ...]
    unknown: tuple[str, ...] = ()
    left_out: int = 0


@dataclass(frozen=True)
class Source:
    """Where a passage stands: the id of its document, and the file that was read from."""

    id: str
    file: str


def read_judged(path: Path) -> list[JudgedQuery]:
    """The judged queries of a file, in its order; a query that stands there twice has the judgements of both.

    Raises:
        EvaluationError: with file and line, where one has no query, or judgements of another form.
    """
    return _merged(read_rows(path, judged_query))


def parse_judged(content: bytes, name: str) -> list[JudgedQuery]:
    """The judged queries of a file that was read already, as `read_judged` gives them.

    Args:
        content: Of the file.
        name: What it is called where something is wrong with it.

    Raises:
        EvaluationError: as by `read_judged`.
    """
    return _merged(parse_rows(content, judged_query, name))


def _merged(rows: Iterable[tuple[str, dict[str, float]]]) -> list[JudgedQuery]:
    """Queries, each once, with all gains that were given for it."""
    together: dict[str, dict[str, float]] = {}
    for query, gains in rows:
        known = together.setdefault(query, {})
        for name, gain in gains.items():
            known[name] = max(gain, known.get(name, 0.0))
    return [JudgedQuery(query, gains) for query, gains in together.items()]


def judged_query(row: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """Query and gains of a record; raises KeyError, TypeError or ValueError where it has another form."""
    query = string(dict(row), "query")
    if not query.strip():
        raise ValueError("the query is empty")
    field = next((name for name in FIELDS if name in row), FIELDS[0])
    named = row[field]
    if isinstance(named, list):
        named = dict.fromkeys(named, 1.0) if all(isinstance(name, str) for name in named) else None
    if not isinstance(named, dict):
        raise TypeError(f"{field} must be a list of names, or an object of names and gains")
    for name, gain in named.items():
        number = isinstance(gain, int | float) and not isinstance(gain, bool)
        if not number or not math.isfinite(gain) or gain < 0:
            raise ValueError(f"the gain of {name} must be a number of 0 or more, not {gain!r}")
    if not any(named.values()):
        raise ValueError(f"{field} names nothing that should be found")
    return query, {name: float(gain) for name, gain in named.items()}


def judgements_of(judged: Sequence[JudgedQuery], *connections: sqlite3.Connection) -> Judgements:
    """The judgements that name something in an index, or in one of several.

    Args:
        judged: As they were read.
        connections: To the database of each.

    Raises:
        EvaluationError: nothing relevant of any query is in the index.
    """
    names = dict.fromkeys(name for query in judged for name in query.gains)
    known = {name for connection in connections for name in known_names(names, connection)}
    unknown = tuple(name for name in names if name not in known)
    found = [JudgedQuery(q.query, {n: gain for n, gain in q.gains.items() if n in known}) for q in judged]
    kept = tuple(query for query in found if any(query.gains.values()))
    if not kept:
        some = ", ".join(unknown[:NAMES_SHOWN])
        raise EvaluationError(
            f"Nothing that was judged relevant is in the index, such as {some}: name documents as `index search` shows "
            f"them, or files as `index info --files` does."
        )
    return Judgements(kept, unknown, len(judged) - len(kept))


def known_names(names: Iterable[str], connection: sqlite3.Connection) -> set[str]:
    """Those of the names that are documents, files or passages of an index."""
    names = list(names)
    found = stored.known_names(connection, names)
    passages = {int(name, 16): name for name in names if PASSAGE_ID.fullmatch(name)}
    return found | {passages[found_id] for found_id in existing(connection, passages)}


def sources_of(passage_ids: Collection[int], *connections: sqlite3.Connection) -> dict[int, list[Source]]:
    """Where each passage stands, in the order in which it was indexed; one that is gone is missing."""
    found: dict[int, list[Source]] = {}
    for connection in connections:
        for passage_id, each in stored.names_of(connection, list(passage_ids)).items():
            found.setdefault(passage_id, []).extend(Source(*names) for names in each)
    return found


@contextmanager
def databases(searcher: Searcher) -> Iterator[list[sqlite3.Connection]]:
    """The databases of what is searched: of one index, or of all shards of a cluster.

    Raises:
        EvaluationError: they lie elsewhere.
    """
    parts = list(searcher.whole.parts)
    folders = [part.snapshot.folder for part in parts if isinstance(part, LocalPart)]
    if len(folders) < len(parts):
        raise EvaluationError("Only what is opened in this process can be tuned: open the index, or the cluster, here.")
    with ExitStack() as closing_all:
        yield [closing_all.enter_context(closing(connect(folder, read_only=True))) for folder in folders]


def names_in_ranking(passage_id: int, sources: Sequence[Source], gains: Mapping[str, float]) -> list[str]:
    """What a passage counts as in a ranking: what the judgements call it, most exactly, else its document.

    A passage that stands in several judged documents counts as each of them.
    """
    passage = f"{passage_id:016x}"
    for names in ([passage], [source.id for source in sources], [source.file for source in sources]):
        if judged := [name for name in dict.fromkeys(names) if name in gains]:
            return judged
    return [sources[0].id if sources else passage]
