"""Query to ranked, explained results: dense and BM25 search, joined by a hybrid ranker."""

from sakuin.index.store.facets import Facet
from sakuin.index.where import Where
from sakuin.search.explanation import Explanation, Span
from sakuin.search.results import Hit, HitDocument, LegScore, Notice, Place, SearchResult
from sakuin.search.searcher import MODES, Searcher, SearchError

__all__ = [
    "MODES",
    "Explanation",
    "Facet",
    "Hit",
    "HitDocument",
    "LegScore",
    "Notice",
    "Place",
    "SearchError",
    "SearchResult",
    "Searcher",
    "Span",
    "Where",
]
