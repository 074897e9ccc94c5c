"""Both legs' candidates for many judged queries, fetched once, so that any way of fusing them is scored on arrays."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.search.candidates import CANDIDATES, Candidates, gather
from sakuin.search.fusion import Fusion, Scaling, normalised
from sakuin.search.late_interaction import FIRST, WEIGHT, interaction_scores
from sakuin.search.request import MAX_QUERY_CHARACTERS
from sakuin.search.whole import Whole
from sakuin.tuning.judged import JudgedQuery, names_in_ranking, sources_of
from sakuin.tuning.metrics import CUTOFF, gains_of

# Of reciprocal rank fusion, as Cormack et al. 2009 set it.
RRF_K = 60
Scores = NDArray[np.float64]
Ranks = NDArray[np.int32]


@dataclass(frozen=True)
class QueryFigures:
    """Of each query, float64 (queries,), 0 to 1: nDCG@10, reciprocal rank among the first 10, recall@10."""

    ndcg: NDArray[np.float64]
    mrr: NDArray[np.float64]
    recall: NDArray[np.float64]


@dataclass(frozen=True)
class CandidateTable:
    """What both legs list for each query, as rows of equal width.

    Attributes:
        dense, bm25: float64 (queries, width), normalised scores; 0 beyond a row's end.
        dense_ranks, bm25_ranks: int32 (queries, width), as in `search.candidates.Candidates`; 0 beyond a row's end.
        interactions: float64 (queries, width), scores by `search.late_interaction`; NaN for what is never scored.
        passages: int32 (queries, width), which passage of its row a candidate is, by ascending id; -1 beyond its end.
        documents: int32 (queries, width), which document of its row a candidate counts as; -1 beyond its end.
        gains: float64 (queries, width), of that document.
        ideal: float64 (queries,), the best discounted cumulative gain there could be.
        relevant: int64 (queries,), number of documents that should be found.
        best, full: float64 (queries,), as in `search.fusion.Fusion.weight`.
    """

    dense: Scores
    bm25: Scores
    dense_ranks: Ranks
    bm25_ranks: Ranks
    interactions: Scores
    passages: NDArray[np.int32]
    documents: NDArray[np.int32]
    gains: NDArray[np.float64]
    ideal: NDArray[np.float64]
    relevant: NDArray[np.int64]
    best: NDArray[np.float64]
    full: NDArray[np.float64]

    @property
    def dense_no_match(self) -> NDArray[np.bool_]:
        """bool (queries,): of these the model knows no part."""
        return np.asarray(~self.dense_ranks.any(axis=1))

    @property
    def bm25_no_match(self) -> NDArray[np.bool_]:
        """bool (queries,): of these no word occurs in the index."""
        return np.asarray(~self.bm25_ranks.any(axis=1))

    def by_dense(self) -> Scores:
        """Scores (queries, width) by dense search alone; minus infinity for what it does not list."""
        return by_rank(self.dense_ranks)

    def by_bm25(self) -> Scores:
        """Scores (queries, width) by BM25 alone; minus infinity for what it does not list."""
        return by_rank(self.bm25_ranks)

    def by_rrf(self) -> Scores:
        """Scores (queries, width) by reciprocal rank fusion: sums of 1 / (60 + rank) over the legs' lists."""
        ranks = np.stack([self.dense_ranks, self.bm25_ranks])
        scores = np.where(ranks > 0, 1 / (RRF_K + np.maximum(ranks, 1)), 0.0).sum(axis=0)
        return np.where(scores > 0, scores, -np.inf)

    def by_fusion(self, fusion: Fusion) -> Scores:
        """Scores (queries, width) as `Searcher.search` fuses them; where one leg has no match, by the other alone."""
        weights = np.array([fusion.weight(*pair) for pair in zip(self.best.tolist(), self.full.tolist(), strict=True)])
        scores = (1 - weights[:, None]) * self.dense + weights[:, None] * self.bm25
        scores += self._added(np.where(self.documents >= 0, scores, -np.inf))
        scores = np.where(self.documents >= 0, scores, -np.inf)
        scores[self.bm25_no_match] = self.by_dense()[self.bm25_no_match]
        scores[self.dense_no_match] = self.by_bm25()[self.dense_no_match]
        return scores

    def _added(self, scores: Scores) -> Scores:
        """What late interaction adds to fused scores (queries, width): to those of the first passages of each row."""
        order = np.argsort(-scores, axis=1, kind="stable")
        passages = np.take_along_axis(self.passages, order, axis=1)
        own = np.take_along_axis(self.interactions, order, axis=1)
        scored = ~np.isnan(own)
        number = np.cumsum(scored & (np.diff(passages, axis=1, prepend=-2) != 0), axis=1)
        first = scored & (number <= FIRST)
        lowest = np.where(first, own, np.inf).min(axis=1, keepdims=True)
        added = np.zeros(scores.shape)
        np.put_along_axis(added, order, np.where(first, WEIGHT * (own - lowest), 0.0), axis=1)
        return added

    def figures(self, scores: Scores) -> QueryFigures:
        """Figures of the rankings by scores (queries, width), ties by passage_id.

        Rankings are of documents: each stands where the first of its passages stands.
        """
        rows, width = scores.shape
        order = np.argsort(-scores, axis=1, kind="stable")
        found = np.take_along_axis(np.isfinite(scores), order, axis=1)
        gains = np.where(found, np.take_along_axis(self.gains, order, axis=1), 0.0)
        documents = np.take_along_axis(self.documents, order, axis=1)
        # Written backwards, so that the first of a document's passages is the one that stays.
        keys = (documents + 1 + np.arange(rows)[:, None] * (width + 1)).ravel()
        positions = np.arange(rows * width)
        first = np.empty(rows * (width + 1), np.int64)
        first[keys[::-1]] = positions[::-1]
        is_first = (first[keys] == positions).reshape(rows, width)
        ranks = np.cumsum(is_first, axis=1)
        counted = is_first & (ranks <= CUTOFF) & (gains > 0)
        dcg = np.where(counted, gains / np.log2(np.maximum(ranks, 1) + 1), 0.0).sum(axis=1)
        reciprocal = np.where(counted, 1 / np.maximum(ranks, 1), 0.0).max(axis=1, initial=0.0)
        return QueryFigures(dcg / self.ideal, reciprocal, counted.sum(axis=1) / self.relevant)


