"""The page Dimensions, in a browser."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.browsing import opened, served, settle, shoot
from tests.examples import HOSTILE

pytestmark = pytest.mark.browser
QUERY = "家で働くときのルール"


def test_a_query_and_the_index_are_compared(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/dimensions", locale="en-GB") as page:
        box = page.get_by_role("searchbox")
        box.fill(QUERY)
        box.press("Enter")
        page.locator(".sk-ranks").wait_for()
        settle(page)
        assert f"q={quote(QUERY)}" in page.url
        shown = page.locator(".sk-ranks").inner_text()
        page.locator("[data-testid=stCheckbox] label").first.click()
        settle(page)
        assert "hybrid=true" in page.url
        joined = page.locator(".sk-ranks").inner_text()
        assert joined != shown
        page.goto(page.url)
        page.locator(".sk-ranks").wait_for()
        settle(page)
        assert page.locator(".sk-ranks").inner_text() == joined
        page.get_by_role("button", name="Measure").click()
        page.get_by_role("button", name="Measure again").wait_for()
        settle(page)
        assert page.locator("[data-testid=stVegaLiteChart]").count() == 4
        # The query goes along to the page that searches.
        page.get_by_role("link", name="Search").click()
        page.locator(".sk-hit").first.wait_for()
        assert f"q={quote(QUERY)}" in page.url


def test_hostile_passages_are_only_text(browser: Any, hostile_index: Path, tmp_path: Path) -> None:
    with served(hostile_index, tmp_path / "log.txt") as url:
        for scheme, width in (("light", 1280), ("dark", 390)):
            with opened(
                browser,
                f"{url}/dimensions?q={quote('needle ' + HOSTILE)}",
                color_scheme=scheme,
                viewport={"width": width, "height": 844},
            ) as page:
                table = page.locator(".sk-ranks")
                table.wait_for()
                settle(page)
                assert "<script>" in table.inner_text()
                assert page.locator(".sk script, .sk img, .sk a, .katex").count() == 0
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
                assert page.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth <= e.clientWidth")
                chart = page.locator("[data-testid=stVegaLiteChart]").first
                chart.scroll_into_view_if_needed()
                place = chart.bounding_box()
                tooltip = page.locator("#vg-tooltip-element.visible")
                # Somewhere in the first column of points stands a passage.
                for y in range(10, 60, 4):
                    for x in range(30, 140, 8):
                        page.mouse.move(place["x"] + x, place["y"] + y)
                        if tooltip.count():
                            break
                    if tooltip.count():
                        break
                tooltip.wait_for()
                assert tooltip.locator("img, script").count() == 0
                assert "<script>" in tooltip.inner_text()


def test_pictures(browser: Any, example_url: str) -> None:
    if not os.environ.get("SAKUIN_SCREENSHOTS"):
        pytest.skip("SAKUIN_SCREENSHOTS names no folder")
    for scheme, name, width in (("light", "", 1280), ("dark", "-dark", 1280), ("dark", "-phone", 390)):
        url = f"{example_url}/dimensions?q={quote(QUERY)}"
        with opened(browser, url, color_scheme=scheme, viewport={"width": width, "height": 1400}) as page:
            page.locator(".sk-ranks").wait_for()
            shoot(page, f"dimensions{name}.png")
