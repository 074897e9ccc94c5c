"""Whether fusing the legs pays, and adapting to the query: `python -m experiments.fusion --data FOLDER`.

Every retrieval task of a folder is ranked by each leg, by reciprocal rank fusion, by weights that are the same for
every query, and by the default, which weighs BM25 by how much of the query its best passage covers. Pairs of
translations are retrieval too: each sentence should find its translation among all, where words are of little use.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from sakuin.cli.running import run
from sakuin.evaluation.families import BitextTask, RetrievalTask
from sakuin.evaluation.searching import searcher_over
from sakuin.evaluation.tasks import read_tasks
from sakuin.search.fusion import BM25_WEIGHT, Fusion
from sakuin.tuning.candidate_table import fetch
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.judged import JudgedQuery, databases
from sakuin.tuning.significance import Difference, randomisation_test

WEIGHTS = tuple(round(0.05 * step, 2) for step in range(21))
FAMILIES = ("retrieval", "bitext")


@dataclass(frozen=True)
class SetFigures:
    """nDCG@10, 0 to 1, of ways to rank one set.

    Attributes:
        name: Of the set.
        queries: How many.
        dense, bm25, rrf, fixed, adaptive: Means; ``fixed`` is the weight `BM25_WEIGHT`, for every query the same.
        best, best_weight: The best mean that any one weight has, and that weight. It was chosen on this very set.
        against_fixed: Adaptive less fixed.
        against_leg: Adaptive less the better of the two legs.
    """

    name: str
    queries: int
    dense: float
    bm25: float
    rrf: float
    best: float
    best_weight: float
    fixed: float
    adaptive: float
    against_fixed: Difference
    against_leg: Difference


def sets_of(tasks: Sequence[RetrievalTask | BitextTask]) -> Iterator[RetrievalTask]:
    """The retrieval tasks, and each task of translations as two."""
    for task in tasks:
        if isinstance(task, RetrievalTask):
            yield task
            continue
        docids = tuple(str(number) for number in range(len(task.first)))
        answers = tuple(frozenset([docid]) for docid in docids)
        yield RetrievalTask(f"{task.name}, en finds ja", docids, task.first, task.second, answers)
        yield RetrievalTask(f"{task.name}, ja finds en", docids, task.second, task.first, answers)


def compare_ways(task: RetrievalTask, *, model: str | None, dim: int) -> SetFigures:
    """Rank a task in every way.

    Args:
        task: One passage a document.
        model: Folder or hub name; None for the packaged model.
        dim: Dimensions stored of each vector.
    """
    judged = [
        JudgedQuery(query, dict.fromkeys(relevant, 1.0))
        for query, relevant in zip(task.queries, task.relevant, strict=True)
    ]
    with (
        searcher_over(task.docids, task.texts, model=model, dim=dim) as searcher,
        databases(searcher) as connections,
    ):
        found = fetch(searcher.whole, searcher.model, judged, connections=connections, dim=dim)

    def by_weight(weight: float) -> NDArray[np.float64]:
        return found.figures(found.by_fusion(Fusion(weight, 0.0))).ndcg

    dense, bm25, rrf = (found.figures(own()).ndcg for own in (found.by_dense, found.by_bm25, found.by_rrf))
    fixed, adaptive = by_weight(BM25_WEIGHT), found.figures(found.by_fusion(Fusion())).ndcg
    means = {weight: float(by_weight(weight).mean()) for weight in WEIGHTS}
    best = max(means, key=lambda weight: means[weight])
    return SetFigures(
        task.name,
        len(judged),
        dense=float(dense.mean()),
        bm25=float(bm25.mean()),
        rrf=float(rrf.mean()),
        best=means[best],
        best_weight=best,
        fixed=float(fixed.mean()),
        adaptive=float(adaptive.mean()),
        against_fixed=randomisation_test(adaptive, fixed),
        against_leg=randomisation_test(adaptive, max(dense, bm25, key=lambda own: float(own.mean()))),
    )


def table(results: Sequence[SetFigures]) -> str:
    """A Markdown table, times 100."""
    columns = ("queries", "dense", "BM25", "RRF", "best fixed", f"fixed {BM25_WEIGHT}", "adaptive")
    header = ("nDCG@10", *columns, f"adaptive less fixed {BM25_WEIGHT}", "adaptive less better leg")
    lines = [header, tuple("---" for _ in header)]
    for own in results:
        shares = (f"{100 * value:.1f}" for value in (own.dense, own.bm25, own.rrf))
        best = f"{100 * own.best:.1f} ({own.best_weight:g})"
        differences = (printed(test) for test in (own.against_fixed, own.against_leg))
        ours = (f"{100 * own.fixed:.1f}", f"{100 * own.adaptive:.1f}")
        lines.append((own.name, f"{own.queries:,}", *shares, best, *ours, *differences))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def printed(test: Difference) -> str:
    """A difference with its 95 % interval, times 100."""
    return f"{100 * test.value:+.2f} ({100 * test.low:+.2f} to {100 * test.high:+.2f})"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of tasks; see docs/evaluation.md.")
@click.option("--model", help="Model folder or hub name [default: the packaged model].")
@click.option(
    "--dim", type=click.IntRange(min=1), default=256, show_default=True, help="Dimensions stored of a vector."
)
@click.option("--tasks", default="", help="Names of tasks, separated by commas [default: all retrieval and bitext].")
@click.option("--json", "as_json", type=click.Path(path_type=Path), help="Also write all figures to this file, 0 to 1.")
def cli(data: Path, model: str | None, dim: int, tasks: str, as_json: Path | None) -> None:
    """Compare dense search, BM25, and ways to fuse them, on the retrieval and translation tasks of a folder.

    Prints nDCG@10 and the difference that adapting to the query makes, with 95 % intervals over queries. "Best fixed"
    is the weight that is best on the very set, which nobody knows beforehand.

    \b
    python -m experiments.fusion --data ../shared/eval
    python -m experiments.fusion --data ../shared/eval --dim 64 --tasks jsquad_valid
    """
    names = tuple(name.strip() for name in tasks.split(",") if name.strip())
    found = [
        task for task in read_tasks(data, names, families=FAMILIES) if isinstance(task, RetrievalTask | BitextTask)
    ]
    results: list[SetFigures] = []
    for task in sets_of(found):
        results.append(compare_ways(task, model=model, dim=dim))
        click.echo(f"{task.name}: {printed(results[-1].against_fixed)}", err=True)
    click.echo(table(results))
    if as_json:
        facts: dict[str, Any] = {"version": 1, "dim": dim, "sets": [asdict(own) for own in results]}
        try:
            as_json.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise EvaluationError(f"Cannot write {as_json} ({error.strerror or error}).") from error


if __name__ == "__main__":
    run(cli, "python -m experiments.fusion", interrupted="Nothing was kept.")
