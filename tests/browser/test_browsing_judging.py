"""Judging hits, in a browser."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sakuin.tuning.judgements import read
from tests.browser.browsing import opened, served, settle, shoot

pytestmark = pytest.mark.browser
QUERY, ANSWER = "電車が遅れた証拠がほしい", "travel/chien-shomei.txt"


def test_a_hit_is_judged_by_one_click_and_the_owner_starts_with_it(
    browser: Any, example_index: Path, tmp_path: Path
) -> None:
    index = Path(shutil.copytree(example_index, tmp_path / ".sakuin"))
    with served(index, tmp_path / "log.txt") as url, opened(browser, f"{url}/?q={quote(QUERY)}") as page:
        page.locator(".sk-hit").first.wait_for()
        first = page.get_by_role("radiogroup", name="1 位は答えですか")
        first.get_by_role("radio", name="違う").click()
        pressed = page.get_by_role("radio", checked=True, name="違う")
        pressed.wait_for()
        settle(page)
        assert [(one.query, one.document, one.judgement) for one in read(index)] == [(QUERY, ANSWER, "does_not_answer")]
        page.reload()
        pressed.wait_for()
        assert first.get_by_role("radio", checked=True, name="違う").count() == 1
        page.goto(f"{url}/evaluate")
        page.locator(".sk-texts a").wait_for()
        settle(page)
        assert page.locator(".sk-texts tbody tr").all_inner_texts() == [
            f"{QUERY}\t1 位が違う\t鉄道の遅延証明書のもらい方"
        ]
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        # Without the folder of this test's index beside it.
        shoot(page, "judgements.png", "[data-testid=stMain]")
    with (
        served(index, tmp_path / "log.txt", "--read-only") as url,
        opened(browser, f"{url}/?q={quote(QUERY)}") as page,
    ):
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert page.get_by_text("違う", exact=True).count() == 0
