"""The commands `index cluster ...`: one index in many shards, on one machine or several."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sakuin.cli.building import CHECKSUM_OPTION, how, reading_options
from sakuin.cli.encoding import encode
from sakuin.cli.language import say
from sakuin.cli.options import DIM_OPTION, MODEL_OPTION, out_option
from sakuin.cli.output import progress_bar, readable_size, to_json
from sakuin.cli.running import FiniteRange
from sakuin.cli.serving import mcp_options, run_mcp, run_service, serving_options

if TYPE_CHECKING:
    from sakuin.cluster.changing import ClusterChanges
    from sakuin.cluster.manifest import ClusterManifest
    from sakuin.cluster.nodes import Nodes
    from sakuin.cluster.places import Place
    from sakuin.search.searcher import Opening

_PLACE = click.argument("place", metavar="CLUSTER")
_ADDRESS = click.option(
    "--address",
    metavar="ADDRESS",
    help="Work on the machines of a Ray cluster: ray://HOST:10001, or auto for the one this machine belongs to "
    "[default: on this machine alone, without Ray].",
)


@click.group()
def cluster() -> None:
    """One index in many shards, for more than one machine holds.

    \b
    index cluster build rows.parquet --shards 16 --out /shared/papers --address auto
    index cluster info /shared/papers

    A shard is an ordinary index. CLUSTER is the folder that holds them and cluster.json: one that all machines see
    under the same path, or a URI such as s3://bucket/papers (extra `cluster`).
    """


cluster.add_command(encode)


@cluster.command()
@click.argument("corpus")
@out_option("CLUSTER", "Folder or URI of the cluster to be made.")
@click.option("--shards", type=click.IntRange(1, 10_000), required=True, help="How many shards it has.")
@click.option("--rows", is_flag=True, help="CORPUS is a folder of Parquet files or JSON Lines, a document each row.")
@_ADDRESS
@DIM_OPTION
@MODEL_OPTION
@reading_options
def build(
    corpus: str,
    out: str,
    shards: int,
    rows: bool,
    address: str | None,
    dim: int | None,
    model: str | None,
    **reading: Any,
) -> None:
    """Build a cluster of CORPUS: a folder of files, or a file of rows.

    \b
    index cluster build docs/ --shards 4 --out papers
    index cluster build s3://bucket/papers.parquet --shards 16 --out s3://bucket/papers --address ray://head:10001
    index cluster build parquet/ --rows --shards 16 --out /shared/papers --address auto

    Rows have the columns id and text and, if wanted, title, uri and metadata; other columns are metadata too. A
    document belongs to a shard by a hash of its id. Every machine must see the files of CORPUS under the same path.

    After an interruption the same command does the rest. Nothing can be searched before all shards are made.
    """
    from sakuin.cluster.building import build_of_files, build_of_rows
    from sakuin.cluster.places import is_path
    from sakuin.cluster.rows import is_rows
    from sakuin.cluster.tasks import Corpus
    from sakuin.index.settings import Settings

    rows = rows or is_rows(corpus)
    if not rows and not is_path(corpus):
        told = (
            "Files are read from a folder that all machines see, not from {corpus}: give --rows if it holds Parquet "
            "files or JSON Lines."
        )
        raise click.UsageError(say(told, corpus=corpus))
    settings = Settings(model, dim)
    with working(out, address) as (place, nodes), progress_bar("B" if rows else "shards", "Building") as progress:
        if rows:
            built = build_of_rows(corpus, place, nodes, shards=shards, settings=settings, progress=progress)
        else:
            folder = Corpus(folder=str(Path(corpus).resolve()), **how(**reading))
            built = build_of_files(folder, place, nodes, shards=shards, settings=settings, progress=progress)
    if built.resumed:
        click.echo(say("Resumed:   {n:,} parts and shards were finished before", n=built.resumed))
    show(built.manifest, place)
    speed = built.manifest.passages / built.seconds
    click.echo(say("Work:      {seconds:.1f} s, {n:,.0f} passages a second", seconds=built.seconds, n=speed))


@cluster.command()
@_PLACE
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def info(place: str, as_json: bool) -> None:
    """Show what a cluster holds, and how it is dealt to its shards."""
    from dataclasses import asdict

    from sakuin.cluster.manifest import require
    from sakuin.cluster.places import place_of

    where = place_of(place)
    manifest = require(where)
    if as_json:
        click.echo(to_json({"cluster": where.uri, **asdict(manifest)}))
        return
    show(manifest, where)
    for number, shard in enumerate(manifest.shards):
        told = "  {n:>4}  {documents:>12,} documents {passages:>13,} passages {size:>9}  {folder}"
        sizes = {"documents": shard.documents, "passages": shard.passages, "size": readable_size(shard.bytes)}
        click.echo(say(told, n=number, folder=shard.folder, **sizes))


@cluster.command()
@_PLACE
@click.argument("rows")
@_ADDRESS
def add(place: str, rows: str, address: str | None) -> None:
    """Add the documents of ROWS, a file of JSON Lines or Parquet or a folder of such files, by their ids.

    \b
    index cluster add papers new.jsonl

    A document of an id that is there takes its place. All of it becomes visible at once: each shard that is touched is
    copied, as far as its disk cannot share what stays, so add many at a time.
    """
    from sakuin.cluster.changing import add_rows

    with working(place, address) as (where, nodes), progress_bar("shards", "Adding") as progress:
        changes = add_rows(rows, where, nodes, progress=progress)
    show_changes(changes, where)


@cluster.command()
@_PLACE
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_ADDRESS
def delete(place: str, ids: tuple[str, ...], address: str | None) -> None:
    """Remove documents by their ids; those that are not there are passed over."""
    from sakuin.cluster.changing import delete

    with working(place, address) as (where, nodes):
        show_changes(delete(ids, where, nodes), where)


@cluster.command()
@_PLACE
@_ADDRESS
@CHECKSUM_OPTION
@reading_options
def sync(place: str, address: str | None, checksum: bool, **reading: Any) -> None:
    """Bring a cluster in step with the folder of files it was built of."""
    from sakuin.cluster.changing import corpus_of, sync_files
    from sakuin.cluster.tasks import Corpus

    with working(place, address) as (where, nodes), progress_bar("shards", "Reading") as progress:
        corpus = Corpus(folder=corpus_of(where), checksum=checksum, **how(**reading))
        show_changes(sync_files(corpus, where, nodes, progress=progress), where)


@cluster.command()
@_PLACE
@_ADDRESS
def compact(place: str, address: str | None) -> None:
    """Put every shard into its best form after many additions and removals, as `index compact` does."""
    from sakuin.cluster.changing import compact

    with working(place, address) as (where, nodes), progress_bar("shards", "Compacting") as progress:
        show_changes(compact(where, nodes, progress=progress), where)


@cluster.command()
@_PLACE
@click.option("--shards", type=click.IntRange(1, 10_000), required=True, help="How many there are to be.")
@_ADDRESS
def rebalance(place: str, shards: int, address: str | None) -> None:
    """Deal the documents of a cluster of rows to another number of shards; searches go on meanwhile.

    All shards are made anew, as if they were built at once, and become visible together. That needs room for a second
    copy of the cluster, and another for its texts.
    """
    from sakuin.cluster.rebalancing import rebalance

    with working(place, address) as (where, nodes), progress_bar(say("shards"), say("Building")) as progress:
        manifest = rebalance(where, nodes, shards=shards, progress=progress)
    show(manifest, where)


@cluster.command()
@_PLACE
@click.argument("destination")
@_ADDRESS
def backup(place: str, destination: str, address: str | None) -> None:
    """Copy a cluster to DESTINATION, a folder or URI where there is none; changes wait, searches go on.

    The copy is checked, and a cluster itself.
    """
    from sakuin.cluster.moving import backup
    from sakuin.cluster.places import place_of

    with working(place, address) as (where, nodes), progress_bar("B", "Copying") as progress:
        manifest = backup(where, place_of(destination), nodes, progress=progress)
    show(manifest, place_of(destination))


@cluster.command()
@_PLACE
@click.argument("source")
@_ADDRESS
def restore(place: str, source: str, address: str | None) -> None:
    """Make the copy SOURCE of a cluster, by `index cluster backup`, its committed state; searches go on with it."""
    from sakuin.cluster.moving import restore
    from sakuin.cluster.places import place_of

    with working(place, address) as (where, nodes), progress_bar("B", "Copying") as progress:
        manifest = restore(place_of(source), where, nodes, progress=progress)
    show(manifest, where)


def show_changes(changes: "ClusterChanges", place: "Place") -> None:
    """What a change of a cluster did, and how the cluster is now."""
    told = say(", ").join(say(f"{{n:,}} {name}", n=number) for name, number in changes.numbers.items() if number)
    click.echo(say("Changes:   {told}; shards written anew: {n:,}", told=told or say("none"), n=changes.shards))
    show(changes.manifest, place)


_REPLICA_OPTIONS = (
    click.option(
        "--replicas", type=click.IntRange(1, 16), default=2, show_default=True, help="Processes for each shard."
    ),
    click.option(
        "--address",
        metavar="ADDRESS",
        default="auto",
        show_default=True,
        help="Of the Ray cluster: auto for the one this machine belongs to, or local for a new one of this machine "
        "alone.",
    ),
    click.option(
        "--time-limit",
        "seconds",
        type=FiniteRange(min=0, min_open=True),
        default=10,
        show_default=True,
        help="Seconds that a shard may take to answer.",
    ),
    click.option(
        "--copies",
        type=click.Path(path_type=Path),
        help="Folder on each machine's own disk to copy shards to [default: only those of a bucket, to the user's "
        "cache].",
    ),
    click.option(
        "--allow-partial",
        is_flag=True,
        help="Answer without shards that do not, and say so; otherwise that is an error.",
    ),
)


def replica_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of what searches a cluster by replicas of its shards, as `by_replicas` takes them."""
    for option in reversed(_REPLICA_OPTIONS):
        command = option(command)
    return command


