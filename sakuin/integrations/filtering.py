"""Filters of frameworks in the form of `where`, to which a field that no document has is a field that is missing."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sakuin import Document, FilterError, Index, SearchError, SearchRequest
from sakuin.search.results import Hit, SearchResult

Where = dict[str, Any]
"""As ``where`` of `Searcher.search`."""

EVERYTHING: Where = {}
NOTHING: Where = {"$not": EVERYTHING}


def all_of(conditions: Sequence[Where]) -> Where:
    """What passes all conditions; everything where there are none."""
    return {"$and": list(conditions)} if conditions else EVERYTHING


def any_of(conditions: Sequence[Where]) -> Where:
    """What passes one condition or more; nothing where there are none."""
    return {"$or": list(conditions)} if conditions else NOTHING


def none_of(conditions: Sequence[Where]) -> Where:
    """What passes no condition."""
    return {"$not": any_of(conditions)}


def one_of(field: str, values: Sequence[Any]) -> Where:
    """What has one of some values of a field; None among them stands for documents without it."""
    known = [value for value in values if value is not None]
    conditions: list[Where] = [{field: {"$in": known}}] if known else []
    return any_of([*conditions, {field: {"$exists": False}}] if len(known) < len(values) else conditions)


def documents(index: Index, where: Where | None) -> Iterator[Document]:
    """The documents of an index that pass a filter, all where there is none.

    Raises:
        SearchError: the filter makes no sense.
    """
    SearchRequest(query="", where=where)
    try:
        yield from index.documents(where=where)
    except FilterError:
        # It makes sense: no document has such a field, or these would have come.
        return


def hits(index: Index, where: Where | None, search: Callable[[], SearchResult]) -> tuple[Hit, ...]:
    """What a search within a filter finds.

    Args:
        index: That is searched.
        where: What the search is restricted to.
        search: The search.

    Raises:
        SearchError: as the search, but where no document has a field that the filter names.
    """
    try:
        return search().hits
    except SearchError:
        if where and next(documents(index, where), None) is None:
            return ()
        raise
