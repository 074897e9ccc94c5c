"""The documents that pass a filter.

SQLite proposes documents whose metadata has the words in it, and what is proposed is parsed and tested, so that filters
and counts cannot disagree about what a value is.
"""

import json
import sqlite3
from collections.abc import Callable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from sakuin.index.store.checksums import require_label
from sakuin.index.store.parsing import parsed
from sakuin.index.store.schema import LABEL
from sakuin.index.store.whole import require_whole
from sakuin.index.where import (
    AND,
    BUILT_IN,
    EXISTS,
    FOLDER,
    ID,
    IN,
    NOT_IN,
    PREFIX,
    TYPE,
    Condition,
    Group,
    Labels,
    Test,
    fields_of,
    key_of,
    matches,
)

# Metadata with a character that NFKC may change: all but these are so rare that they are not worth telling apart.
_OTHER_FORMS = "*[^ -~À-ÿぁ-ゖァ-ヺー、。「」一-\u9fff]*"

# Of more values of one field SQLite looks for the field alone.
MOST_SOUGHT = 50


def matching_documents(
    connection: sqlite3.Connection, condition: Condition, *, after: int = -1, most: int | None = None
) -> NDArray[np.int64]:
    """int64 (n,), ascending: numbers above ``after`` of the documents that pass a filter, the first ``most``."""
    require_whole(connection)
    parts = condition.parts if isinstance(condition, Group) and condition.operator == AND else (condition,)
    of_files = [part for part in parts if set(fields_of(part)) <= {FOLDER, TYPE}]
    others = [part for part in parts if part not in of_files]
    clauses, values = ["number > ?"], list[str | int]([after])
    if of_files:
        # Files are fewer than documents, and tell all that matters.
        files = [file for file in _files(connection) if _all(of_files)(Labels("", "", file, {}))]
        clauses.append("file IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(files, ensure_ascii=False))
    for part in others:
        if isinstance(part, Test):
            clause, sought = _proposal(part)
            clauses += clause
            values += sought
    if not others:
        rows = connection.execute(f"SELECT number FROM documents WHERE {' AND '.join(clauses)} ORDER BY number", values)
        return np.fromiter((row[0] for row in islice(rows, most)), np.int64)
    rows = connection.execute(
        f"SELECT number, label_checksum, {LABEL} FROM documents WHERE {' AND '.join(clauses)} ORDER BY number", values
    )
    passes = _all(others)
    found = (number for number, *label in rows if passes(_labels(*label)))
    return np.fromiter(islice(found, most), np.int64)


def _labels(checksum: int, *label: str) -> Labels:
    """What a filter sees of a document; raises IndexFolderError where it is not as it was written."""
    require_label(label, checksum)
    own, uri, file, _, metadata, _ = label
    return Labels(own, uri, file, parsed(metadata))


def _all(parts: list[Condition]) -> Callable[[Labels], bool]:
    """A test for all of some conditions."""
    return lambda labels: all(matches(part, labels) for part in parts)


def _files(connection: sqlite3.Connection) -> list[str]:
    """Names of all files, and "" for documents of none."""
    return ["", *(file for (file,) in connection.execute("SELECT uri FROM files"))]


def _proposal(test: Test) -> tuple[list[str], list[str]]:
    """SQL that every document fulfils that passes a test, and its values."""
    if test.field == ID and test.operator == IN:
        return ["id IN (SELECT value FROM json_each(?))"], [json.dumps(test.values, ensure_ascii=False)]
    if test.field in BUILT_IN or test.operator == NOT_IN or (test.operator == EXISTS and test.values == ("false",)):
        return [], []
    clauses, sought = ["instr(metadata, ?)"], [json.dumps(key_of(test.field), ensure_ascii=False)]
    if test.operator in (IN, PREFIX) and len(test.values) <= MOST_SOUGHT:
        clauses.append(f"({' OR '.join(['instr(metadata, ?)'] * len(test.values))} OR metadata GLOB ?)")
        sought += [json.dumps(value, ensure_ascii=False)[1:-1] for value in test.values]
        sought.append(_OTHER_FORMS)
    return clauses, sought


def passages_of(connection: sqlite3.Connection, documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (n,), ascending: ids of the passages that stand in any of the documents."""
    rows = connection.execute(
        "SELECT passage_id FROM passages WHERE document IN (SELECT value FROM json_each(?))",
        (json.dumps(documents.tolist()),),
    )
    return np.unique(np.fromiter((row[0] for row in rows), np.int64))


def documents_with(connection: sqlite3.Connection, passages: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (n,), ascending: numbers of the documents in which any of the passages stands."""
    rows = connection.execute(
        "SELECT DISTINCT document FROM passages WHERE passage_id IN (SELECT value FROM json_each(?)) ORDER BY document",
        (json.dumps(passages.tolist()),),
    )
    return np.fromiter((row[0] for row in rows), np.int64)
