"""Words of kanji are found by how they are read, where no passage has them in kana."""

from pathlib import Path

import pytest

from sakuin import Index
from sakuin.index.text.readings import readings_of, written
from sakuin.search import Searcher

TEXTS = {
    "move": "引っ越しの手続きと費用。",
    "injury": "怪我をした日の届け。",
    "learning": "学習の記録を残す。",
    "designated": "指定の用紙を使う。",
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ひっこし", ["move"]),
        ("けが", ["injury"]),
        ("ケガ", ["injury"]),
        ("がくしゅう", ["learning"]),
        ("ひっこしのてつづき", ["move"]),
        ("ひっこし がくしゅう", ["learning", "move"]),
        ("学習していた", ["learning"]),
    ],
)
def test_kana_find_words_of_kanji(tmp_path: Path, query: str, expected: list[str]) -> None:
    with Index.open(tmp_path) as index:
        index.add([{"id": name, "text": text} for name, text in TEXTS.items()])
    with Searcher.open(tmp_path) as searcher:
        hits = searcher.search(query, mode="bm25").hits
    assert sorted(hit.document.id for hit in hits) == expected


def test_kana_that_stand_in_a_passage_are_not_widened(tmp_path: Path) -> None:
    with Index.open(tmp_path) as index:
        index.add([{"id": name, "text": text} for name, text in {**TEXTS, "kana": "けがに注意。"}.items()])
    with Searcher.open(tmp_path) as searcher:
        assert [hit.document.id for hit in searcher.search("けが", mode="bm25").hits] == ["kana"]


def test_terms_that_are_one_word_are_read() -> None:
    read = readings_of(["怪我", "越し手", "けが", "学習", "學", "generation"])
    assert read == {"ケガ": ("怪我",), "ガクシュウ": ("学習",)}


def test_a_stretch_is_read_wholly_or_not_at_all() -> None:
    readings = {"シテイ": ("指定",), "ケガ": ("怪我",)}
    for query in ("しているところ", "けがをしている", "けがにつき", "とけが"):
        assert list(written(query, lambda: readings, lambda term: 0)) == []
    assert list(written("けがのしてい", lambda: readings, lambda term: 0)) == [("けが", "怪我"), ("してい", "指定")]
