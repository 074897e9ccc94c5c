"""The page Map, in a browser."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.browsing import opened, served, settle, shoot
from tests.examples import HOSTILE

pytestmark = pytest.mark.browser


def shown_colours(page: Any) -> int:
    """How many different colours the map's picture has."""
    import io

    from PIL import Image

    picture = Image.open(io.BytesIO(page.locator(".map canvas").screenshot())).convert("RGB")
    return len(picture.getcolors(1_000_000) or [])


def test_points_are_drawn_moved_and_read(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/map?q={quote('家で働くときのルール')}", locale="en-GB") as page:
        page.locator(".map[data-drawn]").wait_for()
        settle(page)
        assert shown_colours(page) > 20
        assert page.locator(".map .hit").count() == 10
        assert page.locator(".map .query").count() == 1
        canvas = page.locator(".map canvas")
        box = canvas.bounding_box()
        mark = page.locator(".map .hit", has_text="1").last
        before = mark.bounding_box()
        page.mouse.move(box["x"] + 300, box["y"] + 300)
        page.mouse.down()
        page.mouse.move(box["x"] + 340, box["y"] + 330, steps=4)
        page.mouse.up()
        page.wait_for_timeout(200)
        after = mark.bounding_box()
        assert after["x"] - before["x"] == pytest.approx(40, abs=1)
        assert after["y"] - before["y"] == pytest.approx(30, abs=1)
        canvas.focus()
        canvas.press("+")
        page.get_by_label("Show all").click()
        page.wait_for_timeout(200)
        assert mark.bounding_box() == before
        # Over the best hit its text is shown, a click shows all of it.
        page.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
        tip = page.locator(".map .tip")
        tip.wait_for()
        start = tip.locator(".start").inner_text().rstrip("…")
        page.mouse.down()
        page.mouse.up()
        page.locator(".sk-picked").wait_for()
        settle(page)
        assert start[:20] in " ".join(page.locator(".sk-picked .sk-text").inner_text().split())
        assert page.locator(".map .picked").count() == 1
        assert page.locator(".map .hit").count() == 10


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_hostile_documents_are_only_text(
    browser: Any, hostile_index: Path, tmp_path: Path, scheme: str, width: int
) -> None:
    with (
        served(hostile_index, tmp_path / "log.txt") as url,
        opened(
            browser,
            f"{url}/map?q={quote('needle ' + HOSTILE)}",
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
        ) as page,
    ):
        page.locator(".map[data-drawn]").wait_for()
        settle(page)
        mark = page.locator(".map .hit").last.bounding_box()
        page.mouse.move(mark["x"] + 10, mark["y"] + 10)
        tip = page.locator(".map .tip")
        tip.wait_for()
        assert "<script>" in tip.inner_text()
        assert page.locator(".map script, .map img, .map a, .map b").count() == 0
        inside, edge = tip.bounding_box(), page.locator(".map").bounding_box()
        assert edge["x"] <= inside["x"]
        assert inside["x"] + inside["width"] <= edge["x"] + edge["width"]
        page.mouse.down()
        page.mouse.up()
        picked = page.locator(".sk-picked")
        picked.wait_for()
        settle(page)
        assert "<img src=x" in picked.inner_text()
        assert page.locator(".sk script, .sk img, .sk a, .sk .katex").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_pictures(browser: Any, example_url: str) -> None:
    if not os.environ.get("SAKUIN_SCREENSHOTS"):
        pytest.skip("SAKUIN_SCREENSHOTS names no folder")
    asked = f"{example_url}/map?q={quote('家で働くときのルール')}"
    for scheme, name in (("light", "map.png"), ("dark", "map-dark.png")):
        with opened(browser, asked, color_scheme=scheme) as page:
            page.locator(".map[data-drawn]").wait_for()
            shoot(page, name)
