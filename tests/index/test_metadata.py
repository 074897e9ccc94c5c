"""Title, dates, author, language and place: under the same names whatever file says them."""

from dataclasses import replace
from pathlib import Path

import pytest

from sakuin import Index
from sakuin.index.build import build
from sakuin.index.documents import Document, Position
from sakuin.index.readers import language
from sakuin.index.readers.dates import iso_date
from sakuin.index.readers.fields import metadata_of
from sakuin.index.readers.letters import Letter
from sakuin.index.readers.mail import read as read_mail
from sakuin.index.readers.outlook import as_mail
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import first_line, first_words, title_of
from tests.index.samples import sheet_file

JAPANESE = "有給休暇は、取得する日の三日前までに申請してください。急な病気のときは当日でもかまいません。" * 3
ENGLISH = "The report of the committee is due in the first week of May, and it was sent to all of the members. " * 3


def one(name: str, text: str) -> Document:
    (document,) = read_source(Source(uri=name, data=text.encode()))
    assert isinstance(document, Document)
    return document


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("就業規則\n本文", "就業規則"),
        ("有給休暇は何日ありますか？\n十日です。", "有給休暇は何日ありますか？"),
        ("お世話になっております。\n山田です。", ""),
        ("2024年5月1日\n議事録", ""),
        ("----------\n議事録", ""),
        ("一行だけ", ""),
    ],
)
def test_a_first_line_is_a_title_where_it_looks_like_one(text: str, title: str) -> None:
    assert first_line(text) == title
    assert title_of("a/名前.txt", text=text) == (title or "名前")


def test_the_best_evidence_gives_the_title() -> None:
    assert title_of("名前.pdf", stated="規程", heading="一章", text="一行\n二行") == "規程"
    assert title_of("名前.pdf", stated="無題", heading="一章", text="一行\n二行") == "一章"
    assert first_words(["2024-05-01", "12", "りんご"]) == "りんご"
    assert one("a.html", "<title>Document</title><h1>手引</h1><p>本文").title == "手引"


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2024-05-01T10:00:00+09:00", "2024-05-01"),
        ("2024/5/1", "2024-05-01"),
        ("2024年5月1日", "2024-05-01"),
        ("D:20240501103000+09'00'", "2024-05-01"),
        ("Wed, 01 May 2024 10:30:00 +0900", "2024-05-01"),
        ("2024", "2024"),
        ("2024-13-40", ""),
        ("昨日", ""),
    ],
)
def test_dates_are_as_iso_8601_has_them(written: str, day: str) -> None:
    assert iso_date(written) == day


def test_lines_of_rich_text_and_headings_of_saved_pages_are_titles() -> None:
    assert (
        one("名前.rtf", r"{\rtf1\ansi Travel expenses\par Hand in the form within ten days.}").title
        == "Travel expenses"
    )
    page = "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n<h1>手引</h1><p>本文"
    assert one("名前.mht", page).title == "手引"


def test_names_are_the_same_in_all_files() -> None:
    page = one(
        "a.html",
        "<html lang=ja-JP><meta name=author content=山田><meta property=article:published_time "
        "content=2024-05-01T09:00Z><meta property=article:modified_time content=2024/05/02><p>本文",
    )
    expected = {"author": "山田", "created": "2024-05-01", "modified": "2024-05-02", "language": "ja"}
    assert page.metadata == expected
    text = one("a.md", "---\nauthors: [山田, 佐藤]\ndate: 2024-05-01\nlastmod: 2024-05-02\nlang: ja-JP\n---\n本文")
    assert {name: text.metadata[name] for name in expected} == expected | {"author": ["山田", "佐藤"]}
    assert text.metadata["date"] == "2024-05-01"


