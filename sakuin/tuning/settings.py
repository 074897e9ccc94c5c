"""Settings of a search, measured on judged queries of an index: what a user of those settings would get."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.index import store
from sakuin.search import Searcher
from sakuin.tuning.judged import JudgedQuery, names_in_ranking, sources_of
from sakuin.tuning.metrics import ndcg_at, recall_at, reciprocal_rank_at

Progress = Callable[[int, int], None]
"""Called with searches done, and of all."""

# Several passages of one document count once, so more are asked for than are counted; should they be too few, more yet.
HITS_A_DOCUMENT = 3
MORE = 4
MOST_HITS = 1000


@dataclass(frozen=True)
class Setting:
    """How a search is asked for.

    Attributes:
        mode: Of the search.
        dim: How many dimensions of the vectors are compared; None for all, and in mode "bm25".
        rerank: The transformer that is asked for a second opinion; "" for none.
    """

    mode: str
    dim: int | None
    rerank: str = ""


@dataclass(frozen=True)
class SettingFigures:
    """Of each judged query, (queries,).

    Attributes:
        ndcg, mrr, recall: float64, 0 to 1: nDCG@k, reciprocal rank among the first k, recall@k.
        first: int64, rank of the first document that should be found, from 1; 0 where none is among the first k.
    """

    ndcg: NDArray[np.float64]
    mrr: NDArray[np.float64]
    recall: NDArray[np.float64]
    first: NDArray[np.int64]


def measure_setting(
    searcher: Searcher,
    judged: Sequence[JudgedQuery],
    *,
    setting: Setting,
    k: int,
    progress: Progress = lambda done, total: None,
) -> SettingFigures:
    """Search for each query and compare what is found with what was judged.

    Args:
        searcher: Of the index.
        judged: Queries whose judgements name something in it, see `tuning.judged.judgements_of`.
        setting: What to search with.
        k: Cut-off rank of all figures, counted in documents.
        progress: Told of each query.

    Raises:
        SearchError: the index does not store so many dimensions.
    """
    rows = []
    for done, query in enumerate(judged, 1):
        ranked = ranked_names(searcher, query, setting, k)
        first = next((rank for rank, name in enumerate(ranked, 1) if query.gains.get(name, 0.0) > 0), 0)
        figures = (metric(k, ranked, query.gains) for metric in (ndcg_at, reciprocal_rank_at, recall_at))
        rows.append((*figures, first))
        progress(done, len(judged))
    ndcg, mrr, recall, first_ranks = np.array(rows, np.float64).reshape(-1, 4).T
    return SettingFigures(ndcg, mrr, recall, first_ranks.astype(np.int64))


def ranked_names(searcher: Searcher, query: JudgedQuery, setting: Setting, k: int) -> list[str]:
    """The first k documents found, best first, each once, by the names that the judgements use."""
    wanted = HITS_A_DOCUMENT * k
    while True:
        found = searcher.search(
            query.query,
            k=wanted,
            mode=setting.mode,
            dim=setting.dim,
            group="passage",
            rerank=setting.rerank or False,
            syntax=False,
        )
        hits = found.hits
        passage_ids = [int(hit.passage_id, 16) for hit in hits]
        with closing(store.connect(searcher.folder, read_only=True)) as connection:
            sources = sources_of(passage_ids, connection)
        each = [names_in_ranking(i, sources.get(i, []), query.gains) for i in passage_ids]
        names = (name for some in each for name in some)
        ranked = list(dict.fromkeys(names))[:k]
        if len(ranked) == k or len(hits) < wanted or wanted >= MOST_HITS:
            return ranked
        wanted = min(MORE * wanted, MOST_HITS)
