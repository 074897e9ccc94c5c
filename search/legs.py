"""What each leg of a search, dense and BM25, lists for a query; no text is read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.index.snapshot import Selection, Snapshot
from sakuin.index.terms import Asked


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg's list, best first.

    Attributes:
        ids: int64 (n,), passage ids.
        scores: float32 (n,); where the list is that of a first stage, NaN for those that were not rescored.
        listed_by: float32 (n,), descending: the scores of the first stage, or the same as ``scores``.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    listed_by: NDArray[np.float32]

    def in_order(self) -> "Leg":
        """By scores, ties by ascending id; what has none stays behind."""
        order = np.lexsort((self.ids, -self.scores))
        order[np.isnan(self.scores[order])] = np.flatnonzero(np.isnan(self.scores))
        return self.of(order)

    def of(self, rows: NDArray[np.int64] | slice) -> "Leg":
        """Those of the list in these rows."""
        return Leg(self.ids[rows], self.scores[rows], self.listed_by[rows])


EMPTY = Leg(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32))
"""Of a leg that lists nothing."""


def dense_leg(
    snapshot: Snapshot,
    vector: NDArray[np.float32],
    *,
    wanted: int,
    rescore: int | None = None,
    within: Selection | None = None,
) -> Leg | None:
    """The dense list; None where the model knows no part of the query, whose vector is zero then.

    Args:
        snapshot: The index.
        vector: float32 (dim,), of length 1 or 0.
        wanted: How many to list.
        rescore: How many first-stage candidates are compared exactly; None for the index's own number.
        within: List only these.
    """
    if not vector.any():
        return None
    ids, cosines = snapshot.vectors.search(vector, wanted, rescore, within.vectors if within else None)
    return Leg(ids, cosines, cosines)


def bm25_leg(
    snapshot: Snapshot, query: str | Asked, *, wanted: int, rescored: int | None = None, within: Selection | None = None
) -> Leg | None:
    """BM25's list; None where no passage has any term of the query.

    Args:
        snapshot: The index.
        query: Any text, or what it asks.
        wanted: How many to list.
        rescored: List by a first stage, which leaves out common terms, and score so many of it by all terms; None to
            list by all terms.
        within: List only these.
    """
    terms = snapshot.terms
    ids, listed_by = terms.search(query, wanted, within.passages if within else None, first_stage=rescored is not None)
    scores = listed_by
    if rescored is not None:
        scores = np.full(len(ids), np.nan, np.float32)
        scores[:rescored] = terms.scores(query, ids[:rescored].tolist())
    return Leg(ids, scores, listed_by) if len(ids) else None
