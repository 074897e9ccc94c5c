"""Hits as frameworks have them: passages with a name of their own, and with where they stand."""

from collections.abc import Iterable, Iterator
from typing import Any

from sakuin.search.results import Hit, Place


def places(hits: Iterable[Hit]) -> Iterator[tuple[Hit, Place]]:
    """Hits, each as often as documents hold its passage: to a framework every text that was added is one of its own."""
    return ((hit, place) for hit in hits for place in hit.places)


def passage_id(place: Place) -> str:
    """What tells a passage from others of its document: the document's id for that which begins it."""
    return f"{place.document.id}#{place.start}" if place.start else place.document.id


def standing(hit: Hit, place: Place) -> dict[str, Any]:
    """Where a passage stands, for citations, and how likely it answers."""
    return {
        "source": place.document.uri,
        "title": place.document.title,
        "heading": place.heading,
        "start": place.start,
        "end": place.end,
        "score": hit.score,
        "relevance": hit.relevance,
    }
