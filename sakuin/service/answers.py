"""What the answer to a search looks like, for the API's description of itself."""

from dataclasses import dataclass

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
