"""Vectors of texts over HTTP, as OpenAI's API gives them, so that what is written for that can use this model."""

import base64
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field, PlainValidator, WithJsonSchema

from sakuin.embedder import StaticEmbedder
from sakuin.service.answers import EmbeddingsAnswer, ModelAnswer, ModelsAnswer
from sakuin.service.inputs import MAX_CHARACTERS, MAX_INPUTS, Given, given_inputs, texts_of
from sakuin.service.refusals import Refusal
from sakuin.service.work import Arguments, Threads

ALIASES = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")
"""OpenAI's names, accepted for the one model: some clients know no others, or leave ``dimensions`` out for others."""


class EmbeddingsBody(Arguments):
    """What to embed, and how the vectors are sent."""

    input: Annotated[
        Given,
        PlainValidator(given_inputs),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_INPUTS},
                    {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
                    {
                        "type": "array",
                        "items": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                        "minItems": 1,
                        "maxItems": MAX_INPUTS,
                    },
                ],
                "description": f"A text or a list of texts, of {MAX_CHARACTERS:,} characters each at most; an empty "
                "one has a vector of zeros. Token ids of cl100k_base, as OpenAI's models have them, are taken where "
                "tiktoken is installed.",
            }
        ),
    ]
    model: str = Field(description="A name that `/v1/models` gives.")
    dimensions: int | None = Field(
        default=None, ge=1, description="Keep the first so many dimensions of each vector [default: all]."
    )
    encoding_format: Literal["float", "base64"] | None = Field(
        default=None, description="Lists of numbers, or little-endian 32-bit floats in base64 [default: numbers]."
    )
    user: Any = Field(default=None, description="Ignored.")
    input_type: Any = Field(default=None, description="Ignored: queries and documents are encoded alike.")
    truncate: Any = Field(default=None, description="Ignored: texts are encoded whole.")


def embeddings_router(model: StaticEmbedder, name: str, threads: Threads) -> APIRouter:
    """The routes below /v1.

    Args:
        model: What encodes.
        name: What clients call it.
        threads: The threads it encodes in.
    """
    router = APIRouter(prefix="/v1", tags=["as OpenAI's API"])
    # When the model was made is not known; OpenAI's clients want a number.
    served = {
        one: {"id": one, "object": "model", "created": 0, "owned_by": "sakuin"}
        for one in dict.fromkeys((name, *ALIASES))
    }

    def named(asked: str) -> dict[str, Any]:
        require_model(asked, name)
        return served[asked]

    @router.get("/models", summary="The names of the one model that is served", response_model=ModelsAnswer)
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": list(served.values())}

    # A folder's name of a model may hold slashes.
    @router.get("/models/{model_name:path}", summary="One model by its name", response_model=ModelAnswer)
    async def named_model(model_name: str) -> dict[str, Any]:
        return named(model_name)

    @router.post("/embeddings", summary="Vectors of texts", responses={200: {"model": EmbeddingsAnswer}})
    async def embeddings(asked: EmbeddingsBody) -> Response:
        """Vectors of length 1, so that a dot product is a cosine; of zeros for a text the model knows no part of."""
        named(asked.model)
        if asked.dimensions is not None and asked.dimensions > model.dimension:
            message = f"The argument 'dimensions' should be 1 to {model.dimension:,}, the dimensions of a whole vector."
            raise Refusal(400, message, param="dimensions")
        return Response(await threads.run(lambda: encoded(model, asked)), media_type="application/json")

    return router


def require_model(asked: str, name: str) -> None:
    """Raise Refusal where a client asks for a model by another name than those of the one that is here."""
    if asked not in (name, *ALIASES):
        message = f"There is no model {asked[:100]!r} here: this service has {name!r}."
        raise Refusal(404, message, "model_not_found", "model")


def encoded(model: StaticEmbedder, asked: EmbeddingsBody) -> bytes:
    """The answer, as JSON; raises Refusal where token ids cannot be read."""
    texts = texts_of(asked.input)
    vectors = model.encode(texts, truncate_dim=asked.dimensions, normalize=True)
    tokens = int(model.token_counts(texts).sum())
    values: list[Any] = list(vectors)
    if asked.encoding_format == "base64":
        values = [base64.b64encode(row.tobytes()).decode("ascii") for row in vectors.astype("<f4", copy=False)]
    data = [{"object": "embedding", "index": i, "embedding": value} for i, value in enumerate(values)]
    answer = {
        "object": "list",
        "data": data,
        "model": asked.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
