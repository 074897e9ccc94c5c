"""What late interaction over static token vectors adds to hybrid search: `python -m experiments.late_interaction`.

For each token of a query the best cosine of its row with that of any token of a passage, or of a window of the passage
of which the best counts; the mean by the weight of the token in the query's vector, the length of its row and its idf
(MaxSim, Khattab & Zaharia 2020, arXiv:2004.12832, without a transformer). It is added with a weight to the fused score
of the candidates of both legs. docs/experiments/fusion.md has the figures.
"""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sakuin.cli.running import run
from sakuin.embedder.folder import find_model, read_model
from sakuin.embedder.table import Table
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.evaluation.families import RetrievalTask
from sakuin.evaluation.results import result_of_rankings
from sakuin.evaluation.searching import searcher_over
from sakuin.evaluation.tasks import read_tasks
from sakuin.index.settings import DEFAULT_DIM
from sakuin.index.snapshot import Snapshot, open_index
from sakuin.index.store import indexed_text
from sakuin.search import Searcher
from sakuin.search.candidates import CANDIDATES, gather
from sakuin.search.fusion import Fusion
from sakuin.search.local_part import LocalPart
from sakuin.search.ranking import fused
from sakuin.search.whole import Whole
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.metrics import CUTOFF

BLOCK = 6
"""Tokens of which only the best is kept; windows are made of blocks."""

WHOLE = 0
WINDOWS = (WHOLE, 6, 12, 24, 36)
"""Tokens of a window; `WHOLE` for the whole passage."""

SINGLE, OF_SIX, OF_MORE = (0.2, 0.4, 0.7), (0.2, 0.3, 0.4, 0.6), (0.2, 0.4, 0.6)

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
        interactions: By window, float64 (n,), see `interaction`.
    """

    docids: list[list[str]]
    fused: NDArray[np.float64]
    interactions: dict[int, NDArray[np.float64]]

    def ranking(self, setting: Setting) -> list[str]:
        """The best documents by the sum."""
        scores = self.fused
        if self.interactions:
            scores = scores + sum(weight * self.interactions[window] for window, weight in setting)
        order = np.argsort(-scores, kind="stable").tolist()
        return list(dict.fromkeys(docid for i in order for docid in self.docids[i]))[:CUTOFF]


class Tokens:
    """The tokens of an index's passages, and the rows they are compared by."""

    def __init__(self, table: Table, tokenizer: FlatTokenizer, texts: Sequence[str]) -> None:
        """Tokenise the texts of all passages."""
        self._tokenizer = tokenizer
        rows = table.prefix(DEFAULT_DIM)
        self._lengths = np.linalg.norm(rows, axis=1)
        self._directions = rows / np.where(self._lengths, self._lengths, 1)[:, None]
        ids, counts = tokenizer.encode(texts)
        self.of_text = np.split(ids, np.cumsum(counts)[:-1])
        having = np.zeros(len(rows))
        for own in self.of_text:
            having[np.unique(own)] += 1
        self._idf = np.log1p((len(texts) - having + 0.5) / (having + 0.5))

    def interactions(
        self, ids: NDArray[np.int64], weights: NDArray[np.float32], texts: Sequence[int]
    ) -> dict[int, NDArray[np.float64]]:
        """Scores of some texts, by window; none where the model knows no token of the query.

        Args:
            ids: int64 (q,), of the query's tokens.
            weights: float32 (q,), of these in its vector.
            texts: Which.
        """
        counted = weights * self._lengths[ids] * self._idf[ids]
        if not counted.any():
            return {}
        weights = counted / counted.sum()
        best = [block_maxima(self._directions[ids] @ self._directions[self.of_text[text]].T) for text in texts]
        return {window: np.array([interaction(own, weights, window) for own in best]) for window in WINDOWS}


def block_maxima(cosines: NDArray[np.floating]) -> NDArray[np.floating]:
    """(q, blocks), the best cosine in each block of a text's tokens (q, n); one block of zeros for an empty text."""
    if not cosines.shape[1]:
        return np.zeros((len(cosines), 1))
    best: NDArray[np.floating] = np.maximum.reduceat(cosines, np.arange(0, cosines.shape[1], BLOCK), axis=1)
    return best


def interaction(best: NDArray[np.floating], weights: NDArray[np.floating], window: int) -> float:
    """The weighted mean (q,) of the best cosines (q, blocks), of the best window of so many tokens."""
    size = best.shape[1] if window == WHOLE else min(window // BLOCK, best.shape[1])
    windows = np.lib.stride_tricks.sliding_window_view(np.maximum(best, 0), size, axis=1).max(axis=2)
    return float((weights @ windows).max())


def asked_of(task: RetrievalTask, queries: int, first: int) -> tuple[RetrievalTask, list[Asked]]:
    """A task of so many of the queries, and what the first candidates of each are."""
    chosen = random.Random(0).sample(range(len(task.queries)), min(queries, len(task.queries)))
    task = replace(
        task,
        queries=tuple(task.queries[row] for row in chosen),
        relevant=tuple(task.relevant[row] for row in chosen),
    )
    files = read_model(find_model(None))
    with (
        searcher_over(task.docids, task.texts, model=None, dim=DEFAULT_DIM) as searcher,
        closing(open_index(searcher.folder)) as snapshot,
    ):
        ids = snapshot.vectors.ids
        rows = snapshot.passages(ids.tolist())
        firsts = [rows[passage_id].places[0] for passage_id in ids.tolist()]
        texts = [
            indexed_text(place.title, place.heading, rows[passage_id].text)
            for place, passage_id in zip(firsts, ids.tolist(), strict=True)
        ]
        docids = [[place.document_id for place in rows[passage_id].places] for passage_id in ids.tolist()]
        tokens = Tokens(files.table, FlatTokenizer(files.tokenizer), texts)
        asked = [
            ask(searcher, snapshot, query, ids, docids, tokens, first)
            for query in tqdm(task.queries, task.name, leave=False, disable=None)
        ]
    return task, asked


def ask(
    searcher: Searcher,
    snapshot: Snapshot,
    query: str,
    ids: NDArray[np.int64],
    docids: Sequence[list[str]],
    tokens: Tokens,
    first: int,
) -> Asked:
    """The first candidates of a query, each scored by both legs and by late interaction."""
    vector = searcher.model.encode([query], truncate_dim=DEFAULT_DIM, normalize=True)[0]
    with ThreadPoolExecutor(1) as beside:
        whole = Whole.of_one(LocalPart(snapshot, beside))
        found = gather(whole, query, vector, k=CANDIDATES, rescored=CANDIDATES)
    hits = fused(found, fusion=Fusion(), full=snapshot.terms.full_score(query), k=first)
    rows = np.searchsorted(ids, [hit.passage_id for hit in hits]).tolist()
    bag = searcher.model.bags([query])
    interactions = tokens.interactions(bag.ids, bag.weights, rows) if rows else {}
    return Asked([docids[row] for row in rows], np.array([hit.score for hit in hits]), interactions)


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
@click.option("--queries", default=400, show_default=True, type=click.IntRange(1), help="Of each task, at random.")
@click.option("--first", default=200, show_default=True, type=click.IntRange(10), help="Candidates that are scored.")
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
