"""The page Search, in a browser."""

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from sakuin.index.build import build
from tests.browser.browsing import opened, press, served, settle, shoot
from tests.examples import HOSTILE

pytestmark = pytest.mark.browser
PARAPHRASE, ANSWER = "電車が遅れた証拠がほしい", "travel/chien-shomei.txt"


def address(app: AppTest, name: str) -> list[str]:
    """The values of a name in the address."""
    value = app.query_params.get(name, [])
    return [value] if isinstance(value, str) else value


def drawn(page: Any) -> str:
    return "\n".join(page.locator(".sk-hit").all_inner_texts())


def inert(page: Any) -> None:
    """No element that a text of a document or query asked for."""
    main = page.locator(".stMain")
    assert main.locator("script, img, strong, .katex").count() == 0
    # The links are the page's own, to the files of hits.
    links = [urlsplit(link.evaluate("link => link.href")) for link in main.locator("a").all()]
    assert all((link.scheme, link.path) == ("http", "/original") and "<" not in link.query for link in links), links
    assert page.locator(".sk script, .sk img, .sk a, .katex").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def show_options(page: Any, name: str = "詳細") -> None:
    page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("slider").wait_for()


def press_toggle(page: Any) -> None:
    show_options(page)
    page.locator("[data-testid=stCheckbox] label").first.click()
    settle(page)
    page.keyboard.press("Escape")
    settle(page)


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
        page.wait_for_url(lambda url: "家で働くときのルール" in unquote(url))


def test_mode_and_dimension_change_the_result_and_the_address(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/?q={quote('有給休暇')}") as page:
        page.locator(".sk-hit").first.wait_for()
        page.locator(".sk-hit mark").first.wait_for()
        show_options(page)
        press(page, "単語")
        assert "mode=bm25" in page.url
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
        assert re.search("Likely|Maybe|Unlikely", drawn(page))
        # The search is still there after a look at the other page.
        page.get_by_role("link", name="Documents").click()
        page.locator(".sk-doc").first.wait_for()
        page.get_by_role("link", name="Search").click()
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert "mode=dense" in page.url
        assert "dim=32" in page.url


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


def test_a_hit_is_opened_by_keys_and_left_by_back(browser: Any, example_url: str) -> None:
    with opened(browser, example_url) as page:
        box = page.get_by_role("searchbox")
        box.wait_for()
        settle(page)
        # The box has the focus from the start.
        for query in ("有給休暇", PARAPHRASE):
            box.fill("")
            page.keyboard.type(query)
            page.keyboard.press("Enter")
            page.locator(".sk-hit").first.wait_for()
            settle(page)
        first = page.locator(".sk-hit .code").first.inner_text()
        assert first == ANSWER
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        page.locator(".sk-passage.chosen").wait_for()
        settle(page)
        assert page.locator(".sk-passage.chosen mark").count()
        assert quote(ANSWER, safe="") in page.url
        page.keyboard.press("Escape")
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert page.locator(".sk-hit .code").first.inner_text() == ANSWER
        assert "doc=" not in page.url
        page.keyboard.press("/")
        assert box.evaluate("box => box === document.activeElement")
        # Back leads through what was seen, to the document and to the search before.
        page.go_back()
        page.locator(".sk-reading").first.wait_for()
        for _ in range(4):
            before = page.url
            page.go_back()
            page.wait_for_url(lambda url, before=before: url != before)
            shown = "document.querySelector('.st-key-q input')?.value"
            page.wait_for_function(f"() => new URL(location.href).searchParams.get('q') === {shown}")
            if box.input_value() == "有給休暇":
                break
        assert box.input_value() == "有給休暇"
        page.locator(".sk-hit").first.wait_for()
        assert page.evaluate("document.documentElement.lang") == "ja"


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


def test_a_screen_holds_four_hits_and_a_phone_the_first(browser: Any, example_url: str) -> None:
    for viewport, number in (({"width": 1280, "height": 900}, 4), ({"width": 390, "height": 844}, 1)):
        with opened(browser, f"{example_url}/?q={quote(PARAPHRASE)}", viewport=viewport) as page:
            page.locator(".sk-hit").nth(4).wait_for()
            settle(page)
            box = page.locator(".sk-hit").nth(number - 1).bounding_box()
            assert box["y"] + box["height"] <= viewport["height"]
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_filters_are_chosen_and_taken_away(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/?q={quote(PARAPHRASE)}", locale="en-GB") as page:
        page.locator(".sk-hit").first.wait_for()
        box = page.locator(".st-key-facet_0 input")
        box.click()
        page.get_by_role("option", name=re.compile(r"^home \(\d+\)$")).click()
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
        page.get_by_role("link", name="Documents").click()
        page.locator(".sk-doc").first.wait_for()
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
            page.get_by_role("button", name=re.compile("なぜ 1 位")).click()
            page.locator(".sk-why").wait_for()
            page.locator(".sk-whole summary").click()
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


def test_nothing_lies_on_a_question_that_is_typed_on_a_phone(browser: Any, example_url: str) -> None:
    with opened(browser, example_url, viewport={"width": 390, "height": 844}) as page:
        page.get_by_role("searchbox").press_sequentially("量子コンピューターの誤り訂正")
        page.get_by_test_id("InputInstructions").wait_for(state="attached")
        assert not page.get_by_test_id("InputInstructions").is_visible()


def test_the_order_of_hits_is_in_the_address_in_no_language_and_another_than_that_of_documents(
    browser: Any, example_url: str
) -> None:
    with opened(browser, f"{example_url}/corpus?order=passages") as page:
        page.get_by_role("combobox", name="並べ方").wait_for()
        settle(page)
        page.get_by_role("link", name="検索", exact=True).click()
        page.get_by_role("searchbox").fill("有給休暇")
        page.get_by_role("searchbox").press("Enter")
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert "order" not in page.url
        page.get_by_role("button", name="詳細").click()
        page.get_by_role("combobox", name="並び順").click()
        page.get_by_role("option", name="日付の新しい順").click()
        settle(page)
        assert "order=newest" in page.url
        newest = [hit.get_attribute("data-passage") for hit in page.locator(".sk-hit").all()]
        shared = page.url
    with opened(browser, shared, locale="en-GB") as page:
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert [hit.get_attribute("data-passage") for hit in page.locator(".sk-hit").all()] == newest
