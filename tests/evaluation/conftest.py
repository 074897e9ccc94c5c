"""A small task of every family, written for these tests."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Write = Callable[[str, Sequence[dict[str, Any]]], Path]

ANIMALS = ["猫は魚を食べる。", "犬が庭で骨をかじる。", "馬は草原を走る。", "鳥が木の枝で鳴く。", "猫が犬とけんかした。"]
MONEY = [
    "株価が大きく下がった。",
    "銀行の金利が上がる。",
    "税金を払う。",
    "会社の売上が伸びた。",
    "円安で輸入品が値上がりした。",
]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows to a JSON Lines file of a folder of tasks."""
    folder = tmp_path / "data"
    folder.mkdir()

    def to_file(name: str, rows: Sequence[dict[str, Any]]) -> Path:
        path = folder / f"{name}.jsonl"
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
        return path

    return to_file


@pytest.fixture
def data(write: Write) -> Path:
    """A folder with a task of every family."""
    write(
        "pets_retrieval_corpus",
        [
            {"docid": "1", "title": "猫", "text": "猫は魚を食べる。"},
            {"docid": "2", "title": "", "text": "株価が大きく下がった。"},
            {"docid": "3", "title": "Rain", "text": "It rains in June."},
        ],
    )
    write(
        "pets_retrieval_queries",
        [{"query": "猫の食べ物", "relevant_docs": ["1"]}, {"query": "rain in June", "relevant_docs": ["3"]}],
    )
    write(
        "pets_reranking",
        [
            {
                "query": "猫の食べ物",
                "positives": ["猫は魚を食べる。"],
                "negatives": ["株価が下がった。", "税金を払う。"],
            },
            {"query": "金利", "positives": ["銀行の金利が上がる。"], "negatives": ["馬は草原を走る。"]},
        ],
    )
    write(
        "same_valid",
        [
            {"sentence1": "猫が好き", "sentence2": "猫が大好き", "score": 5},
            {"sentence1": "猫が好き", "sentence2": "犬が好き", "score": 2.5},
            {"sentence1": "猫が好き", "sentence2": "株価が下がった", "score": 0},
        ],
    )
    labelled = [{"text": text, "label": 0} for text in ANIMALS] + [{"text": text, "label": 1} for text in MONEY]
    write("topic_train", labelled[:4] + labelled[5:9])
    write("topic_valid", [labelled[4], labelled[9]])
    write("topic_clustering", labelled)
    write(
        "entails",
        [
            {"sentence1": "猫が寝ている", "sentence2": "猫が眠っている", "label": "entailment", "pair_label": 1},
            {"sentence1": "猫が寝ている", "sentence2": "税金を払う", "label": "neutral", "pair_label": 0},
        ],
    )
    write(
        "phrases_bitext", [{"ja": "猫が好きです。", "en": "I like cats."}, {"ja": "税金を払う。", "en": "I pay taxes."}]
    )
    return write("notes", [{"anything": "else"}]).parent
