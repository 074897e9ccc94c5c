"""Command line of evaluation."""

import json
from pathlib import Path

import click

from embedder import StaticEmbedder
from embedder.command import run

DIMS = (1024, 512, 256, 128, 64, 32)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of retrieval and STS tasks.")
@click.option("--model", help="Model folder or hub name [default: the packaged model].")
@click.option("--pooling", type=click.Choice(["mean", "damped"]), help="Instead of the model's own.")
@click.option("--dims", help="Dimensions, separated by commas [default: 1024 to 32, as far as the model has them].")
@click.option("--tasks", default="", help="Names of tasks, separated by commas [default: all].")
@click.option("--search/--no-search", default=True, help="Also BM25 and hybrid search, by a real index of 256 numbers.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Also write the figures to this file.")
def cli(
    data: Path, model: str | None, pooling: str | None, dims: str | None, tasks: str, search: bool, out: Path | None
) -> None:
    """Measure a model on retrieval (nDCG@10) and STS (Spearman) tasks, both times 100.

    \b
    python -m evaluation --data ../shared/eval
    python -m evaluation --data ../shared/eval --model runs/default/model --dims 1024,64 --no-search
    """
    from evaluation.dense import score
    from evaluation.ranked import score_search
    from evaluation.tasks import RetrievalTask, read_tasks
    from index.writer import DEFAULT_DIM

    embedder = StaticEmbedder.load(model, pooling)  # type: ignore[arg-type]
    chosen = [int(d) for d in dims.split(",")] if dims else [d for d in DIMS if d <= embedder.dimension]
    columns = [f"dense {d}" for d in chosen] + (["bm25", "hybrid"] if search else [])
    figures: dict[str, dict[str, float]] = {}
    click.echo("| task | " + " | ".join(columns) + " |")
    click.echo("| --- |" + " --- |" * len(columns))
    for task in read_tasks(data, tuple(filter(None, tasks.split(",")))):
        row = {f"dense {d}": score(embedder, task, d) for d in chosen}
        if search and isinstance(task, RetrievalTask):
            # The dimension that indexes have where nobody asks for another.
            row |= score_search(task, model, ["bm25", "hybrid"], min(DEFAULT_DIM, embedder.dimension))
        figures[task.name] = {name: round(100 * value, 2) for name, value in row.items()}
        show(task.name, columns, figures[task.name])
    retrieval = [row for row in figures.values() if len(row) == len(columns)]
    if len(retrieval) > 1:
        mean = {name: sum(row[name] for row in retrieval) / len(retrieval) for name in columns}
        show("mean" if not search else "mean of retrieval", columns, mean)
    if out:
        facts = {"model": model or "default", "pooling": embedder.pooling, "figures": figures}
        out.write_text(json.dumps(facts, indent=2), encoding="utf-8")


def show(name: str, columns: list[str], row: dict[str, float]) -> None:
    """One row of the table."""
    cells = [f"{row[column]:.1f}" if column in row else "" for column in columns]
    click.echo(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    """Run the command line."""
    run(cli, "python -m evaluation", "Nothing was written.")
