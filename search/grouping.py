"""From ranked passages to hits: documents, each with its best passages, or the passages themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index.store import PassageRow
from sakuin.search.candidates import CANDIDATES
from sakuin.search.groups import Group
from sakuin.search.hits import hit_of, is_answered, with_relevance
from sakuin.search.ordering import likely_only, ordered, renumbered, steps
from sakuin.search.ranked import Ranked
from sakuin.search.ranking import rank
from sakuin.search.relevance import JUDGED
from sakuin.search.request import BY_DOCUMENT, MAX_K, SearchRequest
from sakuin.search.rerank.opinion import Opinions
from sakuin.search.results import Hit, Notice, PassageHit
from sakuin.search.whole import Selected, Whole

# How many times as many passages are ranked where those ranked so far stand in too few documents.
WIDER = 10


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, before its passages are fetched.

    Attributes:
        groups: The hits, best first.
        notices: Of the ranking.
        answered: See `SearchResult.answered`.
    """

    groups: list[Group]
    notices: list[Notice]
    answered: bool | None

    def passage_ids(self) -> list[int]:
        """Of all passages that are to be fetched, each once."""
        return list(dict.fromkeys(hit.passage_id for group in self.groups for hit, _ in group.passages))

    def stands_in(self, rows: Mapping[int, PassageRow]) -> bool:
        """Whether what was fetched has every place of what was found."""
        return all(
            hit.passage_id in rows and place < len(rows[hit.passage_id].places)
            for group in self.groups
            for hit, place in group.passages
        )


def find(
    whole: Whole,
    model: StaticEmbedder,
    request: SearchRequest,
    *,
    within: Selected | None = None,
    vector: NDArray[np.float32] | None = None,
    opinions: Opinions,
    conditions: Selected | None = None,
) -> Found:
    """The hits of a request.

    Args:
        whole: What is searched.
        model: The one it was made with.
        request: What is searched for.
        within: Find only these.
        vector: float32 (dim,), of length 1, for a dense search of no query; None to encode the query.
        opinions: Of transformers, on passages of the index.
        conditions: What the words of hits must be, or must not; None for any.

    Raises:
        SearchError: the index stores fewer dimensions, or hits are to be left out by their relevance in an index too
            small to tell it.
        OpinionError: a transformer is to be asked that cannot be had.
    """
    search = _Search(whole, model, request, within, vector, opinions, conditions)
    last = request.offset + request.k
    if not (request.sort or request.recency):
        groups, first = search.reaching(last)
    else:
        groups, first = search.in_order(last)
    # A passage keeps its rank where others are left out for their relevance.
    shown = [group.first(request.passages) for group in groups if request.offset < group.rank <= last]
    return Found(shown, first.notices, first.answered)


@dataclass(frozen=True, slots=True)
class _Reached:
    """What is to be told of the hits that were ranked; ``exhausted`` where there are no more."""

    notices: list[Notice]
    answered: bool | None
    exhausted: bool


@dataclass(frozen=True, slots=True)
class _Search:
    """A request, and all that `find` is given for it."""

    whole: Whole
    model: StaticEmbedder
    request: SearchRequest
    within: Selected | None
    vector: NDArray[np.float32] | None
    opinions: Opinions
    conditions: Selected | None

    def in_order(self, last: int) -> tuple[list[Group], _Reached]:
        """The first so many hits by a field, or with newer ones moved up."""
        request, first, known = self.request, None, set[int]()
        found: list[Group] = []
        best, likely = 0.0, False
        for step in steps(request.k):
            groups, reached = self.reaching(step)
            if first is None:
                first = reached
                best = max((group.passages[0][0].score for group in groups), default=0.0)
                likely = request.sort is not None and bool(likely_only(groups))
            fresh = [group for group in groups if group.key not in known]
            known |= {group.key for group in fresh}
            kept = likely_only(fresh) if likely else fresh
            if len(found) + len(kept) > request.offset:
                kept = ordered(self.whole, kept, self.within, sort=request.sort, recency=request.recency, best=best)
            found += kept
            if len(found) >= last or reached.exhausted or len(kept) < len(fresh):
                break
        assert first is not None
        return renumbered(found), first

    def reaching(self, reach: int) -> tuple[list[Group], _Reached]:
        """The first so many hits, best first, and perhaps more."""
        whole, request, within = self.whole, self.request, self.within
        by_document = request.group == BY_DOCUMENT
        opinion = self.opinions.of(request, whole.manifest.rerank)
        # Whether a query is answered is judged by as many hits however few are wanted.
        depth = min(max(reach, JUDGED, request.top if opinion else 0), MAX_K)
        # Of documents, all the passages that are to be given of each have room, and one that is only counted: as far
        # as they were scored anyway.
        room = reach * (request.passages + 1) if by_document else 0
        told: list[Notice] = []
        while True:
            wanted = replace(request, k=depth, offset=0)
            ranking = rank(whole, self.model, wanted, within=within, vector=self.vector, room=room)
            ranked, answered = with_relevance(whole, request, ranking)
            if opinion:
                ranked, told = opinion.reranked(whole, ranked, within)
            notices = [*ranking.notices, *told]
            if by_document:
                standing = ranking.standing
                if standing is None:
                    standing = whole.documents_of([hit.passage_id for hit in ranked], within)
                groups = by_documents(ranked, standing)
            else:
                groups = [Group(hit.rank, ((hit, 0),)) for hit in ranked]
            if self.conditions:
                groups = kept(whole, groups, self.conditions, reach, request.passages)
                best = [hit for group in groups for hit, _ in group.passages[:1]]
                answered = None if answered is None else is_answered(ranking, best)
            # Below a passage of too low a relevance there are none of a higher one to look for.
            exhausted = len(ranking.hits) < depth or len(ranked) < len(ranking.hits) or depth == MAX_K
            enough = exhausted or not (by_document or self.conditions)
            if len(groups) >= reach or enough:
                return groups[:reach], _Reached(notices, answered, exhausted and len(groups) <= reach)
            depth = min(max(WIDER * depth, CANDIDATES), MAX_K)


