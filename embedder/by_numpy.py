"""Weights and sums of a few texts: reads the rows that are needed from the mapped table, and keeps none.

For many texts the compiled core does the same, to the same bits (`sakuin.embedder.compiled`).
"""

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import democratic
from sakuin.embedder.pooling import Bags, renumbered, weighted_sums
from sakuin.embedder.table import Table


def democratic_bags(bags: Bags, table: Table) -> Bags:
    """Bags with the weights of democratic pooling; see `sakuin.embedder.democratic`."""
    used, own = renumbered(bags, len(table))
    directions = democratic.directions(table.rows(used, democratic.DIRECTION_DIMENSIONS))
    return Bags(bags.ids, democratic.reweighted(own, directions).weights, bags.offsets)


def sums(bags: Bags, table: Table, dim: int) -> NDArray[np.float32]:
    """float32 (texts, dim): the weighted sums of the first ``dim`` dimensions of the bags' rows."""
    used, own = renumbered(bags, len(table))
    return weighted_sums(table.rows(used, dim), own)
