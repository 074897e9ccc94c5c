"""BM25 as tantivy computes it, for scores that are made elsewhere; see `sakuin.index.terms`."""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

K1, B = 1.2, 0.75


def _lengths() -> NDArray[np.int64]:
    """int64 (256,): the lengths that a byte can stand for, Lucene's floats of four bits over the first 24."""
    exact = 24
    values = list(range(exact))
    for code in range(256 - exact):
        shift, bits = (code >> 3) - 1, code & 7
        values.append(exact + (bits if shift < 0 else (bits | 8) << shift))
    return np.array(values, np.int64)


LENGTHS = _lengths()


def stored_length(terms: int) -> int:
    """The length that BM25 counts for a passage of so many terms: rounded down to about one part in eight."""
    return int(LENGTHS[np.searchsorted(LENGTHS, terms, side="right") - 1])


@dataclass(frozen=True, slots=True)
class Bag:
    """The terms of a passage.

    Attributes:
        frequencies: How often it has each.
        length: How many it has, see `stored_length`.
    """

    frequencies: Counter[str]
    length: int

    @classmethod
    def of(cls, joined: str) -> "Bag":
        """Of terms parted by spaces, see `sakuin.index.text.Analyser.joined`."""
        terms = joined.split()
        return cls(Counter(terms), stored_length(len(terms)))

    def saturations(self, mean_length: float) -> dict[str, float]:
        """What BM25 makes of each term's frequency, 0 to 1; times (k1 + 1) and its idf it is the term's score."""
        norm = K1 * (1 - B + B * self.length / mean_length)
        return {term: frequency / (frequency + norm) for term, frequency in self.frequencies.items()}


def idf(having: int, passages: int) -> float:
    """How rare a term is that so many of all passages have."""
    return math.log1p((passages - min(having, passages) + 0.5) / (having + 0.5))
