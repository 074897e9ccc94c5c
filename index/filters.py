"""What a search can be restricted by, and how many documents have which value: metadata, folder and type of file.

A filter names fields and values. Values of a field are compared as text: a string as it is, a number or a boolean as
JSON writes it (``2024``, ``1.5``, ``true``), a list by each of its elements. Two fields every document has: ``folder``,
any folder above the file, and ``type``, the ending of the file's name in lower case. Metadata of the same name is
reached as ``metadata.folder`` and ``metadata.type``; ``metadata.`` may stand before any name of metadata.

SQLite proposes documents whose metadata has the words in it, and what is proposed is parsed, so that filters and counts
cannot disagree about what a value is.
"""

import json
import posixpath
import sqlite3
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from sakuin.index.database import NAME, PassageRow, content_number, indexed_text
from sakuin.index.errors import IndexFolderError
from sakuin.index.vectors import Chosen

FOLDER = "folder"
TYPE = "type"
BUILT_IN = (FOLDER, TYPE)
METADATA = "metadata."

MOST_VALUES = 50
"""A field of metadata with more values than these is not worth listing, unless it is asked for by name."""

MOST_KEPT = 4
"""Filters, and counts, that a snapshot keeps: of a million passages a filter takes up to 20 MB."""

# Of more values of one field SQLite looks for the field alone.
MOST_SOUGHT = 50

K = TypeVar("K")
V = TypeVar("V")

Value = str | int | float | bool
Where = Mapping[str, Value | Sequence[Value]]
"""Values of fields: any of the values of a field, and all of the fields."""

Conditions = tuple[tuple[str, tuple[str, ...]], ...]
"""A filter in one form, whatever the order of its fields and values: those, as texts, ascending."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What matches a filter.

    Attributes:
        documents: int64 (d,), numbers of the documents, ascending.
        passages: int64 (n,), contents of the passages that stand in any of them, ascending.
        vectors: Where the vectors of these passages lie.
    """

    documents: NDArray[np.int64]
    passages: NDArray[np.int64]
    vectors: Chosen


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


def where_of(given: Iterable[str]) -> dict[str, list[str]]:
    """Values by field, of FIELD=VALUE; raises ValueError where one is of another form."""
    where: dict[str, list[str]] = {}
    for condition in given:
        field, equals, value = condition.partition("=")
        if not field or not equals:
            raise ValueError(f"{condition!r} is not of the form FIELD=VALUE, such as type=md or folder=office.")
        where.setdefault(field, []).append(value)
    return where


def conditions_of(where: Where) -> Conditions:
    """The one form of a filter."""
    fields: dict[str, set[str]] = {}
    for name, given in where.items():
        values = [given] if isinstance(given, Value) else given
        name = name if name in BUILT_IN else called(key_of(name))
        fields.setdefault(name, set()).update(normal(name, value_text(value)) for value in values)
    return tuple((name, tuple(sorted(values))) for name, values in sorted(fields.items()))


def normal(name: str, text: str) -> str:
    """A value of a built-in field as it is compared: ``./office/`` is ``office``, ``.MD`` is ``md``."""
    if name == FOLDER:
        return posixpath.normpath(unicodedata.normalize("NFC", text))
    return text.lower().removeprefix(".") if name == TYPE else text


def key_of(name: str) -> str:
    """What metadata itself calls a field that is not built in."""
    return name.removeprefix(METADATA)


def called(key: str) -> str:
    """What a filter calls a field of metadata."""
    return METADATA + key if key in BUILT_IN or key.startswith(METADATA) else key


def value_text(value: Value) -> str:
    """A value as it is compared."""
    if isinstance(value, str):
        return value
    # json.dumps takes ten times as long, and counting writes the values of every document.
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else json.dumps(value)


def texts_of(value: Any) -> Collection[str]:
    """The texts that a stored value matches: of a list those of its elements, of nothing none."""
    if isinstance(value, list):
        return {text for element in value for text in texts_of(element)}
    return () if value is None or isinstance(value, dict) else (value_text(value),)


