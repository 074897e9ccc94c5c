"""LlamaIndex's filters as ``where``."""

from collections.abc import Callable, Sequence
from typing import Any

from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters

from sakuin.integrations.filtering import Where, all_of, any_of, none_of, one_of

ORDERED = {
    FilterOperator.GT: "$gt",
    FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt",
    FilterOperator.LTE: "$lte",
}

TOGETHER: dict[FilterCondition, Callable[[Sequence[Where]], Where]] = {
    FilterCondition.AND: all_of,
    FilterCondition.OR: any_of,
    FilterCondition.NOT: none_of,
}


def as_where(filters: MetadataFilters) -> Where:
    """Filters as ``where``.

    Raises:
        ValueError: one looks for a part of a value in upper or lower case, or needs a list and has none.
    """
    conditions = [as_where(one) if isinstance(one, MetadataFilters) else condition(one) for one in filters.filters]
    return TOGETHER[filters.condition or FilterCondition.AND](conditions)


def condition(given: MetadataFilter) -> Where:
    """One filter as ``where``; raises ValueError as `as_where`."""
    field, operator, value = f"metadata.{given.key}", given.operator, given.value
    if operator in ORDERED:
        return {field: {ORDERED[operator]: value}}
    if operator in (FilterOperator.EQ, FilterOperator.CONTAINS):
        return one_of(field, [value])
    if operator is FilterOperator.NE:
        return none_of([one_of(field, [value])])
    if operator in (FilterOperator.IN, FilterOperator.ANY):
        return one_of(field, listed(given))
    if operator is FilterOperator.NIN:
        return none_of([one_of(field, listed(given))])
    if operator is FilterOperator.ALL:
        return all_of([one_of(field, [each]) for each in listed(given)])
    if operator is FilterOperator.IS_EMPTY:
        return one_of(field, [None, ""])
    if operator is FilterOperator.TEXT_MATCH_INSENSITIVE:
        return {field: {"$contains": value}}
    raise ValueError(
        f"Cannot filter {given.key!r} by {operator.value}: an index looks into texts whatever their case, by "
        f"{FilterOperator.TEXT_MATCH_INSENSITIVE.value}."
    )


def listed(given: MetadataFilter) -> list[Any]:
    """The values of a filter that needs a list of them; raises ValueError as `as_where`."""
    if not isinstance(given.value, list):
        raise ValueError(f"The filter of {given.key!r} by {given.operator.value} needs a list, not {given.value!r}.")
    return given.value
