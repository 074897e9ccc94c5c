"""What a second opinion is worth: `python -m experiments.second_opinion --data FOLDER`.

Every retrieval task of a folder is ranked by BM25, by a transformer's vectors of the whole corpus, by both of these
fused as `search.fusion` fuses the legs, by hybrid search, and by hybrid search with the transformer's opinion on its
first hits, as `search.rerank` adds it. The weight is also chosen on all other sets but one, for each in turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from sakuin.cli.running import run
from sakuin.embedder.model import normalized
from sakuin.evaluation.cache import Cache, default_folder
from sakuin.evaluation.families import RetrievalTask
from sakuin.evaluation.models import E5Model, load_models
from sakuin.evaluation.nearest import nearest
from sakuin.evaluation.runner import vectors_of
from sakuin.evaluation.searching import searcher_over
from sakuin.evaluation.tasks import read_tasks
from sakuin.search.candidates import CANDIDATES
from sakuin.search.fusion import Fusion, Scaling, normalised
from sakuin.search.ranked import Ranked
from sakuin.search.ranking import rank
from sakuin.search.request import SearchRequest
from sakuin.search.rerank.combining import WEIGHT
from sakuin.search.searcher import Searcher
from sakuin.tuning.metrics import CUTOFF, ndcg_at
from sakuin.tuning.significance import estimate, randomisation_test

TRANSFORMER = "e5-small"
TOPS = (10, 20, 50, 100)
WEIGHTS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, WEIGHT, 0.5)
LEADS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
TOP = 20

Figures = NDArray[np.float64]


@dataclass(frozen=True)
class SetRanked:
    """One set.

    Attributes:
        name: Of the set.
        scores: Of each query, fused scores (n,) of what hybrid search ranks, best first.
        documents: Of each query, the docids of the places of each of these passages.
        opinions: Of each query, the transformer's cosines (n,).
        gains: Of each query, of the documents that answer it.
        alone: nDCG@10 of each query (queries,) by the other ways.
    """

    name: str
    scores: list[Figures]
    documents: list[list[list[str]]]
    opinions: list[NDArray[np.float32]]
    gains: list[dict[str, float]]
    alone: dict[str, Figures]

    def figures(self, weight: float = 0.0, top: int = TOP, lead: float = np.inf) -> Figures:
        """nDCG@10 of each query (queries,) with an opinion of some weight, as `search.rerank.combining` adds it.

        Args:
            weight: Of the opinion; 0 for hybrid search alone.
            top: On so many of the first hits.
            lead: Nobody is asked where the first hit is ahead of the second by so much.
        """
        found = []
        for scores, names, opinions, gains in zip(self.scores, self.documents, self.opinions, self.gains, strict=True):
            sums = (1 - weight) * scores
            if weight and len(scores) and not clear(scores, lead):
                sums[:top] += Scaling.of(opinions[:top], weight).share(opinions[:top])
            order = np.argsort(-sums, kind="stable")[:CUTOFF]
            found.append(ndcg_at(CUTOFF, [docid for number in order for docid in names[number]], gains))
        return np.array(found)

    def clear(self, lead: float) -> float:
        """The share of queries in which the first hit leads by so much."""
        return float(np.mean([clear(scores, lead) for scores in self.scores]))


def clear(scores: Figures, lead: float) -> bool:
    """Whether the first of scores (n,) is ahead of the second by so much."""
    return len(scores) > 1 and bool(scores[0] - scores[1] >= lead)


def ranked_set(task: RetrievalTask, model: E5Model, cache: Cache, queries: int) -> SetRanked:
    """Rank a set in every way.

    Args:
        task: One passage a document.
        model: The transformer.
        cache: Keeps its vectors.
        queries: At most so many, drawn by chance.
    """
    vectors = {name: normalized(own) for name, own in vectors_of(model, task, cache).items()}
    drawn = np.sort(np.random.default_rng(0).permutation(len(task.queries))[:queries])
    asked = vectors["queries"][drawn]
    gains = [dict.fromkeys(task.relevant[number], 1.0) for number in drawn]
    at = {docid: row for row, docid in enumerate(task.docids)}
    rows = vectors["texts"].astype(np.float16).astype(np.float32)
    with searcher_over(task.docids, task.texts, model=None, dim=256) as searcher:
        texts = [task.queries[number] for number in drawn]
        hits = [ranked_by(searcher, text, "hybrid") for text in texts]
        words = [ranked_by(searcher, text, "bm25") for text in texts]
        ids = sorted({hit.passage_id for one in (*hits, *words) for hit in one})
        places = {
            passage_id: [place.document_id for place in row.places]
            for passage_id, row in searcher.snapshot.passages(ids).items()
        }
        full = [searcher.snapshot.terms.full_score(text) for text in texts]
    documents = [[places[hit.passage_id] for hit in one] for one in hits]
    opinions = [rows[[at[named[0]] for named in one]] @ vector for one, vector in zip(documents, asked, strict=True)]
    near, _ = nearest(asked, vectors["texts"], k=CANDIDATES)
    by_vectors = [[task.docids[row] for row in one] for one in near.tolist()]
    by_words = [{docid: hit.score for hit in one for docid in places[hit.passage_id]} for one in words]
    joined = [
        fused(own, matched, vectors["texts"] @ vector, task.docids, whole)
        for own, matched, vector, whole in zip(by_vectors, by_words, asked, full, strict=True)
    ]
    alone = {
        "BM25": [list(one) for one in by_words],
        TRANSFORMER: by_vectors,
        f"BM25 + {TRANSFORMER}": joined,
    }
    return SetRanked(
        task.name,
        [np.array([hit.score for hit in one]) for one in hits],
        documents,
        opinions,
        gains,
        {
            name: np.array([ndcg_at(CUTOFF, own, gain) for own, gain in zip(lists, gains, strict=True)])
            for name, lists in alone.items()
        },
    )


def ranked_by(searcher: Searcher, query: str, mode: str) -> list[Ranked]:
    """The first hundred of a search."""
    request = SearchRequest(query=query, k=CANDIDATES, mode=mode)
    return rank(searcher.whole, searcher.model, request).hits


def fused(
    near: Sequence[str], matched: dict[str, float], cosines: NDArray[np.float32], docids: Sequence[str], full: float
) -> list[str]:
    """Docids in the order of the weighted sum of a transformer's cosines and BM25, as the legs are fused.

    Args:
        near: The nearest, best first.
        matched: BM25 scores, of those that it lists; others count as its lowest.
        cosines: float32 (documents,), of the whole corpus.
        docids: Of the whole corpus.
        full: `index.terms.Terms.full_score` of the query.
    """
    if not matched:
        return list(near)
    candidates = list(dict.fromkeys((*matched, *near)))
    at = {docid: row for row, docid in enumerate(docids)}
    dense = normalised(cosines[[at[docid] for docid in candidates]])
    lowest = min(matched.values()) if len(matched) >= CANDIDATES else 0.0
    words = normalised(np.array([matched.get(docid, lowest) for docid in candidates], np.float32))
    weight = Fusion().weight(max(matched.values()), full)
    order = np.argsort(-((1 - weight) * dense + weight * words), kind="stable")
    return [candidates[number] for number in order]


def tables(sets: Sequence[SetRanked]) -> list[str]:
    """Markdown: each way on each set, weights and depths, weights chosen elsewhere, and clear leads."""
    plain = [one.figures() for one in sets]
    opinion = [one.figures(WEIGHT, TOP) for one in sets]
    ways = {name: [one.alone[name] for one in sets] for name in sets[0].alone}
    ways |= {"hybrid": plain, f"hybrid, {TRANSFORMER} on the first {TOP}": opinion}
    lines = [row(name, [printed(own) for own in figures], mean(figures)) for name, figures in ways.items()]
    changes = [randomisation_test(after, before) for after, before in zip(opinion, plain, strict=True)]
    shown = [f"{100 * one.value:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f})" for one in changes]
    lines.append(row("change", shown, f"{100 * float(np.mean([one.value for one in changes])):+.2f}"))
    found = [table("nDCG@10", sets, lines)]
    gained = {
        (weight, top): [
            float((one.figures(weight, top) - before).mean()) for one, before in zip(sets, plain, strict=True)
        ]
        for top in TOPS
        for weight in WEIGHTS
    }
    found.append(
        table("change", sets, [row(f"{w:.2f}, first {top}", *points(own)) for (w, top), own in gained.items()])
    )
    if len(sets) > 1:
        chosen = []
        for held in range(len(sets)):
            rest = {w: np.mean(np.delete(gained[w, TOP], held)) for w in WEIGHTS}
            chosen.append(max(rest, key=lambda weight: rest[weight]))
        held_out = [gained[weight, TOP][number] for number, weight in enumerate(chosen)]
        shown = [f"{100 * value:+.2f} ({weight:.2f})" for value, weight in zip(held_out, chosen, strict=True)]
        found.append(table("weight of the others", sets, [row("change", shown, f"{100 * np.mean(held_out):+.2f}")]))
    leading = []
    for lead in LEADS:
        cells = [
            f"{100 * float((one.figures(WEIGHT, TOP, lead) - with_it).mean()):+.2f}, {100 * one.clear(lead):.0f} %"
            for one, with_it in zip(sets, opinion, strict=True)
        ]
        leading.append(row(f"lead of {lead}", cells, ""))
    found.append(table("change by not asking, share not asked", sets, leading))
    return found


def table(corner: str, sets: Sequence[SetRanked], lines: Sequence[str]) -> str:
    """A Markdown table with a column for each set and one for their mean."""
    head = [corner, *(f"{one.name} ({len(one.scores):,})" for one in sets), "mean"]
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines])


def row(name: str, cells: Sequence[str], last: str) -> str:
    """A line of a table."""
    return f"| {' | '.join([name, *cells, last])} |"


def points(values: Sequence[float]) -> tuple[list[str], str]:
    """Differences times 100, and their mean."""
    return [f"{100 * value:+.2f}" for value in values], f"{100 * float(np.mean(values)):+.2f}"


def printed(figures: Figures) -> str:
    """A mean with its 95 % interval, times 100."""
    own = estimate(figures)
    return f"{100 * own.value:.1f} ({100 * own.low:.1f} to {100 * own.high:.1f})"


def mean(figures: Sequence[Figures]) -> str:
    """The mean of sets, times 100."""
    return f"{100 * float(np.mean([own.mean() for own in figures])):.2f}"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of tasks; see docs/evaluation.md.")
@click.option("--tasks", default="", help="Names of tasks, separated by commas [default: all retrieval].")
@click.option("--queries", default=100_000, help="Of each set at most so many, drawn by chance.")
def cli(data: Path, tasks: str, queries: int) -> None:
    """Compare hybrid search without and with a second opinion on the retrieval tasks of a folder.

    \b
    python -m experiments.second_opinion --data ../shared/eval
    """
    names = tuple(name.strip() for name in tasks.split(",") if name.strip())
    ((model,), _) = load_models([TRANSFORMER], pooling=None, prompts={"query": None, "passage": None})
    assert isinstance(model, E5Model)
    sets = []
    for task in read_tasks(data, names, families=("retrieval",)):
        assert isinstance(task, RetrievalTask)
        sets.append(ranked_set(task, model, Cache(default_folder()), queries))
        click.echo(f"{task.name}: {len(sets[-1].scores):,} queries", err=True)
    click.echo("\n\n".join(tables(sets)))


if __name__ == "__main__":
    run(cli, "python -m experiments.second_opinion", interrupted="Vectors are kept: the same command goes on.")
