"""The command that shows and exports what people judged."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sakuin.cli.language import say
from sakuin.cli.options import INDEX_OR_CLUSTER_OPTION
from sakuin.cli.output import clean

if TYPE_CHECKING:
    from sakuin.tuning.judgements import Judgement

MARKS = {"answers": "+", "does_not_answer": "-", "nothing_answers": "nothing answers", "withdrawn": ""}


@click.command()
@INDEX_OR_CLUSTER_OPTION
@click.option("--jsonl", is_flag=True, help="Print JSON Lines, as `index tune --queries` reads them.")
@click.option("--trec", metavar="DIR", type=click.Path(path_type=Path), help="Write judgements.qrels and queries.tsv.")
def judgements(folder: Path, jsonl: bool, trec: Path | None) -> None:
    """Show or export which hits were judged to answer, and which not.

    \b
    index judgements                       by query: + answers, - does not
    index judgements --jsonl > judged.jsonl
    index judgements --trec judged/        for trec_eval and its relatives

    They are made on the page, by "answers" and "does not" beside each hit, or by `Index.judge` in Python (of a cluster,
    `sakuin.cluster.tuned.judge`), and lie in judgements.jsonl in the index's folder, which a rebuilt index keeps.
    `index tune` uses them.
    """
    from sakuin.cluster.tuned import cluster_at
    from sakuin.index.snapshot import open_index
    from sakuin.tuning.judgements import judged_queries, read
    from sakuin.tuning.qrels import QRELS, QUERIES, json_lines, write_trec

    if jsonl and trec:
        raise click.UsageError(say("Give either --jsonl or --trec."))
    if place := cluster_at(folder):
        folder = place.folder
    else:
        open_index(folder).close()
    made = read(folder)
    if trec:
        write_trec(trec, made)
        click.echo(say("{n:,} judgements: {files}", n=len(made), files=f"{trec / QRELS}, {trec / QUERIES}"))
    elif jsonl:
        for line in json_lines(judged_queries(made)):
            click.echo(line)
    else:
        show(made, of_cluster=place is not None)


def show(made: "list[Judgement]", *, of_cluster: bool) -> None:
    """Judgements by query, for people."""
    if not made and of_cluster:
        click.echo(say("Nothing was judged yet: a cluster is judged from Python, by sakuin.cluster.tuned.judge."))
    elif not made:
        click.echo(say("Nothing was judged yet: `index ui` has the buttons beside each hit."))
    for query in dict.fromkeys(one.query for one in made):
        click.echo(click.style(clean(query), bold=True))
        for one in made:
            if one.query == query:
                click.echo(f"  {say(MARKS[one.judgement])} {clean(one.document or '')}".rstrip())
