"""What a search answers: plain data, the same in Python, in JSON and on the page."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

from sakuin.facts import Fact
from sakuin.index.documents import POSITION_NAMES, MetadataValue
from sakuin.index.store.facets import Facet
from sakuin.search.did_you_mean import Suggestion
from sakuin.search.explanation import Explanation
from sakuin.search.fusion import Scaling
from sakuin.search.query import Query


class Notice(Fact):
    """What a search has to say about itself."""

    __slots__ = ()

    SENTENCES: ClassVar[Mapping[str, str]] = {
        "empty": "The query is empty.",
        "only_conditions": "The query has only conditions: add a word to search for.",
        "mixed_or": "OR joins words with words, or fields with fields: between a word and a field it was not used.",
        "unreadable_date": "{text} was left out: no date can be read in it. Write 2024-05-01, 2024-05, 2024, "
        "2024年5月1日 or 令和6年5月1日.",
        "nothing_has_words": "No document has all the words that the query asks for.",
        "nothing_but_excluded": "No document has all the words that the query asks for and none that it excludes.",
        "query_cut": "Only the first {used} characters of the query were used.",
        "dense_no_match": "Dense search was left out: the model knows no part of this query.",
        "bm25_no_match": "BM25 was left out: no word of this query occurs in the index.",
        "bm25_no_match_in_filter": "BM25 was left out: no word of this query occurs in the passages that match the "
        "filter.",
        "nothing_matches_filter": "No document matches the filter.",
        "no_good_match": "No good match: these are only the nearest passages.",
        "missing_shards": "Part of the cluster did not answer (shards {shards}): better hits may be there.",
        "no_opinion": "The second opinion was left out. {detail}",
    }


@dataclass(frozen=True, slots=True)
class Matches:
    """The documents that match a query, see `search.matches`.

    Attributes:
        documents: How many there are.
        facets: How many of them have which values of metadata, folders (the topmost) and types of file: of the fields
            that were named, or those that two of them have, with at most 50 values.
    """

    documents: int
    facets: tuple[Facet, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as dictionaries and lists, ready for JSON."""
        return {"documents": self.documents, "facets": [facet.to_dict() for facet in self.facets]}


class Located(Fact):
    """Where in its file a passage begins, one name of its position each."""

    __slots__ = ()

    SENTENCES: ClassVar[Mapping[str, str]] = {
        "chapter": "chapter {value}",
        "page": "p. {value}",
        "sheet": "sheet {value}",
        "row": "row {value}",
        "slide": "slide {value}",
        "line": "line {value}",
    }


def located(position: Mapping[str, int | str]) -> list[Located]:
    """What is to be told of a position, in order: the sheet before its row."""
    return [Located(name, {"value": position[name]}) for name in POSITION_NAMES if name in position]


@dataclass(frozen=True, slots=True)
class LegScore:
    """What one leg of the search thought of a passage.

    Attributes:
        rank: In that leg's own list, from 1; None where the leg did not list the passage.
        score: Cosine (dense), BM25 score, late interaction, or what a transformer gives; for a passage the leg did not
            list, the score it has all the same.
        share: The part of the hit's fused score that comes from this leg; the shares add up to the score.
        scaling: How the share follows from the score; None where there is no other leg.
    """

    rank: int | None
    score: float
    share: float
    scaling: Scaling | None = None


