"""Suggestions while a query is typed, in a browser."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from sakuin.index.build import build
from tests.browser.browsing import opened, served, settle, shoot

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="window.hacked = 1; alert(1)"> needle **b** $x$'


def asked(page: Any) -> str:
    return unquote(page.url).partition("q=")[2].partition("&")[0].replace("+", " ")


def test_titles_headings_and_searches_of_before_are_offered_and_taken_by_keys(
    browser: Any, example_url: str, tmp_path: Path
) -> None:
    with opened(browser, example_url) as page:
        box = page.get_by_role("searchbox")
        box.wait_for()
        settle(page)
        box.press_sequentially("有給", delay=30)
        options = page.get_by_role("option")
        options.first.wait_for()
        titles = options.locator("span").all_inner_texts()
        assert "年次有給休暇の申請方法" in titles
        # Offered only: nothing was searched for.
        settle(page)
        assert "q=" not in page.url
        shoot(page, "suggestions.png")
        page.keyboard.press("Escape")
        options.first.wait_for(state="detached")
        assert box.input_value() == "有給"
        # Enter, with nothing chosen, asks what was typed.
        page.keyboard.press("Enter")
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert asked(page) == "有給"
        box.fill("")
        box.press_sequentially("有給休暇の申", delay=30)
        options.first.wait_for()
        page.wait_for_function("document.querySelectorAll('.sk-suggestions li').length > 0")
        page.keyboard.press("ArrowDown")
        taken = page.locator('[role=option][aria-selected="true"] span').inner_text()
        assert box.get_attribute("aria-activedescendant") == "sakuin-suggestions-0"
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: taken in unquote(url))
        settle(page)
        assert asked(page) == taken
        assert options.count() == 0
        # What was asked is offered again, by the mouse too.
        box.fill("有")
        recent = page.get_by_role("option", name="最近の検索").filter(has=page.get_by_text("有給", exact=True))
        recent.click()
        page.wait_for_url(lambda url: asked(page) == "有給")


def test_hostile_titles_are_only_text_and_a_phone_has_room(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.md").write_text(f"---\ntitle: '{HOSTILE}'\n---\nneedle", encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / ".sakuin")
    with (
        served(tmp_path / ".sakuin", tmp_path / "log.txt") as url,
        opened(browser, url, viewport={"width": 390, "height": 844}, color_scheme="dark", locale="en-GB") as page,
    ):
        box = page.get_by_role("searchbox")
        box.wait_for()
        settle(page)
        box.press_sequentially("nee", delay=30)
        option = page.get_by_role("option")
        option.first.wait_for()
        assert HOSTILE in option.first.inner_text()
        assert page.locator(".sk-suggestions script, .sk-suggestions img, .sk-suggestions a").count() == 0
        place = page.locator(".sk-suggestions").bounding_box()
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= 390
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
