"""What the scores of unrelated queries and passages are in an index, so that a score can be told from chance.

A cosine of 0.4, or a passage with half of a query's words, means little in a corpus where every document resembles
many others, and much where none does. So a commit asks the index pieces of its own passages, cut to the length of
queries, and notes how passages of other documents score.

Documents are sampled, and a passage of each: of passages sampled evenly, one long document that says the same again
and again would be most, and what it says to itself would be taken for chance. What is noted is a median, and a spread
by the median of distances, so that some such documents do not move it either. The ids of passages are hashes, so the
sample is random, and the same one however the index came to be.
"""

import math
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.model import normalized
from sakuin.index import store
from sakuin.index.documents import Document
from sakuin.index.passages import split
from sakuin.index.store.passages import Source, documents_and_titles
from sakuin.index.terms import Terms
from sakuin.index.vectors import Segment, unit_rows

SAMPLED = 128
"""Passages asked for; the median of their scores is then known to an eighth of their spread."""

POOL = 2048
"""Passages, those of the lowest ids, whose documents are sampled."""

FEWEST = 32
"""Passages below which an index is not measured."""

CHANGED_SHARE = 0.05
"""Share of the passages that come or go before they are measured anew."""

QUERY_WIDTH = 60
"""Columns of a made-up query at most: 30 Japanese characters or some ten English words."""

# Looked through for a passage of another document; one of a single long document has no other.
DEPTH = 50
# Unrelated cosines spread more the fewer dimensions are compared; between these counts they are interpolated.
SHORTEST = 8
DECIMALS = 5
# Of normally distributed numbers, the standard deviation over the median distance from the median.
OF_NORMAL = 1.4826


Best = tuple[float, NDArray[np.int64], NDArray[np.float32]]
"""The full BM25 score of a query, the ids (n,) of the best passages, and their scores (n,)."""


def background_of(
    segments: Sequence[Segment], terms: Terms, connection: sqlite3.Connection, model: StaticEmbedder
) -> dict[str, float]:
    """Measure an index; the result is `Manifest.background`.

    Args:
        segments: Of the vectors.
        terms: Of the same passages.
        connection: To the documents of the same passages.
        model: That encoded them.

    Returns:
        "coverage": median, over made-up queries, of the highest BM25 score of a passage of another document, as a share
        of the query's full score (`Terms.full_score`). "std_D": spread of the cosines of made-up queries with passages
        of other documents, at D dimensions: what would be the standard deviation if they were distributed normally.
        Empty where there are too few passages.
    """
    pool = lowest(segments, POOL)
    ids, sources = sampled(pool, documents_and_titles(connection, pool.tolist()), SAMPLED)
    if len(ids) < FEWEST:
        return {}
    passages = store.read_passages(connection, ids.tolist(), most=1)
    if len(passages) < len(ids):
        # Vectors of passages that are not there: `index verify` says so, and a commit of other documents is no remedy.
        return {}
    sample = Sample(ids, sources, [passages[passage_id].text for passage_id in ids.tolist()])
    vectors = vectors_of(segments, ids)

    def searches(queries: Sequence[str]) -> list[Best]:
        # In a large index nearly all of the time goes into these, during which tantivy lets go of Python's lock.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(lambda query: (terms.full_score(query), *terms.search(query, DEPTH)), queries))

    return measured(
        sample,
        model,
        dim=vectors.shape[1],
        rows=lambda d: unit_rows(vectors, slice(None), d),
        search=searches,
        sources_of=lambda found: documents_and_titles(connection, found),
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """The passages that are asked for.

    Attributes:
        ids: int64 (n,).
        sources: What tells the documents that each stands in.
        texts: Of each.
    """

    ids: NDArray[np.int64]
    sources: list[set[Source]]
    texts: list[str]


def measured(
    sample: Sample,
    model: StaticEmbedder,
    *,
    dim: int,
    rows: Callable[[int], NDArray[np.float32]],
    search: Callable[[Sequence[str]], Sequence[Best]],
    sources_of: Callable[[Sequence[int]], list[set[Source]]],
) -> dict[str, float]:
    """What `background_of` gives.

    Args:
        sample: Passages of what is measured.
        model: That encoded them.
        dim: Dimensions that are stored of each vector.
        rows: Gives the first so many dimensions of their vectors, float32 (n, d), of length 1.
        search: Gives the best of each query, to a depth of `DEPTH`.
        sources_of: Gives what tells the documents of passages.
    """
    queries = [made_up_query(text) for text in sample.texts]
    found = search(queries)
    listed = list(dict.fromkeys(one for _, ids, _ in found for one in ids.tolist()))
    sources = dict(zip(listed, sources_of(listed), strict=True))
    shares = [unrelated_share(own, *best, sources=sources) for own, best in zip(sample.sources, found, strict=True)]
    figures = {"coverage": round(float(np.median(shares)), DECIMALS)}
    encoded = model.encode(queries, truncate_dim=dim)
    unrelated = apart(sample.sources)
    for d in sorted({dim, *(2**power for power in range(3, 12) if SHORTEST <= 2**power < dim)}):
        asked = normalized(encoded[:, :d])
        cosines = np.einsum("id,jd->ij", asked, rows(d))
        # A query the model knows nothing of has a zero vector; searches leave it to BM25.
        counted = unrelated & np.any(asked, axis=1, keepdims=True)
        if counted.any():
            figures[f"std_{d}"] = round(spread(cosines[counted]), DECIMALS)
    return figures


def is_outdated(background: Mapping[str, float], changed: int, passages: int) -> bool:
    """Whether they are to be measured anew, after so many of the passages came or went.

    That takes longer than all else in a small commit, and some more passages among many hardly move them.
    """
    return changed > CHANGED_SHARE * passages or (passages < FEWEST) == bool(background)


def unrelated_spread(background: Mapping[str, float], dim: int) -> float | None:
    """Spread of the cosines of unrelated pairs at a number of dimensions; None where it is not known."""
    known = sorted(int(name.removeprefix("std_")) for name in background if name.startswith("std_"))
    if not known or background[f"std_{known[-1]}"] <= 0:
        return None
    found = float(np.interp(math.log2(dim), np.log2(known), [background[f"std_{d}"] for d in known]))
    return found if found > 0 else None


def spread(values: NDArray[np.floating]) -> float:
    """What the standard deviation of numbers (n,) would be, by their median distance from the median.

    Where most are the same, as where the model knows nothing of most passages, it is the standard deviation.
    """
    return OF_NORMAL * float(np.median(np.abs(values - np.median(values)))) or float(values.std())


def lowest(segments: Sequence[Segment], number: int) -> NDArray[np.int64]:
    """The lowest ids, int64 (n,), of all that count, ascending."""
    ids = [segment.ids[np.flatnonzero(~segment.dead)[:number]] for segment in segments]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *ids]))[:number]


