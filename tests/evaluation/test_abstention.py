import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from experiments.abstention.__main__ import cli
from experiments.abstention.answers import ANSWERABLE, EASY, HARD, Answer, Asked, answers_of
from experiments.abstention.corpora import add_long_document, form, pairs_as_task
from experiments.abstention.quality import auc, below, quality_of
from experiments.abstention.weights import logistic
from experiments.examples import EXAMPLES
from sakuin.index.build import build
from sakuin.search import Searcher
from sakuin.search.relevance import Evidence, Weights, log_odds, probability
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.records import read_records

Write = Callable[[str, Sequence[dict[str, Any]]], Path]


@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_auc_is_that_of_sklearn(high: list[int], low: list[int]) -> None:
    expected = roc_auc_score([1] * len(high) + [0] * len(low), high + low)
    assert auc(np.array(high, float), np.array(low, float)) == pytest.approx(expected)


def test_logistic_regression_is_that_of_sklearn() -> None:
    generator = np.random.default_rng(0)
    words = np.column_stack([np.ones(400), generator.normal(size=400)])
    behind = -generator.random(400)
    known = np.column_stack([words, behind])
    relevant = known @ [-1.0, 2.0, 0.5] + generator.logistic(size=400) > 0
    counts = generator.random(400)
    own = logistic(Evidence(None, words, behind), relevant, counts)
    other = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-8, max_iter=1000).fit(known, relevant, counts)
    assert own.meaning is None
    assert [*(own.words or ()), own.behind] == pytest.approx(other.coef_[0], abs=1e-3)


def test_weights_of_both_legs_are_found_again() -> None:
    """Of hits that answer with a probability that known weights give."""
    generator = np.random.default_rng(0)
    number = 50_000
    beyond, shorter = generator.normal(0, 2, number), generator.integers(-2, 3, number).astype(float)
    one = np.ones(number)
    ahead = generator.exponential(1, number)
    meaning = np.column_stack([one, beyond, shorter, beyond * shorter, ahead])
    words = np.column_stack([one, generator.normal(0, 1, number)])
    known = Evidence(meaning, words, -generator.random(number))
    true = Weights((-3.0, 1.0, -0.5, -0.1, 0.7), (-2.0, 2.0), 3.0)
    relevant = generator.random(number) < probability(log_odds(known, true))
    own = logistic(known, relevant, np.full(number, 1 / number))
    assert own.meaning == pytest.approx(true.meaning, abs=0.15)
    assert own.words == pytest.approx(true.words, abs=0.15)
    assert own.behind == pytest.approx(true.behind, abs=0.15)


def test_refused_is_what_lies_below_the_threshold() -> None:
    assert below(np.array([0.9, 0.8, 0.1, 0.01]), 0.1) == 0.25


def test_quality_of_known_relevances() -> None:
    # With these weights relevance is the logistic function of what words say.
    def answer(kind: int, chances: list[float], relevant: list[bool]) -> Answer:
        chance = np.array(chances)
        words = np.column_stack([np.ones(len(chance)), np.log(chance / (1 - chance))])
        return Answer(kind, Evidence(None, words, np.zeros(len(chance))), np.array(relevant, np.bool_))

    answers = [
        answer(ANSWERABLE, [0.9, 0.2], [True, False]),
        answer(ANSWERABLE, [0.4, 0.3], [True, False]),
        answer(HARD, [0.5, 0.1], [False, False]),
        answer(EASY, [0.05], [False]),
    ]
    own = quality_of(answers, Weights(None, (0.0, 1.0), 0.0))
    assert own.auc == {HARD: 0.5, EASY: 1}
    chances = [0.9, 0.2, 0.4, 0.3, 0.5, 0.1, 0.05]
    relevant = [1, 0, 1, 0, 0, 0, 0]
    weights = [0.125] * 6 + [0.25]
    assert own.brier == pytest.approx(brier_score_loss(relevant, chances, sample_weight=weights))
    assert own.base == pytest.approx(0.25 * 0.75)
    # Each hit is alone in its tenth.
    expected = np.dot(weights, np.abs(np.array(chances) - relevant))
    assert own.error == pytest.approx(expected)
    assert own.best[HARD] == pytest.approx([0.5])


