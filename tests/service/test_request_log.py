"""The log of requests: lines of JSON, without what was searched for unless that is asked for."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from sakuin import Index
from sakuin.cli.main import cli
from sakuin.service.request_log import query_of
from tests.service.services import Service, ended, free_port, started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("log") / "index"
    with Index.open(folder, model=str(toy_model)) as index:
        index.add({"id": "a", "text": "a cat"})
    return folder


@pytest.mark.parametrize(("queries", "workers"), [(False, "2"), (True, "1")])
def test_requests_are_written_down(folder: Path, tmp_path: Path, queries: bool, workers: str) -> None:
    if os.name != "posix" and workers != "1":
        pytest.skip("several workers are for Linux and macOS")
    file = tmp_path / "requests.jsonl"
    options = ["--request-log", str(file), "--workers", workers, *(["--log-queries"] if queries else [])]
    with started(folder, *options) as (_, port):
        service = Service(port)
        service.get("/search", query="秘密の猫")
        answer = service.post("/search", query="秘密の犬")
        service.refused(404, "GET", "/nothing?query=none")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    told = [(line["method"], line["path"], line["status"], line["client"]) for line in lines]
    assert told == [
        ("GET", "/search", 200, "127.0.0.1"),
        ("POST", "/search", 200, "127.0.0.1"),
        ("GET", "/nothing", 404, "127.0.0.1"),
    ]
    size = len(json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode())
    assert abs(lines[1]["bytes"] - size) < 100
    assert all(line["seconds"] > 0 and line["time"].endswith("Z") for line in lines)
    if queries:
        assert [line["query"] for line in lines] == ["秘密の猫", "秘密の犬", "none"]
    else:
        assert "秘密" not in file.read_text(encoding="utf-8")
        assert "query" not in lines[0]


def test_requests_may_go_to_stderr(folder: Path) -> None:
    with started(folder, "--request-log", "-") as (process, port):
        Service(port).get("/health")
        process.terminate()
        first, *_ = process.communicate(timeout=30)[1].splitlines()
    assert json.loads(first)["path"] == "/health"


def test_a_log_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    missing = tmp_path / "no" / "such" / "folder"
    assert "cannot be written" in ended(folder, "--port", str(free_port()), "--request-log", str(missing))


def test_what_was_searched_for_is_found_in_body_or_address() -> None:
    assert query_of(b"query=a%20cat&k=3", b"") == "a cat"
    assert query_of(b"", b'{"query": "a"}') == "a"
    for body in (b"[", b"[]", b'{"query": 3}', b"\xff"):
        assert query_of(b"", body) is None
    assert query_of(b"", json.dumps({"query": "a" * 5000}).encode()) == "a" * 1000


def test_queries_are_not_left_unwritten_without_a_word(tmp_path: Path) -> None:
    ran = CliRunner().invoke(cli, ["serve", "--index", str(tmp_path), "--log-queries"])
    assert ran.exit_code == 2
    assert "--request-log" in ran.output
