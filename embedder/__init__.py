"""Text to vector: the static embedding model and its fast tokenising. Knows no documents."""

from embedder.errors import ModelError, SakuinError
from embedder.model import StaticEmbedder
from embedder.tokens import Token

__all__ = ["ModelError", "SakuinError", "StaticEmbedder", "Token"]
