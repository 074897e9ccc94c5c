"""What a search is restricted to."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Protocol

from sakuin.index.errors import FilterError
from sakuin.index.where import AND, Condition, Where, fields_of, require_fields
from sakuin.search.grouping import Found
from sakuin.search.query import DATES, Query, may_have_syntax, read_query
from sakuin.search.request import BY_DOCUMENT, SearchError, SearchRequest, filter_of
from sakuin.search.results import Notice
from sakuin.search.whole import Selected, Whole


class Fields(Protocol):
    """What has fields."""

    def field_names(self) -> list[str]:
        """What filters call the fields that any document has."""


@dataclass(frozen=True, slots=True)
class Restricted:
    """A request to what is searched, with its query read.

    Attributes:
        request: With the text to rank by as its query, and every filter.
        read: What was read of the query.
        within: What may be found; None for all.
        words: What the words of hits must be, or must not, beside the filter; None for any.
    """

    request: SearchRequest
    read: Query
    within: Selected | None
    words: Selected | None

    @classmethod
    def of(cls, whole: Whole, request: SearchRequest) -> "Restricted":
        """Read a request; raises SearchError where a filter makes no sense, or names a field that no document has."""
        query = read(whole, request)
        filters = [where for where in (request.where, query.where) if where]
        where = {AND: filters} if len(filters) > 1 else filters[0] if filters else None
        asked = replace(request, query=query.text, where=where)
        condition = filter_of(where) if where else None
        words = Query("", query.required, query.excluded) if query.required or query.excluded else None
        if condition is None and words is None:
            return cls(asked, query, None, None)
        found = whole.select(condition, words, by_document=request.group == BY_DOCUMENT)
        if condition is not None and not found.documents:
            check_fields(whole, fields_of(condition))
        return cls(asked, query, found if found.is_less else None, found if words else None)

    def notices(self, found: Found, request: SearchRequest) -> tuple[Notice, ...]:
        """What a search has to say of itself, in the words of the request that was asked."""
        own = [Notice("query_cut", {"used": len(request.text)})] if len(request.query) > len(request.text) else []
        own += [Notice("mixed_or")] if self.read.mixed else []
        own += [Notice("unreadable_date", {"text": text}) for text in self.read.undated]
        others = {}
        lacking = Notice("nothing_but_excluded" if self.read.excluded else "nothing_has_words")
        if self.read.where or self.words or self.read.undated:
            others["empty"] = Notice("only_conditions")
        if self.words:
            others["nothing_matches_filter"] = lacking
        told = [others.get(notice.code, notice) for notice in found.notices]
        own += told
        # What was ranked was read, and all of it left out.
        if self.words and not (told or found.groups or request.offset or request.min_relevance):
            own.append(lacking)
        return (*own, *([Notice("no_good_match")] if found.answered is False and found.groups else []))


def read(fields: Fields, request: SearchRequest) -> Query:
    """What a request's query asks, of an index with some fields."""
    if not request.syntax or not may_have_syntax(request.text):
        return Query(request.text)
    return read_query(request.text, fields.field_names)


def passing(whole: Whole, where: Where) -> Selected:
    """What matches a filter; raises SearchError where it makes no sense, or names a field that no document has."""
    condition = filter_of(where)
    found = whole.select(condition, None, by_document=True)
    if not found.documents:
        check_fields(whole, fields_of(condition))
    return found


def require_known(whole: Whole, condition: Condition) -> None:
    """Raises SearchError where nothing passes a filter because no document has one of its fields."""
    if not whole.select(condition, None, by_document=True).documents:
        check_fields(whole, fields_of(condition))


def check_fields(fields: Fields, names: Collection[str]) -> None:
    """Raises SearchError if one of the fields is unknown."""
    try:
        require_fields(names, fields.field_names())
    except FilterError as error:
        raise SearchError(str(error)) from error


def check_sortable(fields: Fields, sort: str) -> None:
    """Raises SearchError if no document has the field that hits are to be sorted by."""
    name = sort.removeprefix("-")
    if name != DATES[0] or not set(DATES) & set(fields.field_names()):
        check_fields(fields, [name])
