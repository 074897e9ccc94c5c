"""How well a search knows that it found nothing, and what its relevances are worth: `python -m experiments.abstention`.

Each query of a retrieval task is asked twice: as it is, and with its relevant documents left out of the answer, as if
the index did not hold them. Queries of the other tasks have no answer in the index either. The first kind of
unanswerable query is hard: neighbours of the answer stay, about the same thing and in the same words, and some of them
do answer the query though nobody judged them.

Tasks of translations are retrieval tasks too, in which a sentence is to find the same in the other language: there
meaning has to do without words. BM25 alone is not asked them.
"""

import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from experiments.examples import EXAMPLES
from sakuin.cli.running import run
from sakuin.embedder import StaticEmbedder
from sakuin.evaluation.families import BitextTask, RetrievalTask, Task
from sakuin.evaluation.ranked import searcher_over, twins_of
from sakuin.evaluation.tasks import read_tasks
from sakuin.index.background import FEWEST
from sakuin.index.build import build
from sakuin.index.model import load_model
from sakuin.index.settings import DEFAULT_DIM, Settings
from sakuin.index.snapshot import Snapshot, open_index
from sakuin.search import MODES, SearchRequest
from sakuin.search.legs import dense_leg
from sakuin.search.ranking import Ranked, Ranking, rank
from sakuin.search.relevance import GOOD_MATCH, RIVAL, Evidence, Weights, evidence, log_odds, probability
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.records import read_records

ANSWERABLE, HARD, EASY = range(3)
# Half of the queries that are learnt from have an answer.
SHARES = {ANSWERABLE: 0.5, HARD: 0.25, EASY: 0.25}
HITS = 10
# Answerable queries that a set must have hits for, to be learnt from.
FEWEST_QUERIES = 10
# Looked through, so that ten are left where relevant ones are left out.
DEPTH = 50
DIMS = (1024, 256, 64, 32)
THRESHOLDS = (0.03, 0.05, 0.07, 0.1, 0.2, 0.3)
BINS = 10


class Setting(NamedTuple):
    """How was searched."""

    mode: str
    dim: int

    def __str__(self) -> str:
        return self.mode if self.mode == "bm25" else f"{self.mode}, {self.dim}"


class Asked(NamedTuple):
    """A query to ask, and the names of what answers it."""

    query: str
    relevant: frozenset[str]


@dataclass(frozen=True)
class Answer:
    """The hits of one query.

    Attributes:
        kind: ANSWERABLE, HARD or EASY.
        known: Of the hits; None where there are none.
        relevant: bool (hits,).
    """

    kind: int
    known: Evidence | None
    relevant: NDArray[np.bool_]

    def best(self, weights: Weights) -> float:
        """The highest relevance of a hit."""
        return float(probability(log_odds(self.known, weights)).max()) if self.known else 0.0


Answers = dict[Setting, list[Answer]]


def settings(dims: Sequence[int], modes: Sequence[str]) -> list[Setting]:
    """Every way to search that is judged."""
    ways = [Setting(mode, dim) for mode in modes for dim in dims]
    return [way for way in ways if way.mode != "bm25" or way.dim == dims[0]]


def answers_of(
    folder: Path, asked: Sequence[Asked], others: Sequence[str], dims: Sequence[int], modes: Sequence[str] = MODES
) -> Answers:
    """What an index answers.

    Args:
        folder: Of the index.
        asked: Queries whose relevant documents or files it holds, by uri.
        others: Queries that it has no answer to.
        dims: Numbers of the vectors to compare.
        modes: Of search.
    """
    with closing(open_index(folder)) as snapshot, ThreadPoolExecutor(1) as beside:
        model = load_model(snapshot.manifest, folder)
        ways = settings([dim for dim in dims if dim <= snapshot.manifest.dim], modes)
        found: Answers = {way: [] for way in ways}
        for way in tqdm(ways, folder.name, leave=False, disable=None):
            for query, relevant in asked:
                found[way] += asked_twice(snapshot, model, beside, way, query, relevant)
            for query in others:
                ranking = ranking_of(snapshot, model, beside, way, query)
                none = np.zeros(len(ranking.hits), np.bool_)
                found[way].append(answer(snapshot, way, query, ranking.hits, ranking.rival, EASY, none))
    return found


