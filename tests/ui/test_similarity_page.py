"""The page Similarity."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.pages import HOSTILE, html_of, opened, press, settle


def page_of_similarity() -> None:
    from embedder import StaticEmbedder
    from ui.similarity import similarity_page
    from ui.words import Words

    similarity_page(StaticEmbedder.load(), Words("en"))


def test_similarity_without_an_index() -> None:
    app = AppTest.from_function(page_of_similarity, default_timeout=60).run()
    assert not app.exception
    first = html_of(app)
    assert "My train is delayed" in first
    app.select_slider(key="cut").set_value(32).run()
    assert html_of(app) != first
    app.segmented_control(key="view").set_value("matrix").run()
    assert "A cat is asleep" in html_of(app)
    assert "<table" not in html_of(app)


@pytest.mark.parametrize("many", ["", " \n ", "one", "\n".join(["猫"] * 300), "長" * 6000 + "\n" + HOSTILE])
def test_similarity_takes_any_texts(many: str) -> None:
    app = AppTest.from_function(page_of_similarity, default_timeout=60).run()
    for key, view in (("many", "rank"), ("all", "matrix")):
        app.segmented_control(key="view").set_value(view).run()
        app.text_area(key=key).set_value(many).run()
        assert not app.exception
        html = html_of(app)
        assert "<script" not in html
        assert ("too many" in html) == (many.count("\n") > 200)
        assert ("too long" in html) == (len(many) > 5500)
        assert html.count('class="sk-row"') <= 200


@pytest.mark.browser
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
