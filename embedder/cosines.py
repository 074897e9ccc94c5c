"""Cosines of stored rows of int8 with a query: the same bits whatever a processor adds up first.

A query is rounded to whole numbers of `UNIT` parts, so products and sums are whole numbers that float64 holds. What
that changes in a cosine is a hundred-millionth or so.
"""

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.core import native

UNIT = 2.0**26
"""Parts of a query's length, which is 1."""

TOGETHER = 256
"""Rows that numpy compares at a time: what stays in a core's cache, in a third of the time of thousands."""

MOST_COMPARED = 4096
"""Dimensions, by the compiled core: sums of the products of more might not fit into 32 bits."""


def cosines(rows: NDArray[np.int8], indices: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (n,): cosines of some rows with a query; 0 for a row of zeros.

    Args:
        rows: int8 (rows, width), each a vector of any length.
        indices: int64 (n,), which of them.
        query: float32 (d,), of length 1 or 0, d <= width: so many first dimensions are compared.
    """
    whole = np.rint(query * UNIT).astype(np.int32)
    if native is None or not rows.flags.c_contiguous or len(query) > MOST_COMPARED:
        return by_numpy(rows, indices, whole)
    found = np.empty(len(indices), np.float32)
    native.cosines(rows, rows.shape[1], np.ascontiguousarray(indices, np.int64), whole, found)
    return found


def by_numpy(rows: NDArray[np.int8], indices: NDArray[np.int64], whole: NDArray[np.int32]) -> NDArray[np.float32]:
    """What `cosines` gives, without the compiled core, of a query of whole numbers, int32 (d,)."""
    found = np.empty(len(indices), np.float32)
    query = whole.astype(np.float64)
    for start in range(0, len(indices), TOGETHER):
        some = rows[indices[start : start + TOGETHER]][:, : len(query)].astype(np.float64)
        squared = np.einsum("ij,ij->i", some, some)
        squared[squared == 0] = np.inf
        found[start : start + TOGETHER] = (some @ query) / UNIT / np.sqrt(squared)
    return found