def asked_twice(
    snapshot: Snapshot, model: StaticEmbedder, beside: Executor, way: Setting, query: str, relevant: frozenset[str]
) -> Iterator[Answer]:
    """The answer to a query as it is, and without its relevant documents."""
    ranking = ranking_of(snapshot, model, beside, way, query)
    good = answering(snapshot, [hit.passage_id for hit in ranking.hits], relevant)
    yield answer(snapshot, way, query, ranking.hits, ranking.rival, ANSWERABLE, good)
    others = [hit for hit, answers in zip(ranking.hits, good, strict=True) if not answers]
    rival = ranking.rival
    if rival is not None:
        leg = dense_leg(snapshot, model.encode([query], truncate_dim=way.dim, normalize=True)[0], wanted=DEPTH)
        assert leg is not None
        scores = leg.scores[~answering(snapshot, leg.ids.tolist(), relevant)][:RIVAL]
        rival = float(scores[-1]) if len(scores) else None
    yield answer(snapshot, way, query, others, rival, HARD, np.zeros(len(others), np.bool_))


def ranking_of(snapshot: Snapshot, model: StaticEmbedder, beside: Executor, way: Setting, query: str) -> Ranking:
    """What is found."""
    request = SearchRequest(query=query, k=DEPTH, mode=way.mode, dim=way.dim)
    return rank(snapshot, model, request, beside=beside)


def answering(snapshot: Snapshot, passages: Sequence[int], relevant: frozenset[str]) -> NDArray[np.bool_]:
    """Which passages (n,) are of relevant documents or files."""
    rows = snapshot.passages(passages)
    uris = [rows[passage].places[0].uri for passage in passages]
    return np.array([uri in relevant or uri.split("#")[0] in relevant for uri in uris], np.bool_)


def answer(
    snapshot: Snapshot,
    way: Setting,
    query: str,
    ranked: Sequence[Ranked],
    rival: float | None,
    kind: int,
    relevant: NDArray[np.bool_],
) -> Answer:
    """The first hits with what is known of them."""
    first = ranked[:HITS]
    known = evidence(first, rival, snapshot.terms.full_score(query), way.dim, snapshot.manifest) if first else None
    # A hybrid search that had to leave out a leg says nothing of how the two are weighed.
    if known is None or known.mode != way.mode:
        return Answer(kind, None, np.zeros(0, np.bool_))
    return Answer(kind, known, relevant[:HITS])


def fitted(sets: Sequence[Answers]) -> dict[str, Weights]:
    """Weights of the evidence, by mode, learnt from all dimensions of some sets.

    Every set counts the same, whatever its number of queries, and so does each of its queries of one kind.

    Raises:
        EvaluationError: all sets are too small.
    """
    weights = {}
    for mode in MODES:
        parts = [weighed(own) for answers in sets for way, own in answers.items() if way.mode == mode and usable(own)]
        if not parts:
            raise EvaluationError(
                f"The other tasks are too small to learn from for mode {mode}: one needs {FEWEST} documents and "
                f"{FEWEST_QUERIES} queries."
            )
        known = joined([known for known, _, _ in parts])
        relevant, counts = (np.concatenate([part[place] for part in parts]) for place in (1, 2))
        weights[mode] = logistic(known, relevant, counts)
    return weights


def usable(answers: Sequence[Answer]) -> bool:
    """Whether there are queries enough, of each kind, to learn from."""
    numbers = Counter(answer.kind for answer in answers if answer.known)
    return all(numbers[kind] >= FEWEST_QUERIES for kind in SHARES)


def weighed(answers: Sequence[Answer]) -> tuple[Evidence, NDArray[np.bool_], NDArray[np.float64]]:
    """Evidence of all hits, which are relevant, and how much each counts; all together 1, if there is every kind."""
    found = [(answer.known, answer) for answer in answers if answer.known]
    number = Counter(answer.kind for _, answer in found)
    counts = [
        np.full(len(answer.relevant), SHARES[answer.kind] / number[answer.kind] / len(answer.relevant))
        for _, answer in found
    ]
    return (
        joined([known for known, _ in found]),
        np.concatenate([answer.relevant for _, answer in found]),
        np.concatenate(counts),
    )


def joined(parts: Sequence[Evidence]) -> Evidence:
    """Evidence of several searches of one mode, one after the other."""
    meaning = [part.meaning for part in parts if part.meaning is not None]
    words = [part.words for part in parts if part.words is not None]
    return Evidence(
        np.concatenate(meaning) if meaning else None,
        np.concatenate(words) if words else None,
        np.concatenate([part.behind for part in parts]),
    )


