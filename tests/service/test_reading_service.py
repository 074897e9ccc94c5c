"""Documents and their files over HTTP."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from sakuin import Index, Searcher
from sakuin.index.build import build
from tests.service.services import Service, started

NAME = "規程/有給 休暇.md"
CONTENT = "# 有給休暇\n\n申請は三日前までに。\n\n# 特別休暇\n\n結婚のとき五日。\n".encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("reading-service")
    path = base / "corpus" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    (base / "corpus" / "out.txt").write_text("外へ出る文。", encoding="utf-8")
    (base / "corpus" / "規程" / "file").write_text("名前が file の文書。", encoding="utf-8")
    (base / "secret.txt").write_text("秘密", encoding="utf-8")
    build(base / "corpus", base / "index")
    (base / "corpus" / "out.txt").unlink()
    (base / "corpus" / "out.txt").symlink_to(base / "secret.txt")
    with Index.open(base / "index") as index:
        index.add({"id": "added", "text": "足された文。"})
    return base / "index"


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with started(folder) as (_, port):
        yield Service(port)


def test_documents_and_passages_are_those_of_the_library(service: Service, folder: Path) -> None:
    with Searcher.open(folder) as searcher:
        document, part = searcher.document(NAME), searcher.document(NAME, start=6, most=12)
        excerpt = searcher.read(2, document=NAME, around=1)
        similar = searcher.similar(NAME, passage=2, k=2, where={"type": "md"}).to_dict()
        others = searcher.similar(NAME, k=2).to_dict()
    address = f"/documents/{quote(NAME)}"
    assert service.get(address) == document.to_dict()
    assert service.get(address, start=6, characters=12) == part.to_dict()
    assert service.get("/read", id=NAME, passage=2, around=1) == excerpt.to_dict()
    assert service.get("/read", passage=excerpt.passage.passage_id, around=1) == excerpt.to_dict()
    assert service.get("/similar", id=NAME, k=2) == json.loads(json.dumps(others))
    assert service.get("/similar", id=NAME, passage=2, where="type=md") == json.loads(json.dumps(similar))
    assert others["documents"]
    assert service.get("/documents/" + quote("規程/file"))["text"].startswith("名前が")


def test_the_file_is_given_to_be_saved_and_not_to_be_run(service: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.request("GET", f"/documents/{quote(NAME)}/file")
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert (answer.status, content) == (200, CONTENT)
    assert answer.getheader("Content-Disposition") == f"attachment; filename*=UTF-8''{quote('有給 休暇.md')}"
    assert answer.getheader("Content-Type") == "application/octet-stream"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"


@pytest.mark.parametrize(
    "path",
    [
        "/documents/none",
        "/documents/none/file",
        "/documents/added/file",
        "/documents/out.txt/file",
        "/documents/../secret.txt/file",
        "/documents/%2e%2e/secret.txt/file",
        "/documents/..%2Fsecret.txt/file",
        "/documents//etc/passwd/file",
        "/read?passage=0000000000000000",
        "/read?passage=99&id=added",
        "/similar?id=none",
    ],
)
def test_what_is_not_there_or_leads_elsewhere_is_not_found(service: Service, folder: Path, path: str) -> None:
    error = service.refused(404, "GET", path)
    assert "秘密" not in error["message"]
    assert str(folder.parent) not in error["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/read",
        "/similar",
        "/similar?id=added&k=0",
        "/similar?id=added&where=colour%3Dred",
        "/read?passage=1",
        "/read?passage=x",
        "/read?passage=1&id=added&around=-1",
        "/documents/added?start=-1",
    ],
)
def test_what_makes_no_sense_is_refused(service: Service, path: str) -> None:
    service.refused(400, "GET", path)
