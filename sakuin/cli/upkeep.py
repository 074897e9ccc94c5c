"""The commands that look after an index: check it, make damaged files anew, put it into its best form."""

import sys
from pathlib import Path

import click

from sakuin.cli.options import INDEX_OPTION
from sakuin.cli.output import clean, progress_bar, show_state, to_json


@click.command()
@INDEX_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def verify(folder: Path, as_json: bool) -> None:
    """Check every file of the index; exit code 1 if one is damaged."""
    from sakuin.index.integrity import verify

    problems = verify(folder)
    if as_json:
        found = [{**problem.to_dict(), "repairable": problem.repairable} for problem in problems]
        click.echo(to_json({"index": str(folder), "problems": found}))
    else:
        for problem in problems:
            click.echo(clean(str(problem)))
    if problems:
        repairable = all(problem.repairable for problem in problems)
        remedy = "`index repair` makes these files anew" if repairable else "delete the folder and build it again"
        click.echo(f"The index in {folder} is damaged: {remedy}.", err=True)
        sys.exit(1)
    if not as_json:
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
