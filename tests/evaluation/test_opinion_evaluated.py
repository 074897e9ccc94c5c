"""Searches with a second opinion among what is evaluated, by a transformer that is drawn by chance."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from experiments.second_opinion import TOP, WEIGHT, E5Model, ranked_set, tables
from sakuin.cli.evaluation import cli
from sakuin.evaluation.cache import Cache
from sakuin.evaluation.dense import evaluate_vectors
from sakuin.evaluation.runner import vectors_of
from sakuin.evaluation.searching import searcher_over
from sakuin.evaluation.tasks import RetrievalTask, read_tasks
from sakuin.search.rerank import loading
from sakuin.tuning.metrics import ndcg_at
from tests.evaluation.conftest import Write
from tests.search.test_rerank import Chance


@pytest.fixture
def task(write: Write, monkeypatch: pytest.MonkeyPatch) -> RetrievalTask:
    """Forty documents that say nearly the same."""
    monkeypatch.setitem(loading._loaded, "e5-small", Chance("evaluated"))
    names = [f"{animal}の{part}" for animal in "猫犬鳥魚虫" for part in "餌声爪羽骨目耳尾"]
    write("pets_retrieval_corpus", [{"docid": name, "title": name, "text": f"{name}と猫の話。"} for name in names])
    queries = write("pets_retrieval_queries", [{"query": f"{name}は", "relevant_docs": [name]} for name in names])
    (found,) = read_tasks(queries.parent)
    assert isinstance(found, RetrievalTask)
    return found


def test_a_search_with_an_opinion_is_scored_as_it_ranks(task: RetrievalTask, write: Write, tmp_path: Path) -> None:
    names = ["e5-small", "hybrid", "hybrid+e5-small", "bm25+e5-small"]
    models = [argument for name in names for argument in ("--model", name)]
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "--no-cache", *models, "--json", str(out)])
    assert done.exit_code == 0, done.output
    figures = json.loads(out.read_text(encoding="utf-8"))["models"]
    measured = {name: next(iter(figures[name]["tasks"]["pets"]["scores"].values())) for name in names}
    with searcher_over(task.docids, task.texts, model=None, dim=256) as searcher:
        for name in names[1:]:
            mode, _, rerank = name.partition("+")
            own = [
                [hit.document.id for hit in searcher.search(query, mode=mode, rerank=rerank or False).hits]
                for query in task.queries
            ]
            gains = [dict.fromkeys(docids, 1.0) for docids in task.relevant]
            expected = np.mean([ndcg_at(10, ranked, gain) for ranked, gain in zip(own, gains, strict=True)])
            assert measured[name] == pytest.approx(expected, abs=1e-6)
    assert measured["hybrid"] != measured["hybrid+e5-small"]
    model = E5Model("e5-small", Chance("evaluated"))
    vectors = vectors_of(model, task, Cache(None))
    assert measured["e5-small"] == pytest.approx(evaluate_vectors(task, vectors).score, abs=1e-6)


def test_the_study_ranks_as_searches_do(task: RetrievalTask) -> None:
    found = ranked_set(task, E5Model("e5-small", Chance("evaluated")), Cache(None), queries=1000)
    with searcher_over(task.docids, task.texts, model=None, dim=256) as searcher:
        for figures, rerank in (
            (found.figures(), False),
            (found.figures(WEIGHT, TOP), "e5-small"),
        ):
            own = [[hit.document.id for hit in searcher.search(query, rerank=rerank).hits] for query in task.queries]
            expected = [
                ndcg_at(10, ranked, dict.fromkeys(docids, 1.0))
                for ranked, docids in zip(own, task.relevant, strict=True)
            ]
            np.testing.assert_allclose(figures, expected, atol=1e-9)
    shown = "\n".join(tables([found, found]))
    assert f"| hybrid, e5-small on the first {TOP} |" in shown
    assert "lead of 0.1" in shown
