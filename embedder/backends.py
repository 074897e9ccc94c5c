"""What adds up rows of the table: torch where it is there and repays its import, else numpy, to the same sums."""

import os
import sys
from functools import cache, cached_property, partial
from importlib.util import find_spec
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import democratic
from sakuin.embedder.pooling import Bags, pool, renumbered, weighted_sums
from sakuin.embedder.table import Table

if TYPE_CHECKING:
    import torch

# From this many texts on, torch over the whole table beats numpy over the rows that are needed.
BULK_FROM = 64
# Importing torch takes as long as it saves on about this many texts.
TORCH_REPAYS_FROM = 32_768


class Backend(Protocol):
    """Arithmetic over the rows of one table."""

    def democratic(self, bags: Bags) -> Bags:
        """Bags with the weights of democratic pooling; see `sakuin.embedder.democratic`."""
        ...

    def pool(self, bags: Bags, dim: int) -> NDArray[np.float32]:
        """float32 (texts, dim): the weighted sums of the first ``dim`` dimensions of the bags' rows."""
        ...


class NumpyBackend:
    """Reads the rows that are needed from the mapped table, and keeps none."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def democratic(self, bags: Bags) -> Bags:
        """As `Backend` says."""
        used, own = renumbered(bags, len(self._table))
        directions = democratic.directions(self._table.rows(used, democratic.DIRECTION_DIMENSIONS))
        weighed = democratic.by_numpy(own, directions)
        return Bags(bags.ids, weighed.weights, bags.offsets)

    def pool(self, bags: Bags, dim: int) -> NDArray[np.float32]:
        """float32 (texts, dim), as `Backend` says."""
        used, own = renumbered(bags, len(self._table))
        return weighted_sums(self._table.rows(used, dim), own)


class TorchBackend:
    """Keeps the whole table as float32, as far as the last two ``dim`` asked for, and the directions of its rows."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._prefixes: dict[int, torch.Tensor] = {}
        self._lock = Lock()

    def democratic(self, bags: Bags) -> Bags:
        """As `Backend` says."""
        directions, squares = self._directions
        return democratic.by_torch(bags, directions, squares=squares)

    def pool(self, bags: Bags, dim: int) -> NDArray[np.float32]:
        """float32 (texts, dim), as `Backend` says."""
        return cast(NDArray[np.float32], pool(self._prefix(dim), bags).numpy())

    @cached_property
    def _directions(self) -> tuple["torch.Tensor", NDArray[np.float32]]:
        torch = torch_for_bulk()
        directions = democratic.directions(self._table.prefix(democratic.DIRECTION_DIMENSIONS))
        with torch.inference_mode(False):
            return torch.from_numpy(directions), democratic.squared_lengths(directions)

    def _prefix(self, dim: int) -> "torch.Tensor":
        torch = torch_for_bulk()
        with self._lock:
            if dim not in self._prefixes:
                prefix = torch.from_numpy(self._table.prefix(dim))
                while len(self._prefixes) >= 2:
                    del self._prefixes[next(iter(self._prefixes))]
                self._prefixes[dim] = prefix
            return self._prefixes[dim]


def torch_repays(texts: int, encoded: int) -> bool:
    """Whether torch should add up.

    Args:
        texts: So many now.
        encoded: So many since the model was loaded, these among them.
    """
    if texts < BULK_FROM:
        return False
    # None stands there for a module that must not be imported.
    return sys.modules.get("torch") is not None or (encoded >= TORCH_REPAYS_FROM and torch_is_installed())


@cache
def torch_is_installed() -> bool:
    """Whether torch can be imported; does not import it."""
    return find_spec("torch") is not None


@cache
def torch_for_bulk() -> ModuleType:
    """torch, which in processes forked from now on works with one thread: it would wait for its others for ever."""
    import torch

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
    return torch
