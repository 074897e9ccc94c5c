"""What documents a search, or a listing, is kept to: conditions on metadata, folder, type of file, id and uri.

A filter is a dictionary, as MongoDB, Chroma and Pinecone write it::

    {"year": 2024}                                    equal
    {"type": ["md", "docx"]}                          one of
    {"year": {"$gte": 2020, "$lt": 2024}}             numbers and dates in order
    {"author": {"$exists": True}, "id": {"$prefix": "faq-"}, "subject": {"$contains": "invoice"}}
    {"$or": [{"folder": "office"}, {"tags": {"$ne": "draft"}}]}

All conditions of a dictionary must hold. A value is compared as text: a string as it is, a number or a boolean as
JSON writes it (``2024``, also for ``2024.0``, ``1.5``, ``true``), a date as ISO 8601 does; a list matches by any of
its elements. Values of metadata are alike in any width: ``2024`` is ``２０２４``, ``ｱ`` is ``ア`` (Unicode's NFKC).
``$lt``, ``$lte``, ``$gt`` and ``$gte`` compare numbers with numbers and dates with dates, be they stored as such or
as text (``1,200``, ``2024-05-01``, ``2024.5.1``, ``2024年5月1日``, ``令和6年5月1日``, ``R6.5.1``); a date without
a time, and a bare year, is its first moment, one without a zone is in UTC. ``$ne`` and ``$nin`` also match documents
without the field. ``$contains`` looks into texts, whatever the case; a number or a boolean must be equal.

Four fields every document has: ``id``, ``uri``, ``folder``, any folder above its file, and ``type``, the ending of the
file's name in lower case. Metadata of the same name is reached as ``metadata.folder`` and so on; ``metadata.`` may
stand before any name of metadata.
"""

import json
import math
import posixpath
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sakuin.embedder.tokenising import replace_lone_surrogates
from sakuin.index.errors import FilterError
from sakuin.index.values import Value, order_of, plain, seconds, value_text
from sakuin.patterns import pattern

ID, URI, FOLDER, TYPE = "id", "uri", "folder", "type"
BUILT_IN = (ID, URI, FOLDER, TYPE)
METADATA = "metadata."

Where = Mapping[str, Any]
"""A filter as it is given, see above."""

IN, NOT_IN, PREFIX, CONTAINS, EXISTS = "$in", "$nin", "$prefix", "$contains", "$exists"
LT, LTE, GT, GTE = "$lt", "$lte", "$gt", "$gte"
ORDERED = (LT, LTE, GT, GTE)
OPERATORS = ("$eq", "$ne", IN, NOT_IN, LT, LTE, GT, GTE, PREFIX, CONTAINS, EXISTS)
AND, OR, NOT = "$and", "$or", "$not"

YEARS = range(1000, 10_000)

DEEPEST = 20
"""Groups within groups."""

FIELDS_SHOWN = 20
"""Fields that an error names; a table may have hundreds of columns."""

MOST_PARTS = 1_000
"""Filters in one group."""

LONGEST_VALUE = 10_000
"""Characters of a value."""


@dataclass(frozen=True, slots=True)
class Test:
    """A condition on one field.

    Attributes:
        field: As a filter calls it.
        operator: ``$in``, ``$nin``, ``$prefix``, ``$contains``, ``$exists``, or one of `ORDERED`.
        values: Texts, ascending; of an operator of order one, of ``$exists`` "true" or "false".
    """

    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions of which all (``$and``), any (``$or``) or none (``$not``) must hold."""

    operator: str
    parts: "tuple[Condition, ...]"


Condition = Test | Group
"""A filter in one form, whatever the order of its fields and values."""

EVERYTHING = Group(AND, ())
"""The filter that every document passes."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What filters look at of a document."""

    id: str
    uri: str
    file: str
    metadata: Mapping[str, Any]


def condition_of(where: Where, depth: int = 0) -> Condition:
    """A filter in its one form.

    Raises:
        FilterError: an operator is unknown, a value is missing or cannot be compared so.
    """
    if not isinstance(where, Mapping):
        raise FilterError(f'A filter is a dictionary such as {{"year": 2024}}, not a {type(where).__name__}.')
    if depth > DEEPEST:
        raise FilterError(f"The filter has more than {DEEPEST} groups within groups: write it more simply.")
    parts: list[Condition] = []
    for name, wanted in where.items():
        if not isinstance(name, str):
            raise FilterError(f"The name of a field is a text, not {name!r}.")
        name = replace_lone_surrogates(name)
        if name in (AND, OR):
            if not isinstance(wanted, list | tuple) or not wanted:
                raise FilterError(f"{name} needs a list of filters.")
            if len(wanted) > MOST_PARTS:
                raise FilterError(f"{name} has {len(wanted):,} filters; at most {MOST_PARTS:,}.")
            parts.append(_group(name, [condition_of(part, depth + 1) for part in wanted]))
        elif name == NOT:
            parts.append(_group(NOT, [condition_of(wanted, depth + 1)]))
        elif name.startswith("$"):
            raise FilterError(f"Unknown operator {name!r}: between fields there are {AND}, {OR} and {NOT}.")
        else:
            parts += _tests(name, wanted)
    return parts[0] if len(parts) == 1 else _group(AND, parts)


