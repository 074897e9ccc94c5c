"""From the token ids of many texts to weighted bags: each distinct token once, with its share of the vector.

Merging repeated tokens serves all poolings, and fewer rows of the table are read:

- mean pooling (``mean``): a token's weight is its share of all tokens, as in sentence-transformers;
- sqrt pooling (``damped`` in files and arguments): a token that occurs n times counts as the square root of n, which is
  to a mean what saturation is to BM25;
- lead pooling (``lead``): sqrt pooling in which a text's first tokens count more, because passages tend to say first
  what they are about;
- democratic pooling (``even``): the weights of lead pooling, changed by what the text's other tokens mean
  (`sakuin.embedder.democratic`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Pooling = Literal["mean", "damped", "lead", "even"]
POOLINGS: tuple[str, ...] = get_args(Pooling)
# Of lead and democratic pooling: how many tokens at a text's beginning count more, and how much each.
LEAD_TOKENS = 16
LEAD_WEIGHT = 1.5
# Sums that numpy works on at a time: what stays in a core's cache.
ADDED_TOGETHER = 2**15


@dataclass(frozen=True, slots=True)
class Bags:
    """Weighted bags of distinct token ids, one a text, end to end.

    Attributes:
        ids: int64 (entries,), ascending within a text.
        weights: float32 (entries,), positive, adding up to 1 within a text.
        offsets: int64 (texts + 1,); text i owns entries ``offsets[i]:offsets[i + 1]``.
    """

    ids: NDArray[np.int64]
    weights: NDArray[np.float32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def make_bags(ids: NDArray[np.integer], lengths: NDArray[np.integer], *, pooling: Pooling) -> Bags:
    """Merge repeated ids and weigh them.

    A token that occurs n times, m of them among the first `LEAD_TOKENS` of its text, weighs n with "mean", the square
    root of n with "damped", and (n + (LEAD_WEIGHT - 1) m) / sqrt(n) with "lead", before a text's weights are divided by
    their sum. For "even" they are the same as for "lead": what changes them needs the table too.

    Args:
        ids: Integers (tokens,), the token ids of all texts, end to end.
        lengths: Integers (texts,), how many ids each text has; zeros are allowed.
        pooling: One of `POOLINGS`.
    """
    texts = len(lengths)
    if not len(ids):
        return Bags(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(texts + 1, np.int64))
    # One sort of (text, id, in the lead or not) packed into integers; of 32 bits where they fit: twice as fast.
    span = 2 * (int(ids.max()) + 1)
    packed_type: type[np.uint32] | type[np.uint64] = np.uint32 if texts * span < 2**32 else np.uint64
    packed: NDArray[Any] = np.repeat((np.arange(texts) * span).astype(packed_type), lengths)
    packed += 2 * ids.astype(packed_type)
    if leads(pooling):
        packed[lead(np.asarray(lengths, np.int64))] += packed_type(1)
    packed.sort()
    leading = packed & packed_type(1)
    packed >>= packed_type(1)
    span //= 2
    first = np.empty(len(packed), bool)
    first[0] = True
    np.not_equal(packed[1:], packed[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=len(packed))
    distinct = packed[starts]
    rows = distinct // packed_type(span)
    merged = (distinct - rows * packed_type(span)).astype(np.int64)
    offsets = np.searchsorted(rows, np.arange(texts + 1)).astype(np.int64)
    weights = counts.astype(np.float32)
    if pooling != "mean":
        np.sqrt(weights, out=weights)
    if leads(pooling):
        weights += (LEAD_WEIGHT - 1) * np.add.reduceat(leading, starts, dtype=np.float32) / weights
    sums = np.bincount(rows.astype(np.int64), weights=weights, minlength=texts)
    weights /= np.repeat(sums, np.diff(offsets))
    return Bags(merged, weights, offsets)


def leads(pooling: Pooling) -> bool:
    """Whether a text's first tokens count more."""
    return pooling in ("lead", "even")


def lead(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the first `LEAD_TOKENS` tokens of each text stand, int64 (m,), in texts of such lengths end to end."""
    sizes = np.minimum(lengths, LEAD_TOKENS)
    ends = np.cumsum(sizes)
    starts = np.cumsum(lengths) - lengths
    where: NDArray[np.int64] = np.arange(ends[-1]) + np.repeat(starts - (ends - sizes), sizes)
    return where


def renumbered(bags: Bags, vocabulary: int) -> tuple[NDArray[np.int64], Bags]:
    """The ids that occur in bags, and the same bags by the ranks of their ids among these.

    Args:
        bags: Of ids below ``vocabulary``.
        vocabulary: How many ids there are.

    Returns:
        int64 (used,), ascending, and bags of ids 0 to used - 1.
    """
    if len(bags) == 1:
        # A query: its ids are distinct and ascending already.
        return bags.ids, Bags(np.arange(len(bags.ids)), bags.weights, bags.offsets)
    occurs = np.zeros(vocabulary, bool)
    occurs[bags.ids] = True
    used = np.flatnonzero(occurs)
    ranks = np.empty(vocabulary, np.int64)
    ranks[used] = np.arange(len(used))
    return used, Bags(ranks[bags.ids], bags.weights, bags.offsets)


def weighted_sums(rows: NDArray[np.float32], bags: Bags) -> NDArray[np.float32]:
    """What `pool` computes, without torch and to the last bit the same.

    torch adds the rows of a text one after the other by fused multiply-add, which rounds once. So does this: float64
    holds the product of two float32 exactly, and the sum is rounded to float32 at each step. (It is rounded to float64
    before, which makes a difference where that falls on the very middle of two float32: about one sum in 10**10.)

    Texts of about the same number of entries are taken together; step k adds the kth entry of each that has one.

    Args:
        rows: float32 (vocabulary, width).
        bags: Of the texts.

    Returns:
        float32 (texts, width).
    """
    width = rows.shape[1]
    sums = np.zeros((len(bags), width), np.float32)
    weights = bags.weights.astype(np.float64)[:, None]
    if len(bags) == 1:
        # A query: the same, without the bookkeeping.
        for added in rows[bags.ids] * weights:
            sums[0] = added + sums[0]
        return sums
    counts = np.diff(bags.offsets)
    longest_first = np.argsort(-counts, kind="stable")
    together = max(1, ADDED_TOGETHER // width)
    for start in range(0, len(bags), together):
        texts = longest_first[start : start + together]
        starts, longest = bags.offsets[texts], counts[texts[0]]
        total = np.zeros((len(texts), width))
        # How many of the texts have an entry at each step.
        having = np.searchsorted(-counts[texts], -np.arange(longest)).tolist()
        for step, number in enumerate(having):
            entries = starts[:number] + step
            added = rows[bags.ids[entries]].astype(np.float64)
            added *= weights[entries]
            added += total[:number]
            total[:number] = added.astype(np.float32)
        sums[texts] = total
    return sums


def pool(table: "torch.Tensor", bags: Bags, *, weights: "torch.Tensor | None" = None) -> "torch.Tensor":
    """Weighted sums of rows by torch's EmbeddingBag: (texts, width) from a table (vocabulary, width).

    Args:
        table: On any device; differentiable in it.
        bags: Of the texts.
        weights: float32 (entries,) in place of the bags' own; differentiable in them.
    """
    import torch

    if weights is None:
        weights = torch.from_numpy(bags.weights).to(table.device)
    return torch.nn.functional.embedding_bag(
        torch.from_numpy(bags.ids).to(table.device),
        table,
        torch.from_numpy(bags.offsets).to(table.device),
        mode="sum",
        per_sample_weights=weights,
        include_last_offset=True,
    )
