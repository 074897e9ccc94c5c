"""Regular expressions that are compiled when they are first used."""

import re

import pytest

from sakuin.patterns import pattern


def test_a_pattern_is_compiled_when_it_is_used() -> None:
    compiled: list[str] = []

    class Source(str):
        __slots__ = ()

        def __hash__(self) -> int:
            compiled.append(self)
            return super().__hash__()

    words = pattern(Source("[a-z]+"), re.IGNORECASE)
    assert not compiled
    assert words.findall("Ab, c") == re.compile("[a-z]+", re.IGNORECASE).findall("Ab, c") == ["Ab", "c"]
    seen = len(compiled)
    assert seen
    assert words.sub("", "Ab, c") == ", "
    assert words.findall("d") == ["d"]
    assert len(compiled) == seen


def test_what_is_no_pattern_is_told_once_it_is_used() -> None:
    wrong = pattern("(")
    with pytest.raises(re.error, match="unterminated"):
        wrong.search("")
