"""What a search is restricted to, in a snapshot of an index."""

from collections.abc import Collection

from sakuin.index.snapshot import Selection, Snapshot
from sakuin.index.where import Where, fields_of
from sakuin.search.request import SearchError, filter_of

# Fields that an error names; a table may have hundreds of columns.
FIELDS_SHOWN = 20


def selected(snapshot: Snapshot, where: Where) -> Selection:
    """What matches a filter; raises SearchError where it makes no sense, or names a field that no document has."""
    condition = filter_of(where)
    selection = snapshot.selection(condition)
    if not len(selection.documents):
        check_fields(snapshot, fields_of(condition))
    return selection


def check_fields(snapshot: Snapshot, names: Collection[str]) -> None:
    """Raises SearchError if one of the fields is unknown."""
    known = snapshot.field_names()
    for name in names:
        if name not in known:
            shown = ", ".join(known[:FIELDS_SHOWN])
            more = f" and {len(known) - FIELDS_SHOWN} more" if len(known) > FIELDS_SHOWN else ""
            raise SearchError(f"No document of this index has a field {name!r}. There are: {shown}{more}.")
