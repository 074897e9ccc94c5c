"""Exact nearest neighbours by cosine, many queries at a time."""

import numpy as np
from numpy.typing import NDArray

# Scores held at a time: 64 MB of float32.
BLOCK_SCORES = 16_000_000


def nearest(
    queries: NDArray[np.float32], corpus: NDArray[np.float32], *, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k rows of a corpus with the largest cosine, best first; of equal ones the first rows of the corpus.

    Args:
        queries: float32 (queries, d), rows of length 1 or 0.
        corpus: float32 (documents, d), rows of length 1 or 0.
        k: How many; all where the corpus has fewer.

    Returns:
        Rows int64 and cosines float32, both (queries, min(k, documents)).
    """
    k = min(k, len(corpus))
    rows = np.empty((len(queries), k), np.int64)
    cosines = np.empty((len(queries), k), np.float32)
    step = max(1, BLOCK_SCORES // max(1, len(corpus)))
    for start in range(0, len(queries), step):
        scores = queries[start : start + step] @ corpus.T
        best = top(scores, k)
        rows[start : start + step] = best
        cosines[start : start + step] = np.take_along_axis(scores, best, axis=1)
    return rows, cosines


def top(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Columns of the k largest scores of each row, best first; of equal ones the first columns.

    Args:
        scores: float32 (rows, columns).
        k: How many, at most as many as there are columns.

    Returns:
        int64 (rows, k).
    """
    if k == 0:
        return np.empty((len(scores), 0), np.int64)
    columns = scores.shape[1]
    best = np.argpartition(scores, columns - k, axis=1)[:, columns - k :]
    worst = np.take_along_axis(scores, best, axis=1).min(axis=1, keepdims=True)
    # A partition takes any of the columns that tie for the last rank; such rows are sorted whole.
    tied = np.flatnonzero((scores >= worst).sum(axis=1) > k)
    best.sort(axis=1)
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    for row in tied:
        best[row] = np.argsort(-scores[row], kind="stable")[:k]
    return best.astype(np.int64, copy=False)
