"""Query to ranked, explained results: dense and BM25 search, joined by a hybrid ranker."""

from sakuin.index.filters import Facet, Where
from sakuin.search.explanation import Explanation
from sakuin.search.request import MODES, SearchError, SearchRequest
from sakuin.search.results import Hit, HitDocument, LegScore, Notice, SearchResult
from sakuin.search.searcher import Searcher
from sakuin.search.spans import Span

__all__ = [
    "MODES",
    "Explanation",
    "Facet",
    "Hit",
    "HitDocument",
    "LegScore",
    "Notice",
    "SearchError",
    "SearchRequest",
    "SearchResult",
    "Searcher",
    "Span",
    "Where",
]
