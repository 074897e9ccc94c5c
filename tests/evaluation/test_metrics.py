"""Metrics and tasks against independent libraries."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from evaluation.cli import cli
from evaluation.metrics import ndcg_at, spearman
from evaluation.tasks import EvaluationError, read_tasks

names = st.lists(st.integers(0, 30).map(str), unique=True, min_size=1, max_size=25)


@given(names, st.sets(st.integers(0, 30).map(str), min_size=1, max_size=12))
def test_ndcg_is_that_of_trec_eval(ranked: list[str], relevant: set[str]) -> None:
    import pytrec_eval

    run = {"q": {name: float(len(ranked) - place) for place, name in enumerate(ranked)}}
    judge = pytrec_eval.RelevanceEvaluator({"q": dict.fromkeys(relevant, 1)}, {"ndcg_cut.10"})
    assert ndcg_at(10, ranked, relevant) == pytest.approx(judge.evaluate(run)["q"]["ndcg_cut_10"], abs=1e-6)


def test_spearman_averages_ties() -> None:
    a, b = np.array([1.0, 2, 2, 3, 9]), np.array([1.0, 3, 2, 2, 7])
    ranks_a, ranks_b = np.array([1, 2.5, 2.5, 4, 5]), np.array([1, 4, 2.5, 2.5, 5])
    assert spearman(a, b) == pytest.approx(float(np.corrcoef(ranks_a, ranks_b)[0, 1]))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    def write(name: str, rows: list[dict[str, object]]) -> None:
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (tmp_path / name).write_text(text, encoding="utf-8")

    write(
        "pets_retrieval_corpus.jsonl",
        [
            {"docid": "1", "title": "猫", "text": "猫は魚を食べる。"},
            {"docid": "2", "title": "", "text": "株価が大きく下がった。"},
            {"docid": "3", "title": "Rain", "text": "It rains in June."},
        ],
    )
    write(
        "pets_retrieval_queries.jsonl",
        [{"query": "猫の食べ物", "relevant_docs": ["1"]}, {"query": "rain in June", "relevant_docs": ["3"]}],
    )
    write(
        "same_valid.jsonl",
        [
            {"sentence1": "猫が好き", "sentence2": "猫が大好き", "score": 5},
            {"sentence1": "猫が好き", "sentence2": "犬が好き", "score": 2.5},
            {"sentence1": "猫が好き", "sentence2": "株価が下がった", "score": 0},
        ],
    )
    return tmp_path


def test_the_command_measures_every_task(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    result = CliRunner().invoke(cli, ["--data", str(data), "--dims", "256,64", "--json", str(out)])
    assert result.exit_code == 0, result.output
    figures = json.loads(out.read_text(encoding="utf-8"))["figures"]
    assert figures["pets"] == {"dense 256": 100, "dense 64": 100, "bm25": 100, "hybrid": 100}
    assert figures["same_valid"]["dense 256"] == 100
    assert "| pets | 100.0 | 100.0 | 100.0 | 100.0 |" in result.output


def test_missing_tasks_are_named(data: Path) -> None:
    with pytest.raises(EvaluationError, match=r"no task nothing; it has: pets, same_valid"):
        read_tasks(data, ("nothing",))
    (data / "pets_retrieval_corpus.jsonl").write_text("{}\nnot json", encoding="utf-8")
    with pytest.raises(EvaluationError, match="line 2"):
        read_tasks(data)
