"""Ranks the passages of an index for a query: dense, BM25, or both joined; no text is read.

In a large index both legs of a hybrid search work in two steps. Dense search finds candidates by codes and compares the
best by their stored vectors. BM25 finds candidates by the terms that set passages apart, see
`index.terms.Terms.rough_terms`, and scores the best by all terms of the query. Every hit is scored exactly by both
legs, whichever proposed it.
"""

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index.snapshot import Selection, Snapshot
from sakuin.search.fusion import Fusion, Scaling
from sakuin.search.relevance import RIVAL
from sakuin.search.request import SearchRequest
from sakuin.search.results import LegScore, Notice

# Each leg proposes at least so many candidates; what neither ranks among its first hundred is in no fused top ten.
CANDIDATES = 100
# Of a list that is found roughly so many are scored by all terms, for each hit that is wanted, and at least.
CONTENDERS, FEWEST_CONTENDERS = 3, 30


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg's list, best first.

    Attributes:
        ids: int64 (n,), passage numbers.
        scores: float32 (n,); of a list that was found roughly, only the first have one, the others are not numbers.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]

    def in_order(self) -> "Leg":
        """By scores, ties by ascending number; what has none stays behind."""
        order = np.lexsort((self.ids, -self.scores))
        order[np.isnan(self.scores[order])] = np.flatnonzero(np.isnan(self.scores))
        return Leg(self.ids[order], self.scores[order])

    def ranks(self) -> dict[int, int]:
        """Rank, from 1, by passage number."""
        return {number: rank for rank, number in enumerate(self.ids.tolist(), 1)}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A hit before its passage is fetched."""

    rank: int
    passage_id: int
    score: float
    dense: LegScore | None
    bm25: LegScore | None
    relevance: float | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a search found, before its passages are fetched.

    Attributes:
        hits: Best first.
        notices: One for each leg that was asked but found nothing of the query.
        rival: Cosine in place `RIVAL` of the dense leg's list, or in its last; None where that leg took no part.
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
) -> Ranking:
    """The best passages for a request, of which mode, k, dim and rescore count here.

    Args:
        snapshot: The index.
        model: The one it was made with.
        request: What is searched for.
        beside: Runs BM25 while this thread compares vectors: FAISS, numpy and tantivy all let go of Python's lock.
        within: Rank only these.

    Raises:
        SearchError: the index stores fewer dimensions.
    """
    query, k, mode = request.text, request.k, request.mode
    dim = request.dimensions(snapshot.manifest.dim)
    if within and not len(within.passages):
        return Ranking([], [Notice("nothing_matches_filter")], None)
    dense, words, joined = None, None, None
    if mode == "bm25":
        words = bm25_leg(snapshot, query, k, within)
    else:
        vector = model.encode([query], truncate_dim=dim, normalize=True)[0]
        if mode == "dense":
            dense = dense_leg(snapshot, vector, max(k, RIVAL), request.rescore, within)
        else:
            dense, words, joined = both_legs(snapshot, query, vector, k, request.rescore, beside, within)
    notices = []
    if not query.strip():
        notices.append(Notice("empty"))
    else:
        if mode != "bm25" and dense is None:
            notices.append(Notice("dense_no_match"))
        if mode != "dense" and words is None:
            notices.append(Notice("bm25_no_match_in_filter" if within else "bm25_no_match"))
    rival = float(dense.scores[:RIVAL][-1]) if dense and len(dense.scores) else None
    if joined is not None:
        return Ranking(joined, notices, rival)
    legs = [(leg, name) for leg, name in ((dense, "dense"), (words, "bm25")) if leg]
    if not legs:
        return Ranking([], notices, None)
    leg, name = legs[0]
    leg = leg.in_order()
    ranked = []
    for place, (number, score) in enumerate(zip(leg.ids[:k].tolist(), leg.scores[:k].tolist(), strict=True), 1):
        own = LegScore(place, score, score)
        ranked.append(Ranked(place, number, score, own if name == "dense" else None, own if name == "bm25" else None))
    return Ranking(ranked, notices, rival)


def both_legs(
    snapshot: Snapshot,
    query: str,
    vector: NDArray[np.float32],
    k: int,
    rescore: int | None,
    beside: Executor,
    within: Selection | None,
) -> tuple[Leg | None, Leg | None, list[Ranked] | None]:
    """The dense list, BM25's, and both joined where neither leg is blind."""
    listing = beside.submit(bm25_beside, snapshot, query, vector, k, within)
    dense = dense_leg(snapshot, vector, max(k, CANDIDATES), rescore, within)
    rough = found_roughly(snapshot, query, k, within)
    matches = np.zeros(0, np.float32)
    if dense and not rough:
        # BM25 is still busy in a small index; in a large one it is about to say which of these it has scored itself.
        matches = snapshot.terms.scores(query, dense.ids.tolist())
    words, cosines = listing.result()
    if dense is None or words is None:
        return dense, words, None
    return dense, words, fused(snapshot, query, dense, matches, words, cosines, k, rough)


def dense_leg(
    snapshot: Snapshot,
    vector: NDArray[np.float32],
    wanted: int,
    rescore: int | None = None,
    within: Selection | None = None,
) -> Leg | None:
    """The dense list, None where the model knows no part of the query, whose ``vector`` is zero then."""
    if not vector.any():
        return None
    return Leg(*snapshot.vectors.search(vector, wanted, rescore, within.vectors if within else None))


