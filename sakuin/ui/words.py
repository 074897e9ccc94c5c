"""Every word the pages show, in Japanese and English, read from the files in ``texts/``."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from sakuin.search import Notice

Language = Literal["ja", "en"]
LANGUAGES: dict[Language, str] = {"ja": "日本語", "en": "English"}
FACTS = "facts"


class Words:
    """The words of one language.

    Example:
        >>> Words("en")("found", n=3)
        '3 results'
    """

    def __init__(self, language: Language) -> None:
        self._texts = texts(language)
        self._facts = facts(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of ``key``, with values put into its {fields}."""
        return self._texts[key].format(**values)

    def notice(self, notice: Notice) -> str:
        """A notice of a search in this language."""
        translated = self._facts.get(Notice.__name__, {}).get(notice.code)
        return str(notice) if translated is None else translated.format(**notice.data)


@cache
def texts(language: Language) -> Mapping[str, str]:
    """Texts by key; the tables of the file only divide it for those who write in it.

    Raises:
        ValueError: A key stands in two tables.
    """
    together: dict[str, str] = {}
    for name, table in parsed(language).items():
        if name == FACTS:
            continue
        if twice := together.keys() & table.keys():
            raise ValueError(f"{language}.toml has a key twice: {', '.join(sorted(twice))}")
        together |= table
    return together


@cache
def facts(language: Language) -> Mapping[str, Mapping[str, str]]:
    """Sentences of facts by the name of their class and their code; none in English, which facts speak themselves."""
    table: Mapping[str, Mapping[str, str]] = parsed(language).get(FACTS, {})
    return table


@cache
def examples() -> Mapping[str, Any]:
    """Queries and texts that the pages offer to try, the same in both languages."""
    return parsed("examples")


def parsed(name: str) -> dict[str, Any]:
    """A file of ``texts/``."""
    return tomllib.loads(files("sakuin.ui").joinpath("texts", f"{name}.toml").read_text(encoding="utf-8"))