def by_replicas(
    place: "Place", *, address: str, replicas: int, seconds: float, copies: Path | None, allow_partial: bool
) -> "Opening":
    """What opens a cluster by replicas, see `replica_options`."""
    from sakuin.cluster.serving import remote_searcher

    return lambda: remote_searcher(
        place,
        address,
        replicas=replicas,
        seconds=seconds,
        copies=copies.absolute() if copies else None,
        allow_partial=allow_partial,
    )


@cluster.command()
@_PLACE
@replica_options
@serving_options
@click.option("--writable", is_flag=True, help="Let clients add and remove documents.")
def serve(
    place: str,
    replicas: int,
    address: str,
    seconds: float,
    copies: Path | None,
    allow_partial: bool,
    writable: bool,
    **how: Any,
) -> None:
    """Answer searches of a cluster over HTTP, as `index serve` does of an index. Ctrl-C ends it.

    \b
    index cluster serve papers --address local
    index cluster serve s3://bucket/papers --replicas 2 --host 0.0.0.0 --key-file keys

    Each shard is answered for by so many processes on the machines of a Ray cluster; this process asks all shards and
    puts their answers together. It answers once every shard does. For a process that dies another is started, and its
    twin is asked meanwhile; a shard without any is an error that names it. What other commands commit is searched from
    a moment later on.
    """
    from sakuin.cluster.places import Disk, place_of
    from sakuin.files import cache_folder

    where = place_of(place)
    opening = by_replicas(
        where, address=address, replicas=replicas, seconds=seconds, copies=copies, allow_partial=allow_partial
    )
    folder = where.folder if isinstance(where, Disk) else cache_folder("clusters")
    run_service(folder, place, opening=opening, writable=writable, **how)


