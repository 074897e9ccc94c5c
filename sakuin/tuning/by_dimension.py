"""What comparing fewer dimensions of vectors changes in an index: what is found, how well, how fast, in what memory.

The vectors are trained so that their prefixes are vectors too (Matryoshka: Kusupati et al. 2022, arXiv:2205.13147).
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from sakuin.errors import SakuinError
from sakuin.index.store import connect
from sakuin.index.store.passages import sampled_headings
from sakuin.index.vectors import CODED_FROM, SHORTEST_CODED, Segment, code_shape
from sakuin.search import Hit, Notice, Searcher
from sakuin.tuning.judged import JudgedQuery, Judgements, judgements_of, names_in_ranking, sources_of
from sakuin.tuning.metrics import CUTOFF, ndcg_at, recall_at

# So many passages are looked at for the first ten documents, or for where a passage has fallen to.
DEPTH = 100
SAMPLED = 100
SECONDS = 20.0

Progress = Callable[[float], object]
"""Called with the share of the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A passage that is among the first of a query at some dimension.

    Attributes:
        hit: As the search at the largest dimension that finds it gives it.
        ranks: At each dimension, from 1; None where it is not among the first hundred.
        scores: At each dimension; None there too.
    """

    hit: Hit
    ranks: tuple[int | None, ...]
    scores: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class QueryByDimension:
    """How the ranks of one query's passages move.

    Attributes:
        dimensions: Ascending; the last is what the others are compared with.
        passages: All that are among the first ``cutoff`` at some dimension, in the order of the last dimension.
        kept: How many of the last dimension's first are among each dimension's first.
        first: How many the last dimension has: ``cutoff``, or all there are.
        notices: What the searches had to say.
    """

    dimensions: tuple[int, ...]
    passages: tuple[Followed, ...]
    kept: tuple[int, ...]
    first: int
    notices: tuple[Notice, ...]


def follow(
    searcher: Searcher, query: str, *, dimensions: Sequence[int], mode: str = "dense", cutoff: int = CUTOFF
) -> QueryByDimension:
    """Search one query at several dimensions.

    Args:
        searcher: Of the index.
        query: As for `Searcher.search`.
        dimensions: Ascending, at most what is stored.
        mode: "dense" or "hybrid".
        cutoff: How many of each list are looked at, at most 100.

    Raises:
        SearchError: an argument is out of range.
    """
    results = [
        searcher.search(query, k=DEPTH, mode=mode, dim=dim, group="passage", rerank=False, syntax=False)
        for dim in dimensions
    ]
    listed = [{hit.passage_id: hit for hit in result.hits} for result in results]
    tops = [[hit.passage_id for hit in result.hits[:cutoff]] for result in results]
    last = {name: hit.rank for name, hit in listed[-1].items()}
    shown = sorted(
        dict.fromkeys(name for top in reversed(tops) for name in top), key=lambda name: last.get(name, DEPTH + 1)
    )
    passages = []
    for name in shown:
        found = [hits.get(name) for hits in listed]
        passages.append(
            Followed(
                next(hit for hit in reversed(found) if hit),
                tuple(hit.rank if hit else None for hit in found),
                tuple(hit.score if hit else None for hit in found),
            )
        )
    return QueryByDimension(
        tuple(dimensions),
        tuple(passages),
        tuple(len(set(tops[-1]) & set(top)) for top in tops),
        len(tops[-1]),
        results[-1].notices,
    )


@dataclass(frozen=True, slots=True)
class AtDimension:
    """An index searched at one dimension.

    Attributes:
        dim: Dimensions of each vector that are compared.
        kept: Mean share, 0 to 1, of the first ten passages at the largest dimension that are among the first ten here
            (recall@10 against that search). It says how alike the rankings are, not which is better.
        ndcg: Mean nDCG@10 of documents; None where the queries were not judged.
        milliseconds: Median time of a dense search for ten passages, encoding and passages' texts included.
        stored_bytes: Of the vectors on disk, were so many dimensions stored.
        memory_bytes: Of the vectors in memory, were so many dimensions stored.
    """

    dim: int
    kept: float
    ndcg: float | None
    milliseconds: float
    stored_bytes: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ByDimension:
    """An index searched at several dimensions.

    Attributes:
        figures: Of each dimension, ascending.
        vectors: How many the index stores.
        queries: How many were searched at every dimension.
        asked: How many were given; more than ``queries`` where time did not suffice.
    """

    figures: tuple[AtDimension, ...]
    vectors: int
    queries: int
    asked: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One search: passages found, seconds taken, nDCG@10 of documents (0 for a query that is not judged)."""

    passages: tuple[str, ...]
    seconds: float
    ndcg: float


