"""Options that several commands take."""

from pathlib import Path

import click

from sakuin.index import DEFAULT_INDEX

INDEX_OPTION = click.option(
    "--index",
    "folder",
    type=click.Path(path_type=Path),
    default=DEFAULT_INDEX,
    show_default=True,
    help="Folder of the index.",
)
MODEL_OPTION = click.option("--model", help="Model folder or hub name for a new index [default: the packaged model].")
DIM_OPTION = click.option("--dim", type=click.IntRange(min=1), help="Dimensions stored of each vector [default: 256].")