def test_relevant_documents_are_left_out_of_the_second_answer(example_index: Path) -> None:
    records = [record for record in read_records(EXAMPLES / "queries.jsonl") if not record["paraphrase"]][:5]
    asked = [Asked(record["query"], frozenset(record["relevant"])) for record in records]
    found = answers_of(example_index, asked, ["クォークと格子"], (1024, 256))
    assert {(way.mode, way.dim) for way in found} == {("hybrid", 256), ("dense", 256), ("bm25", 256)}
    for answers in found.values():
        assert [answer.kind for answer in answers] == [ANSWERABLE, HARD] * 5 + [EASY]
        assert any(answer.relevant.any() for answer in answers)
        assert not any(answer.relevant.any() for answer in answers if answer.kind != ANSWERABLE)
        assert all(len(answer.relevant) == len(answer.known.behind) <= 10 for answer in answers if answer.known)
        assert any(answer.known for answer in answers)


@pytest.fixture
def tasks(write: Write, tmp_path: Path) -> Path:
    """Two tasks that are large enough to be calibrated."""
    for name, thing in (("first", "駅"), ("second", "recipe")):
        texts = [f"{thing} {number}番の{word}について説明します。" for number in range(6) for word in "猫犬馬鳥魚牛"]
        write(
            f"{name}_retrieval_corpus", [{"docid": str(i), "title": "", "text": text} for i, text in enumerate(texts)]
        )
        queries = [{"query": text[:-7], "relevant_docs": [str(i)]} for i, text in enumerate(texts)]
        write(f"{name}_retrieval_queries", queries)
    return tmp_path / "data"


def test_the_command_prints_both_tables_and_the_weights(tasks: Path) -> None:
    shown = CliRunner().invoke(cli, ["--data", str(tasks), "--queries", "36", "--dims", "256"])
    assert shown.exit_code == 0, shown.output
    quality, abstention = shown.stdout.strip().split("\n\n")
    for name in ("first", "second", "example corpus", "example corpus with a long form"):
        assert f"| {name} | hybrid, 256 | " in quality
        assert f"| {name} | bm25 | " in abstention
    weights = CliRunner().invoke(cli, ["--data", str(tasks), "--queries", "36", "--dims", "256", "--fit"])
    assert [line.split(":")[0].strip() for line in weights.stdout.splitlines()] == ['"hybrid"', '"dense"', '"bm25"']


def test_a_long_document_is_a_third_of_all_passages(tmp_path: Path) -> None:
    build(EXAMPLES / "corpus" / "it", tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        before = searcher.counts()["passages"]
    add_long_document(tmp_path / "index", form(), before // 2, 256)
    with Searcher.open(tmp_path / "index") as searcher:
        assert searcher.counts()["passages"] == before + before // 2


def test_headings_are_to_find_the_passages_below_them(tmp_path: Path) -> None:
    rows = [("設定", "一つ目"), ("設定", "二つ目"), ("概要", "一つ目")]
    lines = [json.dumps({"query": query, "passage": passage, "lang": "ja"}) for query, passage in rows]
    (tmp_path / "guide.jsonl").write_text("\n".join(lines), encoding="utf-8")
    task = pairs_as_task(tmp_path / "guide.jsonl")
    assert sorted(task.texts) == ["一つ目", "二つ目"]
    found = {
        query: {task.texts[task.docids.index(docid)] for docid in docids}
        for query, docids in zip(task.queries, task.relevant, strict=True)
    }
    assert found == {"設定": {"一つ目", "二つ目"}, "概要": {"一つ目"}}


def test_too_few_and_too_small_tasks_are_named(tasks: Path) -> None:
    (tasks / "second_retrieval_corpus.jsonl").write_text('{"docid": "1", "text": "駅"}', encoding="utf-8")
    (tasks / "second_retrieval_queries.jsonl").write_text('{"query": "駅", "relevant_docs": ["1"]}', encoding="utf-8")
    with pytest.raises(EvaluationError, match="too small"):
        CliRunner().invoke(cli, ["--data", str(tasks), "--queries", "10", "--dims", "256"], catch_exceptions=False)
    for path in tasks.glob("second*"):
        path.unlink()
    with pytest.raises(EvaluationError, match="takes two"):
        CliRunner().invoke(cli, ["--data", str(tasks)], catch_exceptions=False)
