"""Errors in Japanese: their English sentences are recognised, and put as `texts/errors.toml` has them.

Errors come from everywhere below and are for programs and logs as well, in English. A sentence that is not in the table
is shown in English, with what kind of trouble it is in Japanese before it.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_field = re.compile(r"\\\{(\w+)\\\}")

MOST_DEPTH = 3
"""Of sentences within sentences."""


def translated(sentence: str, depth: int = MOST_DEPTH) -> str | None:
    """A sentence, or a part of one, in Japanese; None where the table has none like it."""
    for english, japanese in patterns():
        if found := english.fullmatch(sentence):
            values = found.groupdict()
            if depth:
                values = {name: translated(value, depth - 1) or value for name, value in values.items()}
            return japanese.format(**values)
    return None


@cache
def patterns() -> list[tuple[re.Pattern[str], str]]:
    """What recognises a sentence, and its Japanese; those that say most themselves first."""
    table = sentences()
    ordered = sorted(table, key=lambda english: -len(re.sub(r"\{\w+\}", "", english)))
    return [(pattern(english), table[english]) for english in ordered]


def pattern(english: str) -> re.Pattern[str]:
    """What recognises a sentence with values in its {fields}; a field that comes twice has the same value."""
    seen: set[str] = set()

    def field(match: re.Match[str]) -> str:
        name = match[1]
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>.+?)"

    return re.compile(_field.sub(field, re.escape(english)), re.DOTALL)


@cache
def sentences() -> Mapping[str, str]:
    """Japanese sentences by the English ones."""
    text = files("sakuin.ui").joinpath("texts", "errors.toml").read_text(encoding="utf-8")
    table: Mapping[str, str] = tomllib.loads(text)["ja"]
    return table
