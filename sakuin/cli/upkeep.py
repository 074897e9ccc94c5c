"""The commands that look after an index: check it, make damaged files anew, put it into its best form."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sakuin.cli.language import fact, phrase, say
from sakuin.cli.options import INDEX_OPTION
from sakuin.cli.output import clean, progress_bar, show_state, to_json

if TYPE_CHECKING:
    from sakuin.index.problems import Problem
    from sakuin.index.report import Report
    from sakuin.index.store import Manifest

PROBLEMS_SHOWN = 10


@click.command()
@INDEX_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def verify(folder: Path, as_json: bool) -> None:
    """Check every file of the index; exit code 1 if one is damaged."""
    from sakuin.index.integrity import verify
    from sakuin.index.outliving import begin_again

    problems = verify(folder)
    if as_json:
        found = [{**problem.to_dict(), "repairable": problem.repairable} for problem in problems]
        click.echo(to_json({"index": str(folder), "problems": found}))
    else:
        for problem in problems:
            click.echo(clean(fact(problem)))
    if problems:
        repairable = all(problem.repairable for problem in problems)
        told = "The index in {folder} is damaged: `index repair` makes these files anew."
        if not repairable:
            told = (
                "The index in {folder} is damaged: `index restore` puts a backup in its place, "
                "`index repair --drop-damaged` keeps the documents that are whole; or {again}."
            )
        click.echo(say(told, folder=folder, again=phrase(begin_again(folder))), err=True)
        sys.exit(1)
    if not as_json:
        click.echo(say("The index in {folder} is whole.", folder=folder))


@click.command()
@INDEX_OPTION
@click.option("--drop-damaged", is_flag=True, help="Keep the documents that are whole where others are not.")
def repair(folder: Path, drop_damaged: bool) -> None:
    """Make vectors and terms anew from the documents of the index, where `index verify` found them damaged.

    Where documents are damaged themselves nothing is changed, unless with --drop-damaged: then a new index of those
    that are whole takes the place of the old one, which is moved aside. The next `index build` reads all files again.
    """
    from sakuin.index.integrity import documents_problems
    from sakuin.index.maintenance import repair

    if drop_damaged and (problems := documents_problems(folder)):
        drop(folder, problems)
        return
    with progress_bar("passages", "Repairing") as progress:
        report = repair(folder, progress)
    click.echo(say("The index in {folder} is repaired.", folder=folder))
    show_state(report, folder, made_anew(report))


def drop(folder: Path, problems: "Sequence[Problem]") -> None:
    """Put an index of what is whole in the place of one whose documents are damaged."""
    from sakuin.index.salvage import salvage

    with progress_bar("passages", "Repairing") as progress:
        saved = salvage(folder, progress)
    for problem in problems[:PROBLEMS_SHOWN]:
        click.echo(clean(fact(problem)))
    if len(problems) > PROBLEMS_SHOWN:
        click.echo(say("... and {n:,} more", n=len(problems) - PROBLEMS_SHOWN))
    told = "The index in {folder} holds the {kept:,} documents that are whole; {lost:,} were lost."
    click.echo(say(told, folder=folder, kept=saved.kept, lost=saved.lost))
    click.echo(say("The damaged index is in {aside}: delete it when nothing of it is missed.", aside=saved.aside))
    show_state(saved.report, folder, made_anew(saved.report))


def made_anew(report: "Report") -> str:
    """What a repair did, in words."""
    return say("{n:,} passages made anew in {seconds:.1f} s", n=report.new_passages, seconds=report.seconds)


@click.command()
@INDEX_OPTION
@click.argument("destination", type=click.Path(path_type=Path))
def backup(folder: Path, destination: Path) -> None:
    """Copy the index into the folder DESTINATION, which must be new or empty; others may write meanwhile.

    The copy is the last commit, checked, and whole or not there. It is an index itself: `--index DESTINATION` searches
    it. The files that documents were read from are no part of it.
    """
    from sakuin.index.backup import backup

    with progress_bar("B", "Copying") as progress:
        manifest = backup(folder, destination, progress)
    told = "The index in {folder} is copied to {destination}: {counted}."
    click.echo(say(told, folder=folder, destination=destination, counted=counted(manifest)))


@click.command()
@INDEX_OPTION
@click.argument("source", type=click.Path(path_type=Path))
def restore(folder: Path, source: Path) -> None:
    """Put the copy SOURCE of the index, made by `index backup`, in the place of the index.

    The copy is checked first, and stays. An index that is there is moved aside, to a folder of its name and
    ".replaced"; searches that have it open say so.
    """
    from sakuin.index.backup import restore

    with progress_bar("B", "Copying") as progress:
        manifest, aside = restore(source, folder, progress)
    told = "The index in {folder} is that of {source}: {counted}."
    click.echo(say(told, folder=folder, source=source, counted=counted(manifest)))
    if aside:
        click.echo(say("What was there before is in {aside}: delete it when nothing of it is missed.", aside=aside))


def counted(manifest: "Manifest") -> str:
    """What an index holds, in words."""
    if not manifest.rows:
        return say("{passages:,} passages", passages=manifest.passages)
    told = "{documents:,} documents, {passages:,} passages"
    return say(told, documents=manifest.rows["documents"], passages=manifest.passages)


@click.command()
@INDEX_OPTION
def compact(folder: Path) -> None:
    """Put the index into its best form after many additions and removals.

    Searches go on meanwhile. The index then ranks exactly as one that was built at once from the same documents: until
    then BM25 still counts some removed passages when it judges how rare a word is. Large indexes take minutes, and need
    room for a second copy of vectors and terms.
    """
    from sakuin.index.maintenance import compact

    with progress_bar("passages", "Compacting") as progress:
        report = compact(folder, progress)
    if report is None:
        click.echo(say("The index in {folder} is compact already; nothing was done.", folder=folder))
    else:
        click.echo(say("The index in {folder} is compact now.", folder=folder))
        show_state(report, folder, say("compacted in {seconds:.1f} s", seconds=report.seconds))
