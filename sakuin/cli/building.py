"""The commands that read documents into an index and take them out again."""

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sakuin.cli.language import phrase, say
from sakuin.cli.options import DIM_OPTION, INDEX_OPTION, MODEL_OPTION
from sakuin.cli.output import progress_bar, show_excluded, show_skipped, show_state
from sakuin.cli.running import FiniteRange

if TYPE_CHECKING:
    from sakuin.index.report import Report

GARBAGE_AFTER = 20_000
"""Objects that a build makes, more than it lets go of, until Python looks for garbage among them."""

_EXCLUDE = click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out what matches, as gitignore has it; may be given again. A .sakuinignore in the folder says so for "
    "good.",
)
_MEGABYTES = click.option(
    "--max-memory",
    "megabytes",
    type=click.IntRange(min=100),
    default=1024,
    show_default=True,
    help="MB of memory that reading one file may take (Linux).",
)
_SECONDS = click.option(
    "--max-seconds",
    "seconds",
    type=FiniteRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="Seconds that reading one file may take.",
)


_OCR = click.option(
    "--ocr",
    is_flag=True,
    help="Read text in pictures and on scanned pages too, by an installed tesseract: seconds a page.",
)


def reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what is read and how."""
    return _EXCLUDE(_OCR(_MEGABYTES(_SECONDS(command))))


def how(*, exclude: tuple[str, ...], ocr: bool, megabytes: int, seconds: float) -> dict[str, Any]:
    """The values of `reading_options` as the functions of the index take them."""
    from sakuin.index.readers.guarded import Limits

    return {"exclude": exclude, "limits": Limits(megabytes=megabytes, seconds=seconds, ocr=ocr)}


CHECKSUM_OPTION = click.option(
    "--checksum", is_flag=True, help="Compare the bytes of all files, also of those that look unchanged."
)


@click.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@INDEX_OPTION
@DIM_OPTION
@MODEL_OPTION
@reading_options
@CHECKSUM_OPTION
def build(corpus: Path, folder: Path, dim: int | None, model: str | None, checksum: bool, **reading: Any) -> None:
    """Bring the index in step with the folder CORPUS: read what is new or changed, remove what is gone.

    \b
    index build docs/
    index build docs/ --index /data/docs.index --dim 512
    index build docs/ --exclude drafts/ --exclude "*.bak"
    """
    from sakuin.index.build import build
    from sakuin.index.settings import Settings

    # What was imported is no garbage, and documents, of which there may be millions, are in no cycles.
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)
    with progress_bar() as progress:
        report = build(corpus, folder, Settings(model, dim), progress, checksum=checksum, **how(**reading))
    show_report(report, folder)


@click.command()
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@INDEX_OPTION
@DIM_OPTION
@MODEL_OPTION
@reading_options
@CHECKSUM_OPTION
def add(
    paths: tuple[Path, ...], folder: Path, dim: int | None, model: str | None, checksum: bool, **reading: Any
) -> None:
    """Read files, or all files of folders, into the index.

    \b
    index add notes.md ~/papers

    What is there already is brought up to date: of a folder that is added again, only new and changed files are read,
    and files that are gone from the disk are forgotten. `index build` leaves alone what was added from outside its
    folder.
    """
    from sakuin.index.build import add
    from sakuin.index.settings import Settings

    with progress_bar() as progress:
        report = add(paths, folder, Settings(model, dim), progress, checksum=checksum, **how(**reading))
    if report.taken or report.removed:
        show_report(report, folder)
        return
    show_skipped(report.skipped, report.partly, everything=True)
    show_excluded(report.excluded)
    named = say(", ").join(map(str, paths))
    click.echo(say("Error: nothing of {paths} could be read, so nothing was added.", paths=named), err=True)
    sys.exit(1)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@INDEX_OPTION
def remove(names: tuple[str, ...], folder: Path) -> None:
    """Remove files, all files of folders, or single documents from the index; nothing on the disk is deleted.

    \b
    index remove notes.md ~/papers
    index remove office/rows.csv#row=3

    A NAME is what `index search` and `index info --files` show, a folder that such names begin with, or the path of a
    file or folder, which need not be there any more. If the index has nothing of one of them, nothing is removed.

    The next `index build` brings back a file that still stands in the corpus folder. A single document of a file, such
    as rows.csv#row=3, stays away until that file changes.
    """
    from sakuin.index.build import remove

    show_report(remove(names, folder), folder)


@click.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@INDEX_OPTION
@DIM_OPTION
@MODEL_OPTION
@reading_options
def watch(corpus: Path, folder: Path, dim: int | None, model: str | None, **reading: Any) -> None:
    """Keep the index in step with the folder CORPUS: build it, then again whenever a file changes. Ctrl-C ends it.

    \b
    index watch docs/ &
    index ui
    """
    from sakuin.index.settings import Settings
    from sakuin.index.watch import watch
    from sakuin.memory import limit_arenas, trim

    limit_arenas()
    watching = False
    try:
        for report in watch(corpus, folder, Settings(model, dim), progress_bar, **how(**reading)):
            if isinstance(report, str):
                click.echo(phrase(report), err=True)
            else:
                show_report(report, folder)
            sys.stdout.flush()
            trim()
            if not watching:
                told = "Watching {corpus}: what changes in it is read as it changes. Ctrl-C ends it."
                click.echo(say(told, corpus=corpus), err=True)
                watching = True
    except KeyboardInterrupt:
        if not watching:
            raise
        told = (
            "No longer watching {corpus}. The index in {folder} is as the last summary says; `index build` reads what "
            "changes from now on."
        )
        click.echo(say(told, corpus=corpus, folder=folder), err=True)


def show_report(report: "Report", folder: Path) -> None:
    """The summary at the end of a build, an addition or a removal."""
    changes = say(", ").join(
        say(change, n=number)
        for change, number in (
            ("{n:,} added", report.added),
            ("{n:,} updated", report.updated),
            ("{n:,} removed", report.removed),
            ("{n:,} unchanged", report.unchanged),
        )
        if number
    )
    if report.removed_documents:
        click.echo(say("Documents: {n:,} removed", n=report.removed_documents))
    if changes or not report.removed_documents:
        click.echo(say("Files:     {changes}", changes=changes or say("none")))
    work = say("{n:,} passages read in {seconds:.1f} s", n=report.new_passages, seconds=report.seconds)
    if report.new_passages:
        work += say(", {n:,.0f} passages a second", n=report.new_passages / report.seconds)
    show_state(report, folder, work)
    show_skipped(report.skipped, report.partly)
    show_excluded(report.excluded)