def measure_dimensions(
    searcher: Searcher,
    queries: Sequence[JudgedQuery],
    *,
    dimensions: Sequence[int],
    seconds: float = SECONDS,
    progress: Progress = lambda share: None,
) -> ByDimension:
    """Search an index at several dimensions, densely.

    Args:
        searcher: Of the index.
        queries: Of `sampled_queries`, without gains, or of `judged_in`.
        dimensions: Ascending, at most what is stored; the last is what the others are compared with.
        seconds: About how long it may take; then the figures are those of the first queries only.
        progress: Told how far it has come.

    Raises:
        SakuinError: there are no queries.
    """
    if not queries:
        raise SakuinError("There are no queries to measure with: the index holds no documents.")
    judged = any(query.gains for query in queries)
    with closing(connect(searcher.folder, read_only=True)) as connection:
        # A first round, whose times do not count, brings into memory what the searches read; it costs as much again.
        rounds = [dimensions[-1], *dimensions]
        ends = time.monotonic() + seconds
        answers: list[list[Answer]] = []
        for done, dim in enumerate(rounds):
            until = time.monotonic() + max(0.0, ends - time.monotonic()) / (len(rounds) - done)
            searcher.search(queries[0].query, k=CUTOFF, mode="dense", dim=dim, group="passage", syntax=False)
            found: list[Answer] = []
            # What one round had no time for, the next need not search either.
            for query in queries[: len(answers[-1]) if answers else None]:
                found.append(answer(searcher, query, dim, connection))
                progress((done + len(found) / len(queries)) / len(rounds))
                if time.monotonic() > until:
                    break
            answers.append(found)
    progress(1.0)
    common = len(answers[-1])
    of_dimensions = [found[:common] for found in answers[1:]]
    rows = segment_rows(searcher)
    figures = tuple(
        AtDimension(
            dim,
            mean_kept(of_dimensions[-1], found),
            float(np.mean([one.ndcg for one in found])) if judged else None,
            float(np.median([one.seconds for one in found])) * 1000,
            stored_bytes(rows, dim),
            memory_bytes(rows, dim),
        )
        for dim, found in zip(dimensions, of_dimensions, strict=True)
    )
    return ByDimension(figures, sum(rows), common, len(queries))


def answer(searcher: Searcher, query: JudgedQuery, dim: int, connection: sqlite3.Connection) -> Answer:
    """Search one query; where it is judged, once more for enough passages to have ten documents."""
    result = searcher.search(query.query, k=CUTOFF, mode="dense", dim=dim, group="passage", syntax=False)
    ndcg = 0.0
    if query.gains:
        deep = searcher.search(query.query, k=DEPTH, mode="dense", dim=dim, group="passage", syntax=False).hits
        passages = [int(hit.passage_id, 16) for hit in deep]
        ndcg = ndcg_at(CUTOFF, documents_of(passages, query.gains, connection), query.gains)
    return Answer(tuple(hit.passage_id for hit in result.hits), result.seconds, ndcg)


def documents_of(passage_ids: Sequence[int], gains: Mapping[str, float], connection: sqlite3.Connection) -> list[str]:
    """A ranking of passages as one of documents, each where the first of its passages stands."""
    sources = sources_of(passage_ids, connection)
    names = (name for i in passage_ids for name in names_in_ranking(i, sources.get(i, []), gains))
    return list(dict.fromkeys(names))


def mean_kept(wanted: Sequence[Answer], found: Sequence[Answer]) -> float:
    """Mean recall of what one search found in what another did; queries for which nothing is found do not count."""
    shares = [
        recall_at(CUTOFF, have.passages, want.passages)
        for want, have in zip(wanted, found, strict=True)
        if want.passages
    ]
    return float(np.mean(shares)) if shares else 0.0


def sampled_queries(searcher: Searcher, number: int = SAMPLED) -> list[JudgedQuery]:
    """Titles and headings of an index's own documents, the same ones each time, as queries that nobody judged."""
    with closing(connect(searcher.folder, read_only=True)) as connection:
        rows = sampled_headings(connection, 20 * number)
    # Of a path of headings the last is what its passages are about.
    texts = (text for title, heading in rows for text in (title, heading.rpartition(" › ")[2]))
    return [JudgedQuery(text, {}) for text in dict.fromkeys(text.strip() for text in texts) if text][:number]


def judged_in(searcher: Searcher, judged: Sequence[JudgedQuery]) -> Judgements:
    """The judgements that name something in an index; raises EvaluationError where none does."""
    with closing(connect(searcher.folder, read_only=True)) as connection:
        return judgements_of(judged, connection)


def segment_rows(searcher: Searcher) -> list[int]:
    """Vectors in each segment, those of removed passages included until a segment is written anew."""
    none = np.zeros(0, np.int64)
    names = searcher.manifest.segments
    return [len(Segment(searcher.folder / "vectors", name, none, with_codes=False).ids) for name in names]


def stored_bytes(rows: Sequence[int], dim: int) -> int:
    """Bytes on disk of segments' vectors of ``dim`` int8 values, and of the codes that large segments have."""
    return sum(dim * number + code_bytes(number, dim) for number in rows)


def memory_bytes(rows: Sequence[int], dim: int) -> int:
    """Bytes in memory: codes of large segments; of small ones all vectors, as int8 and as the float32 searched."""
    return sum(code_bytes(number, dim) or (1 + 4) * dim * number for number in rows)


def code_bytes(rows: int, dim: int) -> int:
    """Bytes of a segment's codes of 4 bits; 0 where it has none."""
    return rows * code_shape(dim)[1] // 2 if rows >= CODED_FROM and dim >= SHORTEST_CODED else 0
