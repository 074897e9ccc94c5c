"""Filters of requests: what a search is kept to, bounded in size."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from sakuin.index.errors import FilterError
from sakuin.index.where import Condition, Group, Where, condition_of, where_of
from sakuin.service.refusals import Refusal

# Groups of conditions count too.
MAX_CONDITIONS = 50
MAX_VALUES = 1_000

BODY_WHERE = (
    "Search only documents that match: of each field one value or a list, of which one must be equal, or operators "
    "(`$eq`, `$ne`, `$in`, `$nin`, `$lt`, `$lte`, `$gt`, `$gte`, `$prefix`, `$contains`, `$exists`); `$and` and `$or` "
    "take lists of filters, `$not` takes one. `/facets` lists fields and values."
)
ADDRESS_WHERE = (
    "FIELD=VALUE, FIELD!=VALUE, FIELD>=VALUE (also >, <, <=; of numbers and dates), FIELD^=PREFIX, FIELD? (it has the "
    "field), or JSON as in the body of `POST /search`. Given again, a field with = may have either value; all other "
    "conditions must hold."
)

AddressCondition = Annotated[str, Field(json_schema_extra={"pattern": r"^(\{[\s\S]*\}|[\s\S]+([=<>][\s\S]*|\?))$"})]
"""A condition of an address; that it has a form of these is told by `read_conditions`."""


def read_where(given: Any) -> Where:
    """A filter of a body; raises ValueError where it is none, makes no sense, or is too large."""
    try:
        return checked(given)
    except FilterError as error:
        raise ValueError(f"The argument 'where': {error}") from error


def read_conditions(given: Sequence[str]) -> Where:
    """A filter of an address, FIELD=VALUE and the like; raises Refusal as `read_where` raises ValueError."""
    try:
        return checked(where_of(given))
    except (FilterError, ValueError) as error:
        raise Refusal(400, str(error), param="where") from error


def checked(where: Where) -> Where:
    """The filter; raises FilterError where it makes no sense, ValueError where it is too large for one request."""
    conditions, values = size_of(condition_of(where))
    if conditions > MAX_CONDITIONS or values > MAX_VALUES:
        raise ValueError(
            f"The argument 'where' has too much: at most {MAX_CONDITIONS} conditions and {MAX_VALUES:,} values."
        )
    return where


def size_of(condition: Condition) -> tuple[int, int]:
    """Numbers of conditions and groups, and of values, of a filter."""
    if isinstance(condition, Group):
        sizes = [size_of(part) for part in condition.parts]
        return 1 + sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    return 1, len(condition.values)
