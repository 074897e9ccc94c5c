"""The page Search."""

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from streamlit.testing.v1 import AppTest

from sakuin.index.build import build
from sakuin.search import Notice
from sakuin.search.contributions import Run
from sakuin.ui.html.pieces import coloured_text, shade, table
from tests.ui.pages import HOSTILE, html_of, opened, press, run_app, served, settle, shoot

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
    html = html_of(run_app(monkeypatch, example_index, q="有給休暇", mode=mode, dim="64", k="5"))
    assert 1 <= html.count("<article") <= 5
    assert ("64 dimensions" in html) == (mode != "bm25")
    assert ("cosine" in html) == (mode != "bm25")
    assert ("BM25" in html) == (mode != "dense")


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
    assert "<th>1</th><td>0.500</td>" in table(["32"], [[0.5]])


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
    shown = re.findall("<article.*?</article>", html, re.DOTALL)[1]
    score = float(re.findall(r"<b>([\d.]+)</b>", shown)[0])
    if mode == "hybrid":
        shares = [float(share) for share in re.findall(r"<td>([\d.]+)</td></tr>", html.split("sk-why")[1])]
        assert shares[0] + shares[1] == pytest.approx(score, abs=1e-3)
        assert shares[2] == pytest.approx(score, abs=1e-3)
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
    assert any(option.startswith("office (54)") for option in box.options)
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


