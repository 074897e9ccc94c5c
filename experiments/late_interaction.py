"""What late interaction over static token vectors adds to hybrid search: `python -m experiments.late_interaction`.

The score of `embedder.interaction` by windows of several sizes, with several weights, added to the fused score of both
other legs' first passages. The sums of two windows are what the product has one of. docs/experiments/fusion.md has the
figures.
"""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sakuin.cli.running import run
from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import find_model, read_model
from sakuin.embedder.interaction import best_window
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.evaluation.families import RetrievalTask
from sakuin.evaluation.results import result_of_rankings
from sakuin.evaluation.searching import searcher_over
from sakuin.evaluation.tasks import read_tasks
from sakuin.index.settings import DEFAULT_DIM
from sakuin.index.snapshot import Snapshot, open_index
from sakuin.search.candidates import CANDIDATES, gather
from sakuin.search.fusion import Fusion
from sakuin.search.local_part import LocalPart
from sakuin.search.ranking import fused
from sakuin.search.whole import Whole
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.metrics import CUTOFF

WHOLE = 0
WINDOWS = (WHOLE, 6, 12, 24, 36)
"""Tokens of a window; `WHOLE` for the whole passage."""

SINGLE, OF_SIX, OF_MORE = (0.2, 0.4, 0.7, 1.0), (0.2, 0.3, 0.4, 0.6), (0.2, 0.4, 0.6, 0.8)

Setting = tuple[tuple[int, float], ...]
"""Windows and their weights."""

SETTINGS: tuple[Setting, ...] = (
    *(((window, weight),) for window in WINDOWS for weight in SINGLE),
    *(((6, six), (24, more)) for six in OF_SIX for more in OF_MORE),
)


@dataclass(frozen=True)
class Asked:
    """The candidates of a query, best first.

    Attributes:
        docids: Of each, the documents that it is.
        fused: float64 (n,), fused scores.
        interactions: By window, float64 (n,), see `sakuin.embedder.interaction`.
    """

    docids: list[list[str]]
    fused: NDArray[np.float64]
    interactions: dict[int, NDArray[np.float64]]

    def ranking(self, setting: Setting) -> list[str]:
        """The best documents by the sum."""
        scores = self.fused + sum(weight * self.interactions[window] for window, weight in setting)
        order = np.argsort(-scores, kind="stable").tolist()
        return list(dict.fromkeys(docid for i in order for docid in self.docids[i]))[:CUTOFF]


def asked_of(task: RetrievalTask, queries: int, first: int) -> tuple[RetrievalTask, list[Asked]]:
    """A task of so many of the queries, and what the first candidates of each are."""
    chosen = random.Random(0).sample(range(len(task.queries)), min(queries, len(task.queries)))
    task = replace(
        task,
        queries=tuple(task.queries[row] for row in chosen),
        relevant=tuple(task.relevant[row] for row in chosen),
    )
    tokenizer = FlatTokenizer(read_model(find_model(None)).tokenizer)
    with (
        searcher_over(task.docids, task.texts, model=None, dim=DEFAULT_DIM) as searcher,
        closing(open_index(searcher.folder)) as snapshot,
    ):
        rows = snapshot.passages(snapshot.vectors.ids.tolist())
        docids = {passage_id: [place.document_id for place in row.places] for passage_id, row in rows.items()}
        asked = [
            ask(searcher.model, snapshot, query, docids, tokenizer, first)
            for query in tqdm(task.queries, task.name, leave=False, disable=None)
        ]
    return task, asked


def ask(
    model: StaticEmbedder,
    snapshot: Snapshot,
    query: str,
    docids: Mapping[int, list[str]],
    tokenizer: FlatTokenizer,
    first: int,
) -> Asked:
    """The first candidates of a query, each scored by both legs and by late interaction."""
    vector = model.encode([query], truncate_dim=DEFAULT_DIM, normalize=True)[0]
    with ThreadPoolExecutor(1) as beside:
        whole = Whole.of_one(LocalPart(snapshot, beside))
        found = gather(whole, query, vector, k=CANDIDATES, rescored=CANDIDATES)
    hits = fused(found, fusion=Fusion(), full=snapshot.terms.full_score(query), k=first)
    tokens = model.asked_tokens(query)
    texts = whole.indexed([hit.passage_id for hit in hits])
    ids, lengths = tokenizer.encode([texts[hit.passage_id] for hit in hits])
    each = np.split(model.cosines(tokens, ids), np.cumsum(lengths)[:-1], axis=1) if hits else []
    interactions = {
        window: np.array([best_window(own, tokens.weights, window or max(1, own.shape[1])).score for own in each])
        for window in WINDOWS
    }
    return Asked([docids[hit.passage_id] for hit in hits], np.array([hit.score for hit in hits]), interactions)


def gains(task: RetrievalTask, asked: Sequence[Asked]) -> list[float]:
    """nDCG@10, times 100, less that of hybrid search, by each of `SETTINGS`."""
    base, *scores = (
        result_of_rankings(task, [own.ranking(setting) for own in asked]).score for setting in ((), *SETTINGS)
    )
    return [100 * (score - base) for score in scores]


def told(setting: Setting) -> str:
    """A setting in words."""
    return " + ".join(f"{weight} {window or 'whole'}" for window, weight in setting)


def chosen_by_others(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 (sets,): each set's gain by what has the best mean on the others, of gains (settings, sets)."""
    others = (table.sum(axis=1, keepdims=True) - table) / (table.shape[1] - 1)
    chosen: NDArray[np.float64] = table[others.argmax(axis=0), np.arange(table.shape[1])]
    return chosen


def line(name: str, values: NDArray[np.float64]) -> str:
    """A row of the table."""
    return f"| {name} | " + " | ".join(f"{value:+.2f}" for value in [*values, values.mean()]) + " |"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of retrieval tasks.")
@click.option("--queries", default=1000, show_default=True, type=click.IntRange(1), help="Of each task, at random.")
@click.option("--first", default=20, show_default=True, type=click.IntRange(10), help="Candidates that are scored.")
def cli(data: Path, queries: int, first: int) -> None:
    """Print what late interaction adds to the nDCG@10 of hybrid search, by windows and weights, in points.

    The last line has, for each task, the gain by what is best for the others.

    \b
    python -m experiments.late_interaction --data tasks/
    """
    tasks = [task for task in read_tasks(data, families=("retrieval",)) if isinstance(task, RetrievalTask)]
    if len(tasks) < 2:
        raise EvaluationError(f"{data} has one task to search: it takes two, one to choose by and one to judge.")
    found = [gains(*asked_of(task, queries, first)) for task in tasks]
    table = np.array(found).T
    click.echo(f"| weights, windows | {' | '.join(task.name for task in tasks)} | mean |")
    click.echo(f"| --- |{' --- |' * (len(tasks) + 1)}")
    for setting, values in zip(SETTINGS, table, strict=True):
        click.echo(line(told(setting), values))
    click.echo(line("chosen by the others", chosen_by_others(table)))


if __name__ == "__main__":
    run(cli, "python -m experiments.late_interaction", interrupted="Nothing was kept.")
