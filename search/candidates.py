"""The candidates of a hybrid search: what both legs list, every one scored by both, whichever listed it.

In a large index both legs work in two stages. Dense search finds candidates by codes and compares the best by their
stored vectors. BM25 finds candidates by the terms that set passages apart, see `index.terms.FirstStage`, and
rescores the best by all terms of the query. Where several indexes are searched as one, the best of what all list are
the candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.index.terms import Asked
from sakuin.search.legs import EMPTY, Leg
from sakuin.search.merging import merged
from sakuin.search.parts import Listed, Listing
from sakuin.search.whole import Selected, Whole

# Each leg lists at least so many; what neither ranks among its first hundred is in no fused top ten.
CANDIDATES = 100
# Of a first-stage list so many are rescored, or all where more hits are wanted; they stand before the others.
FEWEST_RESCORED = 30


@dataclass(frozen=True, slots=True)
class Candidates:
    """What both legs list for a query, by ascending passage id.

    Attributes:
        ids: int64 (n,), passage ids.
        cosines: float32 (n,).
        matches: float32 (n,), BM25 scores; NaN for what was not rescored, where BM25's list is that of a first stage.
        dense_ranks, bm25_ranks: int32 (n,), ranks in each leg's list, from 1; 0 where it does not list the passage.
        extent: The BM25 scores that enter the fused score as 0 and as 1, see `bm25_extent`.
        dense, bm25: Each leg's list, best first; None where it finds nothing of the query.
        standing: Numbers of the documents of each passage's places, by passage id; None where they are not known yet.
        leading: bool (n,), what is rescored however many hits are wanted, where BM25's list is that of a first stage;
            None for all.
    """

    ids: NDArray[np.int64]
    cosines: NDArray[np.float32]
    matches: NDArray[np.float32]
    dense_ranks: NDArray[np.int32]
    bm25_ranks: NDArray[np.int32]
    extent: tuple[float, float]
    dense: Leg | None
    bm25: Leg | None
    standing: Mapping[int, Sequence[int]] | None = None
    leading: NDArray[np.bool_] | None = None


def gather(
    whole: Whole,
    query: str,
    vector: NDArray[np.float32],
    *,
    k: int,
    rescore: int | None = None,
    rescored: int | None = None,
    within: Selected | None = None,
) -> Candidates:
    """Ask both legs for their candidates, and score each by both.

    Args:
        whole: What is searched.
        query: What is searched for.
        vector: float32 (dim,), the query's, of length 1 or 0.
        k: How many hits are wanted.
        rescore: How many first-stage candidates of dense search are compared exactly; None for the index's own number.
        rescored: How many of each list BM25 rescores after a first stage; None for `rescored_for` k hits.
        within: Find only these.
    """
    asked = whole.terms.asked(query)
    number = (rescored or rescored_for(k)) if has_first_stage(asked, k, within) else None
    listing = Listing(
        asked=asked,
        vector=vector,
        wanted=max(k, CANDIDATES),
        rescore=rescore,
        rescored=number,
        within=within.within if within else None,
    )
    return joined(merged(whole.listed(listing), listing), staged=number is not None)


def joined(listed: Listed, *, staged: bool) -> Candidates:
    """What both legs list as candidates.

    Args:
        listed: The lists.
        staged: BM25's list is that of a first stage.
    """
    seen, matched = listed.dense or EMPTY, listed.bm25 or EMPTY
    ids, first = np.unique(np.concatenate([seen.ids, matched.ids]), return_index=True)
    of_dense, of_bm25 = np.searchsorted(ids, seen.ids), np.searchsorted(ids, matched.ids)
    matches = np.full(len(ids), np.nan, np.float32)
    matches[of_bm25] = matched.scores
    told = ~np.isnan(listed.dense_matches)
    matches[of_dense[told]] = listed.dense_matches[told]
    first_listed = np.concatenate([of_dense[:FEWEST_RESCORED], of_bm25[:FEWEST_RESCORED]])
    leading = np.zeros(len(ids), np.bool_)
    leading[first_listed] = True
    return Candidates(
        ids,
        np.concatenate([seen.scores, listed.bm25_cosines])[first],
        matches,
        ranks_in(ids, seen.ids),
        ranks_in(ids, ids_in_order(matched, staged=staged)),
        bm25_extent(matches, leading=leading, staged=staged),
        listed.dense,
        listed.bm25,
        listed.standing,
        leading if staged else None,
    )


def has_first_stage(asked: Asked, k: int, within: Selected | None) -> bool:
    """Whether BM25 lists by a first stage; not in a filter, where few passages may have the terms that it counts."""
    return within is None and k <= CANDIDATES and asked.leaves_out


def rescored_for(k: int) -> int:
    """How many of a first-stage list are rescored, for k hits."""
    return FEWEST_RESCORED if k <= FEWEST_RESCORED else CANDIDATES


def ids_in_order(bm25: Leg, *, staged: bool) -> NDArray[np.int64]:
    """int64 (n,): the passages of BM25's list by their ranks, which do not depend on how many of it are rescored."""
    if not staged:
        return bm25.in_order().ids
    return np.concatenate([bm25.of(slice(FEWEST_RESCORED)).in_order().ids, bm25.ids[FEWEST_RESCORED:]])


def ranks_in(ids: NDArray[np.int64], listed: NDArray[np.int64]) -> NDArray[np.int32]:
    """int32 (n,): ranks of ids (n,), ascending, in a list (m,) of some of them, from 1; 0 where it lacks them."""
    ranks = np.zeros(len(ids), np.int32)
    ranks[np.searchsorted(ids, listed)] = np.arange(1, len(listed) + 1)
    return ranks


def bm25_extent(matches: NDArray[np.float32], *, leading: NDArray[np.bool_], staged: bool) -> tuple[float, float]:
    """The BM25 scores that enter the fused score as 0 and as 1, higher ones too.

    The lowest and highest of all candidates. After a first stage, how many are rescored depends on how many hits are
    wanted, which fused scores should not: then 0, and the highest of those that are always rescored.

    Args:
        matches: float32 (n,), BM25 scores of the candidates; after a first stage some are NaN.
        leading: bool (n,), which of them are among the first `FEWEST_RESCORED` of a list.
        staged: BM25's list is that of a first stage.
    """
    if not len(matches):
        return 0.0, 0.0
    return (0.0, float(matches[leading].max())) if staged else (float(matches.min()), float(matches.max()))