def matching_documents(connection: sqlite3.Connection, conditions: Conditions) -> NDArray[np.int64]:
    """Numbers of the documents that match a filter, ascending."""
    clauses, sought, wanted = ["1"], list[str](), dict[str, frozenset[str]]()
    for name, values in conditions:
        if name not in BUILT_IN:
            wanted[key_of(name)] = frozenset(values)
            clauses.append("instr(metadata, ?)")
            sought.append(json.dumps(key_of(name), ensure_ascii=False))
            if len(values) <= MOST_SOUGHT:
                clauses.append(f"({' OR '.join(['instr(metadata, ?)'] * len(values)) or '0'})")
                sought += [json.dumps(value, ensure_ascii=False)[1:-1] for value in values]
    built_in = {name: values for name, values in conditions if name in BUILT_IN}
    if built_in:
        clauses.append("file IN (SELECT value FROM json_each(?))")
        sought.append(json.dumps(matching_files(connection, built_in), ensure_ascii=False))
    column = "metadata" if wanted else "'{}'"
    rows = connection.execute(f"SELECT id, {column} FROM documents WHERE {' AND '.join(clauses)} ORDER BY id", sought)
    return np.array([number for number, metadata in rows if has_values(metadata, wanted)], np.int64)


def has_values(metadata: str, wanted: Mapping[str, frozenset[str]]) -> bool:
    """Whether metadata has, of each field, one of the values."""
    if not wanted:
        return True
    fields = parsed(metadata)
    return all(not values.isdisjoint(texts_of(fields.get(key))) for key, values in wanted.items())


def matching_files(connection: sqlite3.Connection, wanted: Mapping[str, Collection[str]]) -> list[str]:
    """Names of the files in any of the folders, and of any of the types, that are wanted."""
    folders = tuple("" if folder == "." else f"{folder.rstrip('/')}/" for folder in wanted.get(FOLDER, (".",)))
    types = wanted.get(TYPE)
    return [
        file
        for (file,) in connection.execute("SELECT uri FROM files")
        if unicodedata.normalize("NFC", file).startswith(folders) and (types is None or type_of(file) in types)
    ]


