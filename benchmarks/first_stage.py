"""What the first stage of BM25 in a large index, which leaves out common terms, changes: quality and time.

    python -m benchmarks.first_stage --tasks ../shared/eval --data ../shared/data/pairs --passages 250000

The documents of all retrieval tasks of a folder lie in one index, among other passages. Each query is ranked twice,
once with BM25's candidates found by all its terms and once without the common ones.
"""

import time
from contextlib import closing
from pathlib import Path

import click
import numpy as np

from benchmarks.passages import distinct_passages
from sakuin.evaluation.families import RetrievalTask
from sakuin.evaluation.results import result_of_rankings
from sakuin.evaluation.searching import searcher_over
from sakuin.evaluation.tasks import read_tasks
from sakuin.index import store
from sakuin.index.terms import FirstStage
from sakuin.search import Searcher, SearchRequest
from sakuin.search.ranking import rank
from sakuin.tuning.judged import names_in_ranking, sources_of
from sakuin.tuning.metrics import CUTOFF
from sakuin.tuning.significance import randomisation_test

BY_ALL_TERMS = FirstStage(from_passages=10**12)
"""No index is so large that terms are left out."""


@click.command()
@click.option("--tasks", "folder", type=click.Path(path_type=Path), required=True, help="Folder of tasks.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--passages", default=250_000, show_default=True, help="Other passages.")
@click.option("--queries", default=1_000, show_default=True, help="Of each task at most.")
def main(folder: Path, data: Path | None, passages: int, queries: int) -> None:
    """Measure both ways."""
    tasks = [
        few(task, queries) for task in read_tasks(folder, families=("retrieval",)) if isinstance(task, RetrievalTask)
    ]
    documents = {
        f"{task.name}/{docid}": text for task in tasks for docid, text in zip(task.docids, task.texts, strict=True)
    }
    known = set(documents.values())
    others = (text for text in distinct_passages(passages, data) if text not in known)
    documents |= {f"others/{number}": text for number, text in enumerate(others)}
    with searcher_over(list(documents), list(documents.values()), model=None, dim=None) as searcher:
        print(f"{searcher.counts()['passages']:,} passages; nDCG@10 of hybrid search, and the median time of ranking")
        print(f"{'':36}{'all terms':>10}{'ms':>7}{'first stage':>12}{'ms':>7}{'difference':>12}  95 % interval")
        for task in tasks:
            (all_terms, before), (first, after) = (
                ranked(searcher, task, first_stage) for first_stage in (BY_ALL_TERMS, FirstStage())
            )
            change = randomisation_test(first, all_terms)
            print(
                f"{task.name:36}{100 * all_terms.mean():10.2f}{before:7.1f}{100 * first.mean():12.2f}{after:7.1f}"
                f"{100 * change.value:+12.2f}  {100 * change.low:+.2f} to {100 * change.high:+.2f}",
                flush=True,
            )


def few(task: RetrievalTask, queries: int) -> RetrievalTask:
    """A task with some of its queries, at random, and its documents called by its name."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(task.queries))[:queries]).tolist()
    relevant = tuple(frozenset(f"{task.name}/{docid}" for docid in task.relevant[i]) for i in chosen)
    return RetrievalTask(task.name, task.docids, task.texts, tuple(task.queries[i] for i in chosen), relevant)


def ranked(searcher: Searcher, task: RetrievalTask, first_stage: FirstStage) -> tuple[np.ndarray, float]:
    """nDCG@10 of each query, and the median milliseconds of ranking one.

    Args:
        searcher: Of the index.
        task: What to ask.
        first_stage: Which terms find candidates.
    """
    rankings, milliseconds = [], []
    # A searcher of its own, which remembers no query of another.
    with (
        Searcher.open(searcher.folder) as fresh,
        closing(store.connect(searcher.folder, read_only=True)) as connection,
    ):
        fresh.snapshot.terms.first_stage = first_stage
        for query, relevant in zip(task.queries, task.relevant, strict=True):
            started = time.perf_counter()
            hits = rank(fresh.whole, fresh.model, SearchRequest(query=query, k=CUTOFF)).hits
            milliseconds.append(1000 * (time.perf_counter() - started))
            ids = [hit.passage_id for hit in hits]
            sources, gains = sources_of(ids, connection), dict.fromkeys(relevant, 1.0)
            rankings.append([name for i in ids for name in names_in_ranking(i, sources.get(i, []), gains)])
    return result_of_rankings(task, rankings).items, float(np.median(milliseconds))


if __name__ == "__main__":
    main()