@cluster.command()
@_PLACE
@replica_options
@mcp_options
def mcp(place: str, http: bool, port: int, writable: bool, **replicas: Any) -> None:
    """Let assistants search a cluster by the Model Context Protocol, as `index mcp` does an index.

    \b
    claude mcp add papers -- index cluster mcp /path/of/papers --address auto
    index cluster mcp /path/of/papers --address local --http

    Shards are answered for as `index cluster serve` says. Without Ray, in one process: index mcp --index CLUSTER.
    """
    from sakuin.cluster.places import place_of

    run_mcp(by_replicas(place_of(place), **replicas), place, http=http, port=port, writable=writable)


@contextmanager
def working(place: str, address: str | None) -> "Iterator[tuple[Place, Nodes]]":
    """The place of a cluster, and what works on it."""
    from sakuin.cluster.nodes import nodes_at
    from sakuin.cluster.places import place_of

    with nodes_at(address) as nodes:
        yield place_of(place), nodes


def show(manifest: "ClusterManifest", place: "Place") -> None:
    """The summary of a cluster."""
    least, most = (pick(shard.passages for shard in manifest.shards) for pick in (min, max))
    told = "{documents:,} documents, {passages:,} passages"
    sizes = say(told, documents=manifest.documents, passages=manifest.passages)
    click.echo(say("Cluster:   {sizes} ({place})", sizes=sizes, place=place.uri))
    told = "Shards:    {n:,} of {least:,} to {most:,} passages, generation {generation}"
    click.echo(say(told, n=len(manifest.shards), least=least, most=most, generation=manifest.generation))
    click.echo(say("Size:      {size}", size=readable_size(manifest.bytes)))
    if skipped := sum(shard.skipped for shard in manifest.shards):
        told = "Skipped:   {n:,} files, wholly or in part; `index info --files` lists those of a shard"
        click.echo(say(told, n=skipped))
