"""Options that several commands take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from sakuin.cli.language import say
from sakuin.index import DEFAULT_INDEX

Callback = TypeVar("Callback", bound=Callable[..., Any])

TAKE_SEVERAL = ("search", "read", "similar", "duplicates", "ui")
"""The commands that search several indexes as one."""

FOR_CLUSTERS = {
    "add": "add {folder} ROWS",
    "backup": "backup {folder} DESTINATION",
    "build": "sync {folder}",
    "compact": "compact {folder}",
    "info": "info {folder}",
    "remove": "delete {folder} ID",
    "repair": "restore {folder} SOURCE",
    "restore": "restore {folder} SOURCE",
    "watch": "sync {folder}",
}
"""What of `index cluster` is there in the place of a command for one index."""


def only_one(context: click.Context, option: click.Parameter, values: tuple[Any, ...]) -> Any:
    """The value of an option that is given once, which click would take the last of; None where it is not given."""
    if len(values) > 1:
        told = "{option} is given {n} times: give it once."
        raise click.UsageError(say(told, option=option.opts[0], n=len(values)), context)
    return values[0] if values else None


def only_index(context: click.Context, _: click.Parameter, folders: tuple[Path, ...]) -> Path:
    """The one index, or the cluster, that is given."""
    if len(folders) > 1:
        told = (
            "--index is given {n} times, and `index {command}` takes one index: give it once. These commands take "
            "several: {several}."
        )
        values = {"n": len(folders), "command": context.info_name, "several": say(", ").join(TAKE_SEVERAL)}
        raise click.UsageError(say(told, **values), context)
    return folders[0]


def only_index_no_cluster(context: click.Context, option: click.Parameter, folders: tuple[Path, ...]) -> Path:
    """The one index that is given; raises ClusterFolderError, with what to do, where it is a cluster."""
    from sakuin.index.clusters import cluster_of, refuse_cluster

    folder = only_index(context, option, folders)
    instead = FOR_CLUSTERS.get(context.info_name or "")
    command = instead and f"use `index cluster {instead.format(folder=cluster_of(folder))}`"
    refuse_cluster(folder, command or "")
    return folder


class IndexFolder(click.Path):
    """The path of an index, or of a cluster; no URI, of which a folder would be made that is called ``s3:``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType.convert`."""
        if "://" in str(value):
            told = (
                "--index takes a folder, and {uri} is none. A cluster in a bucket is searched by `index cluster serve "
                "{uri}`, and not judged or tuned there: `index cluster backup {uri} FOLDER` copies it to a folder for "
                "that, and `index cluster restore {uri} FOLDER` puts the copy in its place."
            )
            raise click.UsageError(say(told, uri=value), ctx)
        return super().convert(value, param, ctx)


def index_option(
    told: str, *, name: str = "folder", callback: Callable[..., Any] | None = None
) -> Callable[[Callback], Callback]:
    """The option --index; ``told`` is its help, and ``callback`` makes what the command takes of all that are given."""
    return click.option(
        "--index",
        name,
        # Also where a command takes one: click takes the last and says nothing of those before it.
        multiple=True,
        type=IndexFolder(path_type=Path),
        default=[DEFAULT_INDEX],
        show_default=True,
        callback=callback,
        help=told,
    )


INDEX_OPTION = index_option("Folder of the index.", callback=only_index_no_cluster)

INDEX_OR_CLUSTER_OPTION = index_option("Folder of the index, or of a cluster.", callback=only_index)


def indexes_option(told: str) -> Callable[[Callback], Callback]:
    """The option of commands that search several indexes as one; ``told`` is its help."""
    return index_option(told, name="folders")


def out_option(metavar: str, told: str) -> Callable[[Callback], Callback]:
    """The option --out of where something is made; ``told`` is its help."""
    return click.option("--out", required=True, multiple=True, callback=only_one, metavar=metavar, help=told)


MODEL_OPTION = click.option("--model", help="Model folder or hub name for a new index [default: the packaged model].")
DIM_OPTION = click.option("--dim", type=click.IntRange(min=1), help="Dimensions stored of each vector [default: 256].")
