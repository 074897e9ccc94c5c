"""Help and usage in Japanese: click's own words, and those of commands and options."""

import re
import sys
from collections.abc import Callable
from typing import Any

import click

from sakuin.cli.language import texts
from sakuin.cli.output import columns

CLICK = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types", "utils")
"""Modules of click that say something."""

UNWRAPPED = "\b\n"
"""Begins a paragraph whose lines stay as they are, to click."""

# Words of Latin letters stay whole, and no line begins with what belongs to the character before it.
_no_first = "[、。)）」ぁぃぅぇぉっゃゅょァィゥェォッャュョー々]*"
_piece = re.compile(rf"[!-~]+{_no_first}|\s+|.{_no_first}")


def speak_japanese(command: click.Command, name: str) -> None:
    """Have click say what it says in Japanese.

    Args:
        command: What is run, with those below it.
        name: What it is called.
    """
    own = texts()["click"]

    def one(sentence: str) -> str:
        return str(own.get(sentence, sentence))

    def some(sentence: str, several: str, number: int) -> str:
        return one(sentence if number == 1 else several)

    replaced: dict[str, Callable[..., Any]] = {"_": one, "ngettext": some, "wrap_text": wrapped}
    # click asks gettext by these names, and that finds compiled files alone.
    for module in (sys.modules.get(f"click.{each}") for each in CLICK):
        for function, ours in replaced.items():
            if hasattr(module, function):
                setattr(module, function, ours)
    if {"-h", "--help"} & set(sys.argv) or len(sys.argv) == 1:
        describe(command, name)


def describe(command: click.Command, name: str) -> None:
    """Give a command, those below it and their options their Japanese help, where there is some."""
    help_of = texts("help")
    if told := help_of["commands"].get(name, "").strip("\n"):
        command.help = told
        command.short_help = told.partition("\n")[0].partition("。")[0]
    for option in command.params:
        if isinstance(option, click.Option) and option.help:
            option.help = help_of["options"].get(option.help, option.help)
    if isinstance(command, click.Group):
        for below, each in command.commands.items():
            describe(each, f"{name} {below}")


def wrapped(
    text: str,
    width: int = 78,
    initial_indent: str = "",
    subsequent_indent: str = "",
    preserve_paragraphs: bool = False,
) -> str:
    """As click's function of its name, by columns of a terminal, and between any two Japanese characters."""
    if not preserve_paragraphs:
        return filled(text, width, initial_indent, subsequent_indent)
    return "\n\n".join(
        "\n".join(f"{initial_indent}{line}" for line in paragraph.removeprefix(UNWRAPPED).split("\n"))
        if paragraph.startswith(UNWRAPPED)
        else filled(paragraph, width, initial_indent, subsequent_indent)
        for paragraph in text.strip("\n").split("\n\n")
    )


def filled(text: str, width: int, first: str, later: str) -> str:
    """A paragraph in lines of so many columns, with what begins the first line and the later ones."""
    lines, line, begun = [], first, False
    for piece in _piece.findall(text.replace("\n", " ")):
        if begun and columns((line + piece).rstrip()) > width:
            lines.append(line.rstrip())
            line, begun = later, False
        if begun or not piece.isspace():
            line, begun = line + piece, True
    return "\n".join([*lines, line.rstrip()])
