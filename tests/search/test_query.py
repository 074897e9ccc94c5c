"""The query language: what it reads, and that what it asks holds for every hit of every leg."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakuin import Index
from sakuin.index.text import Analyser
from sakuin.index.text.wording import Wording, plain
from sakuin.search import MODES, Searcher
from sakuin.search.query import Query, Wanted, read_query

FIELDS = ["id", "uri", "folder", "type", "author", "date", "modified"]
GROUPS = ("document", "passage")


def read(query: str) -> Query:
    return read_query(query, lambda: FIELDS)


@pytest.mark.parametrize(
    "query",
    [
        "AB-1234の値上げについて",
        "-5℃ で保存",
        '5" disk and 3" tape',
        '"閉じない引用',
        "-rf",
        "- 箇条書き",
        "http://example.com/a:b",
        "エラー: 接続できません",
        "note:memo",
        "a OR",
        "OR a",
        '""',
        'x "!?"',
        "a -- b",
        "",
        "  ",
    ],
)
def test_what_is_no_syntax_is_searched_for_as_it_stands(query: str) -> None:
    assert read(query) == Query(query)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('経費 "出張の精算"', Query("経費 出張の精算", ((Wanted("出張の精算", exact=True),),))),
        ("“出張”　費用", Query("出張 費用", ((Wanted("出張", exact=True),),))),
        ('"値上げ"について', Query("値上げについて", ((Wanted("値上げ", exact=True),),))),
        (
            '契約 -解約 -"自動 更新"',
            Query("契約", excluded=(Wanted("解約"), Wanted("自動 更新", exact=True))),
        ),
        ("契約　－解約", Query("契約", excluded=(Wanted("解約"),))),
        ("title:規則 休暇", Query("規則 休暇", ((Wanted("規則", in_title=True),),))),
        ("-title:規則 休暇", Query("休暇", excluded=(Wanted("規則", in_title=True),))),
        (
            "請求書 OR invoice OR 請求 支払",
            Query("請求書 invoice 請求 支払", ((Wanted("請求書"), Wanted("invoice"), Wanted("請求")),)),
        ),
        ("type:pdf 経費", Query("経費", where={"type": "pdf"})),
        ("-type:pdf 経費", Query("経費", where={"$not": {"type": "pdf"}})),
        ("type:pdf OR type:md 経費", Query("経費", where={"$or": [{"type": "pdf"}, {"type": "md"}]})),
        ('author:"田中 太郎" 経費', Query("経費", where={"author": {"$contains": "田中 太郎"}})),
        (
            "after:2024-04 経費 before:2025",
            Query(
                "経費",
                where={
                    "$or": [
                        {"date": {"$gte": "2024-04", "$lt": "2025"}},
                        {"modified": {"$gte": "2024-04", "$lt": "2025"}, "date": {"$exists": False}},
                    ]
                },
            ),
        ),
        ('"🦀" rust -🍣', Query("🦀 rust", ((Wanted("🦀", exact=True),),), excluded=(Wanted("🍣"),))),
        ("(a OR b) c", Query("(a b) c", ((Wanted("a"), Wanted("b")),))),
        ("x -旅費、 -main() -C++", Query("x", excluded=(Wanted("旅費"), Wanted("main()"), Wanted("C++")))),
        ("経費　ＯＲ　休暇", Query("経費 休暇", ((Wanted("経費"), Wanted("休暇")),))),
        ("ｔｙｐｅ：pdf 経費", Query("経費", where={"type": "pdf"})),
        (
            '"a" "a" b OR b OR c -d -d',
            Query("a a b b c", ((Wanted("a", exact=True),), (Wanted("b"), Wanted("c"))), excluded=(Wanted("d"),)),
        ),
        ('"a b" OR type:pdf x', Query("a b x", ((Wanted("a b", exact=True),),), where={"type": "pdf"}, mixed=True)),
    ],
)
def test_queries_are_read(query: str, expected: Query) -> None:
    assert read(query) == expected


@given(st.text(alphabet='ab漢かー 　"“-－:：OR5type', max_size=30))
def test_any_text_can_be_read(query: str) -> None:
    found = read(query)
    if found.required or found.excluded or found.where:
        assert len(found.text) <= len(query)
    else:
        assert found.text == query


@pytest.mark.parametrize(
    ("words", "exact", "text", "stands"),
    [
        ("東京都庁", True, "新しい東京\n都庁の", True),
        ("東京大阪", True, "東京、大阪", False),
        ("髙橋", True, "高橋さん", True),
        ("ＡＢ－1234", True, "型番AB-1234の", True),
        ("AB-1234", True, "AB-12345", False),
        ("B-1234", True, "AB-1234", False),
        ("cat", False, "two Cats", True),
        ("cat", True, "two cats", False),
        ("cat", False, "category", False),
        ("cafe", False, "Café", True),
        ("サーバー", True, "新サーバーを", True),
        ("佐々木", True, "佐々木さん", True),
        ("new york", True, "in New\n  York.", True),
        ("C++", True, "learn c++ now", True),
        ("don'", True, "don't", False),
        ("don", True, "don't", False),
        ("'t", True, "don't", False),
        ("dogs'", True, "the dogs' names", True),
    ],
)
def test_words_stand_in_a_text_or_do_not(words: str, exact: bool, text: str, stands: bool) -> None:
    assert Wording(words, exact).stands_in(plain(text)) == stands


@given(
    st.text(alphabet="東京都ー々ゝサーバアイのためあさabAB1é-_'. \n　・", max_size=24),
    st.integers(0, 23),
    st.integers(1, 12),
    st.booleans(),
)
def test_what_has_the_words_has_their_terms(text: str, start: int, length: int, exact: bool) -> None:
    wording = Wording(text[start : start + length], exact)
    if wording.stands_in(plain(text)):
        assert set(wording.terms) <= set(Analyser().terms(text))


ROWS: list[dict[str, Any]] = [
    {"id": "a", "title": "賃貸契約", "text": "契約を更新するときは、解約の条件を確かめる。", "date": "2024-05-01"},
    {"id": "b", "title": "携帯電話", "text": "契約の内容は店で変えられる。\n\n更新は二年ごと。", "date": "2023-05-01"},
    {"id": "c", "title": "保険", "text": "契約者の名前を変える。", "author": "田中 太郎", "modified": "2025-01-10"},
    {"id": "d", "title": "Invoices", "text": "We send invoices every month. 契約 is contract.", "author": "Sato"},
    {"id": "e", "title": "長い手引き", "text": "契約について。\n\n" + "説明が続く。\n\n" * 80 + "\n\n最後に解約の話。"},
]


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    with Index.open(tmp_path_factory.mktemp("query") / "index") as index:
        index.add(ROWS)
        with index.searcher() as searcher:
            yield searcher


def found(searcher: Searcher, query: str, **settings: Any) -> set[str]:
    return {hit.document.id for hit in searcher.search(query, **settings).hits}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("group", GROUPS)
def test_an_excluded_word_is_in_no_hit(searcher: Searcher, mode: str, group: str) -> None:
    result = searcher.search("契約 -解約", mode=mode, group=group)
    texts = [one.text for hit in result.hits for one in (hit.passages or (hit,))]
    assert texts
    assert not any("解約" in text for text in texts)
    # A document is left out by any of its text, a passage by its own.
    names = {hit.document.id for hit in result.hits}
    assert names == ({"b", "c", "d"} if group == "document" else {"b", "c", "d", "e"})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("group", GROUPS)
def test_a_phrase_is_in_every_hit(searcher: Searcher, mode: str, group: str) -> None:
    result = searcher.search('名前 "契約の内容"', mode=mode, group=group)
    assert {hit.document.id for hit in result.hits} == {"b"}
    assert all("契約の内容" in one.text for hit in result.hits for one in (hit.passages or (hit,)))
    assert not searcher.search('"内容の契約"', mode=mode, group=group).hits


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("契約 invoice OR 保険", {"c", "d"}),
        ("title:契約 更新", {"a"}),
        ("契約 -title:保険 -解約", {"b", "d"}),
        ('"契約について" "解約の話"', {"e"}),
        ("契約 author:田中", {"c"}),
        ("契約 after:2024", {"a", "c"}),
        ("契約 after:2024 before:2024-12", {"a"}),
        ("契約 -author:田中 -解約", {"b", "d"}),
        ("契約 -invoice -解約", {"b", "c"}),
        ('契約 -"の" -解約', {"d"}),
    ],
)
def test_conditions_hold(searcher: Searcher, query: str, expected: set[str]) -> None:
    assert found(searcher, query) == expected


def test_a_filter_and_conditions_hold_together(searcher: Searcher) -> None:
    assert found(searcher, "契約 -解約", where={"id": ["a", "b"]}) == {"b"}
    assert found(searcher, '"契約" -解約', where={"id": ["a", "b", "e"]}, group="passage") == {"b", "e"}


def test_what_was_read_and_what_is_missing_is_told(searcher: Searcher) -> None:
    result = searcher.search('契約 "内容は店で"')
    assert result.read == Query("契約 内容は店で", ((Wanted("内容は店で", exact=True),),))
    assert result.to_dict()["read"]["text"] == "契約 内容は店で"
    assert result.query == '契約 "内容は店で"'
    assert [notice.code for notice in searcher.search('"どこにもない句"').notices] == ["nothing_has_words"]
    for group in GROUPS:
        found = searcher.search('"契約" -契約', group=group)
        assert not found.hits
        assert [notice.code for notice in found.notices] == ["nothing_but_excluded"]
    assert [notice.code for notice in searcher.search("author:田中").notices] == ["only_conditions"]
    assert "mixed_or" in {notice.code for notice in searcher.search("契約 OR author:田中 更新").notices}


def test_a_date_that_cannot_be_read_is_left_out_and_told(searcher: Searcher) -> None:
    result = searcher.search("契約 after:来週")
    assert result.text == "契約"
    assert [(notice.code, notice.data) for notice in result.notices] == [("unreadable_date", {"text": "after:来週"})]
    assert "after:来週" in str(result.notices[0])
    assert [hit.score for hit in result.hits] == [hit.score for hit in searcher.search("契約").hits]
    assert [notice.code for notice in searcher.search("before:lunch").notices] == ["unreadable_date", "only_conditions"]
    assert read("契約 after:2024-13-01").undated == ("after:2024-13-01",)
    # A field of the index is one, whatever it is called.
    assert read_query("after:effects", lambda: ["after"]).where == {"after": {"$contains": "effects"}}


@pytest.mark.parametrize(
    "written",
    ["2024-06-05", "2024/6/5", "2024.6.5", "2024年6月5日", "令和6年6月5日", "R6.6.5", "r6/6/5", "Ｒ６．６．５"],
)
def test_dates_are_read_as_they_are_written(searcher: Searcher, written: str) -> None:
    expected = found(searcher, "契約 after:2024-06-05")
    assert found(searcher, f"契約 after:{written}") == expected
    assert found(searcher, f"契約 before:{written}") == found(searcher, "契約 before:2024-06-05") != expected


def test_a_month_may_stand_behind_a_point(searcher: Searcher) -> None:
    assert read("契約 after:2024.06") == read("契約 after:2024-06")


def test_syntax_can_be_switched_off(searcher: Searcher) -> None:
    assert "a" in found(searcher, "契約 -解約", syntax=False)
    assert searcher.search("契約 -解約", syntax=False).read == Query("契約 -解約")


def test_a_hit_of_a_query_with_conditions_can_be_explained(searcher: Searcher) -> None:
    result = searcher.search("契約 -解約", explain=True)
    for hit in result.hits:
        assert hit.explanation
        assert hit.explanation.value == pytest.approx(hit.score)
        assert searcher.explain("契約 -解約", hit).value == pytest.approx(hit.score)


@pytest.mark.parametrize("group", GROUPS)
def test_hits_are_found_behind_thousands_that_are_left_out(searcher: Searcher, group: str, tmp_path: Any) -> None:
    with Index.open(tmp_path / "index", model=searcher.model) as index:
        index.add([{"id": f"no-{n}", "text": f"契約の更新と解約。{n}"} for n in range(3_000)])
        index.add([{"id": f"yes-{n}", "text": f"天気の話と、契約。{n}"} for n in range(12)])
        with index.searcher() as many:
            hits = many.search("契約の更新 -解約", k=10, group=group).hits
            assert len(hits) == 10
            assert [hit.rank for hit in hits] == list(range(1, 11))
            assert all(hit.document.id.startswith("yes") for hit in hits)
            page = many.search("契約の更新 -解約", k=5, offset=5, group=group).hits
            assert [hit.document.id for hit in page] == [hit.document.id for hit in hits[5:]]
