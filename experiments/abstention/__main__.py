"""`python -m experiments.abstention`: tables of what relevances are worth, or weights for search/relevance.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import numpy as np

from experiments.abstention.answers import ANSWERABLE, DIMS, EASY, EXAMPLE_SET, HARD, Setting, as_retrieval, collected
from experiments.abstention.corpora import base_of, technical_tasks
from experiments.abstention.quality import Quality, below, judged
from experiments.abstention.weights import fit_weights
from sakuin.cli.running import run
from sakuin.evaluation.tasks import read_tasks
from sakuin.index.settings import DEFAULT_DIM
from sakuin.search.relevance import GOOD_MATCH, Weights
from sakuin.tuning.errors import EvaluationError

REFUSED = 0.03
"""Of the queries that an index answers, so many may be refused."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of retrieval tasks.")
@click.option(
    "--pairs",
    type=click.Path(path_type=Path),
    help="Folder of training pairs, for technical documentation and a long document of laws.",
)
@click.option("--queries", default=500, show_default=True, type=click.IntRange(10), help="Of each task, at random.")
@click.option(
    "--dims",
    default=DIMS,
    multiple=True,
    show_default=True,
    type=click.IntRange(1),
    help="Dimension to search at; may be given again.",
)
@click.option("--fit", is_flag=True, help="Print the weights learnt from all tasks, for search/relevance.py.")
def cli(data: Path, pairs: Path | None, queries: int, dims: tuple[int, ...], fit: bool) -> None:
    """Ask queries that the index answers and queries that it does not, and see how well the relevance tells them apart.

    Weights are learnt from the other tasks for each task, so the figures are those of an index nobody has seen. The
    example corpus is judged by the weights that all tasks give. Some corpora are searched again with a document among
    them that is as long as half of the others together.

    \b
    python -m experiments.abstention --data tasks/ --pairs pairs/
    python -m experiments.abstention --data tasks/ --pairs pairs/ --fit
    """
    tasks = [as_retrieval(task) for task in read_tasks(data, families=("retrieval", "bitext"))]
    tasks += technical_tasks(pairs) if pairs else []
    if len(tasks) < 2:
        raise EvaluationError(f"{data} has one task to search: it takes two, one to learn from and one to judge.")
    sets = collected(tasks, queries, dims=dims, pairs=pairs)
    if fit:
        for mode, weights in fit_weights(
            [answers for name, answers in sets.items() if base_of(name) != EXAMPLE_SET]
        ).items():
            click.echo(f'    "{mode}": {printed(weights)},')
        return
    qualities = judged(sets)
    click.echo("\n".join(quality_table(qualities)))
    click.echo()
    click.echo("\n".join(abstention_table(qualities)))


def printed(weights: Weights) -> str:
    """Weights as they stand in search/relevance.py."""

    def numbers(own: tuple[float, ...] | None) -> str:
        return f"({', '.join(f'{weight:.3f}' for weight in own)})" if own else "None"

    return f"Weights({numbers(weights.meaning)}, {numbers(weights.words)}, {weights.behind:.3f})"


def quality_table(qualities: Mapping[str, Mapping[Setting, Quality]]) -> Iterator[str]:
    """Lines of a Markdown table: what relevances are worth."""
    yield "| index | search | AUC, taken out | AUC, other queries | Brier score (of the mean) | calibration error |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, ways in qualities.items():
        for way, own in ways.items():
            yield (
                f"| {name} | {way} | {own.auc[HARD]:.3f} | {own.auc[EASY]:.3f} | {own.brier:.3f} ({own.base:.3f}) "
                f"| {own.error:.3f} |"
            )


def abstention_table(qualities: Mapping[str, Mapping[Setting, Quality]]) -> Iterator[str]:
    """Lines of a Markdown table: how many queries of each kind are said to have no answer.

    Of searches at the dimension that an index has by default.
    """
    yield (
        f"| index | search | answerable, refused, % | taken out, found, % | other queries, found, % "
        f"| {100 * REFUSED:g} % of the answerable are below |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, ways in qualities.items():
        for way, own in ways.items():
            if way.mode == "bm25" or way.dim == DEFAULT_DIM:
                rates = [
                    f"{100 * below(own.best[kind], GOOD_MATCH[way.mode]):.1f}" for kind in (ANSWERABLE, HARD, EASY)
                ]
                lowest = float(np.quantile(own.best[ANSWERABLE], REFUSED))
                yield f"| {name} | {way} | {' | '.join(rates)} | {lowest:.3f} |"


if __name__ == "__main__":
    run(cli, "python -m experiments.abstention", interrupted="Nothing was kept.")
