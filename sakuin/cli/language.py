"""What commands say, in Japanese where the locale is Japanese, else in English.

Sentences stand in English where they are used, and are the keys of `texts/ja.toml`. Facts and errors have their
Japanese where the pages have it.
"""

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sakuin.facts import Fact
    from sakuin.ui.words import Language, Words

LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The variables that say which language messages are in; the first that is set counts."""

JAPANESE = 0x11
"""Windows' number of the language."""


def language() -> "Language":
    """The language of messages, by the locale."""
    if sys.platform == "win32":
        import ctypes

        return "ja" if ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF == JAPANESE else "en"
    wanted = next((os.environ[name] for name in LOCALE if os.environ.get(name)), "")
    return "ja" if wanted.lower().startswith("ja") else "en"


def say(sentence: str, **values: object) -> str:
    """A sentence with values put into its {fields}."""
    return in_own_words(sentence).format(**values)


def in_own_words(sentence: str) -> str:
    """A sentence as it stands in the language of messages, its {fields} left open."""
    return sentence if language() == "en" else messages().get(sentence, sentence)


def fact(told: "Fact") -> str:
    """A notice, a reason or another fact."""
    from sakuin.index.reasons import Reason

    if language() == "en":
        return str(told)
    return words().reason(told) if isinstance(told, Reason) else words().fact(told)


def failure(error: Exception) -> str:
    """What went wrong."""
    from sakuin.errors import SakuinError

    if language() == "en" or not isinstance(error, SakuinError):
        return str(error)
    return words().error(error)


def phrase(text: str) -> str:
    """A part of a sentence, made elsewhere."""
    if language() == "en":
        return text
    from sakuin.ui.errors import translated

    return translated(text) or text


def words() -> "Words":
    """The words of the pages."""
    from sakuin.ui.words import Words

    return Words(language())


@cache
def messages() -> Mapping[str, str]:
    """Japanese sentences by the English ones."""
    table: Mapping[str, str] = texts()["messages"]
    return table


@cache
def texts(name: str = "ja") -> Mapping[str, Any]:
    """All that stands in Japanese, in ``ja``; in ``help``, what commands and options are for."""
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files("sakuin.cli").joinpath("texts", f"{name}.toml").read_text(encoding="utf-8"))
