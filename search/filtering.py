"""What a search is restricted to, in a snapshot of an index."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sakuin.index.errors import FilterError
from sakuin.index.snapshot import Selection, Snapshot
from sakuin.index.where import AND, Where, fields_of, require_fields
from sakuin.search.conditions import WordConditions
from sakuin.search.grouping import Found
from sakuin.search.query import DATES, Query, may_have_syntax, read_query
from sakuin.search.request import BY_DOCUMENT, SearchError, SearchRequest, filter_of
from sakuin.search.results import Notice


@dataclass(frozen=True, slots=True)
class Restricted:
    """A request in a snapshot of an index, with its query read.

    Attributes:
        request: With the text to rank by as its query, and every filter.
        read: What was read of the query.
        within: What may be found; None for all.
        words: What the words of hits must be, or must not; None for any.
    """

    request: SearchRequest
    read: Query
    within: Selection | None
    words: WordConditions | None

    @classmethod
    def of(cls, snapshot: Snapshot, request: SearchRequest) -> "Restricted":
        """Read a request; raises SearchError where a filter makes no sense, or names a field that no document has."""
        query = read(snapshot, request)
        filters = [where for where in (request.where, query.where) if where]
        where = {AND: filters} if len(filters) > 1 else filters[0] if filters else None
        asked = replace(request, query=query.text, where=where)
        within = selected(snapshot, where) if where else None
        if not (query.required or query.excluded):
            return cls(asked, query, within, None)
        words = WordConditions(snapshot, query)
        narrowed = words.narrowed(within, by_document=request.group == BY_DOCUMENT)
        return cls(asked, query, narrowed, words)

    def notices(self, found: Found, request: SearchRequest) -> tuple[Notice, ...]:
        """What a search has to say of itself, in the words of the request that was asked."""
        own = [Notice("query_cut", {"used": len(request.text)})] if len(request.query) > len(request.text) else []
        own += [Notice("mixed_or")] if self.read.mixed else []
        others = {}
        if self.read.where or self.words:
            others["empty"] = Notice("only_conditions")
        if self.words:
            others["nothing_matches_filter"] = Notice("nothing_has_words")
        own += [others.get(notice.code, notice) for notice in found.notices]
        return (*own, *([Notice("no_good_match")] if found.answered is False and found.groups else []))


def read(snapshot: Snapshot, request: SearchRequest) -> Query:
    """What a request's query asks, in an index."""
    if not request.syntax or not may_have_syntax(request.text):
        return Query(request.text)
    return read_query(request.text, snapshot.field_names)


def selected(snapshot: Snapshot, where: Where) -> Selection:
    """What matches a filter; raises SearchError where it makes no sense, or names a field that no document has."""
    condition = filter_of(where)
    selection = snapshot.selection(condition)
    if not len(selection.documents):
        check_fields(snapshot, fields_of(condition))
    return selection


def check_fields(snapshot: Snapshot, names: Collection[str]) -> None:
    """Raises SearchError if one of the fields is unknown."""
    try:
        require_fields(names, snapshot.field_names())
    except FilterError as error:
        raise SearchError(str(error)) from error


def check_sortable(snapshot: Snapshot, sort: str) -> None:
    """Raises SearchError if no document has the field that hits are to be sorted by."""
    name = sort.removeprefix("-")
    if name != DATES[0] or not set(DATES) & set(snapshot.field_names()):
        check_fields(snapshot, [name])
