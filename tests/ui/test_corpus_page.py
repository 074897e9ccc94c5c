"""The page Corpus."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from sakuin.index.build import build
from sakuin.index.store.listing import list_documents, reading
from sakuin.index.writer import IndexWriter
from sakuin.ui.pages import corpus
from tests.ui.pages import html_of

TEXT = ("text/plain", "三毛猫が縁側で寝ている。".encode())


def page_of_corpus(folder: str, read_only: bool) -> None:
    from pathlib import Path

    import streamlit as st

    from sakuin.index.store import committed_manifest
    from sakuin.search import Searcher
    from sakuin.ui.pages.corpus import corpus_page
    from sakuin.ui.widgets import show_error
    from sakuin.ui.words import Words

    from sakuin.errors import SakuinError  # isort: skip

    if "searcher" not in st.session_state and committed_manifest(Path(folder)):
        st.session_state["searcher"] = Searcher.open(folder)
    try:
        corpus_page(Path(folder), st.session_state.get("searcher"), Words("en"), read_only)
    except SakuinError as error:
        show_error(error, Words("en"))


def page_over(folder: Path, read_only: bool = False, **query: str) -> AppTest:
    app = AppTest.from_function(page_of_corpus, args=(str(folder), read_only), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def rows_of(app: AppTest) -> list[str]:
    return re.findall(r'sk-doc.*?class="code"><bdi dir="auto">(.*?)</bdi>', html_of(app))


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader[0].set_value([(name, content, "text/plain") for name, content in files]).run()
    app.button(key="add").click().run()
    assert not app.exception
    return app


def uris(folder: Path) -> set[str]:
    with reading(folder) as connection:
        return {document.id for document in list_documents(connection, most=1000)}


@pytest.fixture
def index(tmp_path: Path, corpus: Path) -> Path:
    # Not called "index": the server is started beside it, where that would be taken for the package.
    build(corpus, tmp_path / ".sakuin")
    return tmp_path / ".sakuin"


def test_the_list_has_pages_filters_and_orders(example_index: Path) -> None:
    app = page_over(example_index)
    first = rows_of(app)
    assert len(first) == corpus.PER_PAGE
    assert first == sorted(first)
    assert "212" in html_of(app)
    second = rows_of(page_over(example_index, page="2"))
    assert second == sorted(second)
    assert not set(first) & set(second)
    app.text_input(key="find").set_value("yukyu").run()
    assert rows_of(app) == ["office/yukyu-kyuka.md"]
    app.selectbox(key="type").set_value("pdf").run()
    assert "No document matches" in html_of(app)
    app.text_input(key="find").set_value("").run()
    assert rows_of(app)
    assert all(row.endswith(".pdf") for row in rows_of(app))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"find": "yukyu"}, "yukyu-kyuka.md"),
        ({"type": "docx"}, ".docx"),
        ({"order": "passages"}, ""),
        ({"order": "nonsense", "page": "<b>"}, ""),
        ({"page": "99999"}, ""),
        ({"type": "exe"}, ""),
    ],
)
def test_the_address_chooses_what_is_listed(example_index: Path, query: dict[str, str], found: str) -> None:
    rows = rows_of(page_over(example_index, **query))
    assert rows
    assert all(row.endswith(found) for row in rows)


def test_a_document_shows_its_passages(example_index: Path) -> None:
    app = page_over(example_index)
    app.text_input(key="find").set_value("yukyu").run()
    [button] = [button for button in app.button if button.label == "Open"]
    button.click().run()
    assert app.query_params["doc"] == "office/yukyu-kyuka.md"
    assert "sk-reading" in html_of(app)
    assert "sk-passage" not in html_of(app)
    app.toggle(key="cut").set_value(True).run()
    html = html_of(app)
    assert html.count('class="sk-passage"') == 3
    assert "characters 20–108" in html
    assert "付与日数" in html
    app.button(key="back").click().run()
    assert rows_of(app) == ["office/yukyu-kyuka.md"]
    assert "doc" not in app.query_params


def test_a_document_that_is_not_there(example_index: Path) -> None:
    assert "&lt;b&gt;none is not in the index" in html_of(page_over(example_index, doc="<b>none"))


def test_files_are_added_to_an_index(index: Path, corpus: Path) -> None:
    app = upload(page_over(index), ("猫.txt", TEXT[1]), ("<b>x.txt", b"one"), ("bad.pdf", b"no PDF"))
    assert {"uploads/猫.txt", "uploads/_b_x.txt"} <= uris(index)
    html = html_of(app)
    assert "Files added: 2" in html
    assert "bad.pdf" in html
    assert "Left out" in html
    assert "&lt;b&gt;x.txt" in html
    assert "<b>x" not in html
    # The searcher that was open before sees them.
    assert app.session_state["searcher"].search("三毛猫").hits[0].document.uri == "uploads/猫.txt"
    app.run()
    assert "Files added" not in html_of(app)
    assert not app.file_uploader[0].value


def test_the_first_files_make_an_index(tmp_path: Path) -> None:
    app = page_over(tmp_path / "new")
    assert "There is no index yet" in html_of(app)
    upload(app, ("猫.txt", TEXT[1]))
    assert uris(tmp_path / "new") == {str(tmp_path / "new-uploads" / "猫.txt")}


def test_an_empty_index_takes_files(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    build(tmp_path / "corpus", tmp_path / "index")
    app = page_over(tmp_path / "index")
    assert "The index holds no documents" in html_of(app)
    assert any("up to 100 MB each" in style.proto.body for style in app.get("html"))
    upload(app, ("猫.txt", TEXT[1]))
    assert rows_of(app) == ["uploads/猫.txt"]


def test_files_are_added_when_another_writer_has_finished(index: Path) -> None:
    app = page_over(index)
    writing, finish = Event(), Event()

    def write() -> None:
        with IndexWriter(index):
            writing.set()
            finish.wait(30)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(write)
        assert writing.wait(30)
        Timer(0.3, finish.set).start()
        upload(app, ("猫.txt", TEXT[1]))
    assert "uploads/猫.txt" in uris(index)


def test_removing_asks_first_and_keeps_the_file(index: Path, corpus: Path) -> None:
    app = page_over(index, find="leave")
    assert app.button(key="remove").disabled
    choose(app, "Choose document 1").run()
    app.button(key="remove").click().run()
    assert "leave.txt" in uris(index)
    assert "next index build brings them back" in html_of(app)
    app.button(key="remove_now").click().run()
    assert "leave.txt" not in uris(index)
    assert (corpus / "leave.txt").exists()
    assert "Removed" in html_of(app)


def test_a_whole_page_can_be_removed(index: Path) -> None:
    app = page_over(index)
    choose(app, "Choose all on this page").run()
    app.button(key="remove").click().run()
    app.button(key="remove_now").click().run()
    assert uris(index) == set()
    assert "The index holds no documents" in html_of(app)


def test_an_uploaded_file_is_deleted_only_when_told(index: Path, corpus: Path) -> None:
    app = upload(page_over(index, find="uploads"), ("猫.txt", TEXT[1]), ("犬.txt", b"A dog."))
    choose(app, "Choose document 1").run()
    app.button(key="remove").click().run()
    app.checkbox(key="delete_uploads").check().run()
    assert "This cannot be undone" in html_of(app)
    app.button(key="remove_now").click().run()
    assert uris(index) & {"uploads/猫.txt", "uploads/犬.txt"} == {"uploads/猫.txt"}
    assert [path.name for path in (corpus / "uploads").iterdir()] == ["猫.txt"]
    choose(app, "Choose document 1").run()
    app.button(key="remove").click().run()
    app.button(key="remove_now").click().run()
    assert [path.name for path in (corpus / "uploads").iterdir()] == ["猫.txt"]


def test_a_row_is_removed_alone_or_with_its_file(index: Path) -> None:
    app = page_over(index, find="rows")
    choose(app, "Choose document 1").run()
    app.button(key="remove").click().run()
    assert "out of the index until the files change" in html_of(app)
    app.button(key="remove_now").click().run()
    assert uris(index) == {"leave.txt", "vpn.md", "rows.jsonl#b"}
    build(index.parent / "corpus", index)
    (index.parent / "corpus" / "rows.jsonl").write_text('{"id": "a", "text": "x"}\n{"id": "b", "text": "y"}\n')
    build(index.parent / "corpus", index)
    app.run()
    choose(app, "Choose document 1").run()
    app.button(key="remove").click().run()
    app.checkbox(key="remove_whole").check().run()
    app.button(key="remove_now").click().run()
    assert uris(index) == {"leave.txt", "vpn.md"}


def choose(app: AppTest, label: str) -> Any:
    [box] = [box for box in app.checkbox if box.label == label]
    return box.check()


def test_read_only_changes_nothing(index: Path) -> None:
    app = page_over(index, read_only=True)
    assert rows_of(app)
    assert not app.checkbox
    assert not app.file_uploader
    assert "read-only" in html_of(app)
    assert {button.label for button in app.button} == {"Open"}


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), (None, False), ("0.0.0.0", False), ("a.example", False)],
)
def test_only_loopback_is_this_machine(monkeypatch: pytest.MonkeyPatch, address: str | None, own: bool) -> None:
    monkeypatch.setattr(corpus.st, "get_option", lambda name: address)
    assert corpus.on_loopback() is own


def test_hostile_documents_are_escaped(hostile_index: Path) -> None:
    app = page_over(hostile_index)
    pages = [app, page_over(hostile_index, doc="rows.jsonl#javascript:alert(1)")]
    for page in pages:
        html = html_of(page)
        assert "&lt;script&gt;window.hacked" in html
        assert not set(re.findall(r"</?([a-z0-9]+)", html)) & {"script", "img", "a"}
        for kind in ("markdown", "caption", "button", "expander", "checkbox"):
            for element in page.get(kind):
                assert "hacked" not in str(element)
                assert "onerror" not in str(element)