def sampled(
    ids: NDArray[np.int64], sources: Sequence[set[Source]], number: int
) -> tuple[NDArray[np.int64], list[set[Source]]]:
    """A passage of each document, then a second one of each, and so on.

    Args:
        ids: int64 (n,), of the passages to choose from, in the order in which each document's are taken.
        sources: What tells the documents that each stands in, see `documents_and_titles`.
        number: Of passages to choose at most.

    Returns:
        Ids int64 (m,), and what tells the documents of each.
    """
    chosen: list[int] = []
    left = list(range(len(ids)))
    while left and len(chosen) < number:
        taken: set[Source] = set()
        again = []
        for row in left:
            if sources[row].isdisjoint(taken):
                chosen.append(row)
                taken |= sources[row]
            else:
                again.append(row)
        left = again
    chosen = chosen[:number]
    return ids[chosen], [sources[row] for row in chosen]


def apart(sources: Sequence[set[Source]]) -> NDArray[np.bool_]:
    """bool (n, n): which pairs of passages are of different documents; of one document, which are not the same."""
    found = np.array([[one.isdisjoint(other) for other in sources] for one in sources])
    return found if found.any() else ~np.eye(len(sources), dtype=np.bool_)


def vectors_of(segments: Sequence[Segment], ids: NDArray[np.int64]) -> NDArray[np.int8]:
    """int8 (n, dim), the vectors of passages (n,), each of which has one."""
    vectors = np.zeros((len(ids), max(segment.rows.shape[1] for segment in segments)), np.int8)
    for segment in segments:
        rows, known = segment.locate(ids)
        known &= ~segment.dead[rows] if len(segment.ids) else known
        vectors[known] = segment.rows[rows[known]]
    return vectors


def made_up_query(text: str) -> str:
    """A stretch from the middle of a passage, of a query's length: a sentence, or part of a long one."""
    pieces = split(Document(id="", text=text), QUERY_WIDTH)
    if not pieces:
        return text[:QUERY_WIDTH]
    middle = pieces[len(pieces) // 2]
    return text[middle.start : middle.end]


def unrelated_share(
    own: set[Source],
    full: float,
    ids: NDArray[np.int64],
    scores: NDArray[np.float32],
    *,
    sources: Mapping[int, set[Source]],
) -> float:
    """The highest BM25 score of a passage of another document than a made-up query's, as a share of the full score.

    Where one document has all the best passages, the last of them stands in for those of others.

    Args:
        own: What tells the documents of the passage that the query was made from.
        full: Of the query.
        ids: (n,) what it found, best first, at most `DEPTH`.
        scores: (n,) their scores.
        sources: What tells the documents of each passage that was found.
    """
    if full <= 0 or not len(ids):
        return 0.0
    for passage_id, score in zip(ids.tolist(), scores.tolist(), strict=True):
        if sources[passage_id].isdisjoint(own):
            return float(score) / full
    return float(scores[-1]) / full if len(ids) == DEPTH else 0.0
