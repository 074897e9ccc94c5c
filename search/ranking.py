"""Ranks the passages of an index, or of several, for a request: dense, BM25, or both fused.

Of the first of what is fused texts are read, for the third leg; of nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index.terms import Asked
from sakuin.search.candidates import CANDIDATES, FEWEST_RESCORED, Candidates, gather
from sakuin.search.fusion import Fusion, Scaling
from sakuin.search.late_interaction import FIRST, with_interaction
from sakuin.search.legs import Leg
from sakuin.search.merging import merged
from sakuin.search.parts import Listed, Listing
from sakuin.search.ranked import Ranked
from sakuin.search.relevance import RIVAL
from sakuin.search.request import SearchRequest
from sakuin.search.results import LegScore, Notice
from sakuin.search.whole import Selected, Whole

BELOW = 1 - 1e-9
"""Of the lowest score of what stands before, that others have at most: rounding must not put them into its place."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a search found, before its passages are fetched.

    Attributes:
        hits: Best first.
        notices: One for each leg that was asked but found nothing of the query.
        rival: Cosine at rank `RIVAL` of the dense leg's list, or at its last; None where that leg took no part.
        standing: Numbers of the documents of each passage's places, by passage id; None where they are not known yet.
        complete: Whether these are all passages that the search can find.
        leading: How many of the hits are ranked together, before others that are looked at only where they are wanted;
            None for all.
    """

    hits: list[Ranked]
    notices: list[Notice]
    rival: float | None
    standing: Mapping[int, Sequence[int]] | None = None
    complete: bool = False
    leading: int | None = None


def rank(
    whole: Whole,
    model: StaticEmbedder,
    request: SearchRequest,
    *,
    within: Selected | None = None,
    vector: NDArray[np.float32] | None = None,
    room: int = 0,
) -> Ranking:
    """The best passages for a request, of which query, mode, k, dim and rescore count here.

    Args:
        whole: What is searched.
        model: The one it was made with.
        request: What is searched for.
        within: Rank only these.
        vector: float32 (dim,), of length 1, for a dense search of no query; None to encode the query.
        room: Rank so many where more than are asked for were scored.

    Raises:
        SearchError: the index stores fewer dimensions.
    """
    dim = request.dimensions(whole.manifest.dim)
    if within and not within.passages:
        return Ranking([], [Notice("nothing_matches_filter")], None, complete=True)
    query, k, given = request.text, request.k, vector is not None
    most = max(k, room)
    # What a leg lists must not depend on how few are wanted, as far as its first stage or a rounded score lets it.
    wanted = max(k, CANDIDATES)
    if request.mode == "bm25":
        listed = listed_by(whole, wanted=wanted, within=within, asked=whole.terms.asked(query))
        notices = notices_of(request, None, listed.bm25, within)
        hits = by_bm25(listed.bm25, most)
        return Ranking(hits, notices, None, listed.standing, complete=is_all(None, listed.bm25, wanted, hits))
    if vector is None:
        vector = model.encode([query], truncate_dim=dim, normalize=True)[0]
    if request.mode == "dense":
        listed = listed_by(whole, wanted=wanted, within=within, vector=vector, rescore=request.rescore)
        notices = [] if given else notices_of(request, listed.dense, None, within)
        hits = by_dense(listed.dense, most)
        complete = is_all(listed.dense, None, wanted, hits)
        return Ranking(hits, notices, rival_of(listed.dense), listed.standing, complete=complete)
    found = gather(whole, query, vector, k=k, rescore=request.rescore, within=within)
    notices = notices_of(request, found.dense, found.bm25, within)
    if found.dense and found.bm25:
        fusion = Fusion.of(whole.manifest.fusion)
        hits = fused(found, fusion=fusion, full=whole.terms.full_score(query), k=max(most, FIRST))
        first = [hit.passage_id for hit in hits[:FIRST]]
        hits = with_interaction(hits, whole.indexed(first), model=model, query=query)[:most]
    else:
        hits = by_dense(found.dense, most) or by_bm25(found.bm25, most, staged=found.leading is not None)
    return Ranking(
        hits,
        notices,
        rival_of(found.dense),
        found.standing,
        complete=is_all(found.dense, found.bm25, wanted, hits),
        leading=None if found.leading is None else int(np.count_nonzero(found.leading)),
    )


def is_all(dense: Leg | None, bm25: Leg | None, wanted: int, hits: Sequence[Ranked]) -> bool:
    """Whether hits are all that legs could list, of which so many were wanted of each.

    By meaning every passage is listed.
    """
    listed = [leg.ids for leg in (dense, bm25) if leg]
    leg = dense or bm25
    return leg is None or (len(leg.ids) < wanted and len(hits) == len(np.unique(np.concatenate(listed))))


def listed_by(
    whole: Whole,
    *,
    wanted: int,
    within: Selected | None,
    asked: Asked | None = None,
    vector: NDArray[np.float32] | None = None,
    rescore: int | None = None,
) -> Listed:
    """What one leg lists: BM25 of what is asked, or the dense leg of a vector."""
    listing = Listing(
        asked=asked, vector=vector, wanted=wanted, rescore=rescore, within=within.within if within else None
    )
    return merged(whole.listed(listing), listing)


def notices_of(request: SearchRequest, dense: Leg | None, bm25: Leg | None, within: Selected | None) -> list[Notice]:
    """That the query is empty, or which of the legs that were asked found nothing of it."""
    if not request.text.strip():
        return [Notice("empty")]
    notices = []
    if request.mode != "bm25" and dense is None:
        notices.append(Notice("dense_no_match"))
    if request.mode != "dense" and bm25 is None:
        notices.append(Notice("bm25_no_match_in_filter" if within else "bm25_no_match"))
    return notices


def rival_of(dense: Leg | None) -> float | None:
    """Cosine at rank `RIVAL` of the dense leg's list, or at its last."""
    return float(dense.scores[:RIVAL][-1]) if dense and len(dense.scores) else None


