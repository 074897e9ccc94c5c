"""The page Search."""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.ui.pages import HOSTILE, html_of, opened, press, run_app, served, settle, shoot
from ui.cards import marked, table

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


def test_marks_are_put_around_escaped_text() -> None:
    assert marked("a<b>&c", ((1, 3), (4, 5))) == "a<mark>&lt;b</mark>&gt;<mark>&amp;</mark>c"
    assert marked("<", ()) == "&lt;"
    assert "<th>1</th><td>0.500</td>" in table(["32"], [[0.5]])


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
        before = page.locator(".sk-hits").inner_text()
        slider = page.get_by_role("slider")
        for dimension in (128, 64, 32):
            slider.press("ArrowLeft")
            settle(page)
            assert f"dim={dimension}" in page.url
        assert "32 次元" in page.locator(".sk", has_text="ミリ秒").last.inner_text()
        after = page.locator(".sk-hits").inner_text()
        assert after != before
        page.reload()
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert page.locator(".sk-hits").inner_text() == after
        press(page, "English")
        assert "mode=dense" in page.url
        assert "dim=32" in page.url
        assert "About this document" in page.locator(".sk-hits").inner_text()
        # The search is still there after a look at the other page.
        page.get_by_role("link", name="Similarity").click()
        page.locator(".sk-list").wait_for()
        page.get_by_role("link", name="Search").click()
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert "mode=dense" in page.url
        assert "dim=32" in page.url


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
            cards = page.locator(".sk-hits")
            assert page.locator(".sk-hit").count() == 2
            text = cards.inner_text()
            for piece in ("<script>", "<img src=x", "[click](javascript:", "$\\frac{a}{b}$", ":smile:", "**bold**"):
                assert piece in text
            assert cards.locator("script, img, a, strong, .katex").count() == 0
            assert page.locator(".sk script, .sk img, .sk a, .katex").count() == 0
            # Nothing is wider than the window, however long its words are.
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.browser
def test_pictures(browser: Any, example_url: str) -> None:
    if not os.environ.get("SAKUIN_SCREENSHOTS"):
        pytest.skip("SAKUIN_SCREENSHOTS names no folder")
    Path(os.environ["SAKUIN_SCREENSHOTS"]).mkdir(parents=True, exist_ok=True)
    for scheme, name in (("light", "search.png"), ("dark", "search-dark.png")):
        with opened(browser, f"{example_url}/?q={quote(PARAPHRASE)}", color_scheme=scheme) as page:
            page.locator(".sk-hit").first.wait_for()
            shoot(page, name)
    with opened(browser, f"{example_url}/similarity") as page:
        page.locator(".sk-list").wait_for()
        press(page, "文どうし")
        shoot(page, "similarity.png")