def logistic(known: Evidence, relevant: NDArray[np.bool_], counts: NDArray[np.float64]) -> Weights:
    """The weights that make what is relevant most likely.

    Args:
        known: Of n hits.
        relevant: (n,), what is to be told.
        counts: (n,), how much each hit counts.
    """
    from scipy.optimize import minimize

    meaning = 0 if known.meaning is None else known.meaning.shape[1]
    words = 0 if known.words is None else known.words.shape[1]

    def unpacked(values: NDArray[np.float64]) -> Weights:
        numbers = values.tolist()
        return Weights(
            tuple(numbers[:meaning]) if meaning else None,
            tuple(numbers[meaning:-1]) if words else None,
            numbers[-1],
        )

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = unpacked(values)
        odds = log_odds(known, weights)
        off = counts * (probability(odds) - relevant)
        # What a leg's own odds are of both together is by how much they move them.
        legs = odds - weights.behind * known.behind
        slopes = [
            own.T @ (off * np.exp(own @ np.array(part) - legs))
            for own, part in ((known.meaning, weights.meaning), (known.words, weights.words))
            if own is not None and part is not None
        ]
        cost = counts @ (np.logaddexp(0, odds) - relevant * odds)
        return float(cost), np.concatenate([*slopes, [off @ known.behind]])

    # From where either leg has some odds, which grow with its score.
    start = [*([-3.0, 1.0, 0.0, 0.0, 0.0] if meaning else []), *([-3.0, 3.0] if words else []), 1.0]
    return unpacked(minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-7 * counts.sum()}).x)


@dataclass(frozen=True)
class Figures:
    """What relevances are worth.

    Attributes:
        auc: By kind of unanswerable query, HARD or EASY: how often an answerable query's best hit has a higher
            relevance than an unanswerable one's.
        brier: Mean square of what the relevance of a hit is off.
        base: The same if every hit were given the share of relevant ones.
        error: Expected calibration error: what mean relevance and share of relevant hits are apart, over ten bins.
        best: The highest relevance of a hit, by kind, of each query that every leg of the mode could see.
    """

    auc: dict[int, float]
    brier: float
    base: float
    error: float
    best: dict[int, NDArray[np.float64]]


def figures(answers: Sequence[Answer], weights: Weights) -> Figures:
    """Judge relevances that some weights give."""
    known, relevant, counts = weighed(answers)
    chance = probability(log_odds(known, weights))
    share = float(counts @ relevant / counts.sum())
    bins = np.minimum((chance * BINS).astype(int), BINS - 1)
    off = counts * (chance - relevant)
    best = {
        kind: np.array([answer.best(weights) for answer in answers if answer.kind == kind and answer.known])
        for kind in (ANSWERABLE, HARD, EASY)
    }
    return Figures(
        auc={kind: auc(best[ANSWERABLE], best[kind]) for kind in (HARD, EASY)},
        brier=float(counts @ (chance - relevant) ** 2 / counts.sum()),
        base=share * (1 - share),
        error=float(sum(abs(off[bins == place].sum()) for place in range(BINS)) / counts.sum()),
        best=best,
    )


