"""A service started as a user starts it, and requests to it."""

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).parent.parent.parent
JSON = {"Content-Type": "application/json"}
KEY = "a-key-of-more-than-sixteen-characters"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(folder: Path, *options: str, before: str = "") -> list[str]:
    """The command line; Python that is to run before may change what cannot be brought about otherwise."""
    start = ["-c", f"{before}; from sakuin.cli.main import main; main()"] if before else ["-m", "sakuin"]
    return [sys.executable, *start, "serve", "--index", str(folder), *options]


@contextmanager
def started(folder: Path, *options: str, before: str = "") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A service that has said it is ready, and its port; killed in the end if it still runs."""
    port = free_port()
    process = subprocess.Popen(
        command(folder, "--port", str(port), *options, before=before),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        assert f":{port} serves" in line, process.stderr.read()
        yield process, port
    finally:
        process.kill()
        process.communicate()


class Service:
    """Requests to a service, each on a connection of its own."""

    def __init__(self, port: int, headers: dict[str, str] | None = None) -> None:
        self.port = port
        self.headers = headers or {}

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, self.headers | (headers or {}), **options)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(text)
        finally:
            connection.close()

    def get(self, path: str, **arguments: Any) -> Any:
        status, _, answer = self.send("GET", f"{path}?{urlencode(arguments, doseq=True)}")
        assert status == 200, answer
        return answer

    def post(self, path: str, **arguments: Any) -> Any:
        status, _, answer = self.send("POST", path, json.dumps(arguments), JSON)
        assert status == 200, answer
        return answer

    def refused(self, status: int, method: str, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        """The error of a request that must have this status; its form is OpenAI's."""
        headers = options.pop("headers", JSON if method == "POST" else {})
        sent = body if body is None or isinstance(body, (bytes, str)) or options else json.dumps(body)
        found, answered, answer = self.send(method, path, sent, headers, **options)
        assert found == status, answer
        assert answered["content-type"] == "application/json"
        assert answer.keys() == {"error"}
        assert answer["error"].keys() == {"message", "type", "param", "code"}
        assert answer["error"]["type"] == ("server_error" if status >= 500 else "invalid_request_error")
        assert answer["error"]["message"].endswith(".")
        return dict(answer["error"], headers=answered)


def ended(folder: Path, *options: str) -> str:
    """What a service that cannot start says: one line, no traceback, exit code 1."""
    result = subprocess.run(command(folder, *options), capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr
