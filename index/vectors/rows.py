"""Vectors as rows of int8: how they are stored, gathered and compared."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.cosines import cosines
from sakuin.embedder.model import normalize_rows
from sakuin.embedder.table import int8_rows

# Rows at a time: bounds the memory that writing and opening take beyond what is kept.
BLOCK = 65_536

Part = tuple[NDArray[np.int64], NDArray[np.int8]]
"""Ids of passages (n,) and their vectors (n, dim), see `as_int8`."""


def as_int8(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Vectors (n, dim) of any length as they are stored, in int8; docs/experiments/vectors.md has what that costs."""
    return int8_rows(vectors)[0]


def gathered(parts: Sequence[Part], indices: NDArray[np.int64]) -> NDArray[np.int8]:
    """Rows, int8 (n, dim), of the parts as if they stood one after the other, by indices (n,)."""
    rows = np.empty((len(indices), parts[0][1].shape[1]), np.int8)
    start = 0
    for ids, vectors in parts:
        here = (indices >= start) & (indices < start + len(ids))
        rows[here] = vectors[indices[here] - start]
        start += len(ids)
    return rows


def unit_rows(rows: NDArray[np.int8], indices: NDArray[np.int64] | slice, d: int) -> NDArray[np.float32]:
    """float32 (n, d): the first d dimensions of some rows, scaled to length 1."""
    # Whole rows are taken in half the time of parts of them.
    some = rows[indices, :d] if isinstance(indices, slice) else rows.take(indices, axis=0)[:, :d]
    chosen = some.astype(np.float32)
    normalize_rows(chosen, chosen)
    return chosen


def scored(
    ids: NDArray[np.int64], rows: NDArray[np.int8], indices: NDArray[np.int64], query: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Passage ids int64 (n,) and cosines float32 (n,) of some rows (n,)."""
    return ids[indices], cosines(rows, indices, query)


def synced(file: Any) -> None:
    """Make an open file's bytes durable."""
    file.flush()
    os.fsync(file.fileno())