def auc(high: NDArray[np.float64], low: NDArray[np.float64]) -> float:
    """Probability that a number of the first is higher than one of the second; ties count half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / 2 / len(low))


def refusals(best: Mapping[int, NDArray[np.float64]], kind: int, threshold: float) -> tuple[float, float]:
    """Precision and recall of refusing what has no hit of some relevance, were half of the queries answerable.

    Args:
        best: The highest relevance of a hit, by kind of query.
        kind: Of the unanswerable queries.
        threshold: Below this a query is refused.
    """
    wrong, right = (float((best[which] < threshold).mean()) for which in (ANSWERABLE, kind))
    return right / (right + wrong) if right + wrong else 1.0, right


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of retrieval tasks.")
@click.option("--queries", default=500, show_default=True, type=click.IntRange(10), help="Of each task, at random.")
@click.option("--fit", is_flag=True, help="Print the weights learnt from all tasks, for search/relevance.py.")
def cli(data: Path, queries: int, fit: bool) -> None:
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
    sets = collected(tasks, queries)
    if fit:
        for mode, weights in fitted([answers for name, answers in sets.items() if name != EXAMPLE_SET]).items():
            click.echo(f'    "{mode}": {printed(weights)},')
        return
    judged = {name: judge(name, sets) for name in sets}
    click.echo("\n".join(quality_table(judged)))
    click.echo()
    click.echo("\n".join(refusal_table(judged)))


EXAMPLE_SET = "example corpus"
TRANSLATIONS = " (translations)"


def printed(weights: Weights) -> str:
    """Weights as they stand in search/relevance.py."""

    def numbers(own: tuple[float, ...] | None) -> str:
        return f"({', '.join(f'{weight:.3f}' for weight in own)})" if own else "None"

    return f"Weights({numbers(weights.meaning)}, {numbers(weights.words)}, {weights.behind:.3f})"


def as_retrieval(task: Task) -> RetrievalTask:
    """A task of translations as one in which each second text finds the first; a retrieval task as it is."""
    if isinstance(task, RetrievalTask):
        return task
    if not isinstance(task, BitextTask):
        raise EvaluationError(f"{task.name} is no task to search.")
    docids = tuple(str(number) for number in range(len(task.first)))
    relevant = tuple(frozenset([docid]) for docid in docids)
    return RetrievalTask(task.name + TRANSLATIONS, docids, task.first, task.second, relevant)


def collected(tasks: Sequence[RetrievalTask], number: int) -> dict[str, Answers]:
    """What an index of each task, and one of the example corpus, answers."""
    asked: dict[str, list[Asked]] = {}
    for task in tasks:
        twins = twins_of(task.docids, task.texts)
        places = random.Random(0).sample(range(len(task.queries)), min(number, len(task.queries)))
        asked[task.name] = [
            Asked(task.queries[place], frozenset(twin for docid in task.relevant[place] for twin in twins[docid]))
            for place in places
        ]
    records = read_records(EXAMPLES / "queries.jsonl")
    asked[EXAMPLE_SET] = [Asked(record["query"], frozenset(record["relevant"])) for record in records[:number]]
    full = StaticEmbedder.load().dimension
    dims = [dim for dim in DIMS if dim <= full]
    others = {name: foreign_queries(asked, name, number) for name in asked}
    sets: dict[str, Answers] = {}
    for task in tasks:
        with searcher_over(task.docids, task.texts, None, full) as searcher:
            modes = ("hybrid", "dense") if task.name.endswith(TRANSLATIONS) else MODES
            sets[task.name] = answers_of(searcher.folder, asked[task.name], others[task.name], dims, modes)
    with tempfile.TemporaryDirectory() as folder:
        build(EXAMPLES / "corpus", Path(folder, "index"), Settings(dim=full))
        sets[EXAMPLE_SET] = answers_of(Path(folder, "index"), asked[EXAMPLE_SET], others[EXAMPLE_SET], dims)
    return sets


def foreign_queries(asked: Mapping[str, Sequence[Asked]], name: str, number: int) -> list[str]:
    """Queries of the other sets, of each as many."""
    others = [queries for other, queries in asked.items() if other != name]
    return [query for queries in others for query, _ in queries[: -(-number // len(others))]]


def judge(name: str, sets: Mapping[str, Answers]) -> dict[Setting, Figures]:
    """Figures of one set by weights learnt from the other tasks."""
    weights = fitted([answers for other, answers in sets.items() if other not in (name, EXAMPLE_SET)])
    return {way: figures(answers, weights[way.mode]) for way, answers in sets[name].items() if usable(answers)}


def quality_table(judged: Mapping[str, Mapping[Setting, Figures]]) -> Iterator[str]:
    """Lines of a Markdown table: what relevances are worth."""
    yield "| index | search | AUC, taken out | AUC, other queries | Brier score (of the mean) | calibration error |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, ways in judged.items():
        for way, own in ways.items():
            yield (
                f"| {name} | {way} | {own.auc[HARD]:.3f} | {own.auc[EASY]:.3f} | {own.brier:.3f} ({own.base:.3f}) "
                f"| {own.error:.3f} |"
            )


def refusal_table(judged: Mapping[str, Mapping[Setting, Figures]]) -> Iterator[str]:
    """Lines of a Markdown table: precision and recall of refusing, and answerable queries that are refused.

    Of searches at the dimension that an index has by default.
    """
    yield (
        "| index | search | threshold | answerable refused, % | taken out: precision, % | recall, % "
        "| other queries: precision, % | recall, % |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, ways in judged.items():
        for way, own in ways.items():
            for threshold in THRESHOLDS if way.mode == "bm25" or way.dim == DEFAULT_DIM else ():
                lost = float((own.best[ANSWERABLE] < threshold).mean())
                rates = [rate for kind in (HARD, EASY) for rate in refusals(own.best, kind, threshold)]
                mark = " (default)" if threshold == GOOD_MATCH else ""
                numbers = " | ".join(f"{100 * rate:.0f}" for rate in (lost, *rates))
                yield f"| {name} | {way} | {threshold}{mark} | {numbers} |"


if __name__ == "__main__":
    run(cli, "python -m experiments.abstention", "Nothing was kept.")
