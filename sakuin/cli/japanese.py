"""Help and usage in Japanese: click's own words, and those of commands and options."""

import sys
from collections.abc import Callable
from typing import Any

import click

from sakuin.cli.language import texts

CLICK = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types", "utils")
"""Modules of click that say something."""


def speak_japanese(command: click.Command) -> None:
    """Have click say what it says in Japanese, of this command and those below it."""
    own = texts()["click"]

    def one(sentence: str) -> str:
        return str(own.get(sentence, sentence))

    def some(sentence: str, several: str, number: int) -> str:
        return one(sentence if number == 1 else several)

    replaced: dict[str, Callable[..., Any]] = {"_": one, "ngettext": some}
    # click asks gettext by these names, and that finds compiled files alone.
    for module in (sys.modules.get(f"click.{name}") for name in CLICK):
        for name, function in replaced.items():
            if hasattr(module, name):
                setattr(module, name, function)
