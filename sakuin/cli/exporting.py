"""The command that takes an index into databases and engines of others."""

import re
from pathlib import Path

import click

from sakuin.cli.language import say
from sakuin.cli.options import INDEX_OPTION
from sakuin.cli.output import progress_bar
from sakuin.cli.running import needing

POSTGRES = "postgres"
DSN = re.compile(
    r"postgres(ql)?://|(host|hostaddr|port|dbname|user|password|passfile|service|sslmode|connect_timeout|options)\s*="
)
"""How what libpq reads begins: a URL, or keywords and values. Other names with "=" are folders, such as year=2024."""


@click.command()
@click.option(
    "--to",
    "target",
    required=True,
    metavar="TARGET",
    help="NAME.parquet or a folder; postgresql://..., or postgres for what PGHOST, PGDATABASE and so on say; NAME.sql.",
)
@INDEX_OPTION
@click.option("--dim", type=click.IntRange(min=1), help="Dimensions of each vector [default: all that are stored].")
@click.option("--hnsw", is_flag=True, help="In PostgreSQL, search vectors by a graph: fast, and nearly exact.")
def export(target: str, folder: Path, dim: int | None, hnsw: bool) -> None:
    """Take the index into databases and search engines of others.

    In PostgreSQL a second export writes what changed since. Whoever gives a password puts it into PGPASSWORD or
    ~/.pgpass, which the list of processes does not show.

    \b
    index export --to passages.parquet   passages with vectors and BM25 weights, for engines that import Parquet
    index export --to export/            these, and the documents as they were
    index export --to postgresql://me@db.example/search
    index export --to index.sql          a script for psql
    """
    in_postgres = target == POSTGRES or DSN.match(target.lstrip()) is not None
    if not in_postgres and "://" in target:
        # Not quoted: it may hold a password.
        raise click.UsageError(say("--to takes addresses of PostgreSQL only, postgresql://..., or a file or folder."))
    if not in_postgres and not target.endswith(".sql"):
        if hnsw:
            raise click.UsageError(say("--hnsw is for PostgreSQL: no Parquet file has such a graph."))
        to_parquet(target, folder, dim)
        return
    with needing("postgres"):
        from sakuin.integrations.engines.postgres.script import export_script
        from sakuin.integrations.engines.postgres.writing import export_postgres
    with progress_bar("documents", "Exporting") as progress:
        if in_postgres:
            dsn = "" if target == POSTGRES else target
            done = export_postgres(folder, dsn, dim=dim, hnsw=hnsw, progress=progress)
        else:
            done = export_script(folder, Path(target), dim=dim, hnsw=hnsw, progress=progress)
    where = "PostgreSQL" if in_postgres else target
    told = (
        "The index in {folder} is exported to {where}: {written:,} documents written, {removed:,} removed; "
        "{documents:,} documents and {passages:,} passages are there now."
    )
    numbers = {name: getattr(done, name) for name in ("written", "removed", "documents", "passages")}
    click.echo(say(told, folder=folder, where=where, **numbers))


def to_parquet(target: str, folder: Path, dim: int | None) -> None:
    """Write Parquet files."""
    with needing("parquet"):
        import pyarrow.parquet  # noqa: F401

        from sakuin.integrations.engines.parquet import export_parquet
    with progress_bar("passages", "Exporting") as progress:
        number = export_parquet(folder, Path(target), dim=dim, progress=progress)
    told = "The index in {folder} is exported to {target}: {n:,} passages."
    click.echo(say(told, folder=folder, target=target, n=number))
