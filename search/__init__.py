"""Query to ranked, explained results: dense and BM25 search, fused by a hybrid ranker."""

from sakuin.index.store.facets import Facet
from sakuin.index.where import Where
from sakuin.search.duplicates import Duplicates, NamedDocument, NearPair, SameText
from sakuin.search.explanation import Explanation
from sakuin.search.reading import DocumentPassage, Excerpt, OutlineHeading, StoredDocument, UnknownDocumentError
from sakuin.search.request import MODES, SearchError, SearchRequest
from sakuin.search.results import Hit, HitDocument, LegScore, Notice, PassageHit, Place, SearchResult
from sakuin.search.searcher import Searcher
from sakuin.search.similar import SimilarDocument, SimilarDocuments
from sakuin.search.spans import Span

__all__ = [
    "MODES",
    "DocumentPassage",
    "Duplicates",
    "Excerpt",
    "Explanation",
    "Facet",
    "Hit",
    "HitDocument",
    "LegScore",
    "NamedDocument",
    "NearPair",
    "Notice",
    "OutlineHeading",
    "PassageHit",
    "Place",
    "SameText",
    "SearchError",
    "SearchRequest",
    "SearchResult",
    "Searcher",
    "SimilarDocument",
    "SimilarDocuments",
    "Span",
    "StoredDocument",
    "UnknownDocumentError",
    "Where",
]
