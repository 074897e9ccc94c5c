"""Haystack's documents, and what an index has for them."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from haystack import Document

from sakuin import Document as Stored
from sakuin.integrations.metadata import flattened, storable

WHOLE = "_haystack"
"""The name of all metadata of a document as JSON, where an index cannot hold each as it is."""


def as_stored(document: Document) -> Stored:
    """A document as it is added to an index."""
    return Stored(id=document.id, text=document.content or "", metadata=kept_metadata(document.meta))


def kept_metadata(meta: dict[str, Any]) -> dict[str, Any]:
    """Metadata as they are added to an index."""
    if all(storable(value) for value in meta.values()):
        return meta
    return flattened(meta) | {WHOLE: json.dumps(meta, ensure_ascii=False, default=written)}


def as_documents(stored: Iterable[Stored]) -> list[Document]:
    """Documents of an index, whole."""
    return [Document(id=one.id, content=one.text, meta=given_metadata(one.metadata)) for one in stored]


def given_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as they were given."""
    whole: dict[str, Any] = json.loads(metadata[WHOLE]) if WHOLE in metadata else dict(metadata)
    return whole


def written(value: Any) -> str:
    """A value that JSON has no form for; raises TypeError where we have none either."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"Metadata of a document hold {value!r} ({type(value).__name__}), which JSON has no form for.")
