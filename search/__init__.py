"""Query to ranked, explained results: dense and BM25 search, fused by a hybrid ranker."""

from typing import TYPE_CHECKING

from sakuin.first_use import on_first_use

if TYPE_CHECKING:
    from sakuin.index.store.facets import Facet as Facet
    from sakuin.index.where import Where as Where
    from sakuin.search.duplicates import Duplicates as Duplicates
    from sakuin.search.duplicates import NamedDocument as NamedDocument
    from sakuin.search.duplicates import NearPair as NearPair
    from sakuin.search.duplicates import SameText as SameText
    from sakuin.search.explanation import Explanation as Explanation
    from sakuin.search.reading import DocumentPassage as DocumentPassage
    from sakuin.search.reading import Excerpt as Excerpt
    from sakuin.search.reading import OutlineHeading as OutlineHeading
    from sakuin.search.reading import StoredDocument as StoredDocument
    from sakuin.search.reading import UnknownDocumentError as UnknownDocumentError
    from sakuin.search.request import MODES as MODES
    from sakuin.search.request import SearchError as SearchError
    from sakuin.search.request import SearchRequest as SearchRequest
    from sakuin.search.results import Hit as Hit
    from sakuin.search.results import HitDocument as HitDocument
    from sakuin.search.results import LegScore as LegScore
    from sakuin.search.results import Notice as Notice
    from sakuin.search.results import PassageHit as PassageHit
    from sakuin.search.results import Place as Place
    from sakuin.search.results import SearchResult as SearchResult
    from sakuin.search.searcher import Searcher as Searcher
    from sakuin.search.similar import SimilarDocument as SimilarDocument
    from sakuin.search.similar import SimilarDocuments as SimilarDocuments
    from sakuin.search.spans import Span as Span

_MODULES = {
    "Facet": "sakuin.index.store.facets",
    "Where": "sakuin.index.where",
    "Duplicates": "sakuin.search.duplicates",
    "NamedDocument": "sakuin.search.duplicates",
    "NearPair": "sakuin.search.duplicates",
    "SameText": "sakuin.search.duplicates",
    "Explanation": "sakuin.search.explanation",
    "DocumentPassage": "sakuin.search.reading",
    "Excerpt": "sakuin.search.reading",
    "OutlineHeading": "sakuin.search.reading",
    "StoredDocument": "sakuin.search.reading",
    "UnknownDocumentError": "sakuin.search.reading",
    "MODES": "sakuin.search.request",
    "SearchError": "sakuin.search.request",
    "SearchRequest": "sakuin.search.request",
    "Hit": "sakuin.search.results",
    "HitDocument": "sakuin.search.results",
    "LegScore": "sakuin.search.results",
    "Notice": "sakuin.search.results",
    "PassageHit": "sakuin.search.results",
    "Place": "sakuin.search.results",
    "SearchResult": "sakuin.search.results",
    "Searcher": "sakuin.search.searcher",
    "SimilarDocument": "sakuin.search.similar",
    "SimilarDocuments": "sakuin.search.similar",
    "Span": "sakuin.search.spans",
}

__all__ = [*_MODULES]
__getattr__ = on_first_use(__name__, _MODULES)
