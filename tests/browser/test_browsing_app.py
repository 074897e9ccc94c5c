"""What all pages share, in a browser."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.browsing import opened, served, settle

pytestmark = pytest.mark.browser


def test_without_an_index(browser: Any, tmp_path: Path) -> None:
    with (
        served(tmp_path / "none", tmp_path / "log.txt") as url,
        opened(browser, url, viewport={"width": 390, "height": 844}) as page,
    ):
        page.get_by_text("まだ索引がありません").wait_for()
        assert "index build CORPUS_DIR" in page.locator("[data-testid=stCode]").inner_text()
        page.goto(f"{url}/similarity")
        page.locator(".sk-list").wait_for()


def test_the_language_outlives_a_reload(browser: Any, example_url: str) -> None:
    with opened(browser, example_url) as page:
        page.get_by_text("English", exact=True).click()
        page.get_by_role("link", name="Documents").click()
        page.wait_for_url("**lang=en**")
        page.reload()
        page.get_by_role("link", name="Documents").wait_for()
        page.get_by_text("日本語", exact=True).click()
        page.get_by_role("link", name="文書").wait_for()
        settle(page)
        assert "lang" not in page.url


def test_no_page_asks_another_machine(browser: Any, example_url: str) -> None:
    with opened(browser, example_url) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for path in ("", "similarity", "dimensions", "map", "corpus", "evaluate"):
            page.goto(f"{example_url}/{path}?q={quote('有給休暇')}")
            settle(page)
            page.wait_for_timeout(500)
        own = (example_url, example_url.replace("http", "ws", 1), "data:", "blob:")
        assert asked
        assert [url for url in asked if not url.startswith(own)] == []


def test_a_project_with_modules_of_the_same_names_is_not_imported(
    browser: Any, example_index: Path, tmp_path: Path
) -> None:
    for name in ("app", "index", "search", "ui", "streamlit"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the project\\'s own {name} was imported')\n")
    shutil.copytree(example_index, tmp_path / ".sakuin")
    log = tmp_path / "log.txt"
    with served(tmp_path / ".sakuin", log) as url, opened(browser, f"{url}/?q={quote('有給休暇')}") as page:
        page.locator(".sk-hit").first.wait_for()
        for path in ("similarity", "dimensions", "map", "corpus", "evaluate"):
            page.goto(f"{url}/{path}")
            settle(page)
            assert page.locator("[data-testid=stException]").count() == 0
    assert "was imported" not in log.read_text()
