"""The commands that look after an index: check it, make damaged files anew, put it into its best form."""

import sys
from pathlib import Path

import click

from sakuin.cli.options import INDEX_OPTION
from sakuin.cli.output import progress_bar, show_state


@click.command()
@INDEX_OPTION
def verify(folder: Path) -> None:
    """Check every file of the index; exit code 1 if one is damaged."""
    from sakuin.index import store
    from sakuin.index.integrity import verify

    problems = verify(folder)
    for problem in problems:
        click.echo(problem)
    if problems:
        # All but the documents can be made anew from them.
        documents = any(problem.startswith(store.NAME) for problem in problems)
        remedy = "delete the folder and build it again" if documents else "`index repair` makes these files anew"
        click.echo(f"The index in {folder} is damaged: {remedy}.", err=True)
        sys.exit(1)
    click.echo(f"The index in {folder} is whole.")


@click.command()
@INDEX_OPTION
def repair(folder: Path) -> None:
    """Make vectors and terms anew from the documents of the index, where `index verify` found them damaged."""
    from sakuin.index.maintenance import repair

    with progress_bar("passages", "Repairing") as progress:
        report = repair(folder, progress)
    click.echo(f"The index in {folder} is repaired.")
    show_state(report, folder, f"{report.new_passages:,} passages made anew in {report.seconds:.1f} s")


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
        click.echo(f"The index in {folder} is compact already; nothing was done.")
    else:
        click.echo(f"The index in {folder} is compact now.")
        show_state(report, folder, f"compacted in {report.seconds:.1f} s")