def bm25_leg(
    snapshot: Snapshot, query: str, wanted: int, within: Selection | None = None, contenders: int | None = None
) -> Leg | None:
    """BM25's list, None where no passage has any term of the query.

    Args:
        snapshot: The index.
        query: Any text.
        wanted: How many to list.
        within: List only these.
        contenders: Find the list roughly, and score only so many of it, by all terms; None to find it by all terms.
    """
    terms = snapshot.terms
    ids, scores = terms.search(query, wanted, within.passages if within else None, contenders is not None)
    if contenders is not None:
        scores = np.full(len(ids), np.nan, np.float32)
        scores[:contenders] = terms.scores(query, ids[:contenders].tolist())
    return Leg(ids, scores) if len(ids) else None


def bm25_beside(
    snapshot: Snapshot, query: str, vector: NDArray[np.float32], k: int, within: Selection | None
) -> tuple[Leg | None, NDArray[np.float32]]:
    """BM25's list for a hybrid search, and the cosines of what it lists with the query's vector."""
    contenders = contenders_of(k) if found_roughly(snapshot, query, k, within) else None
    words = bm25_leg(snapshot, query, max(k, CANDIDATES), within, contenders)
    return words, snapshot.vectors.scores(vector, words.ids) if words else np.zeros(0, np.float32)


def found_roughly(snapshot: Snapshot, query: str, k: int, within: Selection | None) -> bool:
    """Whether BM25 finds its list for a hybrid search roughly; not in a filter, where few may have the rough terms."""
    return within is None and k <= CANDIDATES and snapshot.terms.leaves_out(query)


def contenders_of(k: int) -> int:
    """How many of a list that was found roughly are scored by all terms, for k hits."""
    return max(CONTENDERS * k, FEWEST_CONTENDERS)


def fused(
    snapshot: Snapshot,
    query: str,
    dense: Leg,
    dense_matches: NDArray[np.float32],
    words: Leg,
    word_cosines: NDArray[np.float32],
    k: int,
    rough: bool,
) -> list[Ranked]:
    """The best k of both legs' candidates, each scored by both legs, whichever proposed it.

    Args:
        snapshot: The index.
        query: What both legs were asked.
        dense, words: What each leg lists.
        dense_matches: BM25 scores of what the dense leg lists; where BM25's list was found roughly, none.
        word_cosines: Cosines of what BM25 lists.
        k: At most so many.
        rough: BM25's list was found roughly: only the `contenders_of` k hits of either list are scored by it.
    """
    terms = snapshot.terms
    ids, first = np.unique(np.concatenate([dense.ids, words.ids]), return_index=True)
    cosines = np.concatenate([dense.scores, word_cosines])[first]
    of_dense, of_words = np.searchsorted(ids, dense.ids), np.searchsorted(ids, words.ids)
    matches = np.full(len(ids), np.nan, np.float32)
    matches[of_words] = words.scores
    if rough:
        missing = of_dense[: contenders_of(k)]
        missing = missing[np.isnan(matches[missing])]
        matches[missing] = terms.scores(query, ids[missing].tolist())
    else:
        matches[of_dense] = dense_matches
    scored = np.flatnonzero(~np.isnan(matches))
    leading = np.concatenate([of_dense[:FEWEST_CONTENDERS], of_words[:FEWEST_CONTENDERS]])
    extent = bm25_extent(matches, leading, rough)
    weight = Fusion.of(snapshot.manifest.fusion).weight(extent[1], terms.full_score(query))
    by_dense, by_bm25 = Scaling.of(cosines, 1 - weight), Scaling(weight, *extent)
    dense_shares, bm25_shares = by_dense.share(cosines), by_bm25.share(matches)
    scores: NDArray[np.float64] = dense_shares + bm25_shares
    dense_ranks, bm25_ranks = dense.ranks(), words.in_order().ranks()
    ranked = []
    best = scored[np.lexsort((ids[scored], -scores[scored]))][:k]
    for place, i in enumerate(best.tolist(), 1):
        number = int(ids[i])
        ranked.append(
            Ranked(
                place,
                number,
                float(scores[i]),
                LegScore(dense_ranks.get(number), float(cosines[i]), float(dense_shares[i]), by_dense),
                LegScore(bm25_ranks.get(number), float(matches[i]), float(bm25_shares[i]), by_bm25),
            )
        )
    return ranked


def bm25_extent(matches: NDArray[np.float32], leading: NDArray[np.int64], rough: bool) -> tuple[float, float]:
    """The BM25 scores that enter the fused score as 0 and as 1, higher ones too.

    The lowest and highest of all candidates. Where these were found roughly, how many are scored depends on how many
    hits are wanted, which fused scores should not: then 0, and the highest of those that are always scored.

    Args:
        matches: float32 (n,), BM25 scores of the candidates; some are not numbers where they were found roughly.
        leading: Places of those among them that are the first `FEWEST_CONTENDERS` of a list.
        rough: They were found roughly.
    """
    return (0.0, float(matches[leading].max())) if rough else (float(matches.min()), float(matches.max()))
