"""What a peer is, and how it can be set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

DIM = 256
# A search by vectors must find this share of the ten nearest, or as much as the peer can reach: ours finds 0.99.
COMPARABLE = 0.97

Setting = dict[str, Any]
Vectors = NDArray[np.float32]


class Peer(Protocol):
    """A system that can be built from passages and asked."""

    def build(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Take passages and their vectors (n, DIM), of length 1, and make both sides."""

    def reindex(self, index: Setting) -> None:
        """Make the vector side anew, set in another way."""

    def tune(self, probe: Setting) -> None:
        """Search the vector side with another effort from now on."""

    def search(self, query: str, vector: Vectors, k: int) -> list[int]:
        """The positions of the best k passages for a query and its vector (DIM,)."""

    def nearest(self, vector: Vectors, k: int) -> list[int]:
        """The same by the vector alone."""


class Index(NamedTuple):
    """One way to set the vector side, and the efforts to search it with."""

    setting: Setting
    probes: tuple[Setting, ...] = ({},)


@dataclass(frozen=True)
class Kind:
    """A peer, as it comes and in the ways it can be set."""

    name: str
    title: str
    """With a place for the version of each distribution, by its name with underscores."""
    what: str
    """What a search of it is, or gives."""
    distributions: tuple[str, ...]
    make: Callable[[Path, Setting, Setting], Peer]
    """From a folder for its files, the setting of words, and that of the vector side."""
    words: Setting
    """As it comes."""
    best_words: Setting
    indexes: Callable[[int], tuple[Index, ...]]
    """The ways to set the vector side for a number of passages: the first as it comes, and what is slowest to build
    last."""
    buildings: tuple[tuple[Setting, Setting], ...]
    """Words and vector side as they may be built fastest."""

    @property
    def titled(self) -> str:
        """The name with versions."""
        return self.title.format(**{name.replace("-", "_"): version(name) for name in self.distributions})


def by_rank(lists: Sequence[Sequence[int]], k: int, constant: int = 60) -> list[int]:
    """Lists of positions joined by reciprocal rank (Cormack et al. 2009)."""
    scores: dict[int, float] = {}
    for ranked in lists:
        for rank, number in enumerate(ranked, 1):
            scores[number] = scores.get(number, 0) + 1 / (constant + rank)
    return sorted(scores, key=lambda number: -scores[number])[:k]