def by_dense(leg: Leg | None, k: int | None) -> list[Ranked]:
    """The best k of the dense list alone, or all."""
    return [Ranked(rank, passage_id, own.score, own, None) for rank, passage_id, own in alone(leg, k)]


def by_bm25(leg: Leg | None, k: int | None, *, staged: bool = False) -> list[Ranked]:
    """The best k of BM25's list alone, or all; of the list of a first stage those that were rescored."""
    if leg is None or not staged:
        return of_bm25(leg, k)
    # Those that are rescored only where many hits are wanted stand behind the others.
    rescored = leg.of(~np.isnan(leg.scores))
    hits = of_bm25(rescored.of(slice(FEWEST_RESCORED)), k)
    return behind(hits, of_bm25(rescored.of(slice(FEWEST_RESCORED, None)), k))[:k]


def of_bm25(leg: Leg | None, k: int | None) -> list[Ranked]:
    """The best k of BM25's list, or all."""
    return [Ranked(rank, passage_id, own.score, None, own) for rank, passage_id, own in alone(leg, k)]


def alone(leg: Leg | None, k: int | None) -> list[tuple[int, int, LegScore]]:
    """Rank, passage id and score of the best k of a list, or of all."""
    if leg is None:
        return []
    leg = leg.in_order()
    best = zip(leg.ids[:k].tolist(), leg.scores[:k].tolist(), strict=True)
    return [(rank, passage_id, LegScore(rank, score, score)) for rank, (passage_id, score) in enumerate(best, 1)]


def fused(found: Candidates, *, fusion: Fusion, full: float, k: int | None) -> list[Ranked]:
    """The best k of both legs' candidates.

    Args:
        found: The candidates.
        fusion: How the legs are weighed.
        full: `index.terms.Terms.full_score` of the query.
        k: At most so many, None for all; after a first stage only what was rescored is ranked, and what is so only
            where many hits are wanted stands behind the rest.
    """
    weight = fusion.weight(found.extent[1], full)
    by_cosine, by_match = Scaling.of(found.cosines, 1 - weight), Scaling(weight, *found.extent)
    dense_shares, bm25_shares = by_cosine.share(found.cosines), by_match.share(found.matches)
    scores: NDArray[np.float64] = dense_shares + bm25_shares
    scored = np.flatnonzero(~np.isnan(found.matches))
    others = np.zeros(len(scored), np.bool_) if found.leading is None else ~found.leading[scored]
    order = np.lexsort((found.ids[scored], -scores[scored], others))[:k]
    hits = [
        Ranked(
            rank,
            int(found.ids[i]),
            float(scores[i]),
            LegScore(int(found.dense_ranks[i]) or None, float(found.cosines[i]), float(dense_shares[i]), by_cosine),
            LegScore(int(found.bm25_ranks[i]) or None, float(found.matches[i]), float(bm25_shares[i]), by_match),
        )
        for rank, i in enumerate(scored[order].tolist(), 1)
    ]
    led = len(order) - int(np.count_nonzero(others[order]))
    return behind(hits[:led], hits[led:])


def behind(first: Sequence[Ranked], others: Sequence[Ranked]) -> list[Ranked]:
    """Hits with others behind them, whose scores are lowered so far that none is above those of the first.

    What the others are worth was told by other extents, or is told only where many hits are wanted.

    Args:
        first: Hits, best first.
        others: More, best first.
    """
    if not others:
        return list(first)
    lowest = min((hit.score for hit in first), default=0.0)
    highest = max((hit.score for hit in others), default=0.0)
    if first and highest > lowest and all(leg.scaling for hit in others for leg in (hit.dense, hit.bm25) if leg):
        share = max(lowest, 0.0) / highest * BELOW
        others = [lowered(hit, share) for hit in others]
    return [*first, *(replace(hit, rank=rank) for rank, hit in enumerate(others, len(first) + 1))]


def lowered(hit: Ranked, share: float) -> Ranked:
    """A hit with so much of its score."""
    dense, bm25 = (
        replace(leg, share=share * leg.share, scaling=replace(leg.scaling, weight=share * leg.scaling.weight))
        if leg and leg.scaling
        else leg
        for leg in (hit.dense, hit.bm25)
    )
    return replace(hit, score=share * hit.score, dense=dense, bm25=bm25)