@dataclass(frozen=True, slots=True)
class HitDocument:
    """The document a passage comes from; ``id`` is its name in the index, ``uri`` where it comes from.

    ``index`` names the index, where several were searched; "" where it was one.
    """

    id: str
    uri: str
    title: str
    metadata: dict[str, MetadataValue]
    index: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passage stands.

    Attributes:
        document: Of the passage.
        start, end: Character offsets in the document's text.
        heading: The heading it stands under, "" where there is none.
        position: Where in the file it begins: ``{"page": 12}``, ``{"sheet": "売上", "row": 40}``, ``{"slide": 3}`` or
            ``{"line": 17}``; empty where the file has no such thing, or was indexed before it was noted.
    """

    document: HitDocument
    start: int
    end: int
    heading: str
    position: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PassageHit:
    """One of the best passages of a document that was found; the attributes are those of `Hit`."""

    passage_id: str
    score: float
    text: str
    start: int
    end: int
    heading: str
    highlights: tuple[tuple[int, int], ...]
    dense: LegScore | None
    bm25: LegScore | None
    relevance: float | None
    position: Mapping[str, int | str]
    interaction: LegScore | None = None
    rerank: LegScore | None = None
    recency: LegScore | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One document found, by its best passage; or, where they were asked for, one passage.

    Attributes:
        rank: From 1.
        score: What the hits are ordered by: the fused score (hybrid), the cosine (dense) or the BM25 score (bm25).
        document: Where the passage comes from.
        passage_id: Names the passage by what is indexed of it; 16 hexadecimal digits.
        places: Where the same passage stands: the hit's own place, then others in the order in which these were
            indexed: of those that match the filter, the first 100. ``document``, ``start``, ``end``, ``heading`` and
            ``position`` are of the first.
        place_count: How many such places there are.
        text: The passage.
        start, end: Character offsets of the passage in its document's text.
        heading: The heading the passage stands under, "" where there is none.
        highlights: Character spans (start, end) in ``text`` that match words of the query; sorted, disjoint.
        dense, bm25: What each leg thought; None where that leg took no part.
        explanation: What the score is made of; None where it was not asked for.
        relevance: The probability that the passage answers the query, 0 to 1, by how far its scores are from those of
            unrelated passages of this index; comparable between queries and indexes, as the score is not. None where
            the index has too few passages to tell. See `search.relevance`.
        position: Where in the file the passage begins, see `Place`.
        passages: Where hits are documents, the best passages of this one, best first; the first is the hit's own. Empty
            where hits are passages.
        more_passages: How many more passages of the document were found among the best that were ranked.
        interaction: What late interaction gave, see `search.late_interaction`; None where it took no part: in mode
            "hybrid" it looks at the first 20 passages.
        rerank: What the transformer thought that was asked for a second opinion; None where it was not asked about the
            passage.
        recency: What its document gains by its date, where that was asked for: a half to the power of its age in
            half-lives; None where it has no date.
        sorted_by: The value of its document that hits are in order of, or its date where newer ones were moved up; None
            where it has none, or the order is that of scores alone.
    """

    rank: int
    score: float
    document: HitDocument
    passage_id: str
    places: tuple[Place, ...]
    place_count: int
    text: str
    start: int
    end: int
    heading: str
    highlights: tuple[tuple[int, int], ...]
    dense: LegScore | None
    bm25: LegScore | None
    explanation: Explanation | None = None
    relevance: float | None = None
    position: Mapping[str, int | str] = field(default_factory=dict)
    passages: tuple[PassageHit, ...] = ()
    more_passages: int = 0
    interaction: LegScore | None = None
    rerank: LegScore | None = None
    recency: LegScore | None = None
    sorted_by: str | None = None

    @property
    def legs(self) -> dict[str, LegScore]:
        """Whatever scored the passage, by name; their shares add up to the score."""
        scored = {name: getattr(self, name) for name in ("dense", "bm25", "interaction", "rerank", "recency")}
        return {name: leg for name, leg in scored.items() if leg}

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries and lists, ready for JSON."""
        explanation = self.explanation.to_dict() if self.explanation else None
        return asdict(replace(self, explanation=None)) | {"explanation": explanation}


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to a query.

    Attributes:
        query: As asked.
        read: What was read of it: the text that hits were ranked by, and what they must have, or must not.
        mode: "hybrid", "dense" or "bm25".
        k: Number of hits asked for.
        dim: Dimensions of each vector that were compared; None in mode "bm25".
        hits: Best first.
        notices: What the user should know, such as that a leg could not see the query and was left out.
        seconds: Time taken.
        answered: Whether one of the first ten hits, be it given or not, is likely enough to answer the query
            (`search.relevance.GOOD_MATCH`); None where the query is empty, or the index has too few passages to tell.
        suggestions: What may have been meant where words of the query are found in no passage, or hardly any, and the
            index has near ones; likeliest first, and never searched for unasked.
        matches: What was counted of all documents that match; None where it was not asked for.
    """

    query: str
    mode: str
    k: int
    dim: int | None
    hits: tuple[Hit, ...]
    notices: tuple[Notice, ...]
    seconds: float
    answered: bool | None = None
    read: Query | None = None
    suggestions: tuple[Suggestion, ...] = ()
    matches: Matches | None = None

    @property
    def text(self) -> str:
        """What of the query hits were ranked by."""
        return self.read.text if self.read else self.query

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries and lists, with the sentences of notices and explanations, ready for JSON."""
        hits = [hit.to_dict() for hit in self.hits]
        return asdict(replace(self, hits=(), notices=(), matches=None)) | {
            "hits": hits,
            "notices": [notice.to_dict() for notice in self.notices],
            "matches": self.matches.to_dict() if self.matches else None,
        }
