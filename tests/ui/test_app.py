"""What all pages share: language, sidebar, and what is shown without an index."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sakuin.index.build import build
from sakuin.search import Notice
from sakuin.ui.words import NOTICES, WORDS, Words
from tests.ui.pages import EXAMPLES, ROOT, html_of, opened, run_app, served, settle


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


def test_every_word_is_in_both_languages() -> None:
    for key, (japanese, english) in WORDS.items():
        assert set(re.findall(r"{(\w+)}", japanese)) == set(re.findall(r"{(\w+)}", english)), key
    used = set()
    for path in (ROOT / "app.py", *(ROOT / "ui").glob("*.py")):
        used |= set(re.findall(r'words\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    assert used <= WORDS.keys()


def test_notices_are_translated() -> None:
    assert NOTICES.keys() == set(Notice)
    assert {Words("ja").notice(notice) for notice in Notice}.isdisjoint(Notice)
    assert Words("en").notice(Notice.EMPTY) == "The query is empty."


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
