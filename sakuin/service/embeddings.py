"""Vectors of texts over HTTP, as OpenAI's API gives them, so that what is written for that can use this model."""

import base64
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field, PlainValidator, WithJsonSchema

from sakuin.embedder import StaticEmbedder
from sakuin.service.refusals import Refusal
from sakuin.service.work import Arguments, Threads

MAX_INPUTS = 2_048
MAX_CHARACTERS = 200_000
"""Of one input; tokenising a text of that length takes a fifth of a second."""


def texts_of(given: Any) -> list[str]:
    """The inputs of a request; raises ValueError where they are not texts, or too many or too long."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise ValueError("The argument 'input' should be a text or a list of texts, with at least one.")
    if len(texts) > MAX_INPUTS:
        raise ValueError(f"The argument 'input' has {len(texts):,} texts: send at most {MAX_INPUTS:,} at a time.")
    for i, text in enumerate(texts):
        if isinstance(text, (int, list)):
            raise ValueError("The argument 'input' has token ids, which mean other things in each model: send texts.")
        if not isinstance(text, str):
            raise ValueError(f"The argument 'input' should be a text or a list of texts; item {i} is neither.")
        if not text:
            raise ValueError(f"The argument 'input' has an empty text, item {i}: leave it out.")
        if len(text) > MAX_CHARACTERS:
            raise ValueError(
                f"The argument 'input' has a text of {len(text):,} characters, item {i}: send at most "
                f"{MAX_CHARACTERS:,}."
            )
    return texts


class EmbeddingsBody(Arguments):
    """What to embed, and how the vectors are sent."""

    input: Annotated[
        list[str],
        PlainValidator(texts_of),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": MAX_INPUTS},
                ],
                "description": f"A text or a list of texts, of {MAX_CHARACTERS:,} characters each at most, none empty.",
            }
        ),
    ]
    model: str = Field(description="The name that `/v1/models` gives.")
    dimensions: int | None = Field(
        default=None, ge=1, description="Keep the first so many dimensions of each vector [default: all]."
    )
    encoding_format: Literal["float", "base64"] = Field(
        default="float", description="Lists of numbers, or little-endian 32-bit floats in base64."
    )
    user: str | None = Field(default=None, description="Ignored.")


def embeddings_router(model: StaticEmbedder, name: str, threads: Threads) -> APIRouter:
    """The routes below /v1.

    Args:
        model: What encodes.
        name: What clients call it.
        threads: The threads it encodes in.
    """
    router = APIRouter(prefix="/v1", tags=["as OpenAI's API"])
    # When the model was made is not known; OpenAI's clients want a number.
    served = {"id": name, "object": "model", "created": 0, "owned_by": "sakuin"}

    def require_name(asked: str) -> None:
        if asked != name:
            message = f"There is no model {asked[:100]!r} here: this service has {name!r}."
            raise Refusal(404, message, "model_not_found", "model")

    @router.get("/models", summary="The one model that is served")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [served]}

    # A folder's name of a model may hold slashes.
    @router.get("/models/{model_name:path}", summary="One model by its name")
    async def named_model(model_name: str) -> dict[str, Any]:
        require_name(model_name)
        return served

    @router.post("/embeddings", summary="Vectors of texts")
    async def embeddings(asked: EmbeddingsBody) -> Response:
        """Vectors of length 1, so that a dot product is a cosine; of zeros for a text the model knows no part of."""
        require_name(asked.model)
        if asked.dimensions is not None and asked.dimensions > model.dimension:
            message = f"The argument 'dimensions' should be 1 to {model.dimension:,}, the dimensions of a whole vector."
            raise Refusal(400, message, param="dimensions")
        return Response(await threads.run(lambda: encoded(model, name, asked)), media_type="application/json")

    return router


def encoded(model: StaticEmbedder, name: str, asked: EmbeddingsBody) -> bytes:
    """The answer, as JSON."""
    vectors = model.encode(asked.input, truncate_dim=asked.dimensions, normalize=True)
    tokens = int(model.token_counts(asked.input).sum())
    values: list[Any] = list(vectors)
    if asked.encoding_format == "base64":
        values = [base64.b64encode(row.tobytes()).decode("ascii") for row in vectors.astype("<f4", copy=False)]
    data = [{"object": "embedding", "index": i, "embedding": value} for i, value in enumerate(values)]
    answer = {
        "object": "list",
        "data": data,
        "model": name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
