"""What answers look like, for the API's description of itself."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

from sakuin.facts import Value
from sakuin.search.results import Hit, SearchResult
from sakuin.search.spans import Span


class NoticeAnswer(BaseModel):
    """What a search has to say about itself."""

    code: str = Field(description="Which notice it is.")
    data: dict[str, Value] = Field(description="What its sentence speaks of.")
    message: str = Field(description="The sentence, in English.")


class ExplanationAnswer(BaseModel):
    """A number of a score, and what it is made of."""

    value: float
    code: str = Field(description="What the number is.")
    data: dict[str, Value] = Field(description="What there is to say of it, such as the term.")
    description: str = Field(description="What the number is, in English.")
    details: list["ExplanationAnswer"] = Field(description="What it is made of.")
    operation: str = Field(description="`sum` or `product` where it is that of its details' values.")
    spans: list[Span] = Field(description="The characters it comes from.")


@dataclass(frozen=True)
class HitAnswer(Hit):
    """A hit as `Hit.to_dict` gives it."""

    explanation: ExplanationAnswer | None = None  # type: ignore[assignment]


@dataclass(frozen=True)
class SearchAnswer(SearchResult):
    """An answer as `SearchResult.to_dict` gives it."""

    hits: tuple[HitAnswer, ...]
    notices: tuple[NoticeAnswer, ...]  # type: ignore[assignment]
    matches: "MatchesAnswer | None" = None  # type: ignore[assignment]


class CountedValue(BaseModel):
    """A value, and how many documents have it."""

    value: str
    documents: int


class FacetAnswer(BaseModel):
    """A field, and how many documents have which of its values."""

    name: str = Field(description="As a filter calls it.")
    values: list[CountedValue] = Field(description="Those that most documents have first.")


class MatchesAnswer(BaseModel):
    """The documents that match a query."""

    documents: int = Field(description="How many there are.")
    facets: list[FacetAnswer] = Field(description="How many of them have which values.")


class FacetsAnswer(BaseModel):
    """What a search can be restricted to."""

    fields: list[str] = Field(description="All that any document has.")
    facets: list[FacetAnswer]


class HealthAnswer(BaseModel):
    """Whether the index can be searched."""

    status: Literal["ok"]
    version: str = Field(description="Of the service.")
    generation: int = Field(description="Counts commits.")
    passages: int


class InfoAnswer(BaseModel):
    """What the index holds and how it was made."""

    files: int
    documents: int
    passages: int
    duplicates: int = Field(description="Places where a passage stands again.")
    skipped: int = Field(description="Files that were left out, or not taken whole.")
    dim: int = Field(description="Dimensions stored of each vector.")
    model: str
    fingerprint: str = Field(description="Of the model.")
    analyser: str = Field(description="What cuts texts into words.")
    generation: int = Field(description="Counts commits.")


class ModelAnswer(BaseModel):
    """A name of the model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelsAnswer(BaseModel):
    """All names of the model."""

    object: Literal["list"]
    data: list[ModelAnswer]


class EmbeddingAnswer(BaseModel):
    """The vector of one input."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str = Field(description="Numbers, or base64 of little-endian 32-bit floats.")


class UsageAnswer(BaseModel):
    """Tokens of all inputs."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """Vectors, in the order of the inputs."""

    object: Literal["list"]
    data: list[EmbeddingAnswer]
    model: str = Field(description="The name that was asked for.")
    usage: UsageAnswer


class TextAnswer(BaseModel):
    """A text as it was sent."""

    text: str


class RerankedAnswer(BaseModel):
    """A text and its score."""

    index: int = Field(description="Place of the text among those that were sent, from 0.")
    relevance_score: float = Field(description="The cosine of query and text.")
    document: TextAnswer | None = Field(default=None, description="Where `return_documents` asked for it.")
    explanation: ExplanationAnswer | None = Field(default=None, description="Where `explain` asked for it.")


class RerankAnswer(BaseModel):
    """Texts, best first."""

    object: Literal["list"]
    model: str = Field(description="The name that was asked for.")
    results: list[RerankedAnswer]
    usage: UsageAnswer
