"""The command `index cluster encode`: vectors of rows, without an index."""

import click

from sakuin.cli.language import say
from sakuin.cli.options import out_option
from sakuin.cli.output import progress_bar


@click.command()
@click.argument("corpus")
@out_option("FOLDER", "Folder or URI for the vectors.")
@click.option("--model", default="", help="Model folder or hub name [default: the packaged model].")
@click.option("--dim", type=click.IntRange(min=1), help="Keep only the first so many dimensions [default: all].")
@click.option("--format", "form", type=click.Choice(["parquet", "npy"]), default="parquet", show_default=True)
@click.option("--type", "kind", type=click.Choice(["float32", "float16"]), default="float32", show_default=True)
@click.option(
    "--address",
    metavar="ADDRESS",
    help="Work on the machines of a Ray cluster: ray://HOST:10001, or auto for the one this machine belongs to "
    "[default: on this machine alone, without Ray].",
)
def encode(corpus: str, out: str, model: str, dim: int | None, form: str, kind: str, address: str | None) -> None:
    """Encode the texts of CORPUS, a file of JSON Lines or Parquet or a folder of such files, and build no index.

    \b
    index cluster encode papers.parquet --out vectors --type float16
    index cluster encode s3://bucket/rows --out s3://bucket/vectors --address auto

    Writes files with the columns id and vector, or with --format npy matrices, each beside a file of ids; vectors.json
    names them in the order of the rows. Vectors have length 1. After an interruption the same command does the rest.
    """
    from sakuin.cluster.encoding import Encoding, encode_rows
    from sakuin.cluster.nodes import nodes_at
    from sakuin.cluster.places import place_of

    how = Encoding(model=model, dim=dim, type=kind, format=form)
    place = place_of(out)
    with nodes_at(address) as nodes, progress_bar("B", "Encoding") as progress:
        made = encode_rows(corpus, place, nodes, encoding=how, progress=progress)
    if made.resumed:
        click.echo(say("Resumed:   {n:,} files were written before", n=made.resumed))
    told = "Vectors:   {rows:,} of {dim} dimensions, {files:,} files ({place})"
    click.echo(say(told, rows=made.rows, dim=made.dim, files=len(made.files), place=place.uri))
    click.echo(
        say("Work:      {seconds:.1f} s, {n:,.0f} texts a second", seconds=made.seconds, n=made.rows / made.seconds)
    )
