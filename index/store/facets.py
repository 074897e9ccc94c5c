"""How many documents have which values: of metadata, by topmost folder, and by type of file."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.index.store.checksums import require_label
from sakuin.index.store.parsing import parsed
from sakuin.index.store.schema import LABEL, LABEL_COLUMNS
from sakuin.index.store.whole import require_whole
from sakuin.index.values import plain
from sakuin.index.where import BUILT_IN, FOLDER, TYPE, called, key_of, texts_of, top_folder, type_of

METADATA = LABEL_COLUMNS.index("metadata")

MOST_VALUES = 50
"""A field of metadata with more values than these is not worth listing, unless it is asked for by name."""


@dataclass(frozen=True, slots=True)
class Facet:
    """A field, and how many documents have which of its values.

    Attributes:
        name: As a filter calls it.
        values: (value, number of documents), most documents first.
    """

    name: str
    values: tuple[tuple[str, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as dictionaries and lists, ready for JSON."""
        return {"name": self.name, "values": [{"value": value, "documents": number} for value, number in self.values]}


def field_names(connection: sqlite3.Connection) -> list[str]:
    """What filters call the fields that any document has, built-in ones first.

    Documents are not compared with their checksums here, or a query with a colon would wait for seconds in an index of
    a million: see `require_whole`.
    """
    keys = _keys(connection)
    if keys is None:
        keys = {key for fields in metadata_of(connection, None) for key in fields}
    return [*BUILT_IN, *sorted(called(key) for key in keys)]


def _keys(connection: sqlite3.Connection) -> set[str] | None:
    """The names of all metadata, by SQLite; None where it does not read one as it was written."""
    sql = "SELECT DISTINCT key FROM documents, json_each(metadata) WHERE metadata != '{}'"
    try:
        keys = {key for (key,) in connection.execute(sql).fetchall() if type(key) is str}
    except sqlite3.OperationalError:
        return None
    # A name that is escaped comes as it stands, or not, by SQLite's version.
    return None if any("\\" in key for key in keys) else keys


def facets(
    connection: sqlite3.Connection,
    documents: NDArray[np.int64] | None = None,
    names: Collection[str] | None = None,
    limit: int = MOST_VALUES,
    *,
    all_fields: bool = False,
) -> list[Facet]:
    """How many documents have which values; folders are counted by the topmost one.

    Args:
        connection: To the database.
        documents: Count only these, given by numbers; None for all.
        names: Of the fields; None for those that two documents or more have, and with `MOST_VALUES` values at most.
        limit: Of each field so many values at most, those that most documents have.
        all_fields: Count every field of metadata, where none is named, whatever its values.

    Returns:
        Built-in fields first, then those that most documents have.
    """
    require_whole(connection)
    files = select(connection, "file, count(*)", documents, "GROUP BY file")
    return facets_of(files, metadata_of(connection, documents), names, limit, all_fields=all_fields)


def facets_of(
    files: Iterable[tuple[str, int]],
    metadata: Iterable[Mapping[str, Any]],
    names: Collection[str] | None = None,
    limit: int = MOST_VALUES,
    *,
    all_fields: bool = False,
) -> list[Facet]:
    """The same of documents wherever they are stored.

    Args:
        files: Names of files, each with how many of the documents are of it; one may come several times.
        metadata: Of the documents; not read where no field of it is named.
        names: See `facets`, as all that follows.
        limit: Of each field so many values at most.
        all_fields: Count every field of metadata.
    """
    keys = None if names is None else {key_of(name) for name in names if name not in BUILT_IN}
    counted: dict[str, Mapping[str, int]] = {**count_files(files)}
    if keys is None or keys:
        counted.update((called(key), values) for key, values in count_metadata(metadata, keys, all_fields).items())
    return [
        Facet(name, tuple(sorted(values.items(), key=lambda item: (-item[1], item[0]))[:limit]))
        for name, values in counted.items()
        if values and (name not in (FOLDER, TYPE) or names is None or name in names)
    ]


def count_files(files: Iterable[tuple[str, int]]) -> dict[str, Counter[str]]:
    """Numbers of documents by topmost folder, and by type; ``files`` as in `facets_of`."""
    folders: Counter[str] = Counter()
    types: Counter[str] = Counter()
    for file, number in files:
        folders[top_folder(file)] += number
        types[type_of(file)] += number
    counted = {FOLDER: folders, TYPE: types}
    for counts in counted.values():
        # Files in no folder, or without an ending.
        del counts[""]
    return counted


def count_metadata(
    metadata: Iterable[Mapping[str, Any]], keys: Collection[str] | None, all_fields: bool = False
) -> dict[str, dict[str, int]]:
    """Numbers of documents by value of each field of metadata, fields of most documents first.

    Args:
        metadata: Of the documents.
        keys: Of the fields, as metadata calls them; None for those that are worth listing.
        all_fields: Count every field, whatever its values.
    """
    counted: defaultdict[str, dict[str, int]] = defaultdict(dict)
    used: Counter[str] = Counter()
    dropped: set[str] = set()
    for fields in metadata:
        for key, value in fields.items():
            if key in dropped or (keys is not None and key not in keys):
                continue
            counts = counted[key]
            # One text without a call: this is where the time goes.
            texts = (value,) if type(value) is str else texts_of(value)
            for text in texts:
                counts[text] = counts.get(text, 0) + 1
            if texts:
                used[key] += 1
            if keys is None and len(counts) > MOST_VALUES and not all_fields:
                dropped.add(key)
                del counted[key]
    for key, counts in counted.items():
        if not all(map(str.isascii, counts)):
            counted[key] = _in_one_width(counts)
    least = 2 if keys is None and not all_fields else 1
    order = sorted((key for key in counted if used[key] >= least), key=lambda key: (-used[key], key))
    return {key: counted[key] for key in order}


def _in_one_width(counts: Mapping[str, int]) -> dict[str, int]:
    """The same counts, by values as filters compare them."""
    together: Counter[str] = Counter()
    for value, number in counts.items():
        together[plain(value)] += number
    return together


def metadata_of(connection: sqlite3.Connection, documents: NDArray[np.int64] | None) -> Iterator[dict[str, Any]]:
    """The metadata of documents, or of all, that have any; raises IndexFolderError where one is not as written."""
    for checksum, *label in select(connection, f"label_checksum, {LABEL}", documents):
        require_label(label, checksum)
        metadata = label[METADATA]
        if metadata != "{}":
            yield parsed(metadata)


def select(
    connection: sqlite3.Connection, columns: str, documents: NDArray[np.int64] | None, ending: str = ""
) -> sqlite3.Cursor:
    """Columns of documents, given by numbers, or of all."""
    if documents is None:
        return connection.execute(f"SELECT {columns} FROM documents {ending}")
    which = "number IN (SELECT value FROM json_each(?))"
    return connection.execute(
        f"SELECT {columns} FROM documents WHERE {which} {ending}", (json.dumps(documents.tolist()),)
    )
