"""Settings of a search, measured on judged queries."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval

from experiments.examples import EXAMPLES
from sakuin.index import store
from sakuin.index.build import build
from sakuin.search import Searcher
from sakuin.tuning.candidate_table import fetch
from sakuin.tuning.judged import JudgedQuery, databases, judgements_of, read_judged
from sakuin.tuning.settings import Setting, measure_setting, ranked_names


@pytest.fixture(scope="module")
def searcher(example_index: Path) -> Iterator[Searcher]:
    with Searcher.open(example_index) as opened:
        yield opened


@pytest.fixture(scope="module")
def judged(searcher: Searcher) -> list[JudgedQuery]:
    with closing(store.connect(searcher.folder, read_only=True)) as connection:
        return list(judgements_of(read_judged(EXAMPLES / "queries.jsonl"), connection).queries)[:30]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "bm25"])
def test_figures_are_those_of_trec_eval(searcher: Searcher, judged: list[JudgedQuery], mode: str) -> None:
    setting = Setting(mode, None if mode == "bm25" else 64)
    figures = measure_setting(searcher, judged, setting=setting, k=5)
    qrels = {str(i): {name: int(gain) for name, gain in query.gains.items()} for i, query in enumerate(judged)}
    run = {
        str(i): {name: -float(rank) for rank, name in enumerate(ranked_names(searcher, query, setting, 5))}
        for i, query in enumerate(judged)
    }
    run = {query: ranking for query, ranking in run.items() if ranking}
    oracle = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut_5", "recip_rank", "recall_5"}).evaluate(run)
    for i in range(len(judged)):
        expected = oracle.get(str(i), {"ndcg_cut_5": 0, "recip_rank": 0, "recall_5": 0})
        assert figures.ndcg[i] == pytest.approx(expected["ndcg_cut_5"])
        assert figures.mrr[i] == pytest.approx(expected["recip_rank"])
        assert figures.recall[i] == pytest.approx(expected["recall_5"])
        assert figures.first[i] == (round(1 / expected["recip_rank"]) if expected["recip_rank"] else 0)


def test_they_agree_with_what_tuning_counts(searcher: Searcher, judged: list[JudgedQuery]) -> None:
    with databases(searcher) as connections:
        found = fetch(searcher.whole, searcher.model, judged, connections=connections, dim=256)
    for mode, other in (("dense", found.by_dense()), ("bm25", found.by_bm25())):
        mine = measure_setting(searcher, judged, setting=Setting(mode, None), k=10)
        np.testing.assert_allclose(mine.ndcg, found.figures(other).ndcg)


def test_documents_are_counted_not_passages(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "long.txt").write_text("\n\n".join(f"The cat sat on mat {i}. " * 30 for i in range(60)))
    (tmp_path / "corpus" / "short.txt").write_text("Dogs and a cat.")
    build(tmp_path / "corpus", tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        assert len(searcher.search("cat", k=100, mode="bm25", group="passage").hits) > 15
        query = JudgedQuery("the cat sat on the mat", {"short.txt": 1.0})
        assert ranked_names(searcher, query, Setting("bm25", None), 2) == ["long.txt", "short.txt"]
        told: list[tuple[int, int]] = []
        figures = measure_setting(
            searcher, [query], setting=Setting("bm25", None), k=2, progress=lambda *done: told.append(done)
        )
        assert figures.first.tolist() == [2]
        assert told == [(1, 1)]
