"""Whether documents rank better by more than their best passage: `python -m experiments.documents --data FOLDER`.

Every retrieval task of a folder is indexed as a user's documents are, cut into passages, and searched. Documents are
ranked by the score of their best passage, as the product does, and by that and a share of the next best passage of
theirs among the first hits. docs/experiments/fusion.md has the figures.
"""

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sakuin import Document, Index, Searcher
from sakuin.cli.running import run
from sakuin.evaluation.families import RetrievalTask
from sakuin.evaluation.tasks import read_tasks
from sakuin.tuning.metrics import CUTOFF, ndcg_at

FIRST = 20
"""Passages among which a document's next best is looked for: those that all legs have scored."""

RANKED = 50
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)


@dataclass(frozen=True)
class Passages:
    """The best passages of a query, best first.

    Attributes:
        scores: float64 (n,).
        docids: Of each, the document that it is from.
    """

    scores: NDArray[np.float64]
    docids: list[str]

    def documents(self, share: float) -> list[str]:
        """The best documents by their best passage and a share of the next best of the first `FIRST`."""
        best: dict[str, float] = {}
        both: dict[str, float] = {}
        for number, (score, docid) in enumerate(zip(self.scores.tolist(), self.docids, strict=True)):
            if docid not in best:
                best[docid] = both[docid] = score
            elif number < FIRST and both[docid] == best[docid]:
                both[docid] += share * score
        return sorted(both, key=lambda docid: -both[docid])[:CUTOFF]


def passages_of(task: RetrievalTask) -> tuple[list[Passages], float]:
    """What each query of a task finds, and how many passages a document has on the mean."""
    with tempfile.TemporaryDirectory() as folder:
        with Index.open(folder) as index:
            index.add(documents_of(task))
        with Searcher.open(folder) as searcher:
            found = []
            for query in tqdm(task.queries, task.name, leave=False, disable=None):
                hits = searcher.search(query, k=RANKED, group="passage", syntax=False).hits
                each = [(hit.score, place.document.id) for hit in hits for place in hit.places]
                found.append(Passages(np.array([score for score, _ in each]), [docid for _, docid in each]))
            return found, len(searcher.snapshot.vectors) / len(task.docids)


def documents_of(task: RetrievalTask) -> list[Document]:
    """The corpus of a task but for empty texts; a text begins with its title where it has several lines."""
    found = []
    for docid, whole in zip(task.docids, task.texts, strict=True):
        title, _, text = whole.partition("\n")
        if not whole.strip():
            continue
        found.append(Document(id=docid, title=title if text else "", text=text or whole))
    return found


def drawn(task: RetrievalTask, queries: int) -> RetrievalTask:
    """A task of at most so many queries, at random."""
    chosen = sorted(random.Random(0).sample(range(len(task.queries)), min(queries, len(task.queries))))
    return replace(
        task,
        queries=tuple(task.queries[row] for row in chosen),
        relevant=tuple(task.relevant[row] for row in chosen),
    )


def figures(task: RetrievalTask, found: Sequence[Passages]) -> list[float]:
    """nDCG@10, times 100, by each of `SHARES`."""
    gains = [dict.fromkeys(relevant, 1.0) for relevant in task.relevant]
    by_share = [
        [ndcg_at(CUTOFF, own.documents(share), gain) for own, gain in zip(found, gains, strict=True)]
        for share in SHARES
    ]
    return [100 * float(np.mean(each)) for each in by_share]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of retrieval tasks.")
@click.option("--queries", default=400, show_default=True, type=click.IntRange(1), help="Of each task, at random.")
def cli(data: Path, queries: int) -> None:
    """Print nDCG@10 of documents by their best passage, and what shares of the next best add, in points.

    \b
    python -m experiments.documents --data ../shared/eval
    """
    click.echo("| | passages a document | best passage | " + " | ".join(f"{own:g}" for own in SHARES[1:]) + " |")
    click.echo(f"|{' --- |' * (len(SHARES) + 2)}")
    for task in read_tasks(data, families=("retrieval",)):
        assert isinstance(task, RetrievalTask)
        asked = drawn(task, queries)
        found, passages = passages_of(asked)
        base, *others = figures(asked, found)
        cells = [task.name, f"{passages:.1f}", f"{base:.1f}", *(f"{own - base:+.2f}" for own in others)]
        click.echo(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    run(cli, "python -m experiments.documents", interrupted="Nothing was kept.")
