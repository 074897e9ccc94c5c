"""Titles and headings offered while a query is typed."""

import random
from pathlib import Path

from sakuin import Index
from sakuin.index.store.listing import reading
from sakuin.index.store.titles import read_titles
from sakuin.ui.completions import LONGEST, Completions

TEXTS = [
    "年次有給休暇の申請方法",
    "有給休暇",
    "Expense reports",
    "Reporting an expense",
    "ＶＰＮの設定",
    "x" * (LONGEST + 1),
]


def test_what_begins_with_what_is_typed_comes_first_then_what_is_short() -> None:
    completions = Completions(TEXTS)
    assert completions.of("有給") == ["有給休暇", "年次有給休暇の申請方法"]
    assert completions.of("年次 有給") == ["年次有給休暇の申請方法"]
    assert completions.of("report") == ["Reporting an expense", "Expense reports"]
    # In any width and case; but no part within a word, nothing that is there already, and no single letter.
    assert completions.of("vpn") == ["ＶＰＮの設定"]
    assert (
        completions.of("port") == completions.of("有給休暇 ")[1:] == completions.of("v") == completions.of(" \n") == []
    )
    assert completions.of("xx") == []
    assert Completions([]).of("有給") == []


def test_it_finds_what_a_look_at_every_text_finds() -> None:
    chance = random.Random(3)
    texts = list({"".join(chance.choices("あいうえ", k=chance.randint(2, 6))) for _ in range(300)})
    completions = Completions(texts)
    for typed in ["あ", "い", "あい", "うえあ", "ええええええ"]:
        expected = sorted(
            (not text.startswith(typed), len(text), number)
            for number, text in enumerate(texts)
            if typed in text and text != typed
        )
        assert completions.of(typed, most=1000) == [texts[number] for *_, number in expected]


def test_titles_and_headings_of_an_index_the_newest_first(tmp_path: Path) -> None:
    with Index.open(tmp_path / ".sakuin") as index:
        index.add({"id": "a", "title": "古い題", "text": "文です。"})
        (tmp_path / "b.md").write_text("# 新しい題\n\n## 中の見出し\n\n文です。\n", encoding="utf-8")
        index.add_files([tmp_path / "b.md"])
    with reading(tmp_path / ".sakuin") as connection:
        assert read_titles(connection) == ["新しい題", "古い題", "中の見出し"]