def _group(operator: str, parts: Sequence[Condition]) -> Group:
    return Group(operator, tuple(sorted(set(parts), key=repr)))


def _tests(name: str, wanted: Any) -> list[Condition]:
    """The conditions on one field."""
    field = name if name in BUILT_IN else called(key_of(name))
    if not isinstance(wanted, Mapping):
        wanted = {IN if isinstance(wanted, list | tuple | set) else "$eq": wanted}
    if not wanted:
        raise FilterError(f"No value is given for the field {name!r}: give one, or leave the field out.")
    return [_test(field, operator, operand) for operator, operand in wanted.items()]


def _test(field: str, operator: str, operand: Any) -> Test:
    if operator not in OPERATORS:
        raise FilterError(f"Unknown operator {operator!r} for the field {field!r}: use {', '.join(OPERATORS)}.")
    if operator == EXISTS:
        if not isinstance(operand, bool):
            raise FilterError(f"{EXISTS} for the field {field!r} is true or false, not {operand!r}.")
        return Test(field, EXISTS, (value_text(operand),))
    values = list(operand) if operator in (IN, NOT_IN) and isinstance(operand, list | tuple | set) else [operand]
    if not values:
        raise FilterError(f"No value is given for the field {field!r}: give one, or leave the field out.")
    values = [_comparable(field, value) for value in values]
    if operator in ORDERED and order_of(values[0]) is None:
        raise FilterError(f"Cannot order the field {field!r} by {values[0]!r}: {operator} needs a number or a date.")
    operator = {"$eq": IN, "$ne": NOT_IN}.get(operator, operator)
    texts = {value_text(value) for value in values}
    if operator == CONTAINS:
        texts = {plain(text).casefold() for text in texts}
    elif field not in BUILT_IN:
        texts = set(map(plain, texts))
    elif operator in (IN, NOT_IN):
        texts = {normal(field, text) for text in texts}
    return Test(field, operator, tuple(sorted(texts)))


def _comparable(field: str, value: Any) -> Value:
    """A value as it can be compared; raises FilterError where it cannot."""
    # numpy's numbers.
    value = value.item() if hasattr(value, "item") and not getattr(value, "ndim", 0) else value
    if isinstance(value, str) and len(value) <= LONGEST_VALUE:
        return replace_lone_surrogates(value)
    if isinstance(value, date | bool) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    if isinstance(value, float) and not math.isnan(value):
        return value
    raise FilterError(
        f"Cannot compare the field {field!r} with a {type(value).__name__} like this: give a text of at most "
        f"{LONGEST_VALUE:,} characters, a number of 64 bits, a boolean or a date."
    )


def fields_of(condition: Condition) -> list[str]:
    """The fields that a filter looks at, each once."""
    if isinstance(condition, Test):
        return [condition.field]
    return list(dict.fromkeys(name for part in condition.parts for name in fields_of(part)))


def require_fields(names: Iterable[str], known: Sequence[str]) -> None:
    """Raises FilterError if one of the fields is not among those that any document has."""
    for name in names:
        if name not in known:
            shown = ", ".join(known[:FIELDS_SHOWN])
            more = f" and {len(known) - FIELDS_SHOWN} more" if len(known) > FIELDS_SHOWN else ""
            raise FilterError(f"No document of this index has a field {name!r}. There are: {shown}{more}.")


def matches(condition: Condition, labels: Labels) -> bool:
    """Whether a document passes a filter."""
    if isinstance(condition, Group):
        held = (matches(part, labels) for part in condition.parts)
        return all(held) if condition.operator == AND else any(held) if condition.operator == OR else not any(held)
    values = stored_values(condition.field, labels)
    operator, wanted = condition.operator, condition.values
    if operator == EXISTS:
        return bool(values) == (wanted[0] == "true")
    if operator == CONTAINS:
        return any(_contains(value, wanted[0]) for value in values)
    if operator in (IN, NOT_IN, PREFIX):
        texts = map(value_text, values) if condition.field in BUILT_IN else map(plain, map(value_text, values))
        if operator == PREFIX:
            return any(text.startswith(wanted) for text in texts)
        return any(text in wanted for text in texts) == (operator == IN)
    bound = order_of(wanted[0])
    return any(_in_order(order_of(value), operator, bound) for value in values)


