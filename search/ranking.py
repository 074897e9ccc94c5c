"""Ranks the passages of an index, or of several, for a request: dense, BM25, or both fused.

Of the first of what is fused texts are read, for the third leg; of nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index.terms import Asked
from sakuin.search.candidates import Candidates, gather
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


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a search found, before its passages are fetched.

    Attributes:
        hits: Best first.
        notices: One for each leg that was asked but found nothing of the query.
        rival: Cosine at rank `RIVAL` of the dense leg's list, or at its last; None where that leg took no part.
        standing: Numbers of the documents of each passage's places, by passage id; None where they are not known yet.
    """

    hits: list[Ranked]
    notices: list[Notice]
    rival: float | None
    standing: Mapping[int, Sequence[int]] | None = None


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
        return Ranking([], [Notice("nothing_matches_filter")], None)
    query, k, given = request.text, request.k, vector is not None
    most = max(k, room)
    if request.mode == "bm25":
        listed = listed_by(whole, wanted=most, within=within, asked=whole.terms.asked(query))
        notices = notices_of(request, None, listed.bm25, within)
        return Ranking(by_bm25(listed.bm25, most), notices, None, listed.standing)
    if vector is None:
        vector = model.encode([query], truncate_dim=dim, normalize=True)[0]
    if request.mode == "dense":
        listed = listed_by(whole, wanted=max(most, RIVAL), within=within, vector=vector, rescore=request.rescore)
        notices = [] if given else notices_of(request, listed.dense, None, within)
        return Ranking(by_dense(listed.dense, most), notices, rival_of(listed.dense), listed.standing)
    found = gather(whole, query, vector, k=k, rescore=request.rescore, within=within)
    notices = notices_of(request, found.dense, found.bm25, within)
    if found.dense and found.bm25:
        fusion = Fusion.of(whole.manifest.fusion)
        reach = max(most, FIRST) if found.leading is None else None
        hits = fused(found, fusion=fusion, full=whole.terms.full_score(query), k=reach)
        first = [hit.passage_id for hit in hits if found.leads(hit.passage_id)][:FIRST]
        hits = with_interaction(hits, whole.indexed(first), model=model, query=query)[:most]
    else:
        hits = by_dense(found.dense, most) or by_bm25(found.bm25, k)
    return Ranking(hits, notices, rival_of(found.dense), found.standing)


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


def by_bm25(leg: Leg | None, k: int | None) -> list[Ranked]:
    """The best k of BM25's list alone, or all."""
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
        k: At most so many, None for all; after a first stage only what was rescored is ranked.
    """
    weight = fusion.weight(found.extent[1], full)
    by_cosine, by_match = Scaling.of(found.cosines, 1 - weight), Scaling(weight, *found.extent)
    dense_shares, bm25_shares = by_cosine.share(found.cosines), by_match.share(found.matches)
    scores: NDArray[np.float64] = dense_shares + bm25_shares
    scored = np.flatnonzero(~np.isnan(found.matches))
    best = scored[np.lexsort((found.ids[scored], -scores[scored]))][:k]
    return [
        Ranked(
            rank,
            int(found.ids[i]),
            float(scores[i]),
            LegScore(int(found.dense_ranks[i]) or None, float(found.cosines[i]), float(dense_shares[i]), by_cosine),
            LegScore(int(found.bm25_ranks[i]) or None, float(found.matches[i]), float(bm25_shares[i]), by_match),
        )
        for rank, i in enumerate(best.tolist(), 1)
    ]
