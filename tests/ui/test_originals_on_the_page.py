"""Files of documents, opened from the pages in a tab of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra ui is not installed")

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from sakuin import Document, Index
from sakuin.index.build import build
from sakuin.index.documents import Position
from sakuin.ui import originals
from sakuin.ui.door import Door
from tests.ui.pages import run_app

FILES = {
    "罠.html": "<meta charset=shift_jis><p>罠のページ<script>alert(1)</script>".encode("cp932"),
    "古い.txt": "有給休暇の申請は三日前までに上司へ出してください。よろしくお願いします。".encode("cp932"),
    "表.csv": "品,価,備考\n柿,100,秋の果物\n梨,200,冷やして食べる\n".encode(),
    "偽.pdf": b"<script>alert(1)</script>",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("originals-on-the-page")
    (base / "corpus").mkdir()
    for name, content in FILES.items():
        (base / "corpus" / name).write_bytes(content)
    (base / "secret.txt").write_text("秘密", encoding="utf-8")
    build(base / "corpus", base / ".sakuin")
    return base / ".sakuin"


@pytest.fixture
def asking(index: Path) -> Iterator[TestClient]:
    routes = originals.routes([index], ["localhost"])
    yield TestClient(Starlette(routes=routes, middleware=[Middleware(Door)]), base_url="http://localhost:8501")
    originals.routes([])


def address(index: Path, document_id: str) -> str:
    found = originals.address_of(index, document_id)
    assert found
    return found


def test_a_page_is_shown_as_nobodys_and_runs_nothing(asking: TestClient, index: Path) -> None:
    answer = asking.get(address(index, "罠.html"))
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "罠のページ" in answer.text
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"sandbox", "default-src 'none'"} <= set(policy)
    assert not any(part.startswith("script-src") for part in policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("inline")


def test_text_is_shown_in_whatever_encoding_it_is(asking: TestClient, index: Path) -> None:
    answer = asking.get(address(index, "古い.txt"))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == FILES["古い.txt"].decode("cp932")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_what_no_browser_shows_is_saved(asking: TestClient, index: Path) -> None:
    answer = asking.get(address(index, "表.csv#row=2"))
    assert answer.content == FILES["表.csv"]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("name", ["secret.txt", "../secret.txt", "none", "", "/etc/passwd"])
def test_only_files_of_documents_are_given(asking: TestClient, index: Path, name: str) -> None:
    answer = asking.get(address(index, name), headers={"accept-language": "ja"})
    assert answer.status_code == 404
    assert "秘密" not in answer.text
    assert "うまくいきませんでした" in answer.text
    for number in ("1", "-1", "", "9" * 400, "²"):
        answer = asking.get(originals.PATH, params={"index": number, "id": "古い.txt"})
        assert answer.status_code == 404


def test_a_page_elsewhere_that_gives_this_machine_its_name_gets_nothing(asking: TestClient, index: Path) -> None:
    where = address(index, "古い.txt")
    for host in ("evil.example", "localhost.evil.example:8501", "", "localhost@evil.example", "["):
        assert asking.get(where, headers={"host": host}).status_code == 403, host
    assert asking.get(where, headers={"host": "LOCALHOST"}).status_code == 200


def test_a_pdf_opens_at_its_page_and_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text("元の文です。", encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / ".sakuin")
    assert originals.address_of(tmp_path / ".sakuin", "a.txt") is None
    originals.routes([tmp_path / ".sakuin"])
    try:
        address = originals.address_of(tmp_path / ".sakuin", "報告.pdf", {"page": 12})
        assert address == "/original?index=0&id=%E5%A0%B1%E5%91%8A.pdf#page=12"
        with Index.open(tmp_path / ".sakuin") as opened:
            opened.add(Document(id="added", text="足した文です。", positions=(Position(0, {"page": 1}),)))
        app = run_app(monkeypatch, tmp_path / ".sakuin", q="文")
        links = [(one.proto.label, one.proto.url) for one in app.get("link_button")]
        # What a program added came from no file.
        assert links == [("Open TXT", "/original?index=0&id=a.txt")]
        assert (
            run_app(monkeypatch, tmp_path / ".sakuin", q="文", doc="a.txt").get("link_button")[0].proto.url
            == links[0][1]
        )
    finally:
        originals.routes([])


def test_what_is_called_a_pdf_and_is_none_is_saved(tmp_path: Path) -> None:
    for content, kind in ((FILES["偽.pdf"], None), (b"%PDF-1.7 ...", originals.PDF)):
        path = tmp_path / "a.pdf"
        path.write_bytes(content)
        answer = originals.sent(originals.Original("a.pdf", len(content), path.open("rb")), originals.PDF)
        assert answer.media_type == (kind or "application/octet-stream")
        assert answer.headers["content-disposition"].startswith("inline" if kind else "attachment")
