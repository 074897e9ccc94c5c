"""From what was ranked to hits: how likely each answers the query, and its passage."""

from collections.abc import Iterator, Mapping, Sequence

from sakuin.index.background import FEWEST
from sakuin.index.store import PassageRow
from sakuin.search.groups import Group
from sakuin.search.ranked import Ranked
from sakuin.search.ranking import Ranking
from sakuin.search.relevance import GOOD_MATCH, JUDGED, good_match, relevances
from sakuin.search.request import SearchError, SearchRequest
from sakuin.search.results import Hit, HitDocument, PassageHit, Place
from sakuin.search.whole import Whole


def with_relevance(whole: Whole, request: SearchRequest, ranking: Ranking) -> tuple[list[Ranked], bool | None]:
    """Hits with their relevance, those of too low a one left out, and whether any is likely enough an answer."""
    no_match = bm25_found_nothing(ranking)
    full = whole.terms.full_score(request.text)
    dim = request.dimensions(whole.manifest.dim)
    chances = relevances(ranking.hits, ranking.rival, full, dim, whole.manifest, bm25_no_match=no_match)
    if chances is None:
        if request.min_relevance and ranking.hits:
            raise SearchError(
                "The index knows no scores of unrelated passages, so hits have no relevance to be left out by: it has "
                f"fewer than {FEWEST} passages. Search without min_relevance."
            )
        return ranking.hits, None
    for hit, chance in zip(ranking.hits, chances, strict=True):
        hit.relevance = chance
    answered = is_answered(ranking, ranking.hits) if request.text.strip() else None
    return [hit for hit, chance in zip(ranking.hits, chances, strict=True) if chance >= request.min_relevance], answered


def is_answered(ranking: Ranking, hits: Sequence[Ranked]) -> bool:
    """Whether one of the first hits of a ranking is likely enough an answer.

    Args:
        ranking: What was found.
        hits: Some of its hits, best first, with their relevance.
    """
    # Where BM25 was asked and found nothing, a hit's relevance says that too.
    hybrid = GOOD_MATCH["hybrid"] if bm25_found_nothing(ranking) else None
    return any((hit.relevance or 0.0) >= (hybrid or good_match(hit)) for hit in hits[:JUDGED])


def bm25_found_nothing(ranking: Ranking) -> bool:
    """Whether BM25 was asked and had to be left out."""
    return any(notice.code in ("bm25_no_match", "bm25_no_match_in_filter") for notice in ranking.notices)


def hit_of(
    group: Group,
    rows: Mapping[int, PassageRow],
    highlights: Mapping[int, tuple[tuple[int, int], ...]],
    *,
    by_document: bool,
) -> Hit:
    """A hit with its passages, the best as it stands in one of its places.

    Args:
        group: The hit.
        rows: Its passages, by passage id.
        highlights: Of each passage, by passage id.
        by_document: Whether hits are documents.
    """
    hit, place = group.passages[0]
    row = rows[hit.passage_id]
    places = tuple(
        Place(
            HitDocument(own.document_id, own.uri, own.title, own.metadata, own.index),
            own.start,
            own.end,
            own.heading,
            own.position,
        )
        for own in row.places
    )
    first = places[place]
    if place:
        places = (first, *places[:place], *places[place + 1 :])
    return Hit(
        rank=group.rank,
        score=hit.score,
        document=first.document,
        passage_id=f"{row.passage_id:016x}",
        places=places,
        place_count=row.place_count,
        text=row.text,
        start=first.start,
        end=first.end,
        heading=first.heading,
        highlights=highlights[hit.passage_id],
        dense=hit.dense,
        bm25=hit.bm25,
        relevance=hit.relevance,
        position=first.position,
        passages=tuple(passages_of(group, rows, highlights)) if by_document else (),
        more_passages=group.more if by_document else 0,
        interaction=hit.interaction,
        rerank=hit.rerank,
        recency=hit.recency,
        sorted_by=group.sorted_by,
    )


def passages_of(
    group: Group, rows: Mapping[int, PassageRow], highlights: Mapping[int, tuple[tuple[int, int], ...]]
) -> Iterator[PassageHit]:
    """The passages of a hit, without what is the document's."""
    for hit, place in group.passages:
        row = rows[hit.passage_id]
        own = row.places[place]
        yield PassageHit(
            passage_id=f"{row.passage_id:016x}",
            score=hit.score,
            text=row.text,
            start=own.start,
            end=own.end,
            heading=own.heading,
            highlights=highlights[hit.passage_id],
            dense=hit.dense,
            bm25=hit.bm25,
            relevance=hit.relevance,
            position=own.position,
            interaction=hit.interaction,
            rerank=hit.rerank,
            recency=hit.recency,
        )
