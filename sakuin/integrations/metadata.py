"""Metadata as frameworks have them, and what an index can hold of them."""

import math
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any


def storable(value: Any) -> bool:
    """Whether an index can hold a value as it is."""
    if isinstance(value, list):
        return all(not isinstance(one, list) and storable(one) for one in value)
    return isinstance(value, str | bool | int | date) or (isinstance(value, float) and math.isfinite(value))


def flattened(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What of metadata can be filtered by: values, and those inside of dictionaries under names joined by dots."""
    return dict(_flattened("", metadata))


def _flattened(before: str, metadata: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in metadata.items():
        if isinstance(value, Mapping):
            yield from _flattened(f"{before}{name}.", value)
        elif storable(value):
            yield f"{before}{name}", value
