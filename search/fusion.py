"""Fuses the scores of the two legs into one.

Reciprocal rank fusion (Cormack et al. 2009) throws the scores away, and with legs of unequal strength it falls below
the better one. A weighted sum of normalised scores (Bruch et al. 2023, arXiv:2210.11934) keeps them. Normalising hides
one thing, though: the best of BM25's matches scores 1 even if it shares only a particle with the query. So BM25's
weight depends on how much of the query the words of its best passage cover. docs/experiments/fusion.md has the figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sakuin.index.errors import IndexFolderError

# Weight of BM25 where it sees the query; the rest is the dense leg's.
BM25_WEIGHT = 0.6
# From this share of the query's full BM25 score on, the words are taken to be seen.
COVERED = 0.6


@dataclass(frozen=True, slots=True)
class Scaling:
    """How one leg's scores entered the fused score.

    Attributes:
        weight: Of the leg, for this query.
        low, high: The scores that count as nothing and as all: the lowest and highest of both legs' candidates, but see
            `search.candidates.bm25_extent`.
    """

    weight: float
    low: float
    high: float

    @classmethod
    def of(cls, scores: NDArray[np.float32], weight: float) -> "Scaling":
        """That of scores (n,) of the candidates."""
        low, high = (scores.min(), scores.max()) if len(scores) else (0.0, 0.0)
        return cls(weight, float(low), float(high))

    def normalised(self, scores: NDArray[np.float32] | float) -> NDArray[np.float64]:
        """Scores (n,), float64, moved and scaled so that the lowest is 0 and the highest 1; beyond them 0 and 1 too.

        Where both are equal, all are 1 if there is anything to them at all, else 0.
        """
        values = np.asarray(scores, np.float64)
        if self.high <= self.low:
            return (values > 0).astype(np.float64)
        return np.clip((values - self.low) / (self.high - self.low), 0, 1)

    def share(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """What the leg adds to the fused score of candidates, float64 (n,), by its scores (n,): 0 to ``weight``."""
        return self.weight * self.normalised(scores)


@dataclass(frozen=True, slots=True)
class Fusion:
    """How much BM25 counts beside the dense leg, query by query.

    Attributes:
        bm25_weight: Weight of BM25, 0 to 1, where the words of its best passage cover the query; the rest is the
            dense leg's.
        covered: Share of the query's full BM25 score from which on it is covered; below, the weight falls with the
            square of the coverage. 0 for a weight that is the same for every query.
    """

    bm25_weight: float = BM25_WEIGHT
    covered: float = COVERED

    @classmethod
    def of(cls, tuned: Mapping[str, float]) -> "Fusion":
        """What `index tune` chose for an index; the default where it was not run and ``tuned`` is empty.

        Raises:
            IndexFolderError: it chose something that this version does not know.
        """
        if unknown := tuned.keys() - {own.name for own in fields(cls)}:
            raise IndexFolderError(
                f"How the legs are fused in this index was chosen by another version of sakuin ({min(unknown)}): run "
                f"`index tune` again, or with --reset."
            )
        return cls(**tuned)

    def __str__(self) -> str:
        weight = f"BM25 weighs {self.bm25_weight:g}"
        if not self.covered or not self.bm25_weight:
            return f"{weight} for every query"
        return f"{weight}, less where its words cover less than {self.covered:g} of a query"

    def weight(self, best: float, full: float) -> float:
        """Weight of the BM25 leg for a query, 0 to ``bm25_weight``.

        Args:
            best: The highest BM25 score of any passage.
            full: The score of a passage of mean length that has every term of the query once.
        """
        coverage = best / full if full > 0 else 1.0
        return self.bm25_weight * (min(1.0, coverage / self.covered) ** 2 if self.covered else 1.0)


def normalised(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores (n,), float64, by their own lowest and highest, see `Scaling`."""
    return Scaling.of(scores, 1).normalised(scores)
