"""Figures of a whole search: an index of a task's documents, one passage a document, searched as a user would."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from sakuin.evaluation.families import RerankingTask, RetrievalTask
from sakuin.evaluation.results import WHOLE_RANKING, TaskResult, result_of_rankings
from sakuin.index.documents import Document, Passage
from sakuin.index.settings import Settings
from sakuin.index.writer import IndexWriter
from sakuin.search import Searcher
from sakuin.tuning.metrics import CUTOFF

ScoredDocids = list[tuple[str, float]]
"""Docids with their scores, best first."""


@contextmanager
def searcher_over(
    docids: Sequence[str], texts: Sequence[str], *, model: str | None, dim: int | None
) -> Iterator[Searcher]:
    """A searcher over a throw-away index of documents, whose first line is their title if they have several."""
    with tempfile.TemporaryDirectory() as folder:
        with IndexWriter(Path(folder), Settings(model, dim)) as writer:
            for docid, text in zip(docids, texts, strict=True):
                title, _, body = text.partition("\n")
                # One passage a document; the title is joined to it again when it is indexed.
                document = Document(id=docid, title=title if body else "", text=body or text)
                writer.add(document, docid, [Passage(0, len(document.text), "")])
            writer.commit()
        with Searcher.open(folder) as searcher:
            yield searcher


def evaluate_search(
    task: RetrievalTask | RerankingTask, modes: Sequence[str], *, model: str | None, dim: int | None
) -> dict[str, TaskResult]:
    """Figures of each search mode.

    Args:
        task: Retrieval searches one index of the whole corpus. Reranking makes an index of its own for each query's
            candidates, so that BM25's statistics are those of the candidates, as in JQaRA's evaluation.
        model: Of the index: None for the packaged model.
        modes: "bm25", "hybrid" or "dense", or with a second opinion, as "hybrid+e5-small".
        dim: Dimensions stored of each vector; None for the index's default.
    """
    if isinstance(task, RetrievalTask):
        of_modes = rank_corpus(task, modes, model=model, dim=dim)
        ranked = {mode: [docids_of(each) for each in rankings] for mode, rankings in of_modes.items()}
    else:
        ranked = rank_candidates(task, modes, model=model, dim=dim)
    return {mode: result_of_rankings(task, ranked[mode]) for mode in modes}


def rank_corpus(
    task: RetrievalTask, modes: Sequence[str], *, model: str | None, dim: int | None, k: int = CUTOFF
) -> dict[str, list[ScoredDocids]]:
    """For each mode and query, the best k docids with their scores."""
    with searcher_over(task.docids, task.texts, model=model, dim=dim) as searcher:
        return {
            mode: [
                search(searcher, query, k=k, mode=mode) for query in tqdm(task.queries, mode, leave=False, disable=None)
            ]
            for mode in modes
        }


def rank_candidates(
    task: RerankingTask, modes: Sequence[str], *, model: str | None, dim: int | None
) -> dict[str, list[list[str]]]:
    """For each mode and query, the best candidates, called by their indices in ``task.texts``."""
    ranked: dict[str, list[list[str]]] = {mode: [] for mode in modes}
    questions = zip(task.queries, task.candidates, strict=True)
    for query, indices in tqdm(questions, "reranking", len(task.queries), leave=False, disable=None):
        texts = [task.texts[index] for index in indices]
        docids = [str(index) for index in indices]
        k = len(docids) if task.metric == WHOLE_RANKING else CUTOFF
        with searcher_over(docids, texts, model=model, dim=dim) as searcher:
            for mode in modes:
                ranked[mode].append(docids_of(search(searcher, query, k=k, mode=mode)))
    return ranked


def search(searcher: Searcher, query: str, *, k: int, mode: str) -> ScoredDocids:
    """The best k docids with their scores; documents of the same text, which are found once, each with the same.

    ``mode`` may name what is asked for a second opinion too, as in "hybrid+e5-small".
    """
    mode, _, rerank = mode.partition("+")
    hits = searcher.search(query, k=k, mode=mode, group="passage", rerank=rerank or False, syntax=False).hits
    return [(place.document.id, hit.score) for hit in hits for place in hit.places][:k]


def docids_of(ranking: ScoredDocids) -> list[str]:
    """The docids of a ranking."""
    return [docid for docid, _ in ranking]
