"""The "even" pooling: a token counts the less, the more the text's other tokens point its way.

In a mean, what a text says in many words drowns what it says in one. Here each token's weight falls with the cosine of
its row and the sum of the others, so that all of what a text is about is heard: what generalised max pooling (Murray &
Perronnin 2014, doi:10.1109/CVPR.2014.317) and democratic aggregation (Jégou & Zisserman 2014,
doi:10.1109/CVPR.2014.417) do for the parts of an image, here in a single step of fixed cost.

Rows are compared by their directions in `DIRECTION_NUMBERS` numbers, rounded to whole ones. Sums and products of these
stay below 2**24, so float32 holds them exactly: whatever adds them up, in whatever order, a text's weights are the same
to the last bit.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.pooling import Bags, pool

if TYPE_CHECKING:
    import torch

# A row's direction: its first so many numbers, at a length of so many units.
DIRECTION_NUMBERS = 64
DIRECTION_LENGTH = 127
# Weights are counted in units of one in so many; the sum of a text's directions is rounded to so many units at most.
WEIGHT_UNITS = 2**16
SUM_UNITS = 8191
# With n distinct tokens, agreement counts n / (n + this): among few others it is chance.
FEW_TOKENS = 4

# Entries that numpy works on at a time: some 30 megabytes.
BLOCK = 2**15

Sums = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Products = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Rows = Callable[[NDArray[np.int64]], NDArray[np.float32]]


def directions(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Whole numbers, float32 (n, DIRECTION_NUMBERS or d): the directions of rows (n, d); of zero rows zeros."""
    cut = rows[:, :DIRECTION_NUMBERS].astype(np.float64)
    lengths = np.sqrt(np.square(cut).sum(axis=1, keepdims=True))
    lengths[lengths == 0] = 1
    return cast(NDArray[np.float32], np.rint(cut * (DIRECTION_LENGTH / lengths)).astype(np.float32))


def evened(bags: Bags, squares: NDArray[np.float32], sums: Sums, products: Products) -> Bags:
    """Bags of the same tokens, in which each counts the less, the more the others of its text point its way.

    In a text of n distinct tokens a weight w becomes w (1 - max(0, c) n / (n + FEW_TOKENS)), before the text's weights
    are divided by their sum: c is the cosine of the token's direction and the weighted sum of those of the others.

    Args:
        bags: Of the texts.
        squares: float32 (entries,), the square of the length of each entry's direction.
        sums: From weights (entries,) the weighted sums (texts, numbers) of the directions; see `few` and `many`.
        products: From vectors (texts, numbers) the product of each entry's direction and its text's vector (entries,).
    """
    if not len(bags.ids):
        return bags
    counts = np.diff(bags.offsets)
    weights = np.rint(bags.weights * np.float32(WEIGHT_UNITS))
    whole = sums(weights)
    unit = np.abs(whole).max(axis=1) / np.float32(SUM_UNITS)
    unit[unit == 0] = 1
    whole = np.rint(whole / unit[:, None])
    length = np.square(whole, dtype=np.float64).sum(axis=1).astype(np.float32) * unit * unit
    # Of the entries: with the sum of all tokens, then of all others.
    product = products(whole) * np.repeat(unit, counts)
    own = weights * squares
    length = np.repeat(length, counts)
    others = length - weights * (2 * product - own)
    # What is left of the others within rounding is nothing; so is a zero row's direction.
    np.maximum(others, np.float32(1e-4) * length, out=others)
    others *= squares
    others[others == 0] = 1
    agreement = (product - own) / np.sqrt(others)
    np.clip(agreement, 0, 1, out=agreement)
    agreement *= np.repeat((counts / (counts + FEW_TOKENS)).astype(np.float32), counts)
    weights = bags.weights * (1 - agreement)
    texts = np.repeat(np.arange(len(bags)), counts)
    weights /= np.bincount(texts, weights=weights, minlength=len(bags)).astype(np.float32)[texts]
    return Bags(bags.ids, weights, bags.offsets)


def few(bags: Bags, rows: Rows) -> Bags:
    """`evened` bags, by numpy.

    Args:
        bags: Of the texts.
        rows: From ids (n,) their rows of the table (n, d).
    """
    weights = np.empty_like(bags.weights)
    start = 0
    while start < len(bags):
        full = int(np.searchsorted(bags.offsets, bags.offsets[start] + BLOCK, "right")) - 1
        stop = max(start + 1, full)
        offsets = bags.offsets[start : stop + 1]
        own = slice(offsets[0], offsets[-1])
        block = Bags(bags.ids[own], bags.weights[own], offsets - offsets[0])
        weights[own] = block_of_few(block, rows(block.ids)).weights
        start = stop
    return Bags(bags.ids, weights, bags.offsets)


def block_of_few(bags: Bags, rows: NDArray[np.float32]) -> Bags:
    """`evened` bags, by numpy, from the rows of their entries (entries, d)."""
    own = directions(rows)
    filled = np.flatnonzero(np.diff(bags.offsets))

    def sums(weights: NDArray[np.float32]) -> NDArray[np.float32]:
        total = np.zeros((len(bags), own.shape[1]), np.float32)
        if len(filled):
            total[filled] = np.add.reduceat(own * weights[:, None], bags.offsets[filled], axis=0)
        return total

    def products(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        texts = np.repeat(np.arange(len(bags)), np.diff(bags.offsets))
        return cast(NDArray[np.float32], np.einsum("ij,ij->i", own, vectors[texts]))

    return evened(bags, np.einsum("ij,ij->i", own, own), sums, products)


def many(bags: Bags, table: "torch.Tensor", squares: NDArray[np.float32]) -> Bags:
    """`evened` bags, by torch's EmbeddingBag.

    Args:
        bags: Of the texts.
        table: float32 (vocabulary, numbers), the directions of all rows.
        squares: float32 (vocabulary,), the squares of their lengths.
    """
    import torch

    def sums(weights: NDArray[np.float32]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], pool(table, bags, torch.from_numpy(weights)).numpy())

    def products(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        # They are the gradient of the bags' sums in their weights, for which torch has a fast routine; gradients may be
        # switched off where texts are encoded.
        with torch.inference_mode(False), torch.enable_grad():
            weights = torch.ones(len(bags.ids), requires_grad=True)
            (found,) = torch.autograd.grad(pool(table, bags, weights), weights, torch.from_numpy(vectors))
            return cast(NDArray[np.float32], found.numpy())

    return evened(bags, squares[bags.ids], sums, products)
