"""Text to vector: the static embedding model and its fast tokenising. Knows no documents."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sakuin.embedder.errors import ModelError as ModelError
    from sakuin.embedder.model import StaticEmbedder as StaticEmbedder
    from sakuin.embedder.tokens import Token as Token

_MODULES = {
    "ModelError": "sakuin.embedder.errors",
    "StaticEmbedder": "sakuin.embedder.model",
    "Token": "sakuin.embedder.tokens",
}
"""Each is imported when it is first used: a process that needs one part loads only that."""

__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
