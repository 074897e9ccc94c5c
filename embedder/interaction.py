"""Late interaction: a query's tokens, each compared with the token of a passage that it is nearest to.

For each token of the query the best cosine of its row with that of any token in a window of the passage (MaxSim,
Khattab & Zaharia 2020, arXiv:2004.12832, over a static table); of these the mean, weighted by how much each token adds
to the query's vector; and of all windows of a size the best. So it says what one vector of a whole passage does not:
whether what is asked stands together. docs/experiments/fusion.md has the figures.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.core import native
from sakuin.embedder.pooling import Bags
from sakuin.embedder.table import Table

WINDOWS = {6: 0.4, 24: 0.6}
"""Tokens of a window, and what the best of this size counts: words beside each other, and some sentences."""

DIMENSIONS = 256
"""Compared of each row: more gain nothing."""

MOST_ASKED = 64
"""Tokens of a query that are looked for: those that add the most to its vector."""

MOST_READ = 4096
"""Tokens of a text that are looked at, from its beginning on."""


@dataclass(frozen=True, slots=True)
class AskedTokens:
    """What is looked for.

    Attributes:
        ids: int64 (q,), distinct.
        weights: float64 (q,), adding up to 1: of each the length of what it adds to the query's vector.
    """

    ids: NDArray[np.int64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BestWindow:
    """The window of a text that has the most of a query.

    Attributes:
        score: 0 to 1, the weighted mean of the best cosines in it; a negative one counts as 0.
        cosines: float64 (q,), the best of each token of the query.
        places: int64 (q,), at which token of the text each is.
    """

    score: float
    cosines: NDArray[np.float64]
    places: NDArray[np.int64]


def asked_tokens(table: Table, bag: Bags) -> AskedTokens:
    """The tokens of a query, given as its bag, that are looked for; none where the model knows none of it."""
    lengths = np.linalg.norm(table.rows(bag.ids, compared(table)).astype(np.float64), axis=1)
    weights = lengths * bag.weights
    first = np.sort(np.argsort(-weights, kind="stable")[:MOST_ASKED])
    first = first[weights[first] > 0]
    return AskedTokens(bag.ids[first], weights[first] / weights[first].sum())


def interactions(
    table: Table, asked: AskedTokens, ids: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How much of a query the best window of each text has, of each size, float64 (texts, `WINDOWS`), 0 to 1.

    Args:
        table: Rows of all tokens.
        asked: What is looked for.
        ids: int64 (tokens,), of all texts end to end.
        lengths: int64 (texts,), how many tokens each text has.
    """
    ids, lengths = first_read(ids, lengths)
    if native is None or table.scale is None:
        return by_numpy(table, asked, ids, lengths)
    out = np.zeros((len(lengths), len(WINDOWS)))
    whole = (np.ascontiguousarray(values, np.int32) for values in (ids, lengths, list(WINDOWS)))
    query = np.ascontiguousarray(asked.ids, np.int32)
    native.interactions(table.values, table.dimension, compared(table), query, asked.weights, *whole, out)
    return out


def by_numpy(
    table: Table, asked: AskedTokens, ids: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What `interactions` gives, float64 (texts, `WINDOWS`), without the compiled core."""
    found, where = np.unique(ids, return_inverse=True)
    cosines = cosines_of(table, asked, found)[:, where]
    scores = np.zeros((len(lengths), len(WINDOWS)))
    ends = np.cumsum(lengths)
    for text, (start, end) in enumerate(zip(ends - lengths, ends, strict=True)):
        scores[text] = [best_window(cosines[:, start:end], asked.weights, size).score for size in WINDOWS]
    return scores


def cosines_of(table: Table, asked: AskedTokens, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """float32 (q, n), of tokens of a query with others; 0 where it is negative, or a row is zero."""
    dim = compared(table)
    # As they are stored: a row's scale is nothing to its direction, and the products of whole numbers are exact.
    own, other = (table.values[some, :dim].astype(np.float64) for some in (asked.ids, ids))
    cosines = (own @ other.T) * inverse_lengths(own)[:, None] * inverse_lengths(other)
    return np.maximum(cosines, 0).astype(np.float32)


def inverse_lengths(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """One over the length of each row, float64 (n,); 0 for a row of zeros."""
    squares = (rows**2).sum(axis=1)
    return np.where(squares > 0, 1 / np.sqrt(np.where(squares > 0, squares, 1)), 0)


def best_window(cosines: NDArray[np.float32], weights: NDArray[np.float64], size: int) -> BestWindow:
    """The best window of so many tokens of a text, or all of a shorter one.

    Args:
        cosines: float32 (q, n), of the query's tokens with those of the text.
        weights: float64 (q,).
        size: Of the window.
    """
    asked, read = cosines.shape
    if not read or not asked:
        return BestWindow(0.0, np.zeros(asked), np.zeros(asked, np.int64))
    windows = np.lib.stride_tricks.sliding_window_view(cosines, min(size, read), axis=1)
    scores = weights @ windows.max(axis=2).astype(np.float64)
    start = int(scores.argmax())
    places = windows[:, start].argmax(axis=1)
    best = windows[:, start][np.arange(asked), places].astype(np.float64)
    return BestWindow(float(scores[start]), best, places + start)


def first_read(ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids of texts, int64 (tokens,), and their numbers, int64 (texts,), of each text the first `MOST_READ`."""
    if not len(lengths) or int(lengths.max()) <= MOST_READ:
        return ids, lengths
    texts = np.split(ids, np.cumsum(lengths)[:-1])
    return np.concatenate([own[:MOST_READ] for own in texts]), np.minimum(lengths, MOST_READ)


def compared(table: Table) -> int:
    """How many dimensions are compared."""
    return min(DIMENSIONS, table.dimension)