def by_rank(ranks: Ranks) -> Scores:
    """Scores that order what is listed by its rank; minus infinity where nothing is."""
    return np.where(ranks > 0, -ranks.astype(np.float64), -np.inf)


def fetch(
    whole: Whole,
    model: StaticEmbedder,
    judged: Sequence[JudgedQuery],
    *,
    connections: Sequence[sqlite3.Connection],
    dim: int,
    progress: Callable[[int], None] = lambda done: None,
) -> CandidateTable:
    """Ask both legs for their candidates, as `Searcher.search` does in mode "hybrid", and read their texts.

    Args:
        whole: What is searched.
        model: The one it was made with.
        judged: Queries with at least one gain above 0 each.
        connections: To the databases of all its indexes.
        dim: Dimensions of the vectors to compare.
        progress: Called with the number of queries done.
    """
    each, rows, full, interactions = [], [], [], []
    for done, query in enumerate(judged, 1):
        text = query.query[:MAX_QUERY_CHARACTERS]
        vector = model.encode([text], truncate_dim=dim, normalize=True)[0]
        # Every candidate is scored by all terms, however it was found.
        own = gather(whole, text, vector, k=CANDIDATES, rescored=CANDIDATES)
        each.append(own)
        rows.append(documents_of(own.ids, connections, query))
        interactions.append(interactions_of(whole, model, text, own))
        full.append(whole.terms.asked(text).full_score)
        progress(done)
    return padded(each, interactions, rows, judged, full)


def interactions_of(whole: Whole, model: StaticEmbedder, query: str, found: Candidates) -> Scores:
    """Scores, float64 (n,), of candidates by late interaction; NaN for those that a search never scores by it."""
    texts = whole.indexed((found.ids if found.leading is None else found.ids[found.leading]).tolist())
    scores = dict(zip(texts, interaction_scores(model, query, list(texts.values())).tolist(), strict=True))
    return np.array([scores.get(one, np.nan) for one in found.ids.tolist()])


def documents_of(
    passages: NDArray[np.int64], connections: Sequence[sqlite3.Connection], query: JudgedQuery
) -> list[tuple[int, str]]:
    """(index in the passages, name in a ranking) of each; a passage in several judged documents stands for each."""
    sources = sources_of(passages.tolist(), *connections)
    return [
        (i, name)
        for i, passage_id in enumerate(passages.tolist())
        for name in names_in_ranking(passage_id, sources.get(passage_id, []), query.gains)
    ]


def padded(
    each: Sequence[Candidates],
    interactions: Sequence[Scores],
    rows: Sequence[Sequence[tuple[int, str]]],
    judged: Sequence[JudgedQuery],
    full: Sequence[float],
) -> CandidateTable:
    """Rows of equal width from the candidates of each query and the documents they count as."""
    shape = (len(each), max(1, *map(len, rows)))
    dense, bm25, gains = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    dense_ranks, bm25_ranks = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    together = np.full(shape, np.nan)
    passages, documents = np.full(shape, -1, np.int32), np.full(shape, -1, np.int32)
    for i, (own, named, query) in enumerate(zip(each, rows, judged, strict=True)):
        chosen = np.array([i for i, _ in named], np.int64)
        numbers: dict[str, int] = {}
        cells = (i, slice(len(named)))
        dense[cells] = normalised(own.cosines)[chosen]
        bm25[cells] = Scaling(1, *own.extent).normalised(own.matches)[chosen]
        together[cells] = interactions[i][chosen]
        passages[cells] = chosen
        dense_ranks[cells] = own.dense_ranks[chosen]
        bm25_ranks[cells] = own.bm25_ranks[chosen]
        documents[cells] = [numbers.setdefault(name, len(numbers)) for _, name in named]
        gains[cells] = [query.gains.get(name, 0.0) for _, name in named]
    ideals = [np.array(gains_of(query.gains)) for query in judged]
    discounts = 1 / np.log2(np.arange(CUTOFF) + 2)
    return CandidateTable(
        dense,
        bm25,
        dense_ranks,
        bm25_ranks,
        together,
        passages,
        documents,
        gains,
        ideal=np.array([float(own[:CUTOFF] @ discounts[: len(own[:CUTOFF])]) for own in ideals]),
        relevant=np.array([len(own) for own in ideals]),
        best=np.array([own.extent[1] for own in each]),
        full=np.array(full),
    )
