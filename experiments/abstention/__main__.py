"""`python -m experiments.abstention`: tables of what relevances are worth, or weights for search/relevance.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from experiments.abstention.answers import ANSWERABLE, DIMS, EASY, EXAMPLE_SET, HARD, Setting, as_retrieval, collected
from experiments.abstention.quality import Quality, judge, precision_and_recall
from experiments.abstention.weights import fit_weights
from sakuin.cli.running import run
from sakuin.evaluation.tasks import read_tasks
from sakuin.index.settings import DEFAULT_DIM
from sakuin.search.relevance import GOOD_MATCH, Weights
from sakuin.tuning.errors import EvaluationError

THRESHOLDS = (0.03, 0.05, 0.07, 0.1, 0.2, 0.3)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of retrieval tasks.")
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
def cli(data: Path, queries: int, dims: tuple[int, ...], fit: bool) -> None:
    """Ask queries that the index answers and queries that it does not, and see how well the relevance tells them apart.

    Weights are learnt from the other tasks for each task, so the figures are those of an index nobody has seen. The
    example corpus is judged by the weights that all tasks give.

    \b
    python -m experiments.abstention --data tasks/
    python -m experiments.abstention --data tasks/ --fit
    """
    tasks = [as_retrieval(task) for task in read_tasks(data, families=("retrieval", "bitext"))]
    if len(tasks) < 2:
        raise EvaluationError(f"{data} has one task to search: it takes two, one to learn from and one to judge.")
    sets = collected(tasks, queries, dims=dims)
    if fit:
        for mode, weights in fit_weights([answers for name, answers in sets.items() if name != EXAMPLE_SET]).items():
            click.echo(f'    "{mode}": {printed(weights)},')
        return
    judged = {name: judge(name, sets) for name in sets}
    click.echo("\n".join(quality_table(judged)))
    click.echo()
    click.echo("\n".join(abstention_table(judged)))


def printed(weights: Weights) -> str:
    """Weights as they stand in search/relevance.py."""

    def numbers(own: tuple[float, ...] | None) -> str:
        return f"({', '.join(f'{weight:.3f}' for weight in own)})" if own else "None"

    return f"Weights({numbers(weights.meaning)}, {numbers(weights.words)}, {weights.behind:.3f})"


def quality_table(judged: Mapping[str, Mapping[Setting, Quality]]) -> Iterator[str]:
    """Lines of a Markdown table: what relevances are worth."""
    yield "| index | search | AUC, taken out | AUC, other queries | Brier score (of the mean) | calibration error |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, ways in judged.items():
        for way, own in ways.items():
            yield (
                f"| {name} | {way} | {own.auc[HARD]:.3f} | {own.auc[EASY]:.3f} | {own.brier:.3f} ({own.base:.3f}) "
                f"| {own.error:.3f} |"
            )


def abstention_table(judged: Mapping[str, Mapping[Setting, Quality]]) -> Iterator[str]:
    """Lines of a Markdown table: precision and recall of abstaining, and answerable queries that go without answer.

    Of searches at the dimension that an index has by default.
    """
    yield (
        "| index | search | threshold | answerable abstained from, % | taken out: precision, % | recall, % "
        "| other queries: precision, % | recall, % |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, ways in judged.items():
        for way, own in ways.items():
            for threshold in THRESHOLDS if way.mode == "bm25" or way.dim == DEFAULT_DIM else ():
                lost = float((own.best[ANSWERABLE] < threshold).mean())
                rates = [rate for kind in (HARD, EASY) for rate in precision_and_recall(own.best, kind, threshold)]
                mark = " (default)" if threshold == GOOD_MATCH else ""
                numbers = " | ".join(f"{100 * rate:.0f}" for rate in (lost, *rates))
                yield f"| {name} | {way} | {threshold}{mark} | {numbers} |"


if __name__ == "__main__":
    run(cli, "python -m experiments.abstention", interrupted="Nothing was kept.")
