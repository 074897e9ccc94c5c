"""Puts together what the parts of a whole list."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sakuin.search.legs import Leg
from sakuin.search.parts import Listed, Listing


def merged(each: Sequence[Listed], listing: Listing) -> Listed:
    """The lists of the whole, from those of its parts.

    The best of all are among the best of each part. What a first stage has rescored of the whole's list, it has
    rescored of the part's.
    """
    if len(each) == 1:
        return each[0]
    dense, dense_matches = best([(one.dense, one.dense_matches) for one in each], listing)
    bm25, bm25_cosines = best([(one.bm25, one.bm25_cosines) for one in each], listing)
    if listing.rescored is not None:
        dense_matches[listing.rescored :] = np.nan
        if bm25:
            bm25.scores[listing.rescored :] = np.nan
    standing: dict[int, list[int]] = {}
    for one in each:
        for passage_id, documents in (one.standing or {}).items():
            standing.setdefault(passage_id, []).extend(documents)
    return Listed(dense, dense_matches, bm25, bm25_cosines, standing if listing.standing else None)


def best(
    lists: Sequence[tuple[Leg | None, NDArray[np.float32]]], listing: Listing
) -> tuple[Leg | None, NDArray[np.float32]]:
    """The first ``wanted`` of several lists, and what goes with them, float32 (n,).

    Args:
        lists: Of one leg, each with a number for each passage. One that is in several stands once, as in the first.
        listing: What was asked.
    """
    known = [(leg, beside) for leg, beside in lists if leg]
    if not known:
        return None, np.zeros(0, np.float32)
    ids, scores, listed_by = (
        np.concatenate([getattr(leg, name) for leg, _ in known]) for name in ("ids", "scores", "listed_by")
    )
    beside = np.concatenate([values for _, values in known])
    _, first = np.unique(ids, return_index=True)
    order = first[np.lexsort((ids[first], -listed_by[first]))][: listing.wanted]
    return Leg(ids[order], scores[order], listed_by[order]), beside[order]
