"""From ranked passages to hits: documents, each with its best passages, or the passages themselves."""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index.store import PassageRow
from sakuin.search.candidates import CANDIDATES
from sakuin.search.groups import Group
from sakuin.search.hits import is_answered, with_relevance
from sakuin.search.ordering import likely_only, ordered, renumbered, steps
from sakuin.search.ranked import Ranked
from sakuin.search.ranking import Ranking
from sakuin.search.relevance import JUDGED
from sakuin.search.request import BY_DOCUMENT, SearchRequest
from sakuin.search.rerank.opinion import Opinions
from sakuin.search.results import Notice
from sakuin.search.whole import Selected, Whole
from sakuin.search.windows import windows

FEW = 10
"""Documents, for which only the first passages are grouped at first: they mostly stand in as many."""


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
        """The first so many hits, best first.

        What is looked at for more hits stands behind, so that a hit and its place are the same however many are wanted.
        """
        whole, request = self.whole, self.request
        opinion = self.opinions.of(request, whole.manifest.rerank)
        # Whether a query is answered is judged by as many hits however few are wanted.
        wanted = max(reach, JUDGED) if self.conditions else reach
        told: list[Notice] = []
        groups: list[Group] = []
        for ranking in self.rankings(reach, max(JUDGED, request.top if opinion else 0)):
            ranked, answered = with_relevance(whole, request, ranking)
            if opinion:
                ranked, told = opinion.reranked(whole, ranked, self.within)
            groups = self.hits_among(ranked, ranking.standing, groups, wanted)
            # Below a passage of too low a relevance there are none of a higher one to look for.
            exhausted = ranking.complete or len(ranked) < len(ranking.hits)
            if len(groups) >= wanted or exhausted:
                break
        if self.conditions:
            best = [hit for group in groups for hit, _ in group.passages[:1]]
            answered = None if answered is None else is_answered(ranking, best)
        return groups[:reach], _Reached([*ranking.notices, *told], answered, exhausted and len(groups) <= reach)

    def rankings(self, reach: int, least: int) -> Iterator[Ranking]:
        """More and more passages, so many at first as will do for so many hits, and at least ``least``."""
        request = self.request
        if request.group != BY_DOCUMENT:
            k = max(reach, least)
            yield from windows(self.whole, self.model, request, k=k, room=k, within=self.within, vector=self.vector)
            return
        # Of documents, all the passages that are to be given of each have room, and one that is only counted.
        first = max(FEW * (request.passages + 1), least)
        k, room = (least, first) if reach <= FEW else (CANDIDATES, 2 * CANDIDATES)
        found = windows(self.whole, self.model, request, k=k, room=room, within=self.within, vector=self.vector)
        for number, ranking in enumerate(found):
            led = len(ranking.hits) if ranking.leading is None else min(ranking.leading, len(ranking.hits))
            if not number and min(first, led) < len(ranking.hits):
                # A document that is found among the first is given with its passages among these.
                yield replace(ranking, hits=ranking.hits[: min(first, led)], complete=False)
            yield ranking

    def hits_among(
        self, ranked: Sequence[Ranked], standing: Mapping[int, Sequence[int]] | None, known: list[Group], wanted: int
    ) -> list[Group]:
        """The first so many hits, or more.

        Args:
            ranked: Passages, best first.
            standing: Numbers of the documents of their places, by passage id; None where they are not known yet.
            known: Documents that are hits already, by the first of these passages.
            wanted: How many hits are enough.
        """
        if self.request.group != BY_DOCUMENT:
            return kept_passages(self.whole, ranked, self.conditions, wanted)
        if standing is None:
            standing = self.whole.documents_of([hit.passage_id for hit in ranked], self.within)
        numbers = {group.key for group in known}
        fresh = [group for group in by_documents(ranked, standing) if group.key not in numbers]
        if self.conditions:
            fresh = kept_documents(self.whole, fresh, self.conditions, wanted - len(known), self.request.passages)
        return renumbered([*known, *fresh])


def kept_passages(whole: Whole, ranked: Sequence[Ranked], conditions: Selected | None, wanted: int) -> list[Group]:
    """Passages as hits, all or the first so many whose words are as they must be."""
    if conditions is None:
        return [Group(hit.rank, ((hit, 0),)) for hit in ranked]
    found: list[Ranked] = []
    for start in range(0, len(ranked), wanted):
        some = ranked[start : start + wanted]
        holding = set(whole.holding(conditions, [hit.passage_id for hit in some]))
        found += [hit for hit in some if hit.passage_id in holding]
        if len(found) >= wanted:
            break
    return [Group(rank, ((hit, 0),)) for rank, hit in enumerate(found, 1)]


def kept_documents(whole: Whole, groups: Sequence[Group], conditions: Selected, wanted: int, most: int) -> list[Group]:
    """The first so many documents whose words are as they must be, or some more.

    Args:
        whole: What they were found in.
        groups: Documents in the order of their best passages.
        conditions: What the words must be.
        wanted: How many are enough.
        most: Passages to give of each.

    Returns:
        Documents with the passages that may be given, in the order of the best of these.
    """
    found: list[Group] = []
    waiting: list[tuple[int, int, Group]] = []
    step = max(wanted, FEW)
    for start in range(0, len(groups), step):
        for number, group in enumerate(with_shown(whole, groups[start : start + step], conditions, most), start):
            heapq.heappush(waiting, (group.passages[0][0].rank, number, group))
        # None of those to come has a better passage than the first of them.
        after = groups[start + step].passages[0][0].rank if start + step < len(groups) else math.inf
        while waiting and waiting[0][0] < after:
            found.append(heapq.heappop(waiting)[2])
        if len(found) >= wanted:
            break
    return found


def with_shown(whole: Whole, groups: Sequence[Group], conditions: Selected, most: int) -> list[Group]:
    """Documents with at most so many passages that may be given of them; without those that are no hits."""
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