def test_how_likely_an_answer_is(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    html = html_of(run_app(monkeypatch, example_index, q="有給休暇の申請"))
    assert len(re.findall(r"Likely (?:\d+|&lt;1) %", html)) == 10
    assert "sk-note strong" not in html
    nothing = html_of(run_app(monkeypatch, example_index, q="量子もつれの実験装置"))
    assert "sk-note strong" in nothing
    assert str(Notice("no_good_match")) in nothing


def drawn(page: Any) -> str:
    return "\n".join(page.locator(".sk-hit").all_inner_texts())


def inert(page: Any) -> None:
    """No element that a text of a document or query asked for."""
    assert page.locator(".stMain").locator("script, img, a, strong, .katex").count() == 0
    assert page.locator(".sk script, .sk img, .sk a, .katex").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def press_toggle(page: Any) -> None:
    page.locator("[data-testid=stCheckbox] label").first.click()
    settle(page)


@pytest.mark.browser
def test_typing_a_paraphrase_finds_the_document(browser: Any, example_url: str) -> None:
    with opened(browser, example_url) as page:
        box = page.get_by_role("searchbox")
        box.fill(PARAPHRASE)
        box.press("Enter")
        page.locator(".sk-hit").first.wait_for()
        assert ANSWER in page.locator(".sk-hit .code").all_inner_texts()
        assert PARAPHRASE in unquote(page.url)
        # An example that is clicked replaces the query; a page on its own address shows the same.
        page.get_by_role("button", name="Clear input").or_(page.get_by_label("Clear")).first.click()
        page.get_by_role("button", name="家で働くときのルール").click()
        page.locator(".sk-code, .sk-hit").first.wait_for()
        assert "家で働くときのルール" in unquote(page.url)


@pytest.mark.browser
def test_mode_and_dimension_change_the_result_and_the_address(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/?q={quote('有給休暇')}") as page:
        page.locator(".sk-hit").first.wait_for()
        assert page.locator(".sk-hit").first.locator(".sk-legs > span").count() == 2
        page.locator(".sk-hit mark").first.wait_for()
        press(page, "単語")
        assert "mode=bm25" in page.url
        assert page.locator(".sk-hit").first.locator(".sk-legs > span").all_inner_texts()[0].startswith("単語")
        press(page, "意味")
        assert "mode=dense" in page.url
        before = drawn(page)
        slider = page.get_by_role("slider")
        for dimension in (128, 64, 32):
            slider.press("ArrowLeft")
            settle(page)
            assert f"dim={dimension}" in page.url
        assert "32 次元" in page.locator(".sk", has_text="ミリ秒").last.inner_text()
        after = drawn(page)
        assert after != before
        page.reload()
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert drawn(page) == after
        press(page, "English")
        assert "mode=dense" in page.url
        assert "dim=32" in page.url
        assert "About this document" in drawn(page)
        # The search is still there after a look at the other page.
        page.get_by_role("link", name="Similarity").click()
        page.locator(".sk-list").wait_for()
        page.get_by_role("link", name="Search").click()
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert "mode=dense" in page.url
        assert "dim=32" in page.url


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_why_by_keyboard_in_the_address_and_as_a_file(browser: Any, example_url: str, width: int) -> None:
    viewport = {"width": width, "height": 844}
    with opened(browser, f"{example_url}/?q={quote('有給休暇の申請')}", viewport=viewport) as page:
        page.get_by_role("button", name="なぜ 2 位?").focus()
        page.keyboard.press("Enter")
        panel = page.locator(".sk-why")
        panel.wait_for()
        settle(page)
        assert panel.count() == 1
        passage = page.locator(".sk-hit").nth(1).get_attribute("data-passage")
        assert f"why={passage}" in page.url
        assert panel.locator("table").count() == 3
        assert panel.locator(".sk-heat tbody tr").count() > 2
        for wide in panel.locator(".sk-scroll").all():
            assert wide.get_attribute("tabindex") == "0"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        with page.expect_download() as download:
            page.get_by_role("button", name="JSON で保存").click()
        saved = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
        assert saved["query"] == "有給休暇の申請"
        assert saved["hits"][0]["passage_id"] == passage
        assert saved["hits"][0]["explanation"]["value"] == saved["hits"][0]["score"]
        panel.locator("summary").focus()
        page.keyboard.press("Enter")
        assert "fused score" in panel.locator("pre").inner_text()
        # Another page of the same address shows the same; the button that opened it closes it.
        page.goto(page.url)
        panel.wait_for()
        settle(page)
        page.get_by_role("button", name="閉じる").click()
        panel.wait_for(state="detached")
        settle(page)
        assert "why=" not in page.url


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_lists_side_by_side_are_in_the_address(browser: Any, example_url: str, width: int) -> None:
    viewport = {"width": width, "height": 844}
    with opened(browser, f"{example_url}/?q={quote(PARAPHRASE)}", viewport=viewport) as page:
        page.locator(".sk-hit").first.wait_for()
        press_toggle(page)
        page.locator(".sk-lists").wait_for()
        assert "side=true" in page.url
        page.reload()
        page.locator(".sk-lists").wait_for()
        settle(page)
        boxes = [section.bounding_box() for section in page.locator(".sk-lists section").all()]
        if width > 640:
            assert boxes[0]["y"] == boxes[1]["y"] == boxes[2]["y"]
        else:
            assert boxes[0]["y"] < boxes[1]["y"] < boxes[2]["y"]
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        press_toggle(page)
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert "side=" not in page.url


@pytest.mark.browser
def test_filters_are_chosen_and_taken_away(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/?q={quote(PARAPHRASE)}", locale="en-GB") as page:
        page.locator(".sk-hit").first.wait_for()
        box = page.locator(".st-key-facet_0 input")
        box.click()
        page.get_by_role("option", name="home (34)").click()
        settle(page)
        assert "in.folder=home" in page.url
        found = page.locator(".sk-hit .code").all_inner_texts()
        assert found
        assert all(uri.startswith("home/") for uri in found)
        page.reload()
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert page.locator(".sk-hit .code").all_inner_texts() == found
        # It outlives a look at another page.
        page.get_by_role("link", name="Similarity").click()
        page.locator(".sk-list").wait_for()
        page.get_by_role("link", name="Search").click()
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert "in.folder=home" in page.url
        chips = page.locator(".st-key-chips")
        assert "Folder: home" in chips.inner_text()
        chips.locator("input").focus()
        page.keyboard.press("Backspace")
        settle(page)
        assert "in.folder" not in page.url
        assert chips.count() == 0
        assert page.locator(".sk-hit .code").all_inner_texts() != found


@pytest.mark.browser
def test_hostile_metadata_is_only_text_in_the_filters(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    field = "$\\frac{a}{b}$ :smile: **b** <img src=x onerror=alert(1)>"
    values = HOSTILE, f"[x](javascript:alert(1)) {HOSTILE}"
    rows = [{"text": f"needle {i}", field: values[i % 2]} for i in range(8)]
    (tmp_path / "corpus" / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / ".sakuin")
    with (
        served(tmp_path / ".sakuin", tmp_path / "log.txt") as url,
        opened(browser, f"{url}/?q=needle", viewport={"width": 390, "height": 844}) as page,
    ):
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert field in page.locator(".st-key-facets").inner_text()
        page.locator(".st-key-facet_0 input").click()
        options = page.get_by_role("option")
        options.first.wait_for()
        assert "<script>window.hacked = 1</script>" in options.first.inner_text()
        assert ":smile:" in options.first.inner_text()
        assert options.locator("img, a, script, strong, .katex").count() == 0
        options.first.click()
        settle(page)
        chips = page.locator(".st-key-chips")
        assert "$\\frac{a}{b}$ :smile: **b**" in chips.inner_text()
        assert "in." in page.url
        assert page.locator(".sk-hit").count() == 4
        inert(page)
        page.reload()
        page.locator(".st-key-chips").wait_for()
        page.locator(".sk-hit").nth(3).wait_for()
        settle(page)
        assert page.locator(".sk-hit").count() == 4
        inert(page)


@pytest.mark.browser
def test_hostile_documents_are_only_text(browser: Any, hostile_index: Path, tmp_path: Path) -> None:
    for scheme, width in (("light", 1280), ("dark", 390)):
        with (
            served(hostile_index, tmp_path / "log.txt") as url,
            opened(
                browser,
                f"{url}/?q={quote('needle ' + HOSTILE)}",
                color_scheme=scheme,
                viewport={"width": width, "height": 900},
            ) as page,
        ):
            page.locator(".sk-hit").first.wait_for()
            settle(page)
            page.locator(".sk-hit summary").first.click()
            page.get_by_role("button", name=re.compile("なぜ 1 位")).click()
            page.locator(".sk-why").wait_for()
            page.locator(".sk-why summary").click()
            cards = page.locator(".stMain")
            assert page.locator(".sk-hit").count() == 2
            text = cards.inner_text()
            for piece in ("<script>", "<img src=x", "[click](javascript:", "$\\frac{a}{b}$", ":smile:", "**bold**"):
                assert piece in text
            inert(page)
            press_toggle(page)
            page.locator(".sk-lists").wait_for()
            inert(page)
            # Nothing is wider than the window, however long its words are.
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.browser
def test_pictures(browser: Any, example_url: str) -> None:
    if not os.environ.get("SAKUIN_SCREENSHOTS"):
        pytest.skip("SAKUIN_SCREENSHOTS names no folder")
    Path(os.environ["SAKUIN_SCREENSHOTS"]).mkdir(parents=True, exist_ok=True)
    asked = f"{example_url}/?q={quote(PARAPHRASE)}"
    dark, phone = {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}
    english = {"locale": "en-GB"}
    for name, address, options in (
        ("search.png", asked, {}),
        ("search-dark.png", asked, dark),
        ("search-phone.png", asked, phone | dark | english),
        ("search-side-by-side.png", f"{asked}&side=true", {}),
        ("search-filters.png", f"{asked}&in.folder=travel", english),
    ):
        with opened(browser, address, **options) as page:
            page.locator(".sk-hit, .sk-lists").first.wait_for()
            shoot(page, name)
    for name, options in (("search-why.png", {}), ("search-why-phone.png", phone | dark | english)):
        with opened(browser, asked, **options) as page:
            page.get_by_role("button", name=re.compile(r"なぜ 1 位|Why no\. 1\?")).click()
            page.locator(".sk-why").scroll_into_view_if_needed()
            page.locator(".sk-heat").scroll_into_view_if_needed()
            shoot(page, name)
    with opened(browser, f"{example_url}/similarity") as page:
        page.locator(".sk-list").wait_for()
        press(page, "文どうし")
        shoot(page, "similarity.png")
