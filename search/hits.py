"""From what was ranked to hits: how likely each answers the query, and its passage."""

from sakuin.index.background import FEWEST
from sakuin.index.snapshot import Snapshot
from sakuin.index.store import PassageRow
from sakuin.search.ranking import Ranked, Ranking
from sakuin.search.relevance import GOOD_MATCH, JUDGED, relevances
from sakuin.search.request import SearchError, SearchRequest
from sakuin.search.results import Hit, HitDocument, Place


def with_relevance(snapshot: Snapshot, request: SearchRequest, ranking: Ranking) -> tuple[list[Ranked], bool | None]:
    """Hits with their relevance, those of too low a one left out, and whether any is likely enough an answer."""
    codes = {notice.code for notice in ranking.notices}
    no_match = not codes.isdisjoint({"bm25_no_match", "bm25_no_match_in_filter"})
    full = snapshot.terms.full_score(request.text)
    dim = request.dimensions(snapshot.manifest.dim)
    chances = relevances(ranking.hits, ranking.rival, full, dim, snapshot.manifest, bm25_no_match=no_match)
    if chances is None:
        if request.min_relevance and ranking.hits:
            raise SearchError(
                f"The index in {snapshot.folder} knows no scores of unrelated passages, so hits have no relevance to "
                f"be left out by: it has fewer than {FEWEST} passages. Search without min_relevance."
            )
        return ranking.hits, None
    for hit, chance in zip(ranking.hits, chances, strict=True):
        hit.relevance = chance
    answered = max(chances[:JUDGED], default=0.0) >= GOOD_MATCH if request.text.strip() else None
    return [hit for hit, chance in zip(ranking.hits, chances, strict=True) if chance >= request.min_relevance], answered


def hit_of(hit: Ranked, row: PassageRow, highlights: tuple[tuple[int, int], ...], *, place: int = 0) -> Hit:
    """A hit with its passage, as it stands in one of its places."""
    places = tuple(
        Place(
            HitDocument(own.document_id, own.uri, own.title, own.metadata),
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
        rank=hit.rank,
        score=hit.score,
        document=first.document,
        passage_id=f"{row.passage_id:016x}",
        places=places,
        place_count=row.place_count,
        text=row.text,
        start=first.start,
        end=first.end,
        heading=first.heading,
        highlights=highlights,
        dense=hit.dense,
        bm25=hit.bm25,
        relevance=hit.relevance,
        position=first.position,
        rerank=hit.rerank,
    )
