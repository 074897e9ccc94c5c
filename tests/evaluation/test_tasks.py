from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sakuin.evaluation.families import digest, make_reranking
from sakuin.evaluation.tasks import (
    ClassificationTask,
    RerankingTask,
    RetrievalTask,
    find_tasks,
    read_tasks,
)
from sakuin.tuning.errors import EvaluationError

Write = Callable[[str, Sequence[dict[str, Any]]], Path]


def test_every_file_is_recognised(data: Path) -> None:
    assert {name: task.family for name, task in find_tasks(data).items()} == {
        "pets": "retrieval",
        "pets_reranking": "reranking",
        "same_valid": "sts",
        "topic": "classification",
        "topic_clustering": "clustering",
        "entails": "pair_classification",
        "phrases_bitext": "bitext",
    }


def test_a_text_is_title_newline_text(data: Path) -> None:
    (task,) = read_tasks(data, ("pets",))
    assert isinstance(task, RetrievalTask)
    assert task.texts[:2] == ("猫\n猫は魚を食べる。", "株価が大きく下がった。")
    assert task.relevant == (frozenset({"1"}), frozenset({"3"}))


def test_test_files_go_before_validation_files(data: Path, write: Write) -> None:
    write("topic_test", [{"text": "羊が草を食べる。", "label": 0}])
    (task,) = read_tasks(data, ("topic",))
    assert isinstance(task, ClassificationTask)
    assert task.texts == ("羊が草を食べる。",)
    assert len(task.train_texts) == 8


def test_the_order_of_candidates_says_nothing() -> None:
    texts = [f"候補{i}" for i in range(20)]
    task = make_reranking("x", [("問", dict.fromkeys(texts, 0.0) | {texts[0]: 1.0})])
    last = make_reranking("x", [("問", dict.fromkeys(reversed(texts), 0.0) | {texts[0]: 1.0})])
    assert task.gains == last.gains
    assert sorted(task.texts) == sorted(texts)
    assert task.gains[0].index(1.0) != 0


def test_queries_without_an_answer_are_left_out(data: Path, write: Write) -> None:
    rows: list[dict[str, Any]] = [{"query": "a", "relevant_docs": []}, {"query": "b", "relevant_docs": [2]}]
    write("pets_retrieval_queries", rows)
    unanswered: dict[str, Any] = {"query": "c", "positives": [], "negatives": ["d"]}
    write("pets_reranking", [unanswered, {"query": "e", "positives": ["f"], "negatives": ["d"]}])
    retrieval, reranking = read_tasks(data, ("pets", "pets_reranking"))
    assert isinstance(retrieval, RetrievalTask)
    assert isinstance(reranking, RerankingTask)
    assert retrieval.queries == ("b",)
    assert reranking.queries == ("e",)
    write("pets_retrieval_queries", rows[:1])
    write("pets_reranking", [unanswered])
    for name in ("pets", "pets_reranking"):
        with pytest.raises(EvaluationError, match=f"{name} has no query with a relevant"):
            read_tasks(data, (name,))


def test_tasks_are_chosen_by_name_and_family(data: Path) -> None:
    assert [task.name for task in read_tasks(data, ("same_valid", "pets"))] == ["same_valid", "pets"]
    assert [task.name for task in read_tasks(data, families=("sts", "bitext"))] == ["phrases_bitext", "same_valid"]
    with pytest.raises(EvaluationError, match=r"no task nothing; there are: entails, pets, pets_reranking"):
        read_tasks(data, ("nothing",))
    with pytest.raises(EvaluationError, match=r"no task of family sts among: pets \(retrieval\)\.$"):
        read_tasks(data, ("pets",), families=("sts",))
    with pytest.raises(EvaluationError, match=r"no task of family sts among: pets \(retrieval\)"):
        read_tasks(_only_pets(data), families=("sts",))


def _only_pets(data: Path) -> Path:
    for path in data.iterdir():
        if not path.name.startswith("pets_retrieval"):
            path.unlink()
    return data


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("same_valid", '{"sentence1": "a", "sentence2": "b", "score": 1}\nnot json', "line 2: not JSON"),
        ("same_valid", '{"sentence1": "a", "sentence2": "b", "score": 1}\n\n[]', "line 3: not an object"),
        ("same_valid", '{"sentence1": "a", "sentence2": "b", "score": 1}\n{"sentence1": "a"}', "line 2: .*'sentence2'"),
        ("same_valid", '{"sentence1": "a", "sentence2": 3, "score": 1}', "line 1: sentence2 must be a string"),
        ("same_valid", '{"sentence1": "a", "sentence2": "b", "score": "x"}', "line 1: could not convert"),
        ("entails", '{"sentence1": "a", "sentence2": "b", "pair_label": 2}', "line 1: the label of a pair must be 0"),
        ("pets_retrieval_queries", '{"query": "a", "relevant_docs": "1"}', "line 1: relevant_docs must be a list"),
        ("pets_retrieval_corpus", '{"docid": 1, "text": "a"}\n{"docid": 1, "text": "b"}', "docid 1 more than once"),
        ("pets_retrieval_queries", "", "is empty"),
        ("topic_train", '{"text": "a", "label": 1}', "only one label"),
        ("same_valid", '{"sentence1": "a", "sentence2": "b", "score": 1}', "only one score"),
    ],
)
def test_a_bad_line_is_named(data: Path, name: str, content: str, message: str) -> None:
    path = data / f"{name}.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(EvaluationError, match=message) as caught:
        read_tasks(data)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("removed", "missing"),
    [
        ("pets_retrieval_corpus", "pets_retrieval_corpus.jsonl"),
        ("pets_retrieval_queries", "pets_retrieval_queries.jsonl"),
        ("topic_train", "topic_train.jsonl"),
        ("topic_valid", "topic_valid.jsonl"),
    ],
)
def test_half_a_task_is_refused(data: Path, removed: str, missing: str) -> None:
    (data / f"{removed}.jsonl").unlink()
    with pytest.raises(EvaluationError, match=missing):
        find_tasks(data)


def test_a_folder_without_tasks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="has no tasks: it needs"):
        read_tasks(tmp_path)
    with pytest.raises(EvaluationError, match="No folder"):
        read_tasks(tmp_path / "nowhere")


def test_a_digest_is_of_the_content(data: Path, write: Write) -> None:
    (before,) = read_tasks(data, ("same_valid",))
    rows = [("猫が大好き", 5), ("株価が下がった", 0)]
    write("other", [{"sentence1": "猫が好き", "sentence2": other, "score": score} for other, score in rows])
    (other,) = read_tasks(data, ("other",))
    (again,) = read_tasks(data, ("same_valid",))
    assert digest(before) == digest(again) != digest(other)
