"""What a search is restricted to, in a snapshot of an index."""

from collections.abc import Collection

from sakuin.index.errors import FilterError
from sakuin.index.snapshot import Selection, Snapshot
from sakuin.index.where import Where, fields_of, require_fields
from sakuin.search.request import SearchError, filter_of


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
