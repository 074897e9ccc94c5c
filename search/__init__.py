"""Query to ranked, explained results: dense and BM25 search, joined by a hybrid ranker."""

from index.filters import Facet, Where
from search.explanation import Explanation, Place
from search.results import Hit, HitDocument, LegScore, Notice, SearchResult
from search.searcher import MODES, Searcher, SearchError

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
    "Where",
]
