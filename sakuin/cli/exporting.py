"""The command that takes an index into databases and engines of others."""

from pathlib import Path

import click

from sakuin.cli.options import INDEX_OPTION
from sakuin.cli.output import progress_bar
from sakuin.cli.running import needing


@click.command()
@click.option("--to", "target", required=True, metavar="TARGET", help="A file NAME.parquet, or a folder.")
@INDEX_OPTION
@click.option("--dim", type=click.IntRange(min=1), help="Dimensions of each vector [default: all that are stored].")
def export(target: str, folder: Path, dim: int | None) -> None:
    """Take the index into databases and search engines of others.

    \b
    index export --to passages.parquet   passages with vectors and BM25 weights, for engines that import Parquet
    index export --to export/            these, and the documents as they were
    """
    with needing("parquet"):
        import pyarrow.parquet  # noqa: F401

        from sakuin.integrations.engines.parquet import export_parquet
    with progress_bar("passages", "Exporting") as progress:
        number = export_parquet(folder, Path(target), dim=dim, progress=progress)
    click.echo(f"The index in {folder} is exported to {target}: {number:,} passages.")
