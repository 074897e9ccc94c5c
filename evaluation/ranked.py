"""Figures of a whole search: an index of the task's corpus, one passage a document, searched as a user would."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from evaluation.dense import CUTOFF
from evaluation.metrics import ndcg_at
from evaluation.tasks import RetrievalTask
from index.documents import Document, Passage
from index.writer import IndexWriter, Settings
from search import Searcher


@contextmanager
def searcher_over(task: RetrievalTask, model: str | None, dim: int | None) -> Iterator[Searcher]:
    """A searcher over a throw-away index of the task's corpus."""
    with tempfile.TemporaryDirectory() as folder:
        with IndexWriter(Path(folder), Settings(model, dim)) as writer:
            for docid, text in zip(task.docids, task.texts, strict=True):
                title, _, body = text.partition("\n")
                # One passage a document; the title is joined to it again when it is indexed.
                document = Document(docid, title if body else "", body or text)
                writer.add(document, docid, [Passage(0, len(document.text), "")])
            writer.commit()
        with Searcher.open(folder) as searcher:
            yield searcher


def score_search(task: RetrievalTask, model: str | None, modes: Sequence[str], dim: int | None) -> dict[str, float]:
    """Mean nDCG@10 of each search mode; 0 to 1."""
    with searcher_over(task, model, dim) as searcher:
        return {
            mode: float(
                np.mean(
                    [
                        ndcg_at(CUTOFF, [h.document.uri for h in searcher.search(query, CUTOFF, mode).hits], relevant)
                        for query, relevant in zip(task.queries, task.relevant, strict=True)
                    ]
                )
            )
            for mode in modes
        }
