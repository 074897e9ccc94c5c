"""Files that come over HTTP as a form."""

import asyncio
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sakuin import Index
from sakuin.service import gate
from sakuin.service.refusals import Refusal
from tests.service.services import Service, started

BOUNDARY = "a-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(*files: tuple[str, bytes], field: str = "files") -> bytes:
    """The body that `curl -F files=@NAME` sends."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


@pytest.fixture
def folder(tmp_path: Path, toy_model: Path) -> Path:
    with Index.open(tmp_path / "index", model=str(toy_model)) as index:
        index.add({"id": "a", "text": "a cat"})
    return tmp_path / "index"


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    with started(folder, "--writable") as (_, port):
        yield Service(port)


def test_files_are_kept_read_and_found(service: Service, folder: Path) -> None:
    sent = form(("遅延.txt", "電車が遅れた。".encode()), ("../rows.csv", b"text\none\ntwo\n"), ("x.exe", b"\x00\x01"))
    status, _, answer = service.send("POST", "/documents", sent, FORM)
    assert status == 200, answer
    assert answer["stored"] == 3
    assert [one["name"] for one in answer["kept"]] == ["遅延.txt", "../rows.csv"]
    assert [(one["name"], one["code"]) for one in answer["skipped"]] == [("x.exe", "unknown_type")]
    (hit,) = service.get("/search", query="電車", mode="bm25")["hits"]
    assert hit["document"]["uri"] == answer["kept"][0]["uri"]
    # Beside the index, nowhere else.
    assert sorted(os.listdir(folder.parent / "index-uploads")) == ["rows.csv", "遅延.txt"]


def test_what_cannot_be_taken_is_told_and_changes_nothing(service: Service, folder: Path) -> None:
    begun = f"--{BOUNDARY}\r\nContent-Disposition: form-data".encode()
    field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"\r\n\r\ntext\r\n--{BOUNDARY}--\r\n'.encode()
    for body, message in (
        (form(("x.exe", b"\x00\x01")), "x.exe"),
        (form(), "no file"),
        (field, "is no file"),
        (b"text", "cannot be read"),
        (begun, "no file"),
        (form(*[("a.txt", b"a")] * 101), "Too many files"),
    ):
        assert message in service.refused(400, "POST", "/documents", body, headers=FORM)["message"]
    no_boundary = {"Content-Type": "multipart/form-data"}
    assert "boundary" in service.refused(400, "POST", "/documents", b"a", headers=no_boundary)["message"]
    # A page of another site may send forms to any address.
    foreign = FORM | {"Origin": "http://evil.example"}
    refused = service.refused(403, "POST", "/documents", form(("a.txt", b"a")), headers=foreign)
    assert refused["code"] == "origin_not_allowed"
    large = FORM | {"Content-Length": "100000001"}
    assert "100,000,000 bytes" in service.refused(413, "POST", "/documents", b"", headers=large)["message"]
    # Elsewhere there are no forms.
    service.refused(415, "POST", "/search", form(("a.txt", b"a")), headers=FORM)
    with Index.open(folder) as index:
        assert len(index) == 1
    assert not (folder.parent / "index-uploads").exists()


def test_a_service_that_only_reads_takes_no_files(folder: Path) -> None:
    with started(folder) as (_, port):
        assert (
            "--writable"
            in Service(port).refused(403, "POST", "/documents", form(("a.txt", b"a")), headers=FORM)["message"]
        )


def test_a_form_that_is_too_long_or_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MAX_UPLOAD", 10)
    monkeypatch.setattr(gate, "UPLOAD_SECONDS", 0.05)

    async def sent(*parts: bytes) -> int:
        waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]

        async def receive() -> dict[str, object]:
            return waiting.pop(0) if waiting else await asyncio.sleep(60, {})

        part = gate.limited(receive)
        for _ in parts[1:]:
            await part()
        with pytest.raises(Refusal) as refused:
            await part()
        return refused.value.status

    assert asyncio.run(sent(b"12345", b"123456")) == 413
    assert asyncio.run(sent()) == 408


def test_files_and_documents_from_many_are_all_committed(service: Service) -> None:
    def write(number: int) -> int:
        if number % 2:
            document = json.dumps({"id": f"n{number}", "text": f"document {number}"})
            return service.send("POST", "/documents", document, {"Content-Type": "application/json"})[0]
        return service.send("POST", "/documents", form((f"f{number}.txt", f"file {number}".encode())), FORM)[0]

    with ThreadPoolExecutor(4) as clients:
        assert set(clients.map(write, range(8))) == {200}
    assert len(service.get("/documents")["documents"]) == 9
