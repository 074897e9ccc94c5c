"""What commands print: summaries, skipped files, sizes, JSON, a bar of progress."""

import codecs
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import click

from sakuin.cli.language import fact, say

if TYPE_CHECKING:
    from sakuin.index.documents import Skipped
    from sakuin.index.report import Progress, Report

SKIPPED_SHOWN = 10


@contextmanager
def progress_bar(unit: str = "B", work: str = "Reading") -> Iterator["Progress"]:
    """A bar of bytes read, or of other things done, on stderr where that is a terminal."""
    from tqdm import tqdm

    unit = f" {say(unit)}" if unit != "B" else unit
    with tqdm(unit=unit, unit_scale=True, desc=say(work), disable=None, leave=False) as bar:

        def show(name: str, done: int, total: int) -> None:
            bar.total = total
            if name:
                bar.set_postfix_str(clean(name)[-40:], refresh=False)
            bar.update(done - bar.n)

        yield show


def show_state(report: "Report", folder: Path, work: str) -> None:
    """How large an index is after some work."""
    again = say(", {n:,} more that repeat others", n=report.duplicates) if report.duplicates else ""
    sizes = say("{documents:,} documents, {passages:,} passages", documents=report.documents, passages=report.passages)
    click.echo(say("Index:     {sizes}{again} ({folder})", sizes=sizes, again=again, folder=folder))
    click.echo(say("Work:      {work}", work=work))
    click.echo(say("Size:      {size}", size=readable_size(report.bytes)))


def show_skipped(files: "Sequence[Skipped]", partly: int, everything: bool = False) -> None:
    """The files of which nothing, or not all, was taken, and why.

    Args:
        files: Each with the reason.
        partly: How many of them were taken in part.
        everything: List all.
    """
    if not files:
        return
    wholly = len(files) - partly
    parts = [count_files(wholly)] if wholly else []
    parts += [say("parts of {files}", files=count_files(partly))] if partly else []
    click.echo(say("Skipped:   {files}", files=say(", ").join(parts)))
    show_reasons(files, len(files) if everything else SKIPPED_SHOWN)
    if not everything and len(files) > SKIPPED_SHOWN:
        click.echo(say("  `index info --files` lists all."))


def show_excluded(number: int) -> None:
    """How many files and folders patterns leave out."""
    if number:
        click.echo(say("Left out:  {n:,} by patterns; `index info --files` lists them", n=number))


def show_reasons(skipped: "Sequence[Skipped]", most: int) -> None:
    """What was left out, each with the reason; where that is more than ``most``, one line a reason, and so many lines.

    What nobody expects to be read, such as pictures among pages, comes last.
    """
    from sakuin.index.documents import expected_last

    together = len(skipped) > most
    groups: dict[str, list[str]] = {}
    for item in expected_last(skipped):
        reason = clean(fact(item.reason))
        if together:
            groups.setdefault(reason, []).append(clean(item.uri))
        else:
            click.echo(f"  {clean(item.uri)}: {reason}")
    shown = list(groups.items())[:most]
    for reason, names in shown:
        first, files = names[0], count_files(len(names))
        click.echo(
            f"  {say('{files}, such as {name}', files=files, name=first) if len(names) > 1 else first}: {reason}"
        )
    if together and (more := len(skipped) - sum(len(names) for _, names in shown)):
        click.echo(say("  ... and {n:,} more", n=more))


def count_files(number: int) -> str:
    """A number of files in words."""
    return say("{n:,} file" if number == 1 else "{n:,} files", n=number)


def clean(text: str) -> str:
    """Document text on one line and without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def padded(text: str, width: int) -> str:
    """A text and blanks behind it, so many columns of a terminal in all; most Japanese characters take two."""
    return text + " " * (width - columns(text))


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def readable_size(size: int) -> str:
    """Bytes as people read them."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def to_json(value: Any) -> str:
    """JSON, Japanese left readable where it is written in Unicode."""
    unicode = codecs.lookup(sys.stdout.encoding or "utf-8").name.startswith("utf")
    return json.dumps(value, ensure_ascii=not unicode, indent=2)
