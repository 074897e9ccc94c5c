"""Ranks the passages of an index for a request: dense, BM25, or both fused; no text is read."""

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index.snapshot import Selection, Snapshot
from sakuin.search.candidates import Candidates, gather
from sakuin.search.fusion import Fusion, Scaling
from sakuin.search.legs import Leg, bm25_leg, dense_leg
from sakuin.search.relevance import RIVAL
from sakuin.search.request import SearchRequest
from sakuin.search.results import LegScore, Notice


@dataclass(slots=True)
class Ranked:
    """A hit before its passage is fetched; its relevance is known after its scores."""

    rank: int
    passage_id: int
    score: float
    dense: LegScore | None
    bm25: LegScore | None
    relevance: float | None = None
    rerank: LegScore | None = None
    recency: LegScore | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a search found, before its passages are fetched.

    Attributes:
        hits: Best first.
        notices: One for each leg that was asked but found nothing of the query.
        rival: Cosine at rank `RIVAL` of the dense leg's list, or at its last; None where that leg took no part.
    """

    hits: list[Ranked]
    notices: list[Notice]
    rival: float | None


def rank(
    snapshot: Snapshot,
    model: StaticEmbedder,
    request: SearchRequest,
    *,
    beside: Executor,
    within: Selection | None = None,
    vector: NDArray[np.float32] | None = None,
    room: int = 0,
) -> Ranking:
    """The best passages for a request, of which query, mode, k, dim and rescore count here.

    Args:
        snapshot: The index.
        model: The one it was made with.
        request: What is searched for.
        beside: Runs BM25 while this thread compares vectors.
        within: Rank only these.
        vector: float32 (dim,), of length 1, for a dense search of no query; None to encode the query.
        room: Rank so many where more than are asked for were scored.

    Raises:
        SearchError: the index stores fewer dimensions.
    """
    dim = request.dimensions(snapshot.manifest.dim)
    if within and not len(within.passages):
        return Ranking([], [Notice("nothing_matches_filter")], None)
    query, k, given = request.text, request.k, vector is not None
    most = max(k, room)
    if request.mode == "bm25":
        leg = bm25_leg(snapshot, query, wanted=most, within=within)
        return Ranking(by_bm25(leg, most), notices_of(request, None, leg, within), None)
    if vector is None:
        vector = model.encode([query], truncate_dim=dim, normalize=True)[0]
    if request.mode == "dense":
        leg = dense_leg(snapshot, vector, wanted=max(most, RIVAL), rescore=request.rescore, within=within)
        notices = [] if given else notices_of(request, leg, None, within)
        return Ranking(by_dense(leg, most), notices, rival_of(leg))
    found = gather(snapshot, query, vector, k=k, beside=beside, rescore=request.rescore, within=within)
    notices = notices_of(request, found.dense, found.bm25, within)
    if found.dense and found.bm25:
        fusion = Fusion.of(snapshot.manifest.fusion)
        hits = fused(found, fusion=fusion, full=snapshot.terms.full_score(query), k=most)
    else:
        hits = by_dense(found.dense, most) or by_bm25(found.bm25, k)
    return Ranking(hits, notices, rival_of(found.dense))


def notices_of(request: SearchRequest, dense: Leg | None, bm25: Leg | None, within: Selection | None) -> list[Notice]:
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
