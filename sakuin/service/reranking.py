"""Texts in the order in which they answer a query, as Cohere's and Jina's APIs give them, by the model of the index."""

from typing import Annotated, Any, Self

import numpy as np
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from sakuin.embedder import StaticEmbedder
from sakuin.search.breakdown import explain_cosine
from sakuin.search.spans import Indexed
from sakuin.service.answers import RerankAnswer
from sakuin.service.bounded import with_list
from sakuin.service.embeddings import require_model
from sakuin.service.work import Arguments, Threads

MAX_TEXTS = 1_000
MAX_CHARACTERS = 200_000
"""Of the query, and of one text."""

# An explanation has a part for each pair of tokens.
MAX_EXPLAINED = 20
MAX_EXPLAINED_QUERY = 100
MAX_EXPLAINED_TEXT = 1_000


def given_texts(given: Any) -> list[str]:
    """The texts of a request; raises ValueError where they are none, or too many or too long."""
    if not isinstance(given, list) or not given:
        raise ValueError("The argument 'documents' should be a list of texts, with at least one.")
    if len(given) > MAX_TEXTS:
        raise ValueError(f"The argument 'documents' has {len(given):,} texts: send at most {MAX_TEXTS:,} at a time.")
    texts = []
    for i, one in enumerate(given):
        text = one.get("text") if isinstance(one, dict) else one
        if not isinstance(text, str):
            raise ValueError(
                f"The argument 'documents' should be a list of texts, or of objects with a text as `text`; item {i} is "
                f"neither."
            )
        if len(text) > MAX_CHARACTERS:
            raise ValueError(
                f"The argument 'documents' has a text of {len(text):,} characters, item {i}: send at most "
                f"{MAX_CHARACTERS:,}."
            )
        texts.append(text)
    return texts


class RerankBody(Arguments):
    """Which texts to put into which order."""

    query: str = Field(max_length=MAX_CHARACTERS, description="What is asked.", examples=["電車が遅れた証拠がほしい"])
    documents: Annotated[
        list[str],
        PlainValidator(given_texts),
        WithJsonSchema(
            {
                "type": "array",
                "items": {
                    "anyOf": [
                        {"type": "string", "maxLength": MAX_CHARACTERS},
                        {
                            "type": "object",
                            "properties": {"text": {"type": "string", "maxLength": MAX_CHARACTERS}},
                            "required": ["text"],
                        },
                    ]
                },
                "minItems": 1,
                "maxItems": MAX_TEXTS,
                "description": "The texts, or objects with a text as `text`; what else these have is not looked at.",
                "examples": [["遅延証明書は駅の窓口で受け取れます。", {"text": "Lunch is at noon."}]],
            }
        ),
    ]
    model: str | None = Field(default=None, description="A name that `/v1/models` gives.")
    top_n: int | None = Field(default=None, ge=1, description="Give only the best so many [default: all].")
    return_documents: bool | None = Field(default=None, description="Repeat the texts in the answer.")
    explain: bool = Field(
        default=False,
        description="Say what each pair of tokens adds to each score: of "
        f"{MAX_EXPLAINED} results at most, for a query of {MAX_EXPLAINED_QUERY} characters and texts of "
        f"{MAX_EXPLAINED_TEXT:,} at most.",
    )
    max_tokens_per_doc: Any = Field(default=None, description="Ignored: texts are encoded whole.")
    max_chunks_per_doc: Any = Field(default=None, description="Ignored: texts are encoded whole.")
    truncate: Any = Field(default=None, description="Ignored: texts are encoded whole.")
    truncation: Any = Field(default=None, description="Ignored: texts are encoded whole.")
    priority: Any = Field(default=None, description="Ignored.")
    user: Any = Field(default=None, description="Ignored.")

    @model_validator(mode="after")
    def explain_few(self) -> Self:
        """Refuse explanations that would keep others waiting."""
        results = min(self.top_n or len(self.documents), len(self.documents))
        longest = max(map(len, self.documents))
        if self.explain and (
            results > MAX_EXPLAINED or len(self.query) > MAX_EXPLAINED_QUERY or longest > MAX_EXPLAINED_TEXT
        ):
            raise ValueError(
                f"The argument 'explain' is for {MAX_EXPLAINED} results, a query of {MAX_EXPLAINED_QUERY} characters "
                f"and texts of {MAX_EXPLAINED_TEXT:,} at most: give a smaller top_n or shorter texts."
            )
        return self


def reranking_router(model: StaticEmbedder, name: str, threads: Threads) -> APIRouter:
    """The route that orders texts.

    Args:
        model: What encodes.
        name: What clients call it.
        threads: The threads it encodes in.
    """
    router = APIRouter(tags=["as Cohere's and Jina's API"])
    described: dict[str, Any] = {
        "summary": "Texts in the order in which they answer a query",
        "responses": {200: {"model": RerankAnswer}},
    }

    # Cohere's second client asks below /v2, for the same.
    @router.post("/v2/rerank", include_in_schema=False)
    @router.post("/v1/rerank", **described)
    async def rerank(asked: RerankBody) -> Response:
        """The score is the cosine of query and text, -1 to 1: no probability, and not comparable between queries."""
        called = name if asked.model is None else asked.model
        require_model(called, name)
        return Response(await threads.run(lambda: reranked(model, called, asked)), media_type="application/json")

    return router


def reranked(model: StaticEmbedder, called: str, asked: RerankBody) -> bytes:
    """The answer, as JSON; raises Refusal where its explanations are too large."""
    texts = [asked.query, *asked.documents]
    query, *documents = model.encode(texts, normalize=True)
    scores = np.array([float(document @ query) for document in documents])
    # Of equal scores the text that came first.
    best = np.argsort(-scores, kind="stable")[: asked.top_n].tolist()
    tokens = int(model.token_counts(texts).sum())
    answer = {"object": "list", "model": called, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    return with_list(answer, "results", (result(model, asked, i, float(scores[i])) for i in best))


def result(model: StaticEmbedder, asked: RerankBody, i: int, score: float) -> dict[str, Any]:
    """What the answer says of one text."""
    text = asked.documents[i]
    told: dict[str, Any] = {"index": i, "relevance_score": score}
    if asked.return_documents:
        told["document"] = {"text": text}
    if asked.explain:
        indexed = Indexed.passage("", "", text)
        explained = explain_cosine(model, Indexed.query(asked.query), indexed, dim=model.dimension, shown=score)
        told["explanation"] = explained.to_dict()
    return told