def kept(whole: Whole, groups: Sequence[Group], conditions: Selected, wanted: int, most: int) -> list[Group]:
    """The first so many hits whose words are as they must be, each with at most so many of its passages."""
    found: list[Group] = []
    for start in range(0, len(groups), wanted):
        some = groups[start : start + wanted]
        if some[0].document is None:
            holding = set(whole.holding(conditions, [hit.passage_id for group in some for hit, _ in group.passages]))
            some = [group for group in some if group.passages[0][0].passage_id in holding]
        else:
            some = kept_documents(whole, some, conditions, most)
        found += [replace(group, rank=rank) for rank, group in enumerate(some, len(found) + 1)]
        if len(found) >= wanted:
            break
    return found


def kept_documents(whole: Whole, groups: Sequence[Group], conditions: Selected, most: int) -> list[Group]:
    """Documents with the passages of them that may be given; without those that are no hits."""
    asked = [
        (group.document, [hit.passage_id for hit, _ in group.passages])
        for group in groups
        if group.document is not None
    ]
    found: list[Group] = []
    for group, shown in zip(groups, whole.shown(conditions, asked, most), strict=True):
        if shown:
            passages = tuple(passage for passage in group.passages if passage[0].passage_id in shown)
            found.append(replace(group, passages=passages, more=len(group.passages) - len(passages)))
    return found


def by_documents(ranked: Sequence[Ranked], standing: Mapping[int, Sequence[int]]) -> list[Group]:
    """Documents in the order of their best passages.

    Args:
        ranked: Passages, best first.
        standing: Numbers of the documents of each passage's places, by passage id; of those that are gone none.
    """
    found: dict[int, list[tuple[Ranked, int]]] = {}
    for hit in ranked:
        # Of a passage that a document repeats, the first place counts.
        places: dict[int, int] = {}
        for place, document in enumerate(standing.get(hit.passage_id, ())):
            places.setdefault(document, place)
        for document, place in places.items():
            found.setdefault(document, []).append((hit, place))
    return [
        Group(number, tuple(passages), document=document)
        for number, (document, passages) in enumerate(found.items(), 1)
    ]


def hit_of_group(
    group: Group,
    rows: Mapping[int, PassageRow],
    highlights: Mapping[int, tuple[tuple[int, int], ...]],
    *,
    by_document: bool,
) -> Hit:
    """A hit with its passages.

    Args:
        group: The hit.
        rows: Its passages, by passage id.
        highlights: Of each passage, by passage id.
        by_document: Whether hits are documents.
    """
    hits = [hit_of(hit, rows[hit.passage_id], highlights[hit.passage_id], place=place) for hit, place in group.passages]
    best = replace(hits[0], rank=group.rank, sorted_by=group.sorted_by)
    if not by_document:
        return best
    return replace(best, passages=tuple(map(passage_of, hits)), more_passages=group.more)


def passage_of(hit: Hit) -> PassageHit:
    """A passage of a hit, without what is the document's."""
    return PassageHit(
        passage_id=hit.passage_id,
        score=hit.score,
        text=hit.text,
        start=hit.start,
        end=hit.end,
        heading=hit.heading,
        highlights=hit.highlights,
        dense=hit.dense,
        bm25=hit.bm25,
        relevance=hit.relevance,
        position=hit.position,
        interaction=hit.interaction,
        rerank=hit.rerank,
        recency=hit.recency,
    )
