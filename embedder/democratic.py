"""Democratic pooling, "even" in files: a token counts the less, the more the text's other tokens point its way.

In a mean, what a text says in many words drowns what it says in one. Here each token's weight falls with the cosine of
its row and the sum of the others, so that all of what a text is about is heard: what generalised max pooling (Murray &
Perronnin 2014, doi:10.1109/CVPR.2014.317) and democratic aggregation (Jégou & Zisserman 2014,
doi:10.1109/CVPR.2014.417) do for the parts of an image, here in a single step of fixed cost.

Rows are compared by their directions in `DIRECTION_DIMENSIONS` dimensions, rounded to whole numbers. Sums and products
of these stay below 2**24, so float32 holds them exactly: whatever adds them up, in whatever order, a text's weights are
the same to the last bit.
"""

from collections.abc import Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.pooling import Bags

# A row's direction: its first so many dimensions, at a length of so many units.
DIRECTION_DIMENSIONS = 64
DIRECTION_LENGTH = 127
# Weights are counted in units of one in so many; the sum of a text's directions is rounded to so many units at most.
WEIGHT_UNITS = 2**16
SUM_UNITS = 8191
# With n distinct tokens, agreement counts n / (n + this): among few others it is chance.
FEW_TOKENS = 4

# Entries that numpy works on at a time: some 4 megabytes.
ENTRIES_TOGETHER = 2**13


def directions(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The directions of rows; of zero rows zeros.

    Args:
        rows: float32 (n, d).

    Returns:
        Whole numbers, float32 (n, DIRECTION_DIMENSIONS or d, whichever is less).
    """
    prefixes = rows[:, :DIRECTION_DIMENSIONS].astype(np.float64)
    lengths = np.sqrt(np.square(prefixes).sum(axis=1, keepdims=True))
    lengths[lengths == 0] = 1
    return cast(NDArray[np.float32], np.rint(prefixes * (DIRECTION_LENGTH / lengths)).astype(np.float32))


def reweighted(bags: Bags, table: NDArray[np.float32]) -> Bags:
    """Bags of the same tokens, in which each counts the less, the more the others of its text point its way.

    In a text of n distinct tokens a weight w becomes w (1 - max(0, c) n / (n + FEW_TOKENS)), before the text's weights
    are divided by their sum: c is the cosine of the token's direction and the weighted sum of those of the others.

    Args:
        bags: Of the texts.
        table: float32 (vocabulary, dimensions), the `directions` of all rows.
    """
    if not len(bags.ids):
        return bags
    counts = np.diff(bags.offsets)
    own_squares = squared_lengths(table)[bags.ids]
    weights = np.rint(bags.weights * np.float32(WEIGHT_UNITS))
    whole = sums(bags, table, weights)
    unit = np.abs(whole).max(axis=1) / np.float32(SUM_UNITS)
    unit[unit == 0] = 1
    whole = np.rint(whole / unit[:, None])
    length = np.square(whole, dtype=np.float64).sum(axis=1).astype(np.float32) * unit * unit
    # Of the entries: with the sum of all tokens, then of all others.
    product = products(bags, table, whole) * np.repeat(unit, counts)
    own = weights * own_squares
    length = np.repeat(length, counts)
    others = length - weights * (2 * product - own)
    # What is left of the others within rounding is nothing; so is a zero row's direction.
    np.maximum(others, np.float32(1e-4) * length, out=others)
    others *= own_squares
    others[others == 0] = 1
    agreement = (product - own) / np.sqrt(others)
    np.clip(agreement, 0, 1, out=agreement)
    agreement *= np.repeat((counts / (counts + FEW_TOKENS)).astype(np.float32), counts)
    weights = bags.weights * (1 - agreement)
    texts = np.repeat(np.arange(len(bags)), counts)
    weights /= np.bincount(texts, weights=weights, minlength=len(bags)).astype(np.float32)[texts]
    return Bags(bags.ids, weights, bags.offsets)


def sums(bags: Bags, table: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (texts, dimensions): the sums of the entries' directions by ``weights`` (entries,)."""
    total = np.zeros((len(bags), table.shape[1]), np.float32)
    for texts, entries, counts in blocks_of(bags):
        rows = table[bags.ids[entries]]
        rows *= weights[entries, None]
        filled = np.flatnonzero(counts)
        if len(filled):
            total[texts][filled] = np.add.reduceat(rows, bags.offsets[texts][filled] - entries.start, axis=0)
    return total


def products(bags: Bags, table: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (entries,): inner products of each entry's direction and its text's vector (texts, dimensions)."""
    found = np.empty(len(bags.ids), np.float32)
    for texts, entries, counts in blocks_of(bags):
        of_texts = np.repeat(vectors[texts], counts, axis=0)
        np.einsum("ij,ij->i", table[bags.ids[entries]], of_texts, out=found[entries])
    return found


def blocks_of(bags: Bags) -> Iterator[tuple[slice, slice, NDArray[np.int64]]]:
    """Runs of texts that have `ENTRIES_TOGETHER` entries at most, or are a single text.

    Yields:
        Which texts, which entries, and the number of entries of each of these texts, int64 (texts,).
    """
    start = 0
    while start < len(bags):
        full = int(np.searchsorted(bags.offsets, bags.offsets[start] + ENTRIES_TOGETHER, "right")) - 1
        stop = max(start + 1, full)
        offsets = bags.offsets[start : stop + 1]
        yield slice(start, stop), slice(int(offsets[0]), int(offsets[-1])), np.diff(offsets)
        start = stop


def squared_lengths(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (n,): the squares of the lengths of directions (n, dimensions)."""
    return cast(NDArray[np.float32], np.einsum("ij,ij->i", table, table))