def type_of(file: str) -> str:
    """The ending of a file's name in lower case and without its dot; "" where there is none."""
    name = file[file.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[dot + 1 :].lower() if dot > 0 else ""


def top_folder(file: str) -> str:
    """The topmost folder a file is in, "" where it is in none."""
    return unicodedata.normalize("NFC", file[: max(0, file.find("/", 1))])


def passages_of(connection: sqlite3.Connection, documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Contents of the passages that stand in any of the documents, ascending."""
    rows = connection.execute(
        "SELECT content FROM passages WHERE document IN (SELECT value FROM json_each(?))",
        (json.dumps(documents.tolist()),),
    )
    return np.unique(np.fromiter((row[0] for row in rows), np.int64))


def within(
    connection: sqlite3.Connection, rows: Mapping[int, PassageRow], documents: NDArray[np.int64]
) -> dict[int, PassageRow]:
    """Passages, each as it stands in the first of some documents that has it; those that stand in none are left out.

    Args:
        connection: To the database.
        rows: By content, as they stand in the first document of all.
        documents: Numbers, ascending.

    Raises:
        IndexFolderError: a passage is not what was indexed.
    """
    found = {}
    for content, row in rows.items():
        places = connection.execute("SELECT id, document FROM passages WHERE content = ? ORDER BY id", (content,))
        for order, (passage, document) in enumerate(places):
            at = int(np.searchsorted(documents, document))
            if at < len(documents) and documents[at] == document:
                found[content] = row if order == 0 else read_place(connection, row, passage)
                break
    return found


def read_place(connection: sqlite3.Connection, row: PassageRow, passage: int) -> PassageRow:
    """A passage as it stands in another place, of number ``passage``."""
    start, end, heading, text, uri, title, metadata = connection.execute(
        "SELECT p.start, p.end, p.heading, substr(d.text, p.start + 1, p.end - p.start), d.uri, d.title, d.metadata "
        "FROM passages p JOIN documents d ON d.id = p.document WHERE p.id = ?",
        (passage,),
    ).fetchone()
    if content_number(indexed_text(title, heading, text)) != row.content:
        raise IndexFolderError(
            f"{NAME} is damaged: a passage of {uri} has changed since it was written. Check the index with "
            f"`index verify`."
        )
    return replace(
        row, start=start, end=end, heading=heading, text=text, uri=uri, title=title, metadata=parsed(metadata)
    )


def field_names(connection: sqlite3.Connection) -> list[str]:
    """What filters call the fields that any document has, built-in ones first."""
    keys = {key for fields in metadata_of(connection, None) for key in fields}
    return [*BUILT_IN, *sorted(called(key) for key in keys)]


def facets(
    connection: sqlite3.Connection,
    documents: NDArray[np.int64] | None = None,
    names: Collection[str] | None = None,
    limit: int = MOST_VALUES,
) -> list[Facet]:
    """How many documents have which values; folders are counted by the topmost one.

    Args:
        connection: To the database.
        documents: Count only these, given by numbers; None for all.
        names: Of the fields; None for those that two documents or more have, and with `MOST_VALUES` values at most.
        limit: Of each field so many values at most, those that most documents have.

    Returns:
        Built-in fields first, then those that most documents have.
    """
    keys = None if names is None else {key_of(name) for name in names if name not in BUILT_IN}
    counted: dict[str, Mapping[str, int]] = {**count_files(connection, documents)}
    if keys is None or keys:
        counted.update((called(key), values) for key, values in count_metadata(connection, documents, keys).items())
    return [
        Facet(name, tuple(sorted(values.items(), key=lambda item: (-item[1], item[0]))[:limit]))
        for name, values in counted.items()
        if values and (name not in BUILT_IN or names is None or name in names)
    ]


def count_files(connection: sqlite3.Connection, documents: NDArray[np.int64] | None) -> dict[str, Counter[str]]:
    """Numbers of documents by topmost folder, and by type."""
    folders: Counter[str] = Counter()
    types: Counter[str] = Counter()
    for file, number in select(connection, "file, count(*)", documents, "GROUP BY file"):
        folders[top_folder(file)] += number
        types[type_of(file)] += number
    counted = {FOLDER: folders, TYPE: types}
    for counts in counted.values():
        # Files in no folder, or without an ending.
        del counts[""]
    return counted


def count_metadata(
    connection: sqlite3.Connection, documents: NDArray[np.int64] | None, keys: Collection[str] | None
) -> dict[str, dict[str, int]]:
    """Numbers of documents by value of each field of metadata, fields of most documents first; args as in `facets`."""
    counted: defaultdict[str, dict[str, int]] = defaultdict(dict)
    used: Counter[str] = Counter()
    dropped: set[str] = set()
    for fields in metadata_of(connection, documents):
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
            if keys is None and len(counts) > MOST_VALUES:
                dropped.add(key)
                del counted[key]
    least = 2 if keys is None else 1
    order = sorted((key for key in counted if used[key] >= least), key=lambda key: (-used[key], key))
    return {key: counted[key] for key in order}


def metadata_of(connection: sqlite3.Connection, documents: NDArray[np.int64] | None) -> Iterator[dict[str, Any]]:
    """The metadata of documents, or of all, that have any."""
    for (metadata,) in select(connection, "metadata", documents):
        if metadata != "{}":
            yield parsed(metadata)


def select(
    connection: sqlite3.Connection, columns: str, documents: NDArray[np.int64] | None, ending: str = ""
) -> sqlite3.Cursor:
    """Columns of documents, given by numbers, or of all."""
    if documents is None:
        return connection.execute(f"SELECT {columns} FROM documents {ending}")
    which = "id IN (SELECT value FROM json_each(?))"
    return connection.execute(
        f"SELECT {columns} FROM documents WHERE {which} {ending}", (json.dumps(documents.tolist()),)
    )


def parsed(metadata: str) -> dict[str, Any]:
    """Stored metadata."""
    try:
        fields: dict[str, Any] = orjson.loads(metadata)
    except orjson.JSONDecodeError:  # NaN, as Python writes it
        fields = json.loads(metadata)
    return fields


def remembered(kept: dict[K, V], key: K, make: Callable[[], V]) -> V:
    """What is kept under a key, made where it is not; the `MOST_KEPT` that were last asked for are kept."""
    value = kept[key] = kept.pop(key) if key in kept else make()
    while len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]
    return value
