"""What files call a document's text and title, in Japanese and English, and what else they say of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sakuin.index.documents import MetadataValue, Scalar
from sakuin.index.readers.plain import clean

TEXT_NAMES = ("text", "body", "content", "passage", "本文", "内容")
TITLE_NAMES = ("title", "name", "題名", "タイトル", "件名")
ID_NAMES = ("id", "docid", "_id", "uri")

MOST_VALUES = 10_000
"""Values that are taken of one document, with the lists and mappings they stand in."""

DEEPEST = 20
"""Levels that are looked into where values are nested."""


def named(names: tuple[str, ...], keys: Iterable[str]) -> list[str]:
    """Return the keys that are among ``names``, whatever their case, in the order of ``names``."""
    found = {key.strip().lower(): key for key in reversed(list(keys))}
    return [found[name] for name in names if name in found]


def metadata_of(fields: Mapping[str, Any], stored: Callable[[object], Scalar | None]) -> dict[str, MetadataValue]:
    """Metadata from what a file says, whatever is nested: ``{"a": {"b": [1, 2]}}`` is ``{"a.b": [1, 2]}``.

    A list stays one, also of a single value.

    Args:
        fields: Names and values, as JSON and YAML have them.
        stored: From a single value what is stored of it; None for nothing.
    """
    found: dict[str, list[Scalar]] = {}
    lists: set[str] = set()
    taken = 0
    waiting = [(str(name), value, 1, False) for name, value in reversed(list(fields.items()))]
    while waiting:
        name, value, depth, listed = waiting.pop()
        if not name.isascii():
            name = clean(name)
        taken += 1
        # YAML may name the same values again and again, for each of which there are as many inside.
        if taken > MOST_VALUES:
            break
        if isinstance(value, Mapping) and depth < DEEPEST:
            waiting += [(f"{name}.{key}", inner, depth + 1, listed) for key, inner in reversed(list(value.items()))]
        elif isinstance(value, list) and depth < DEEPEST:
            waiting += [(name, inner, depth + 1, True) for inner in reversed(value)]
        elif (kept := stored(value)) is not None:
            if listed:
                lists.add(name)
            found.setdefault(name, []).append(kept)
    return {name: list(values) if name in lists or len(values) > 1 else values[0] for name, values in found.items()}
