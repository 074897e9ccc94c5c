"""What indexes answer to queries that they have an answer to, and to queries that they do not."""

import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from experiments.abstention.corpora import LENGTHENED, LONG, add_long_document, base_of, long_texts
from experiments.examples import EXAMPLES
from sakuin.embedder import StaticEmbedder
from sakuin.evaluation.families import BitextTask, RetrievalTask, Task
from sakuin.evaluation.searching import searcher_over
from sakuin.index.build import build
from sakuin.index.model import load_model
from sakuin.index.settings import Settings
from sakuin.index.snapshot import Snapshot, open_index
from sakuin.search import MODES, SearchRequest
from sakuin.search.legs import dense_leg
from sakuin.search.local_part import LocalPart
from sakuin.search.ranked import Ranked
from sakuin.search.ranking import Ranking, rank
from sakuin.search.relevance import RIVAL, Evidence, Weights, evidence, log_odds, probability
from sakuin.search.whole import Whole
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
        dims: Dimensions of the vectors to compare.
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
    return rank(Whole.of_one(LocalPart(snapshot, beside)), model, request)


def answering(snapshot: Snapshot, passages: Sequence[int], relevant: frozenset[str]) -> NDArray[np.bool_]:
    """Which passages (n,) are of relevant documents or files."""
    rows = snapshot.passages(passages)
    uris = [[place.uri for place in rows[passage].places] for passage in passages]
    return np.array([any({uri, uri.split("#")[0]} & relevant for uri in own) for own in uris], np.bool_)


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


EXAMPLE_SET = "example corpus"
TRANSLATIONS = " (translations)"


def as_retrieval(task: Task) -> RetrievalTask:
    """A task of translations as one in which each second text finds the first; a retrieval task as it is."""
    if isinstance(task, RetrievalTask):
        return task
    if not isinstance(task, BitextTask):
        raise EvaluationError(f"{task.name} is no task to search.")
    docids = tuple(str(number) for number in range(len(task.first)))
    relevant = tuple(frozenset([docid]) for docid in docids)
    return RetrievalTask(task.name + TRANSLATIONS, docids, task.first, task.second, relevant)


def collected(
    tasks: Sequence[RetrievalTask], number: int, *, dims: Sequence[int] = DIMS, pairs: Path | None = None
) -> dict[str, Answers]:
    """What an index of each task, and one of the example corpus, answers; of some also with a long document.

    Args:
        tasks: Two or more.
        number: Queries of each at most.
        dims: Dimensions to search at; those beyond the model's are left out.
        pairs: Folder of training pairs; None to do without the long document that is made of some.

    Returns:
        Answers by name of the task.
    """
    asked: dict[str, list[Asked]] = {}
    for task in tasks:
        chosen = random.Random(0).sample(range(len(task.queries)), min(number, len(task.queries)))
        asked[task.name] = [Asked(task.queries[row], task.relevant[row]) for row in chosen]
    records = read_records(EXAMPLES / "queries.jsonl")
    asked[EXAMPLE_SET] = [Asked(record["query"], frozenset(record["relevant"])) for record in records[:number]]
    full = StaticEmbedder.load().dimension
    dims = [dim for dim in dims if dim <= full]
    others = {name: foreign_queries(asked, name, number) for name in asked}
    texts = long_texts(pairs)
    sets: dict[str, Answers] = {}

    def answered(name: str, folder: Path, modes: Sequence[str] = MODES) -> None:
        sets[name] = answers_of(folder, asked[base_of(name)], others[base_of(name)], dims, modes)

    for task in tasks:
        modes = ("hybrid", "dense") if task.name.endswith(TRANSLATIONS) else MODES
        for kind in (None, *texts) if task.name in LENGTHENED else (None,):
            with searcher_over(task.docids, task.texts, model=None, dim=full) as searcher:
                if kind:
                    add_long_document(searcher.folder, texts[kind](), len(task.docids) // 2, full)
                answered(f"{task.name}{LONG}{kind}" if kind else task.name, searcher.folder, modes)
    for kind in (None, *texts):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary, "index")
            build(EXAMPLES / "corpus", folder, Settings(dim=full))
            if kind:
                with closing(open_index(folder)) as snapshot:
                    passages = snapshot.manifest.passages
                add_long_document(folder, texts[kind](), passages // 2, full)
            answered(f"{EXAMPLE_SET}{LONG}{kind}" if kind else EXAMPLE_SET, folder)
    return sets


def foreign_queries(asked: Mapping[str, Sequence[Asked]], name: str, number: int) -> list[str]:
    """Queries of the other sets, of each as many."""
    others = [queries for other, queries in asked.items() if other != name]
    return [query for queries in others for query, _ in queries[: -(-number // len(others))]]
