"""Documents that come and go over HTTP, in a service started as a user starts it."""

import itertools
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from sakuin import Index
from sakuin.index.build import build
from sakuin.index.settings import Settings
from tests.service.services import JSON, Service, ended, free_port, started


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    base = tmp_path_factory.mktemp("writing")
    (base / "docs").mkdir()
    (base / "docs" / "zebra.txt").write_text("The zebra crossed the river.", encoding="utf-8")
    build(base / "docs", base / "index", Settings(model=str(toy_model)))
    return base / "index"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "index"))


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    with started(folder, "--writable") as (_, port):
        yield Service(port)


def put(service: Service, name: str, **document: object) -> object:
    status, _, answer = service.send("PUT", f"/documents/{quote(name)}", json.dumps(document), JSON)
    assert status == 200, answer
    return answer


def test_what_is_written_is_found_and_what_is_removed_is_not(service: Service, folder: Path) -> None:
    assert service.post("/documents", id="a/b#1", text="電車が遅れた。", year=2024) == {"stored": 1}
    (hit,) = service.get("/search", query="電車", mode="bm25")["hits"]
    assert (hit["document"]["id"], hit["document"]["metadata"]) == ("a/b#1", {"year": 2024})
    assert put(service, "a/b#1", text="飛行機が遅れた。", metadata={"year": 2025}) == {"stored": 1}
    assert not service.get("/search", query="電車", mode="bm25")["hits"]
    lines = b'{"id": "c", "text": "cat"}\n\n{"id": 4, "text": "dog", "year": 2025}\n'
    assert service.send("POST", "/documents", lines, {"Content-Type": "application/x-ndjson"})[2] == {"stored": 2}
    with Index.open(folder) as index:
        assert [document.id for document in index.documents()] == ["zebra.txt", "a/b#1", "c", "4"]
        generation = service.get("/health")["generation"]
        assert put(service, "c", text="cat") == {"stored": 1}
        assert service.post("/documents/delete", where={"year": 2025}) == {"removed": 2}
        assert [document.id for document in index.documents()] == ["zebra.txt", "c"]
        assert service.get("/health")["generation"] >= generation
    for removed in (1, 0):
        assert service.send("DELETE", "/documents/c")[2] == {"removed": removed}


def test_what_cannot_be_written_changes_nothing_and_is_told(service: Service, folder: Path) -> None:
    with Index.open(folder) as index:
        before = list(index.documents())
        fine = {"id": "a", "text": "a"}
        for body, message in (
            ([], "no document"),
            ([fine, {"text": "b"}], "has no id"),
            ([fine, {"id": "b", "text": ""}], "has no text"),
            ([fine, 1], "is a int"),
            ([fine, {"id": "b", "text": "b", "uri": {}}], "its uri is a dict"),
            ([fine, {"id": "b", "text": "b", "x": {"y": 1}}], "metadata 'x'"),
            (None, "is a NoneType"),
        ):
            assert message in service.refused(400, "POST", "/documents", json.dumps(body))["message"]
        assert "not JSON" in service.refused(400, "POST", "/documents", b"{")["message"]
        assert "1,001 documents" in service.refused(413, "POST", "/documents", [fine] * 1001)["message"]
        taken = service.refused(409, "POST", "/documents", [fine, {"id": "zebra.txt", "text": "b"}])
        assert taken["code"] == "document_of_file"
        assert "would remove all" in service.refused(400, "POST", "/documents/delete", {"where": {}})["message"]
        unknown = service.refused(400, "POST", "/documents/delete", {"where": {"colour": "red"}})
        assert "'colour'" in unknown["message"]
        other = service.refused(400, "PUT", "/documents/a", {"id": "b", "text": "b"}, headers=JSON)
        assert "the id of the address" in other["message"]
        assert "not JSON" in service.refused(400, "PUT", "/documents/a", b"text", headers=JSON)["message"]
        assert list(index.documents()) == before


def test_who_writes_at_the_same_time_is_committed_together_and_told_apart(service: Service, folder: Path) -> None:
    before = service.get("/health")["generation"]

    def write(number: int) -> int:
        body = {"id": "zebra.txt" if number == 20 else f"n{number}", "text": f"document {number}"}
        return service.send("POST", "/documents", json.dumps(body), JSON)[0]

    with ThreadPoolExecutor(40) as clients:
        answers = list(clients.map(write, range(40)))
    assert [number for number, status in enumerate(answers) if status != 200] == [20]
    assert answers[20] == 409
    with Index.open(folder) as index:
        assert len(index.get([f"n{number}" for number in range(40)])) == 39
    assert service.get("/health")["generation"] > before


def test_a_kill_loses_nothing_that_was_acknowledged(folder: Path) -> None:
    numbers = itertools.count()
    acknowledged: list[str] = []
    with started(folder, "--writable") as (process, port):
        service = Service(port)

        def write() -> None:
            while True:
                name = f"n{next(numbers)}"
                try:
                    assert put(service, name, text=f"document {name}") == {"stored": 1}
                except (OSError, ValueError):
                    return
                except Exception:
                    # The answer broke off.
                    return
                acknowledged.append(name)

        with ThreadPoolExecutor(4) as clients:
            for _ in range(4):
                clients.submit(write)
            latest = time.monotonic() + 30
            while len(acknowledged) < 20 and time.monotonic() < latest:
                time.sleep(0.01)
            process.kill()
    assert len(acknowledged) >= 20
    with Index.open(folder) as index:
        assert index.verify() == []
        assert {document.id for document in index.get(acknowledged)} == set(acknowledged)


def test_only_a_service_that_may_writes_and_one_process_of_it(folder: Path) -> None:
    with started(folder) as (_, port):
        service = Service(port)
        for method, path, body in (
            ("POST", "/documents", {"id": "a", "text": "a"}),
            ("PUT", "/documents/a", {"text": "a"}),
            ("POST", "/documents/delete", {"where": {"id": "zebra.txt"}}),
            ("DELETE", "/documents/zebra.txt", None),
        ):
            refused = service.refused(403, method, path, body, headers={} if body is None else JSON)
            assert "--writable" in refused["message"]
    with Index.open(folder) as index:
        assert len(index) == 1
    assert "One process writes" in ended(folder, "--port", str(free_port()), "--writable", "--workers", "2")
