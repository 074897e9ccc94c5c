"""Text to vector: the static embedding model and its fast tokenising. Knows no documents."""

from sakuin.embedder.errors import ModelError
from sakuin.embedder.model import StaticEmbedder
from sakuin.embedder.tokens import Token

__all__ = ["ModelError", "StaticEmbedder", "Token"]
