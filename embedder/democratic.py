"""Democratic pooling, "even" in files: a token counts the less, the more the text's other tokens point its way.

In a mean, what a text says in many words drowns what it says in one. Here each token's weight falls with the cosine of
its row and the sum of the others, so that all of what a text is about is heard: what generalised max pooling (Murray &
Perronnin 2014, doi:10.1109/CVPR.2014.317) and democratic aggregation (Jégou & Zisserman 2014,
doi:10.1109/CVPR.2014.417) do for the parts of an image, here in a single step of fixed cost.

Rows are compared by their directions in `DIRECTION_DIMENSIONS` dimensions, rounded to whole numbers. Sums and products
of these stay below 2**24, so float32 holds them exactly: whatever adds them up, in whatever order, a text's weights are
the same to the last bit.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.pooling import Bags, pool

if TYPE_CHECKING:
    import torch

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

Sums = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Products = Callable[[NDArray[np.float32]], NDArray[np.float32]]


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


def by_numpy(bags: Bags, table: NDArray[np.float32]) -> Bags:
    """`reweighted` bags, without torch.

    Args:
        bags: Of the texts.
        table: float32 (vocabulary, dimensions), the `directions` of all rows.
    """
    blocks = list(blocks_of(bags))

    def sums(weights: NDArray[np.float32]) -> NDArray[np.float32]:
        total = np.zeros((len(bags), table.shape[1]), np.float32)
        for texts, entries, counts in blocks:
            rows = table[bags.ids[entries]]
            rows *= weights[entries, None]
            filled = np.flatnonzero(counts)
            if len(filled):
                total[texts][filled] = np.add.reduceat(rows, bags.offsets[texts][filled] - entries.start, axis=0)
        return total

    def products(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.empty(len(bags.ids), np.float32)
        for texts, entries, counts in blocks:
            of_texts = np.repeat(vectors[texts], counts, axis=0)
            np.einsum("ij,ij->i", table[bags.ids[entries]], of_texts, out=found[entries])
        return found

    return reweighted(bags, squares=squared_lengths(table), sums=sums, products=products)


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


def by_torch(bags: Bags, table: "torch.Tensor", *, squares: NDArray[np.float32]) -> Bags:
    """`reweighted` bags, by torch's EmbeddingBag.

    Args:
        bags: Of the texts.
        table: float32 (vocabulary, dimensions), the `directions` of all rows.
        squares: float32 (vocabulary,), their `squared_lengths`.
    """
    import torch

    def sums(weights: NDArray[np.float32]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], pool(table, bags, weights=torch.from_numpy(weights)).numpy())

    def products(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        # They are the gradient of the bags' sums in their weights, for which torch has a fast routine; gradients may be
        # switched off where texts are encoded.
        with torch.inference_mode(False), torch.enable_grad():
            weights = torch.ones(len(bags.ids), requires_grad=True)
            (found,) = torch.autograd.grad(pool(table, bags, weights=weights), weights, torch.from_numpy(vectors))
            return cast(NDArray[np.float32], found.numpy())

    return reweighted(bags, squares=squares, sums=sums, products=products)


def squared_lengths(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (n,): the squares of the lengths of directions (n, dimensions)."""
    return cast(NDArray[np.float32], np.einsum("ij,ij->i", table, table))


def reweighted(bags: Bags, *, squares: NDArray[np.float32], sums: Sums, products: Products) -> Bags:
    """Bags of the same tokens, in which each counts the less, the more the others of its text point its way.

    In a text of n distinct tokens a weight w becomes w (1 - max(0, c) n / (n + FEW_TOKENS)), before the text's weights
    are divided by their sum: c is the cosine of the token's direction and the weighted sum of those of the others.

    Args:
        bags: Of the texts.
        squares: float32 (vocabulary,), the squared lengths of the directions of all rows.
        sums: From weights (entries,) the weighted sums (texts, dimensions) of the directions.
        products: From vectors (texts, dimensions) the inner product of each entry's direction and its text's vector
            (entries,).
    """
    if not len(bags.ids):
        return bags
    counts = np.diff(bags.offsets)
    own_squares = squares[bags.ids]
    weights = np.rint(bags.weights * np.float32(WEIGHT_UNITS))
    whole = sums(weights)
    unit = np.abs(whole).max(axis=1) / np.float32(SUM_UNITS)
    unit[unit == 0] = 1
    whole = np.rint(whole / unit[:, None])
    length = np.square(whole, dtype=np.float64).sum(axis=1).astype(np.float32) * unit * unit
    # Of the entries: with the sum of all tokens, then of all others.
    product = products(whole) * np.repeat(unit, counts)
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
