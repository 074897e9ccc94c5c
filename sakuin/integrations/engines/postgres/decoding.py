"""pgvector's values as PostgreSQL sends them in binary, and scores made of them as an index makes its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.cosines import cosines as stored_cosines
from sakuin.index.terms import Asked, Statistics, TermScore
from sakuin.integrations.engines.bm25 import K1, B, stored_length

DECIMALS = 4
"""To which BM25 scores are rounded, as those of an index are."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A passage as the database has it.

    Attributes:
        passage_id: Of the passage.
        vector: int8 (dim,), as the index has it.
        numbers: int32 (n,), ascending, of its terms, from 1.
        saturations: float32 (n,), of the same terms, by ``mean_length``.
        length: How many terms it has, as BM25 counts.
        mean_length: By which the saturations were made.
    """

    passage_id: int
    vector: NDArray[np.int8]
    numbers: NDArray[np.int32]
    saturations: NDArray[np.float32]
    length: int
    mean_length: float

    @classmethod
    def of(cls, passage_id: int, vector: bytes, weights: bytes, length: int, mean_length: float) -> "Row":
        """Of a row of `tables.HYBRID` or `tables.SCORED`, in binary."""
        return cls(passage_id, as_int8(vector), *sparse_parts(weights), stored_length(length), mean_length)

    def saturation(self, mean_length: float) -> NDArray[np.float64]:
        """float64 (n,): what BM25 makes of each term's frequency, by the mean length of all that is searched."""
        own = self.saturations.astype(np.float64)
        # Of f / (f + norm) only the norm changes.
        return 1 / (1 + (1 / own - 1) * (norm(self.length, mean_length) / norm(self.length, self.mean_length)))

    def term(self, number: int) -> int | None:
        """Where a term stands among its own; None where it has it not."""
        at = int(np.searchsorted(self.numbers, number))
        return at if at < len(self.numbers) and self.numbers[at] == number else None


def norm(length: int, mean_length: float) -> float:
    """What is added to a term's frequency below the line, in BM25."""
    return K1 * (1 - B + B * length / mean_length)


def as_int8(halfvec: bytes) -> NDArray[np.int8]:
    """int8 (dim,), of a halfvec: its number of dimensions, two bytes that are unused, and the numbers."""
    return np.frombuffer(halfvec, ">f2", offset=4).astype(np.int8)


def sparse_parts(sparsevec: bytes) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Numbers, int32 (n,), from 1, and values, float32 (n,): a sparsevec's own count from 0."""
    (number,) = np.frombuffer(sparsevec, ">i4", count=1, offset=4)
    places = np.frombuffer(sparsevec, ">i4", count=int(number), offset=12)
    values = np.frombuffer(sparsevec, ">f4", count=int(number), offset=12 + 4 * int(number))
    return places.astype(np.int32) + 1, values.astype(np.float32)


def cosines(rows: Sequence[Row], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (n,): cosines of passages with a vector (dim,) of length 1, as `sakuin.index.vectors` computes them."""
    if not rows:
        return np.zeros(0, np.float32)
    stored = np.stack([row.vector for row in rows])
    return stored_cosines(stored, np.arange(len(stored)), vector)


def factors(weights: Mapping[str, float], statistics: Statistics, numbers: Mapping[str, int]) -> dict[int, float]:
    """What a query's terms that the database has are multiplied by, by their numbers: weight, idf and (k1 + 1)."""
    return {
        numbers[term]: weight * (K1 + 1) * statistics.idf(term) for term, weight in weights.items() if term in numbers
    }


def matches(rows: Sequence[Row], by: Mapping[int, float], mean_length: float) -> NDArray[np.float32]:
    """float32 (n,): BM25 scores of passages for a query's `factors`."""
    sought = np.array(sorted(by), np.int32)
    values = np.array([by[number] for number in sought.tolist()], np.float64)
    found = np.zeros(len(rows), np.float32)
    for place, row in enumerate(rows):
        if len(row.numbers):
            at = np.minimum(np.searchsorted(row.numbers, sought), len(row.numbers) - 1)
            known = row.numbers[at] == sought
            found[place] = values[known] @ row.saturation(mean_length)[at[known]]
    return np.asarray(np.round(found, DECIMALS), np.float32)


def explained(row: Row, asked: Asked, statistics: Statistics, numbers: Mapping[str, int]) -> list[TermScore]:
    """What each term of a query adds to the score of a passage, most first."""
    parts = []
    saturations = row.saturation(statistics.mean_length)
    below = norm(row.length, statistics.mean_length)
    for term, weight in asked.weights.items():
        at = row.term(numbers[term]) if term in numbers else None
        if at is None:
            continue
        saturation, idf = float(saturations[at]), statistics.idf(term)
        parts.append(
            TermScore(
                term=term,
                value=weight * (K1 + 1) * idf * saturation,
                weight=weight,
                factor=K1 + 1,
                idf=idf,
                having=statistics.having[term],
                passages=statistics.passages,
                saturation=saturation,
                frequency=float(round(saturation * below / (1 - saturation))),
                length=row.length,
                mean_length=statistics.mean_length,
                k1=K1,
                b=B,
                synonym_of=asked.added.get(term, ""),
            )
        )
    return sorted(parts, key=lambda part: (-part.value, part.term))
