"""Query to ranked, explained results: dense and BM25 search, joined by a hybrid ranker."""

from sakuin.index.filters import Facet, Where
from sakuin.search.explanation import Explanation, Place
from sakuin.search.request import MODES, SearchError, SearchRequest
from sakuin.search.results import Hit, HitDocument, LegScore, Notice, SearchResult
from sakuin.search.searcher import Searcher

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
    "SearchRequest",
    "SearchResult",
    "Searcher",
    "Where",
]
