"""Query to ranked, explained results: dense and BM25 search, joined by a hybrid ranker."""

from search.results import Hit, HitDocument, LegScore, SearchResult
from search.searcher import MODES, Searcher, SearchError

__all__ = ["MODES", "Hit", "HitDocument", "LegScore", "SearchError", "SearchResult", "Searcher"]
