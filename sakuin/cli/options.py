"""Options that several commands take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from sakuin.index import DEFAULT_INDEX

Callback = TypeVar("Callback", bound=Callable[..., Any])

INDEX_OPTION = click.option(
    "--index",
    "folder",
    type=click.Path(path_type=Path),
    default=DEFAULT_INDEX,
    show_default=True,
    help="Folder of the index.",
)


def indexes_option(told: str) -> Callable[[Callback], Callback]:
    """The option of commands that search several indexes as one; ``told`` is its help."""
    return click.option(
        "--index",
        "folders",
        multiple=True,
        type=click.Path(path_type=Path),
        default=[DEFAULT_INDEX],
        show_default=True,
        help=told,
    )


MODEL_OPTION = click.option("--model", help="Model folder or hub name for a new index [default: the packaged model].")
DIM_OPTION = click.option("--dim", type=click.IntRange(min=1), help="Dimensions stored of each vector [default: 256].")
