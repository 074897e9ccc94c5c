"""What the scores of unrelated queries and passages are in an index, so that a score can be told from chance.

A cosine of 0.4, or a passage with half of a query's words, means little in a corpus where every document resembles
many others, and much where none does. So a commit asks the index pieces of its own passages, cut to the length of
queries, and notes how passages of other documents score. The passages with the lowest ids are asked: these
are hashes, so this is a random sample, and the same one however the index came to be.
"""

import math
import os
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.model import normalized
from sakuin.index import store
from sakuin.index.documents import Document
from sakuin.index.passages import split
from sakuin.index.store.passages import PassageRow, documents_and_titles
from sakuin.index.terms import Terms
from sakuin.index.vectors import Segment, unit_rows

SAMPLED = 128
"""Passages asked for; the mean of their scores is then known to a tenth of their spread."""

FEWEST = 32
"""Passages below which an index is not measured."""

QUERY_WIDTH = 60
"""Columns of a made-up query at most: 30 Japanese characters or some ten English words."""

# Looked through for a passage of another document; one of a single long document has no other.
DEPTH = 50
# Unrelated cosines spread more the fewer dimensions are compared; between these counts they are interpolated.
SHORTEST = 8
DECIMALS = 5


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
        "coverage": mean, over made-up queries, of the highest BM25 score of a passage of another document, as a share
        of the query's full score (`Terms.full_score`). "mean_D" and "std_D": of the cosines of made-up queries with
        passages they were not made from, at D dimensions. Empty where there are too few passages.
    """
    ids, vectors = lowest(segments, SAMPLED)
    if len(ids) < FEWEST:
        return {}
    passages = store.read_passages(connection, ids.tolist(), most=1)
    if len(passages) < len(ids):
        # Vectors of passages that are not there: `index verify` says so, and a commit of other documents is no remedy.
        return {}
    queries = [made_up_query(passages[passage_id]) for passage_id in ids.tolist()]
    # In a large index nearly all of the time goes into these searches, during which tantivy lets go of Python's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda query: (terms.full_score(query), *terms.search(query, DEPTH)), queries))
    shares = [
        unrelated_share(connection, passage_id, *best) for passage_id, best in zip(ids.tolist(), found, strict=True)
    ]
    measured = {"coverage": round(float(np.mean(shares)), DECIMALS)}
    dim = vectors.shape[1]
    encoded = model.encode(queries, truncate_dim=dim)
    for d in sorted({dim, *(2**power for power in range(3, 12) if SHORTEST <= 2**power < dim)}):
        asked = normalized(encoded[:, :d])
        cosines = np.einsum("id,jd->ij", asked, unit_rows(vectors, slice(None), d))
        # A query the model knows nothing of has a zero vector; searches leave it to BM25.
        counted = ~np.eye(len(ids), dtype=np.bool_)
        counted[~asked.any(axis=1)] = False
        if counted.any():
            measured[f"mean_{d}"] = round(float(cosines[counted].mean()), DECIMALS)
            measured[f"std_{d}"] = round(float(cosines[counted].std()), DECIMALS)
    return measured


def unrelated_cosines(background: Mapping[str, float], dim: int) -> tuple[float, float] | None:
    """Mean and standard deviation of cosines of unrelated pairs at a number of dimensions; None where not known."""
    known = sorted(int(name.removeprefix("std_")) for name in background if name.startswith("std_"))
    if not known or background[f"std_{known[-1]}"] <= 0:
        return None
    measured_at = np.log2(known)
    mean, std = (
        float(np.interp(math.log2(dim), measured_at, [background[f"{name}_{d}"] for d in known]))
        for name in ("mean", "std")
    )
    return (mean, std) if std > 0 else None


def lowest(segments: Sequence[Segment], number: int) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """The lowest ids, int64 (n,), of all that count, ascending, and their vectors, int8 (n, dim)."""
    ids, rows = [np.zeros(0, np.int64)], []
    for segment in segments:
        living = np.flatnonzero(~segment.dead)[:number]
        ids.append(segment.ids[living])
        rows.append(segment.rows[living])
    every = np.concatenate(ids)
    order = np.argsort(every)[:number]
    return every[order], np.concatenate(rows)[order] if rows else np.zeros((0, 0), np.int8)


def made_up_query(passage: PassageRow) -> str:
    """A stretch from the middle of a passage, of a query's length: a sentence, or part of a long one."""
    pieces = split(Document(id="", text=passage.text), QUERY_WIDTH)
    if not pieces:
        return passage.text[:QUERY_WIDTH]
    middle = pieces[len(pieces) // 2]
    return passage.text[middle.start : middle.end]


def unrelated_share(
    connection: sqlite3.Connection, passage_id: int, full: float, ids: NDArray[np.int64], scores: NDArray[np.float32]
) -> float:
    """The highest BM25 score of a passage of another document than ``passage_id``, as a share of the full score.

    Where one document has all the best passages, the last of them stands in for those of others.

    Args:
        connection: To the documents.
        passage_id: The passage that the query was made from.
        full: Of the query.
        ids: (n,) what it found, best first, at most `DEPTH`.
        scores: (n,) their scores.
    """
    if full <= 0 or not len(ids):
        return 0.0
    own, *others = documents_and_titles(connection, [passage_id, *ids.tolist()])
    for source, score in zip(others, scores.tolist(), strict=True):
        if source.isdisjoint(own):
            return float(score) / full
    return float(scores[-1]) / full if len(ids) == DEPTH else 0.0
