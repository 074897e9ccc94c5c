"""What all pages share: language, sidebar, and what is shown without an index."""

from pathlib import Path

import pytest

from sakuin.index.build import build
from sakuin.index.writer import IndexWriter
from tests.examples import EXAMPLES
from tests.ui.pages import html_of, run_app


def test_without_an_index_the_page_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    app = run_app(monkeypatch, tmp_path / "none")
    assert "There is no index yet" in html_of(app)
    assert app.code[0].value == f"index build CORPUS_DIR --index {tmp_path / 'none'}"
    build(EXAMPLES, tmp_path / "none")
    app.run()
    assert "There is no index yet" not in html_of(app)


def test_an_index_that_is_being_made_is_not_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with IndexWriter(tmp_path / "index"):
        html = html_of(run_app(monkeypatch, tmp_path / "index"))
    assert "The index is not ready yet" in html
    assert "There is no index yet" not in html


def test_an_empty_index_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    build(tmp_path / "corpus", tmp_path / "index")
    assert "holds no documents" in html_of(run_app(monkeypatch, tmp_path / "index", q="x"))


def test_a_damaged_index_is_a_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "documents.db").write_bytes(b"not a database" * 100)
    assert "file is not a database" in html_of(run_app(monkeypatch, tmp_path))
