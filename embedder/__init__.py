"""Text to vector: the static embedding model and its fast tokenising. Knows no documents."""

from typing import TYPE_CHECKING

from sakuin.first_use import on_first_use

if TYPE_CHECKING:
    from sakuin.embedder.errors import ModelError as ModelError
    from sakuin.embedder.model import StaticEmbedder as StaticEmbedder
    from sakuin.embedder.tokens import Token as Token

_MODULES = {
    "ModelError": "sakuin.embedder.errors",
    "StaticEmbedder": "sakuin.embedder.model",
    "Token": "sakuin.embedder.tokens",
}

__all__ = [*_MODULES]
__getattr__ = on_first_use(__name__, _MODULES)
