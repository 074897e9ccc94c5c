"""Rows of the hub's data sets, in their columns, made up for these tests."""

import sys
import types
from typing import Any

import pytest

from sakuin.evaluation.hub import (
    CONVERTED,
    JMTEB_TASKS,
    classification,
    clustering,
    find_hub_tasks,
    jacwir,
    jqara,
    load_rows,
    pair_classification,
    reranking,
    retrieval,
    sts,
)
from sakuin.tuning.errors import EvaluationError

CORPUS = [{"docid": 7, "text": "猫の飼い方"}, {"docid": 8, "text": "犬の飼い方"}, {"docid": 9, "text": "猫の飼い方"}]


def gains(task: Any, query: int) -> dict[str, float]:
    return {task.texts[place]: gain for place, gain in zip(task.candidates[query], task.gains[query], strict=True)}


def test_jmteb_retrieval_has_one_answer_or_a_list() -> None:
    queries: list[dict[str, Any]] = [{"query": "猫", "relevant_docs": 7}, {"query": "飼い方", "relevant_docs": [7, 8]}]
    task = retrieval("jmteb/x", queries, CORPUS)
    assert task.docids == ("7", "8", "9")
    assert task.relevant == (frozenset({"7"}), frozenset({"7", "8"}))


def test_jmteb_reranking_is_graded() -> None:
    queries = [{"query": "猫", "retrieved_docs": [7, 8, 9], "relevance_scores": [1, 0, 3]}]
    task = reranking("jmteb/esci", queries, CORPUS)
    assert task.metric == "ndcg@10"
    # Two documents of one text are one candidate, worth what the better is.
    assert gains(task, 0) == {"猫の飼い方": 3, "犬の飼い方": 0}


def test_jmteb_pairs_and_labels() -> None:
    pairs = [
        {"sentence1": "猫", "sentence2": "ネコ", "label": 4.5},
        {"sentence1": "猫", "sentence2": "犬", "label": 1.0},
    ]
    assert sts("x", pairs).scores == (4.5, 1.0)
    assert pair_classification("x", [{**pairs[0], "label": 1}, {**pairs[1], "label": 0}]).labels == (1, 0)
    rows = [{"text": "猫", "label": 0}, {"text": "株", "label": 1}]
    assert classification("x", rows, rows[:1]).labels == ("0",)
    assert clustering("x", rows).labels == ("0", "1")


def test_jqara_groups_passages_by_question() -> None:
    def row(q_id: str, title: str, text: str, label: int) -> dict[str, Any]:
        question = f"質問{q_id}"
        return {
            "id": "1",
            "passage_row_id": 2,
            "q_id": q_id,
            "question": question,
            "answers": ["猫"],
            "title": title,
            "text": text,
            "label": label,
        }

    task = jqara([row("A", "猫", "魚を食べる", 1), row("B", "犬", "骨をかじる", 1), row("A", "犬", "骨をかじる", 0)])
    assert task.queries == ("質問A", "質問B")
    assert gains(task, 0) == {"猫\n魚を食べる": 1, "犬\n骨をかじる": 0}
    assert gains(task, 1) == {"犬\n骨をかじる": 1}
    assert task.metric == "ndcg@10"


def test_jacwir_takes_documents_from_its_collection() -> None:
    collection = [
        {"doc_id": f"d{i}", "title": title, "description": text, "link": "", "date": ""}
        for i, (title, text) in enumerate([("猫", "魚"), ("犬", "骨"), ("馬", "草")])
    ]
    task = jacwir([{"query": "骨が好きな動物は？", "positive": "d1", "negatives": ["d0", "d2"]}], collection)
    assert gains(task, 0) == {"犬\n骨": 1, "猫\n魚": 0, "馬\n草": 0}
    assert task.metric == "map@10"


def fake_datasets(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []

    def load_dataset(path: str, subset: str | None, split: str, **more: Any) -> Any:
        asked.append((path, subset, split, more))
        given = answer(more) if callable(answer) else answer
        if isinstance(given, Exception):
            raise given
        return given

    module = types.ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return asked


def test_subsets_and_splits_that_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_datasets(monkeypatch, [{"sentence1": "猫", "sentence2": "犬", "label": 1.0}])
    found = find_hub_tasks("jmteb/jsts")
    assert asked == []
    assert found["jmteb/jsts"].read().name == "jmteb/jsts"
    assert asked == [("sbintuitions/JMTEB", "jsts", "test", {})]
    assert find_hub_tasks("jmteb").keys() == {f"jmteb/{name}" for name in JMTEB_TASKS}


def test_a_loading_script_is_never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = RuntimeError("Dataset scripts are no longer supported, but found JMTEB.py")
    rows = [{"label": 1.0}]
    asked = fake_datasets(monkeypatch, lambda more: rows if more.get("revision") == CONVERTED else refusal)
    assert load_rows("sbintuitions/JMTEB", "jsts", "test") == rows
    assert asked[1] == ("sbintuitions/JMTEB", "jsts", "test", {"revision": CONVERTED})


def test_what_to_do_when_the_hub_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_datasets(monkeypatch, ConnectionError("no route to host\nand more"))
    with pytest.raises(EvaluationError, match=r"\(no route to host\)\. Check the network"):
        load_rows("hotchpotch/JQaRA", None, "test")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(EvaluationError, match=r"pip install .*\[eval\]"):
        load_rows("hotchpotch/JQaRA", None, "test")
    with pytest.raises(EvaluationError, match=r"no tasks jmteb/nothing .*jmteb/jsts"):
        find_hub_tasks("jmteb/nothing")
