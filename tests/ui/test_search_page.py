"""The page Search."""

import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from sakuin import Index
from sakuin.search import Notice, Searcher
from sakuin.search.contributions import Run
from sakuin.search.query import read_query
from sakuin.ui.html.excerpts import LENGTH, excerpt
from sakuin.ui.html.hits import asked_of_hits
from sakuin.ui.html.pieces import coloured_text, shade, table
from sakuin.ui.words import Words
from tests.ui.pages import html_of, run_app

PARAPHRASE, ANSWER = "電車が遅れた証拠がほしい", "travel/chien-shomei.txt"


def test_a_search_shows_its_hits(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    app = run_app(monkeypatch, example_index, q=PARAPHRASE)
    assert ANSWER in html_of(app)
    assert html_of(app).count("<article") == 10
    app.selectbox(key="k").set_value(5).run()
    assert html_of(app).count("<article") == 5


@pytest.mark.parametrize("mode", ["hybrid", "dense", "bm25"])
def test_the_address_chooses_mode_dimension_and_number(
    monkeypatch: pytest.MonkeyPatch, example_index: Path, mode: str
) -> None:
    app = run_app(monkeypatch, example_index, q="有給休暇", mode=mode, dim="64", k="5")
    html = html_of(app)
    assert 1 <= html.count("<article") <= 5
    assert ("64 dimensions" in html) == (mode != "bm25")
    app.button(key="why_1").click().run()
    legs = html_of(app).split("sk-legs")[1]
    assert ("cosine" in legs.split("</div>")[0]) == (mode != "bm25")
    assert ("BM25" in legs.split("</div>")[0]) == (mode != "dense")


@pytest.mark.parametrize("wrong", [{"mode": "x"}, {"dim": "3"}, {"dim": "<b>"}, {"k": "-1"}, {"k": "1e9"}])
def test_nonsense_in_the_address_is_ignored(
    monkeypatch: pytest.MonkeyPatch, example_index: Path, wrong: dict[str, str]
) -> None:
    assert html_of(run_app(monkeypatch, example_index, q="有給休暇", **wrong)).count("<article") == 10


def test_nothing_found(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    html = html_of(run_app(monkeypatch, example_index, q="\U00013000\U00013001", mode="bm25"))
    assert "<article" not in html
    assert "Nothing found" in html
    assert "BM25 was left out" in html


def test_hostile_text_is_escaped_and_never_markdown(monkeypatch: pytest.MonkeyPatch, hostile_index: Path) -> None:
    app = run_app(monkeypatch, hostile_index, q="needle")
    html = html_of(app)
    assert html.count("<article") == 2
    tags = set(re.findall(r"</?([a-z0-9]+)", html))
    assert not tags & {"script", "img", "a", "b⁄script"}
    assert "&lt;script&gt;window.hacked = 1&lt;" in html
    for kind in ("markdown", "caption", "button", "expander"):
        for element in app.get(kind):
            assert "hacked" not in str(element)


def test_runs_are_escaped_and_joined_where_they_are_drawn_alike() -> None:
    found = [
        Run("a<", 0.0, False),
        Run("b", 0.5, True),
        Run(">", 0.01, False),
        Run("&", 0.2, False),
        Run("c", 0.0, True),
    ]
    assert coloured_text(found, 0.5) == (
        'a&lt;<mark class="s5" title="+0.500">b</mark>&gt;<span class="s2" title="+0.200">&amp;</span><mark>c</mark>'
    )
    assert coloured_text([Run("a", 0.001, False), Run("<", -0.2, False), Run("b", 0.0, False)], 1.0) == "a&lt;b"
    assert coloured_text([], 0.0) == ""
    assert [shade(share, 1.0) for share in (-1.0, 0.0, 0.07, 0.1, 0.5, 1.0, 2.0)] == [0, 0, 0, 1, 3, 5, 5]
    assert shade(0.0, 0.0) == 0
    assert '<th scope="row">1</th><td>0.500</td>' in table(["32"], [[0.5]])


def address(app: AppTest, name: str) -> list[str]:
    """The values of a name in the address."""
    value = app.query_params.get(name, [])
    return [value] if isinstance(value, str) else value


def test_hits_are_coloured_by_what_they_add(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    html = html_of(run_app(monkeypatch, example_index, q=PARAPHRASE))
    first = html.split("</article>")[0]
    # The delay that the title and the text speak of answers a question for a late train; 遅 both have.
    assert len(re.findall('<mark class="s[45]"[^>]*>遅</mark><span class="s[45]"[^>]*>延</span>', first)) == 4
    words_alone = html_of(run_app(monkeypatch, example_index, q=PARAPHRASE, mode="bm25"))
    assert "<mark>" in words_alone
    assert not re.search(r'class="s\d"', words_alone)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "bm25"])
def test_why_takes_one_hit_apart(monkeypatch: pytest.MonkeyPatch, example_index: Path, mode: str) -> None:
    app = run_app(monkeypatch, example_index, q="有給休暇の申請", mode=mode, dim="128")
    assert "sk-why" not in html_of(app)
    app.button(key="why_2").click().run()
    assert not app.exception
    html = html_of(app)
    second = re.findall('data-passage="(\\w+)"', html)[1]
    assert address(app, "why") == [second]
    assert html.count("sk-why") == 1
    assert ("sk-heat" in html, "sk-dims" in html) == (mode != "bm25", mode != "bm25")
    assert ("Saturation" in html) == (mode != "dense")
    score = float(re.findall(r'<div class="sk-score">[^<]*<b>([\d.]+)</b>', html)[0])
    if mode == "hybrid":
        parts = html.split("sk-why")[1].split("</table>")[0]
        *shares, total = [float(share) for share in re.findall(r"<td>([\d.]+)</td></tr>", parts)]
        assert len(shares) == 3
        assert sum(shares) == pytest.approx(score, abs=1e-3)
        assert total == pytest.approx(score, abs=1e-3)
    if mode != "bm25":
        # Cells have four decimals.
        table_of_pairs = html.split('class="sk-scroll sk-heat"')[1].split("</table>")[0]
        cells = [
            float(value) for value in re.findall(r'class="(?:plus|minus)" [^>]* title="([-+.\d]+)"', table_of_pairs)
        ]
        cosine = float(re.findall(r'class="now">([\d.]+)</dd>', html)[0])
        assert sum(cells) == pytest.approx(cosine, abs=0.01)
        assert float(re.findall(r'class="sum" title="([-+.\d]+)"', table_of_pairs)[-1]) == pytest.approx(
            cosine, abs=1e-3
        )
    # Another hit closes it, and a second click closes that.
    app.button(key="why_1").click().run()
    assert html_of(app).count("sk-why") == 1
    assert address(app, "why") != [second]
    app.button(key="why_1").click().run()
    assert "sk-why" not in html_of(app)
    assert address(app, "why") == []


def test_the_address_opens_why_and_forgets_it_with_its_hit(
    monkeypatch: pytest.MonkeyPatch, example_index: Path
) -> None:
    html = html_of(run_app(monkeypatch, example_index, q="有給休暇"))
    third = re.findall('data-passage="(\\w+)"', html)[2]
    app = run_app(monkeypatch, example_index, q="有給休暇", why=third)
    assert html_of(app).split("sk-why")[0].count("<article") == 3
    app.text_input(key="q").set_value("what to do about bug bites").run()
    assert "sk-why" not in html_of(app)
    assert address(app, "why") == []


def test_lists_stand_side_by_side(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    html = html_of(run_app(monkeypatch, example_index, q=PARAPHRASE, side="true"))
    lists = re.findall(r'<section class="sk-list-(\w+)">(.*?)</section>', html, re.DOTALL)
    assert [name for name, _ in lists] == ["dense", "hybrid", "bm25"]
    assert [content.count("<li>") for _, content in lists] == [10, 10, 10]
    assert ANSWER in lists[0][1]
    assert ANSWER in lists[1][1].split("</li>")[0]
    assert "▲" in lists[1][1]
    assert "▼" in lists[2][1]
    # A leg that sees nothing says so.
    blind = html_of(run_app(monkeypatch, example_index, q="\U00013000\U00013001", side="true"))
    assert "This way of searching finds nothing." in blind.split("sk-list-bm25")[1]
    assert "BM25 was left out" in blind


def uris(html: str) -> list[str]:
    return re.findall(r'<span class="code"><bdi dir="auto">([^<]*)</bdi>', html)


def test_filters_restrict_the_hits_and_stand_in_the_address(
    monkeypatch: pytest.MonkeyPatch, example_index: Path
) -> None:
    app = run_app(monkeypatch, example_index, q=PARAPHRASE)
    assert not all(uri.startswith("travel/") for uri in uris(html_of(app)))
    box = next(box for box in app.multiselect if any(option.startswith("travel (") for option in box.options))
    box.set_value(["travel"]).run()
    assert all(uri.startswith("travel/") for uri in uris(html_of(app)))
    assert address(app, "in.folder") == ["travel"]
    # The other values of the same field are still to be had, with their numbers.
    box = next(box for box in app.multiselect if any(option.startswith("travel (") for option in box.options))
    with Searcher.open(example_index) as searcher:
        matches = searcher.search(PARAPHRASE, facets=["folder"]).matches
    assert matches
    [facet] = matches.facets
    assert facet.values
    with_number = [f"{value} ({number})" for value, number in facet.values]
    assert box.options[: len(with_number)] == with_number
    assert sum(number for _, number in facet.values) < documents_of(example_index)
    box.set_value(["travel", "office"]).run()
    assert {uri.split("/")[0] for uri in uris(html_of(app))} <= {"travel", "office"}
    assert address(app, "in.folder") == ["travel", "office"]
    # A chip for each, and what is taken from them is no filter any more.
    chips = app.multiselect(key="chips")
    assert chips.options == ["Folder: travel", "Folder: office"]
    chips.set_value([("folder", "office")]).run()
    assert address(app, "in.folder") == ["office"]
    app.multiselect(key="chips").set_value([]).run()
    assert address(app, "in.folder") == []
    assert not any(box.key == "chips" for box in app.multiselect)


@pytest.mark.parametrize("name", ["id", "uri"])
def test_an_address_with_one_document(monkeypatch: pytest.MonkeyPatch, example_index: Path, name: str) -> None:
    app = run_app(monkeypatch, example_index, q=PARAPHRASE, **{f"in.{name}": ANSWER})
    assert set(uris(html_of(app))) == {ANSWER}
    assert app.multiselect(key="chips").options[0].endswith(f": {ANSWER}")


def test_an_address_with_filters(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    asked: dict[str, Any] = {"in.folder": ["travel", "home"], "in.type": "txt", "in.no such field": "x"}
    app = run_app(monkeypatch, example_index, q=PARAPHRASE, **asked)
    assert {uri.split("/")[0] for uri in uris(html_of(app))} <= {"travel", "home"}
    assert all(uri.endswith(".txt") for uri in uris(html_of(app)))
    assert address(app, "in.no such field") == []
    # A value that no document has finds nothing, and can be taken away.
    app = run_app(monkeypatch, example_index, q=PARAPHRASE, **asked, **{"in.language": "<b>klingon</b>"})
    assert "No document matches the filter." in html_of(app)
    app.multiselect(key="chips").set_value([("folder", "travel")]).run()
    assert html_of(app).count("<article") > 0


def documents_of(index: Path) -> int:
    """Documents of an index."""
    with Searcher.open(index) as searcher:
        return searcher.counts()["documents"]


def test_filters_count_the_matches_of_the_query(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    def counts(query: str) -> dict[str, int]:
        app = run_app(monkeypatch, example_index, q=query, mode="bm25")
        box = next(box for box in app.multiselect if any(option.startswith("travel") for option in box.options))
        parted = [option.removesuffix(")").partition(" (") for option in box.options]
        # That none matches is no reason to say that nothing would be found there: by meaning something may.
        assert "0" not in [number for _, _, number in parted]
        numbers = [int(number or 0) for _, _, number in parted]
        assert numbers == sorted(numbers, reverse=True)
        return {value: int(number or 0) for value, _, number in parted}

    vpn, train = counts("VPN"), counts("電車")
    assert vpn.keys() == train.keys()
    assert vpn["it"] > 0
    assert vpn["food"] == 0
    assert vpn != train


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("休暇 after:2020-01 before:2030", ["2020-01 以後 · 2030 より前"]),
        ("休暇 type:md OR type:txt", ["ファイルの種類が「md」 か ファイルの種類が「txt」"]),
        ("休暇 -folder:travel 作者:佐藤", ["フォルダーが「travel」 を除く", "作者が「佐藤」"]),
        ("休暇 -after:2024", ["2024 以後 を除く"]),
        ('"有給" -病気 type:md', ["「有給」 を含む", "「病気」 を除く", "ファイルの種類が「md」"]),
        ("休暇", []),
    ],
)
@pytest.mark.parametrize("fields", [["作者"], ["作者", "date", "created"]])
def test_what_a_query_asks_of_documents_is_told(query: str, told: list[str], fields: list[str]) -> None:
    assert asked_of_hits(read_query(query, lambda: fields), Words("ja")) == told


@pytest.mark.parametrize("query", ['"zzqq" 休暇', '"契約" -契約'])
def test_where_conditions_leave_nothing_they_are_named(
    monkeypatch: pytest.MonkeyPatch, example_index: Path, query: str
) -> None:
    assert "leave some of it out" in html_of(run_app(monkeypatch, example_index, q=query))


def test_how_likely_an_answer_is(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    html = html_of(run_app(monkeypatch, example_index, q="有給休暇の申請"))
    assert re.findall('sk-chance (\\w+)"', html)[0] in ("likely", "maybe")
    assert html.count("sk-chance") == 10
    assert "No sure answer" not in html
    nothing = html_of(run_app(monkeypatch, example_index, q="徳川家康の生涯"))
    assert set(re.findall('sk-chance (\\w+)"', nothing)) == {"unlikely"}
    # A hint beside the number of hits, seen before they are read; nothing below them says it again.
    summary = nothing.split("sk-summary")[1].split("<article")[0]
    assert "No sure answer among these" in summary
    assert nothing.count("No sure answer") == 1
    assert str(Notice("no_good_match")) not in nothing


def test_an_excerpt_shows_what_matters_of_a_long_text() -> None:
    runs = [
        Run("前置き。" * 200, 0.0, False),
        Run("遅延", 0.4, True),
        Run("証明書はここ。", 0.1, False),
        Run("終" * 900, 0, False),
    ]
    shown = "".join(run.text for run in excerpt(runs))
    assert shown.startswith("…遅延証明書はここ。")
    assert shown.endswith("終…")
    assert len(shown) <= LENGTH + 2
    assert excerpt([Run("短い", 0.0, False)]) == (Run("短い", 0.0, False),)
    assert "".join(run.text for run in excerpt([Run("x" * 1000, 0.0, False)])) == "x" * LENGTH + "…"
    # A sentence that begins near is shown from its beginning on, and words are not cut.
    latin = [
        Run("lorem ipsum " * 100 + "no end ", 0.0, False),
        Run("refund", 0.5, True),
        Run(" dolor" * 100, 0.0, False),
    ]
    assert re.match(r"…(lorem|ipsum|no|end) ", "".join(run.text for run in excerpt(latin)))


def test_an_excerpt_has_what_matched_within_the_two_lines_of_a_phone() -> None:
    head = "From: 情シス <it@example.co.jp>\nTo: all@example.co.jp\n\n本日 8 時から 9 時まで、社外から "
    runs = [Run(head, 0.0, False), Run("VPN", 0.5, True), Run(" に接続できない障害が発生しました。", 0.0, False)]
    shown = "".join(run.text for run in excerpt(runs))
    assert shown.endswith("社外から VPN に接続できない障害が発生しました。")
    assert shown.startswith("…")
    assert len(shown.split("VPN")[0]) < 30
    commas = [
        Run("誕生日だった、家族が使った、" * 20, 0.0, False),
        Run("遅れ", 0.5, True),
        Run("た場合" * 99, 0.0, False),
    ]
    assert "".join(run.text for run in excerpt(commas))[1] not in "、。"
    # What is near the beginning stays where it is.
    near = [Run("本日は ", 0.0, False), *runs[1:]]
    assert excerpt(near) == tuple(near)


def test_a_document_is_one_hit_with_its_other_passages(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    html = html_of(run_app(monkeypatch, example_index, q="有給休暇の申請"))
    assert len(uris(html)) == len(set(uris(html))) == 10
    first = re.findall("<article.*?</article>", html, re.DOTALL)
    assert any(re.search(r"<summary>\d+ more passages? in this document</summary>", article) for article in first)
    assert any('<li class="sk-lines"' in article for article in first)


def test_a_hit_opens_its_document_at_its_passage(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    app = run_app(monkeypatch, example_index, q=PARAPHRASE)
    found = uris(html_of(app))
    app.button(key="open_1").click().run()
    assert not app.exception
    assert address(app, "doc") == [found[0]]
    html = html_of(app)
    assert html.count("sk-passage chosen") == 1
    assert "<mark>" in html
    back = next(button for button in app.button if "Back to the results" in button.label)
    back.click().run()
    assert uris(html_of(app)) == found
    assert address(app, "doc") == address(app, "at") == []


@pytest.mark.parametrize("at", ["x", "-1", "9" * 30, "0", "5"])
def test_any_place_in_the_address(monkeypatch: pytest.MonkeyPatch, example_index: Path, at: str) -> None:
    html = html_of(run_app(monkeypatch, example_index, q=PARAPHRASE, doc=ANSWER, at=at))
    assert html.count("sk-passage chosen") == (at in ("0", "5"))
    assert "sk-reading" in html
    assert "No such document" in html_of(run_app(monkeypatch, example_index, q=PARAPHRASE, doc="<b>none</b>", at=at))


def test_what_may_have_been_meant_is_offered_and_searched_for_on_demand(
    monkeypatch: pytest.MonkeyPatch, example_index: Path
) -> None:
    app = run_app(monkeypatch, example_index, q="forgot my pasword")
    assert "Did you mean: forgot my password" in html_of(app)
    app.button(key="meant_0").click().run()
    assert app.text_input(key="q").value == "forgot my password"
    assert "Did you mean" not in html_of(app)


def test_hits_tell_their_date(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dates = {"a": "2026-05-01T09:30:00", "b": "2025年4月3日", "c": "someday", "d": None}
    with Index.open(tmp_path / ".sakuin") as index:
        index.add([{"id": name, "text": f"needle {name}", "created": date} for name, date in dates.items() if date])
        index.add({"id": "d", "text": "needle d", "日付": "2024-01-02", "modified": "2026-01-01"})
    html = html_of(run_app(monkeypatch, tmp_path / ".sakuin", q="needle"))
    for name, date in {"a": "2026-05-01", "b": "2025年4月3日", "c": "", "d": "2024-01-02"}.items():
        [where] = re.findall(f'<bdi dir="auto">{name}</bdi></span>(.*?)</span>', html)
        assert re.sub("<.*?>", "", where) == (f" · {date}" if date else "")


def test_filters_have_names_and_values_in_the_language_of_the_page(
    monkeypatch: pytest.MonkeyPatch, example_index: Path
) -> None:
    app = run_app(monkeypatch, example_index, q=PARAPHRASE, lang="ja")
    html = html_of(app)
    assert ">言語<" in html
    assert ">language<" not in html
    options = [option for box in app.multiselect for option in box.options]
    assert any(option.startswith("日本語 (") for option in options)
    assert not any(option.startswith("ja (") for option in options)


def test_pages_of_results_are_turned_and_begin_anew_with_another_question(
    monkeypatch: pytest.MonkeyPatch, example_index: Path
) -> None:
    def ranks(app: AppTest) -> list[str]:
        return re.findall('<span class="sk-no">(\\d+)</span><div class="sk-title">', html_of(app))

    app = run_app(monkeypatch, example_index, q="有給休暇", k="5")
    assert ranks(app) == ["1", "2", "3", "4", "5"]
    first = uris(html_of(app))
    assert app.button(key="results_before").disabled
    app.button(key="results_after").click().run()
    assert address(app, "results") == ["2"]
    assert ranks(app) == ["6", "7", "8", "9", "10"]
    assert not set(uris(html_of(app))) & set(first)
    app.button(key="results_before").click().run()
    assert uris(html_of(app)) == first
    assert address(app, "results") == []
    app.button(key="results_after").click().run()
    app.text_input(key="q").set_value("電車").run()
    assert ranks(app)[0] == "1"
    # The address names a page that there is, one that is beyond the last, and none at all.
    assert ranks(run_app(monkeypatch, example_index, q="有給休暇", k="5", results="3"))[0] == "11"
    beyond = run_app(monkeypatch, example_index, q="有給休暇", results="999")
    assert "There are no more results." in html_of(beyond)
    assert beyond.button(key="results_after").disabled
    assert ranks(run_app(monkeypatch, example_index, q="有給休暇", results="<b>"))[0] == "1"
    assert ranks(run_app(monkeypatch, example_index, q="有給休暇", results="99999"))[:1] == []
