"""Haystack's filters as ``where``."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from haystack.errors import FilterError

from sakuin.integrations.filtering import NOTHING, Where, all_of, any_of, none_of, one_of

Filters = dict[str, Any]
"""As Haystack writes them. ``meta.`` stands before names of metadata; ``id``, ``uri``, ``folder`` and ``type`` are the
index's own."""

META = "meta."
OF_THE_INDEX = ("id", "uri", "folder", "type")
UNSEEN = ("content", "blob", "score", "embedding", "sparse_embedding")
ORDERED = {">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte"}


def as_where(filters: Mapping[str, Any] | None) -> Where | None:
    """A filter of Haystack's as ``where``; None where there is none.

    Raises:
        FilterError: it lacks a key, has an unknown operator, or cannot be followed.
    """
    return condition(filters) if filters else None


def condition(filters: Mapping[str, Any]) -> Where:
    """A comparison, or conditions together, as ``where``; raises FilterError as `as_where`."""
    if "field" in filters:
        return comparison(field_of(part(filters, "field")), part(filters, "operator"), part(filters, "value"))
    operator, conditions = part(filters, "operator"), [condition(one) for one in part(filters, "conditions")]
    if operator not in LOGICAL:
        raise FilterError(f"Unknown operator {operator!r} between conditions: use {', '.join(LOGICAL)}.")
    return LOGICAL[operator](conditions)


def part(filters: Mapping[str, Any], name: str) -> Any:
    """A part of a filter; raises FilterError where it is not there."""
    if name not in filters:
        raise FilterError(f"The filter {filters!r} has no {name!r}.")
    return filters[name]


def field_of(name: str) -> str:
    """What ``where`` calls a field; raises FilterError where an index cannot look at it."""
    if name in OF_THE_INDEX:
        return name
    if name in UNSEEN:
        raise FilterError(f"Cannot filter by {name!r}: use fields of metadata such as 'meta.year', or 'id'.")
    return f"metadata.{name.removeprefix(META)}"


def comparison(field: str, operator: str, value: Any) -> Where:
    """A comparison of one field as ``where``; raises FilterError as `as_where`."""
    if operator in ORDERED:
        return NOTHING if value is None else {field: {ORDERED[operator]: orderable(operator, value)}}
    if operator in ("==", "!="):
        return one_of(field, [value]) if operator == "==" else none_of([one_of(field, [value])])
    if operator not in ("in", "not in"):
        raise FilterError(f"Unknown operator {operator!r} for {field!r}: use ==, !=, {', '.join(ORDERED)}, in, not in.")
    if not isinstance(value, list):
        raise FilterError(f"The operator {operator!r} needs a list of values, not {value!r}.")
    return one_of(field, value) if operator == "in" else none_of([one_of(field, value)])


def orderable(operator: str, value: Any) -> Any:
    """A value to order by: a number or a date; raises FilterError where it is something else."""
    try:
        if isinstance(value, str):
            datetime.fromisoformat(value)
    except ValueError:
        pass
    else:
        if isinstance(value, str | int | float | date):
            return value
    raise FilterError(f"Cannot order by {value!r}: {operator} needs a number, or a date as ISO 8601 writes it.")


def not_all_of(conditions: list[Where]) -> Where:
    """What fails one condition or more."""
    return none_of([all_of(conditions)])


LOGICAL: dict[str, Callable[[list[Where]], Where]] = {"AND": all_of, "OR": any_of, "NOT": not_all_of}
