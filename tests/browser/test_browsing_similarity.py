"""The page Similarity, in a browser."""

import os
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.browser.browsing import opened, press, settle, shoot
from tests.examples import HOSTILE

pytestmark = pytest.mark.browser


def test_similarity_changes_with_the_dimension(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/similarity", locale="en-GB") as page:
        scores = page.locator(".sk-row b")
        scores.first.wait_for()
        before = scores.all_inner_texts()
        page.get_by_role("slider").press("ArrowLeft")
        settle(page)
        assert scores.all_inner_texts() != before
        box = page.get_by_label("Texts to compare it with")
        box.fill(f"{HOSTILE}\n電車が遅れて遅刻しそうです")
        box.press("Control+Enter")
        settle(page)
        assert page.locator(".sk-row").all_inner_texts()[0].endswith("1.000")
        assert "<script>" in page.locator(".sk-row").nth(1).inner_text()
        press(page, "All with all")
        page.get_by_label("Texts (one a line)").fill(f"{HOSTILE}\n<img src=x onerror=alert(1)>")
        page.get_by_label("Texts (one a line)").press("Control+Enter")
        settle(page)
        chart = page.locator("[data-testid=stVegaLiteChart]")
        box_of_chart = chart.bounding_box()
        page.mouse.move(box_of_chart["x"] + box_of_chart["width"] / 3, box_of_chart["y"] + 30)
        tooltip = page.locator("#vg-tooltip-element.visible")
        tooltip.wait_for()
        assert tooltip.locator("img, script").count() == 0
        assert "<script>" in tooltip.inner_text()


def test_a_cell_that_is_pressed_is_taken_apart_and_the_link_shows_the_same(browser: Any, example_url: str) -> None:
    address = urlencode({"view": "cross", "left": "猫が寝ている\n雨が降る", "right": "A cat sleeps\nIt is raining"})
    with opened(browser, f"{example_url}/similarity?{address}", locale="en-GB") as page:
        chart = page.locator("[data-testid=stVegaLiteChart]")
        chart.locator("canvas, svg").first.wait_for()
        settle(page)
        assert page.locator(".sk-heat thead").inner_text().split()[:2] == ["A", "cat"]
        place = chart.bounding_box()
        page.mouse.click(place["x"] + place["width"] * 0.8, place["y"] + 55)
        settle(page)
        assert "pair=2-2" in page.url
        words = page.locator(".sk-heat")
        assert "rain" in words.locator("thead").inner_text()
        shown = words.inner_text()
        page.goto(page.url)
        words.wait_for()
        settle(page)
        assert words.inner_text() == shown
        # Another page and back.
        page.get_by_role("link", name="Search").click()
        page.get_by_role("searchbox").wait_for()
        settle(page)
        assert "left=" not in page.url
        page.get_by_role("button", name="Understand").click()
        page.locator("a", has_text="Similarity").click()
        words.wait_for()
        settle(page)
        assert "pair=2-2" in page.url
        assert words.inner_text() == shown


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_hostile_texts_are_only_text(browser: Any, example_url: str, scheme: str, width: int) -> None:
    size = {"width": width, "height": 844}
    texts = quote(f"{HOSTILE}\n<img src=x onerror=alert(1)> {'長' * 300}")
    for view, box in (("rank", "many"), ("matrix", "all"), ("cross", "left")):
        url = f"{example_url}/similarity?view={view}&{box}={texts}"
        with opened(browser, url, color_scheme=scheme, viewport=size) as page:
            page.locator(".sk-heat").wait_for()
            settle(page)
            assert "<script>" in page.locator(".sk-row", has_text="needle").first.inner_text()
            assert page.locator(".sk script, .sk img, .sk a, .katex").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            main = page.locator("[data-testid=stMain]")
            assert main.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_pictures(browser: Any, example_url: str) -> None:
    if not os.environ.get("SAKUIN_SCREENSHOTS"):
        pytest.skip("SAKUIN_SCREENSHOTS names no folder")
    sizes = {"": {"width": 1280, "height": 1400}, "-phone": {"width": 390, "height": 1600}}
    for scheme, name in (("light", ""), ("dark", "-dark"), ("dark", "-phone")):
        size = sizes.get(name, sizes[""])
        with opened(browser, f"{example_url}/similarity?view=cross", color_scheme=scheme, viewport=size) as page:
            page.locator(".sk-heat").wait_for()
            shoot(page, f"similarity-cross{name}.png")
