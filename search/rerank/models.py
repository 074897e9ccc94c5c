"""What a transformer must do to give an opinion, and how it fails."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sakuin.search.request import SearchError

Floats = NDArray[np.float32]


class OpinionError(SearchError):
    """A second opinion that cannot be had: no such transformer, or no library to run it."""

    code = "no_opinion"


@runtime_checkable
class BiEncoder(Protocol):
    """A transformer that encodes queries and passages apart, so that a passage's vector can be kept.

    Attributes:
        fingerprint: Equal for models that give the same texts the same vectors.
        dimension: Of a vector.
    """

    fingerprint: str
    dimension: int

    def query(self, text: str) -> Floats:
        """Vector, float32 (dimension,), of length 1."""
        ...

    def passages(self, texts: Sequence[str]) -> Floats:
        """Vectors, float32 (n, dimension), each of length 1."""
        ...


class CrossEncoder(Protocol):
    """A transformer that reads query and passage together.

    Attributes:
        fingerprint: Equal for models that give the same pairs the same scores.
    """

    fingerprint: str

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """How well each text answers the query, float32 (n,), on a scale of the model's own."""
        ...


Transformer = BiEncoder | CrossEncoder