def _contains(value: Any, sought: str) -> bool:
    """Whether a stored text has another in it, or a stored number or boolean is written so."""
    text = plain(value_text(value)).casefold()
    return sought in text if isinstance(value, str) else sought == text


def _in_order(own: tuple[str, float] | None, operator: str, bound: tuple[str, float] | None) -> bool:
    """Whether a value is below or above a bound; False where they are of different kinds."""
    if own is None or bound is None:
        return False
    if own[0] == "date" and bound[0] == "number" and bound[1] in YEARS:
        bound = ("date", seconds(date(int(bound[1]), 1, 1)))
    if own[0] != bound[0]:
        return False
    if operator in (LT, LTE):
        return own < bound or (operator == LTE and own == bound)
    return own > bound or (operator == GTE and own == bound)


def stored_values(field: str, labels: Labels) -> Collection[Any]:
    """The values that a document has of a field."""
    if field == ID:
        return (labels.id,)
    if field == URI:
        return (labels.uri,)
    if field == FOLDER:
        return folders_of(labels.file)
    if field == TYPE:
        ending = type_of(labels.file)
        return (ending,) if ending else ()
    return elements_of(labels.metadata.get(key_of(field)))


def elements_of(value: Any) -> Collection[Any]:
    """The values that a stored value matches by: of a list its elements, of nothing none."""
    if isinstance(value, list):
        return [one for element in value for one in elements_of(element)]
    return () if value is None or isinstance(value, dict) else (value,)


def texts_of(value: Any) -> Collection[str]:
    """The distinct texts that a stored value is compared and counted by."""
    return {plain(value_text(element)) for element in elements_of(value)}


def normal(field: str, text: str) -> str:
    """A value of a built-in field as it is compared: ``./office/`` is ``office``, ``.MD`` is ``md``."""
    if field == FOLDER:
        return posixpath.normpath(unicodedata.normalize("NFC", text))
    return text.lower().removeprefix(".") if field == TYPE else text


def key_of(name: str) -> str:
    """What metadata itself calls a field that is not built in."""
    return name.removeprefix(METADATA)


def called(key: str) -> str:
    """What a filter calls a field of metadata."""
    return METADATA + key if key in BUILT_IN or key.startswith((METADATA, "$")) else key


def type_of(file: str) -> str:
    """The ending of a file's name in lower case and without its dot; "" where there is none."""
    name = file[file.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[dot + 1 :].lower() if dot > 0 else ""


def top_folder(file: str) -> str:
    """The topmost folder a file is in, "" where it is in none."""
    return unicodedata.normalize("NFC", file[: max(0, file.find("/", 1))])


def folders_of(file: str) -> list[str]:
    """All folders a file is in, and "." for any file; none where there is no file."""
    if not file:
        return []
    parts = unicodedata.normalize("NFC", file).split("/")[:-1]
    inner = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    return [".", *(folder for folder in inner if folder)]


_CONDITION = pattern(r"([^=<>!^?]+)(!=|>=|<=|\^=|=|<|>)(.*)", re.DOTALL)
_OPERATOR = {"!=": NOT_IN, ">=": GTE, "<=": LTE, "<": LT, ">": GT, "^=": PREFIX}


def where_of(given: Iterable[str]) -> dict[str, Any]:
    """A filter from its short forms, as the command line and addresses write them; all must hold.

    ``FIELD=VALUE`` (given again for the same field, any of the values), ``FIELD!=VALUE``, ``FIELD<VALUE`` and ``<=``,
    ``>``, ``>=``, ``FIELD^=PREFIX``, ``FIELD?`` (it has the field), or JSON as in Python, for everything else.

    Raises:
        FilterError: one is of another form.
    """
    equal: dict[str, list[str]] = {}
    others: list[dict[str, Any]] = []
    for condition in given:
        if condition.lstrip().startswith("{"):
            try:
                others.append(json.loads(condition))
            except (ValueError, RecursionError) as error:
                raise FilterError(f"{condition[:200]!r} is no JSON ({error}).") from error
        elif found := _CONDITION.fullmatch(condition):
            name, sign, value = found.groups()
            if sign == "=":
                equal.setdefault(name.strip(), []).append(value.strip())
            else:
                value = value.strip()
                others.append({name.strip(): {_OPERATOR[sign]: [value] if sign == "!=" else value}})
        elif condition.endswith("?") and len(condition) > 1:
            others.append({condition[:-1].strip(): {EXISTS: True}})
        else:
            raise FilterError(
                f"{condition!r} is not of the form FIELD=VALUE, such as type=md or folder=office, nor FIELD!=VALUE, "
                f"FIELD>=VALUE, FIELD^=PREFIX or FIELD?."
            )
    if not others:
        return dict(equal)
    return {AND: [*([equal] if equal else []), *others]}
