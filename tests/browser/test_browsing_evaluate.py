"""The page Evaluate, in a browser."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.browsing import opened, settle, shoot
from tests.examples import HOSTILE

pytestmark = pytest.mark.browser


def test_the_example_queries_are_measured(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/evaluate", locale="en-GB", viewport={"width": 390, "height": 844}) as page:
        page.get_by_role("button", name="Use the queries of the example documents").click()
        page.get_by_text("114 queries").wait_for()
        page.get_by_role("button", name="Measure").click()
        page.locator(".sk-compare").nth(1).wait_for()
        settle(page)
        assert "queries=examples" in page.url
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        first = page.locator(".sk-compare").first.inner_text()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save as CSV").click()
        assert len(Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()) == 115
        with page.context.expect_page() as opening:
            page.locator(".sk-compare a").first.click()
        found = opening.value
        found.locator(".sk-hit").first.wait_for()
        assert "/?q=" in found.url
        # The same address shows the same figures.
        page.reload()
        page.get_by_role("button", name="Measure").click()
        page.locator(".sk-compare").nth(1).wait_for()
        settle(page)
        assert page.locator(".sk-compare").first.inner_text() == first


def test_hostile_queries_are_only_text(browser: Any, example_url: str) -> None:
    row = {"query": HOSTILE, "relevant": ["office/yukyu-kyuka.md", HOSTILE]}
    with opened(browser, f"{example_url}/evaluate?settings=bm25", locale="en-GB", color_scheme="dark") as page:
        page.locator("input[type=file]").set_input_files(
            {"name": "<b>x.jsonl", "mimeType": "application/json", "buffer": json.dumps(row).encode()}
        )
        page.get_by_text("1 queries").wait_for()
        page.get_by_role("button", name="Measure").click()
        page.locator(".sk-compare").nth(1).wait_for()
        settle(page)
        main = page.locator("[data-testid=stMain]")
        assert "<script>" in main.inner_text()
        assert main.locator(".sk script, .sk img, .katex").count() == 0
        assert main.locator(".sk a:not([href^='./?q='])").count() == 0


def test_pictures(browser: Any, example_url: str) -> None:
    if not os.environ.get("SAKUIN_SCREENSHOTS"):
        pytest.skip("SAKUIN_SCREENSHOTS names no folder")
    for scheme, name in (("light", "evaluate.png"), ("dark", "evaluate-dark.png")):
        with opened(browser, f"{example_url}/evaluate?queries=examples", color_scheme=scheme) as page:
            page.locator(".st-key-evaluate_measure button").click()
            page.locator(".sk-compare").nth(1).wait_for()
            shoot(page, name)