def test_a_language_is_told_where_it_is_clear() -> None:
    assert one("a.txt", JAPANESE).metadata == {"language": "ja"}
    assert one("a.txt", ENGLISH).metadata == {"language": "en"}
    assert one("a.html", f"<html lang=fr><p>{ENGLISH}").metadata == {"language": "fr"}
    assert language.detected(f"「{JAPANESE}」（①〜⑩）…１２３😀") == "ja"
    assert language.detected(f"“{ENGLISH}” — 10 °C, 😀😀😀、。") == "en"
    assert language.detected("、。「」・…１２３😀" * 20) == ""
    for text in (
        "短い",
        "Le rapport de la commission est attendu dans la semaine, et il sera ensuite distribué à tous les membres.",
        "von = [wert for wert in liste if wert]\nfor eintrag in von:\n    print(eintrag, datei, zeile)\n" * 5,
        "東京都千代田区丸之内一丁目二番三号大手町合同庁舎第四号館総務部総務課長補佐様宛書類在中至急開封願",
    ):
        assert language.detected(text) == ""


def test_lists_stay_lists() -> None:
    value = {"tags": ["a"], "by": [{"name": "山田"}], "one": {"name": "佐藤"}, "none": []}
    assert metadata_of(value, lambda each: str(each)) == {"tags": ["a"], "by.name": ["山田"], "one.name": "佐藤"}


def test_a_column_never_takes_the_place_of_the_place() -> None:
    rows = [["sheet", "row", "品名"], ["別のシート", 7, "りんご"], ["別のシート", 8, "みかん"]]
    first = next(iter(read_source(Source(uri="a.xlsx", data=sheet_file(("売上", rows))))))
    assert isinstance(first, Document)
    assert first.positions == (Position(0, {"sheet": "売上", "row": 2}),)
    assert (first.metadata["sheet"], first.metadata["row"]) == ("売上", 2)
    assert (first.metadata["column sheet"], first.metadata["column row"]) == ("別のシート", "7")


def test_a_forwarded_mail_keeps_all_its_texts_and_headers() -> None:
    letter = Letter(
        subject="件名", sender="a@example.jp", to=["b@example.jp"], cc=["c@example.jp"],
        date="2024-05-01T10:30:00+09:00", bodies=[("一つ目の本文", ""), ("", "<p>二つ目の本文</p>")],
    )  # fmt: skip
    (document,) = read_mail(Source(uri="a.eml", data=as_mail(letter)))
    assert isinstance(document, Document)
    assert "一つ目の本文" in document.text
    assert "二つ目の本文" in document.text
    assert (document.metadata["cc"], document.metadata["created"]) == (["c@example.jp"], "2024-05-01T10:30:00+09:00")


def test_a_passage_of_markdown_is_told_by_its_line() -> None:
    document = one(
        "a.md",
        "---\ntitle: 題\n---\n# 見出し\n\n一つ目の\n段落\n\n- 項目\n\n```\ncode\n```\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
    )
    lines = {document.text[each.start :].split("\n")[0]: each.values["line"] for each in document.positions}
    assert lines == {"見出し": 4, "一つ目の段落": 6, "項目": 9, "code": 12, "a | b": 15, "1 | 2": 17}


def test_an_index_gives_positions_back(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.md").write_text(f"# 一章\n\n{JAPANESE * 4}\n\n# 二章\n\n{JAPANESE * 4}\n", encoding="utf-8")
    build(corpus, tmp_path / "index")
    with Index.open(tmp_path / "index") as index:
        (document,) = index.get("a.md")
        starts = {each.values["line"]: document.text[each.start :][:2] for each in document.positions}
        assert set(starts) >= {3, 7}
        assert starts[7] in (JAPANESE[:2], "二章")
        assert next(index.documents()) == document
        index.add(replace(document, id="b"))
        assert index.get("b")[0].positions == document.positions


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("令和7年6月3日", "2025-06-03"),
        ("平成元年 1月8日", "1989-01-08"),
        ("昭和64年1月7日", "1989-01-07"),
        ("令和7年13月1日", ""),
    ],
)
def test_days_of_japanese_eras(written: str, day: str) -> None:
    assert iso_date(written) == day
