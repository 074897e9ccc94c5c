"""What all pages share: language, sidebar, and what is shown without an index."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sakuin.index.build import build
from tests.ui.pages import EXAMPLES, html_of, opened, run_app, served, settle


def test_without_an_index_the_page_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    app = run_app(monkeypatch, tmp_path / "none")
    assert "There is no index yet" in html_of(app)
    assert app.code[0].value == f"index build CORPUS_DIR --index {tmp_path / 'none'}"
    build(EXAMPLES, tmp_path / "none")
    app.run()
    assert "There is no index yet" not in html_of(app)


def test_an_empty_index_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    build(tmp_path / "corpus", tmp_path / "index")
    assert "holds no documents" in html_of(run_app(monkeypatch, tmp_path / "index", q="x"))


def test_a_damaged_index_is_a_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "documents.db").write_bytes(b"not a database" * 100)
    assert "cannot be opened as an index" in html_of(run_app(monkeypatch, tmp_path))


@pytest.mark.browser
def test_without_an_index(browser: Any, tmp_path: Path) -> None:
    with (
        served(tmp_path / "none", tmp_path / "log.txt") as url,
        opened(browser, url, viewport={"width": 390, "height": 844}) as page,
    ):
        page.get_by_text("まだ索引がありません").wait_for()
        assert "index build CORPUS_DIR" in page.locator("[data-testid=stCode]").inner_text()
        page.goto(f"{url}/similarity")
        page.locator(".sk-list").wait_for()


@pytest.mark.browser
def test_the_language_outlives_a_reload(browser: Any, example_url: str) -> None:
    with opened(browser, example_url) as page:
        page.get_by_text("English", exact=True).click()
        page.get_by_role("link", name="Similarity").click()
        page.wait_for_url("**lang=en**")
        page.reload()
        page.get_by_role("link", name="Similarity").wait_for()
        page.get_by_text("日本語", exact=True).click()
        page.get_by_role("link", name="文の近さ").wait_for()
        settle(page)
        assert "lang" not in page.url


@pytest.mark.browser
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
