"""What tools answer: typed, so that clients are told its shape, and bounded, so that it fits into a conversation."""

import json
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from sakuin.index.documents import MetadataValue
from sakuin.search.explanation import Explanation
from sakuin.search.reading import StoredDocument
from sakuin.search.results import Hit, SearchResult
from sakuin.search.similar import SimilarDocuments

MAX_HITS = 50
MAX_TEXT = 20_000
"""Characters of a document that one answer holds, and of all passages of a search."""
MAX_METADATA = 2_000
"""Characters of a document's metadata, as JSON."""
MAX_PARTS = 10
"""Of one number of an explanation."""
MAX_DEPTH = 4


class FoundPassage(BaseModel):
    """A passage that answers, and where it stands in its document."""

    text: str
    start: int = Field(description="Where it begins in the document's text, in characters: for `fetch`, to read on.")
    end: int
    heading: str = Field(description="The heading it stands under.")
    relevance: float | None = Field(description="The probability that it answers the query; null in a small index.")


class FoundDocument(BaseModel):
    """A document with passages that answer."""

    id: str = Field(description="For `fetch`, `explain` and citing.")
    title: str
    url: str = Field(description="Where it comes from: a file's path, or an address.")
    passages: list[FoundPassage] = Field(description="The best first.")


class SearchAnswer(BaseModel):
    """What a search found."""

    results: list[FoundDocument] = Field(description="The best first.")
    answered: bool | None = Field(
        description="False: none of these is likely to answer, they are only the nearest. Null: not known."
    )
    reason: str | None = Field(description="Why it is not answered, or what was left out of the search.")
    more: str | None = Field(description="How to get what was left out of this answer; null where nothing was.")


class FetchAnswer(BaseModel):
    """A document, or a part of it."""

    id: str
    title: str
    text: str
    url: str
    metadata: dict[str, MetadataValue]
    start: int = Field(description="Where this part begins in the whole text, in characters.")
    end: int
    length: int = Field(description="Characters of the whole text.")
    more: str | None = Field(description="How to get what was left out of this answer; null where nothing was.")


class NearDocument(BaseModel):
    """A document near another, and its passage nearest to that."""

    id: str = Field(description="For `fetch`, `explain` and citing.")
    title: str
    url: str = Field(description="Where it comes from: a file's path, or an address.")
    score: float = Field(description="The cosine of the means of both documents' passages, at most 1.")
    text: str = Field(description="Of the passage.")
    start: int = Field(description="Where the passage begins in the document's text, in characters: for `fetch`.")
    end: int


class SimilarAnswer(BaseModel):
    """The documents near a document."""

    results: list[NearDocument] = Field(description="The nearest first.")
    more: str | None = Field(description="How to get what was left out of this answer; null where nothing was.")


class ValueCount(BaseModel):
    """A value, and how many documents have it."""

    value: str
    documents: int


class FieldValues(BaseModel):
    """A field and its commonest values."""

    name: str = Field(description="As `where` of `search` calls it.")
    values: list[ValueCount]


class FacetsAnswer(BaseModel):
    """What a search can be restricted to."""

    fields: list[str] = Field(description="All fields that a filter may name.")
    facets: list[FieldValues]
    more: str | None = Field(description="How to get what was left out of this answer; null where nothing was.")


class Part(BaseModel):
    """A number of a score, and what it is made of."""

    description: str
    value: float
    parts: list["Part"] = Field(description=f"What it is made of, at most {MAX_PARTS}, the weightiest first.")


class ExplainAnswer(BaseModel):
    """Why a document was found."""

    id: str
    passage: str = Field(description="The best passage of the document for the query.")
    rank: int = Field(description="Of that passage in the search.")
    relevance: float | None
    score: Part


def found(result: SearchResult) -> SearchAnswer:
    """What a search found, by document."""
    documents: dict[str, FoundDocument] = {}
    room, left = MAX_TEXT, 0
    for hit in result.hits:
        if len(hit.text) > room:
            left += 1
            continue
        room -= len(hit.text)
        documents.setdefault(hit.document.id, found_document(hit)).passages.append(found_passage(hit))
    more = None
    if left:
        more = f"{left} passages are left out for length: search with a smaller k, or with `where`."
    elif len(result.hits) == result.k < MAX_HITS:
        more = f"There may be more: search again with a greater k, at most {MAX_HITS}."
    sentences = [str(notice.to_dict()["message"]) for notice in result.notices]
    sentences += [f"Did you mean: {suggestion.query}" for suggestion in result.suggestions]
    if not result.hits and not sentences:
        sentences = ["Nothing in the index has anything of this query."]
    return SearchAnswer(
        results=list(documents.values()), answered=result.answered, reason=" ".join(sentences) or None, more=more
    )


def found_document(hit: Hit) -> FoundDocument:
    """The document of a hit, without passages."""
    document = hit.document
    return FoundDocument(id=document.id, title=document.title or document.id, url=document.uri, passages=[])


def found_passage(hit: Hit) -> FoundPassage:
    """The passage of a hit."""
    return FoundPassage(text=hit.text, start=hit.start, end=hit.end, heading=hit.heading, relevance=hit.relevance)


def near(similar: SimilarDocuments) -> SimilarAnswer:
    """The documents near a document, as many as one answer holds."""
    results: list[NearDocument] = []
    room = MAX_TEXT
    for one in similar.documents:
        room -= len(one.nearest.text)
        if room < 0:
            break
        results.append(
            NearDocument(
                id=one.document.id,
                title=one.document.title or one.document.id,
                url=one.document.uri,
                score=one.score,
                text=one.nearest.text,
                start=one.nearest.start,
                end=one.nearest.end,
            )
        )
    left = len(similar.documents) - len(results)
    more = f"{left} documents are left out for length: ask with a smaller k, or with `where`." if left else None
    return SimilarAnswer(results=results, more=more)


def fetched(document: StoredDocument) -> FetchAnswer:
    """A part of a document that fits into an answer."""
    metadata, dropped = bounded(document.metadata)
    sentences = []
    if document.end < document.length:
        sentences.append(f"The text goes on: fetch again with start={document.end}.")
    if dropped:
        sentences.append(f"Metadata too long to be given: {', '.join(dropped)[:200]}.")
    return FetchAnswer(
        id=document.id,
        title=document.title or document.id,
        text=document.text,
        url=document.uri,
        metadata=metadata,
        start=document.start,
        end=document.end,
        length=document.length,
        more=" ".join(sentences) or None,
    )


def bounded(metadata: Mapping[str, MetadataValue]) -> tuple[dict[str, MetadataValue], Sequence[str]]:
    """Metadata that fit into an answer, and the names of those that do not."""
    kept: dict[str, MetadataValue] = {}
    dropped = []
    room = MAX_METADATA
    for name, value in metadata.items():
        size = len(name) + len(json.dumps(value, ensure_ascii=False))
        if size > room:
            dropped.append(name)
        else:
            kept[name] = value
            room -= size
    return kept, dropped


def part_of(explanation: Explanation, depth: int = MAX_DEPTH) -> Part:
    """An explanation as far as it fits into an answer."""
    details = sorted(explanation.details, key=lambda detail: -abs(detail.value))[:MAX_PARTS] if depth else []
    return Part(
        description=str(explanation.to_dict()["description"]),
        value=round(explanation.value, 6),
        parts=[part_of(detail, depth - 1) for detail in details],
    )
