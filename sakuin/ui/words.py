"""Every word the pages show, in Japanese and English, read from the files in ``texts/``."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from sakuin.errors import SakuinError
from sakuin.facts import Fact
from sakuin.index.reasons import Part, Reason
from sakuin.ui.errors import translated

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
        self.language = language
        self._texts = texts(language)
        self._facts = facts(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of ``key``, with values put into its {fields}."""
        return self._texts[key].format(**values)

    def field(self, name: str) -> str:
        """What a field of documents is called: in this language where readers of files name it so."""
        return self._texts.get(f"field_{name}", name)

    def value(self, name: str, value: str) -> str:
        """A value of a field: in this language where it is the code of a language."""
        return self._texts.get(f"language_{value}", value) if name == "language" else value

    def fact(self, fact: Fact) -> str:
        """A notice, or another fact, in this language."""
        return self._sentence(fact).format(**fact.data)

    def reason(self, reason: Reason) -> str:
        """Why a file, or a part of one, was left out."""
        sentences = [self._part(part) for part in reason.parts]
        if reason.code == "parts" and (more := int(reason.data["number"] or 0) - len(sentences)) > 0:
            sentences.append(self("skipped_parts_more", n=f"{more:,}"))
        return self._sentence(reason).format(**reason.data, parts="; ".join(sentences))

    def error(self, error: SakuinError) -> str:
        """What went wrong; a sentence that is there only in English, with what kind of trouble it is before it."""
        if self.language == "en":
            return str(error)
        kind = self._facts.get("errors", {}).get(type(error).__name__)
        return translated(str(error)) or (f"{kind} {error}" if kind else str(error))

    def _sentence(self, fact: Fact) -> str:
        """A fact's sentence, without values."""
        return self._facts.get(type(fact).__name__, fact.SENTENCES)[fact.code]

    def _part(self, part: Part) -> str:
        """Why a part of a file was left out, and which part that is."""
        position = " ".join(
            str(value) if name == "name" else self(f"skipped_part_{name}", n=value)
            for name, value in part.position.items()
        )
        reason = self.reason(part.reason)
        return self("skipped_part", position=position, reason=reason) if position else reason


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
