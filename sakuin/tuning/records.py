"""Records of JSON Lines files: tasks and judged queries; what cannot be read is named with file and line."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import orjson

from sakuin.tuning.errors import EvaluationError

Record = dict[str, Any]
Row = TypeVar("Row")


def string(row: Record, field: str) -> str:
    """A field that must be a string."""
    value = row[field]
    if not isinstance(value, str):
        raise TypeError(f"{field} must be a string")
    return value


def listed(row: Record, field: str) -> list[Any]:
    """A field that must be a list."""
    value = row[field]
    if not isinstance(value, list):
        raise TypeError(f"{field} must be a list")
    return value


def strings(row: Record, field: str) -> list[str]:
    """A field that must be a list of strings."""
    values = listed(row, field)
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"{field} must be a list of strings")
    return values


def read_rows(path: Path, convert: Callable[[Record], Row]) -> list[Row]:
    """What ``convert`` makes of every record of a file.

    Raises:
        EvaluationError: the file cannot be read, or as `parse_rows` says.
    """
    return _converted(numbered(path), convert, str(path))


def parse_rows(content: bytes, convert: Callable[[Record], Row], name: str) -> list[Row]:
    """What ``convert`` makes of every record of a file that was read already.

    Args:
        content: Of the file.
        convert: Raises KeyError, TypeError or ValueError for a record that it can make nothing of.
        name: What the file is called where something is wrong with it.

    Raises:
        EvaluationError: with file and line, where a record lacks a field or has one of a wrong kind.
    """
    return _converted(_objects(BytesIO(content), name), convert, name)


def _converted(records: Iterable[tuple[int, Record]], convert: Callable[[Record], Row], name: str) -> list[Row]:
    """What ``convert`` makes of records, whose lines are told where it fails."""
    rows = []
    for number, record in records:
        try:
            rows.append(convert(record))
        except KeyError as error:
            raise EvaluationError(f"{name}, line {number}: the field {error} is missing.") from error
        except (TypeError, ValueError) as error:
            raise EvaluationError(f"{name}, line {number}: {error}.") from error
    if not rows:
        raise EvaluationError(f"{name} is empty.")
    return rows


def read_records(path: Path, limit: int | None = None) -> list[Record]:
    """At most ``limit`` objects of a JSON Lines file; blank lines are passed over.

    Raises:
        EvaluationError: the file cannot be read, or a line is no JSON object.
    """
    return [record for _, record in islice(numbered(path), limit)]


def numbered(path: Path) -> Iterator[tuple[int, Record]]:
    """Line numbers from 1 and objects of a JSON Lines file."""
    try:
        with path.open("rb") as lines:
            yield from _objects(lines, str(path))
    except OSError as error:
        raise EvaluationError(f"Cannot read {path}: {error.strerror or error}.") from error


def _objects(lines: Iterable[bytes], name: str) -> Iterator[tuple[int, Record]]:
    """Line numbers from 1 and objects of lines; ``name`` is that of their file."""
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            if number == 1:
                line = line.removeprefix(BOM_UTF8)  # as Windows programs write it
            if not line.strip():
                continue
            record = orjson.loads(line)
            if not isinstance(record, dict):
                raise ValueError("not an object")
            yield number, record
    except orjson.JSONDecodeError as error:
        raise EvaluationError(f"{name}, line {number}: not JSON ({error}).") from error
    except ValueError as error:
        raise EvaluationError(f"{name}, line {number}: {error}.") from error
