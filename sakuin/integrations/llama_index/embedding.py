"""Vectors by a static model."""

import asyncio
import os
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import Field, PrivateAttr

from sakuin import StaticEmbedder

PACKAGED = "default"
BATCH = 2_048
"""The most that LlamaIndex gives at once; the longer a batch, the less it costs."""


class SakuinEmbedding(BaseEmbedding):
    """Vectors by a static model, scaled to length 1.

    Attributes:
        dim: Only the first so many dimensions; None for all.
    """

    dim: int | None = Field(default=None)
    _embedder: StaticEmbedder = PrivateAttr()

    def __init__(
        self,
        model_name: str | os.PathLike[str] | StaticEmbedder = PACKAGED,
        *,
        dim: int | None = None,
        embed_batch_size: int = BATCH,
        **kwargs: Any,
    ) -> None:
        """Load the model, if it is not loaded already.

        Args:
            model_name: Its folder or hub name, or one that is loaded; "default" for the packaged model.
            dim: Keep only the first so many dimensions; None for all.
            embed_batch_size: How many texts LlamaIndex gives at once.
            kwargs: Of `BaseEmbedding`.
        """
        model = model_name
        if not isinstance(model, StaticEmbedder):
            model = StaticEmbedder.load(None if model == PACKAGED else model)
        given: dict[str, Any] = {"model_name": model.source, "dim": dim, "embed_batch_size": embed_batch_size}
        super().__init__(**given, **kwargs)
        self._embedder = model

    @classmethod
    def class_name(cls) -> str:
        """What saved components are known by."""
        return "SakuinEmbedding"

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self._embedder.encode(texts, self.dim, normalize=True).tolist()
        return vectors

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)
