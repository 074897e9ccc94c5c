"""Connections of clients that are slow, too many, or send no HTTP; and TLS."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from sakuin import Index
from sakuin.service.certificates import Certificate, require_certificate
from sakuin.service.served import ServiceError
from tests.service.services import JSON, ROOT, Service, command, ended, free_port, started

QUICK = "from sakuin.service import connections; connections.HEADER_SECONDS = 1; connections.SEND_SECONDS = 1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("connections") / "index"
    with Index.open(folder) as index:
        index.add({"id": "a", "text": "a cat"})
    return folder


@pytest.fixture(scope="module")
def quick(folder: Path) -> Iterator[Service]:
    """A service that gives slow clients a second."""
    with started(folder, before=QUICK) as (_, port):
        yield Service(port)


def received(connection: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    connection.settimeout(30)
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("before", [b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_headers_that_do_not_end_are_given_up(quick: Service, before: bytes) -> None:
    """At the beginning of a connection, and after a request that was answered."""
    with socket.create_connection(("127.0.0.1", quick.port)) as connection:
        connection.sendall(before)
        if before:
            answered = http.client.HTTPResponse(connection)
            answered.begin()
            assert json.loads(answered.read())["status"] == "ok"
        connection.sendall(b"GET /health HTTP/1.1\r\n")
        # However much of them comes.
        connection.settimeout(0.1)
        answer = b""
        latest = time.monotonic() + 30
        while not answer and time.monotonic() < latest:
            connection.sendall(b"X: y\r\n")
            try:
                answer = connection.recv(1)
            except TimeoutError:
                continue
        answer += received(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "headers_timeout"


def test_a_connection_without_a_request_is_closed(quick: Service) -> None:
    with socket.create_connection(("127.0.0.1", quick.port)) as connection:
        assert received(connection) == b""


def test_a_client_that_reads_nothing_of_its_answer_is_given_up(quick: Service) -> None:
    body = json.dumps({"model": "default", "input": ["cat"] * 2048}).encode()
    request = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", quick.port))
        connection.sendall(request + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.settimeout(30)
        started_at = connection.recv(100)
        assert started_at.startswith(b"HTTP/1.1 200")
        time.sleep(3)
        # The rest is not sent any more, be it that the connection ends or that it is reset.
        size = 0
        try:
            while part := connection.recv(65536):
                size += len(part)
        except ConnectionResetError:
            pass
        assert size < 20_000_000
    # One that reads slowly is not given up.
    with socket.create_connection(("127.0.0.1", quick.port)) as connection:
        connection.sendall(request + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = connection.recv(65536)
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        assert length
        left = int(length[1]) - len(rest)
        while left > 0:
            part = connection.recv(1 << 20)
            assert part
            left -= len(part)
            time.sleep(0.03)


def test_what_is_no_http_is_told_in_the_one_form(folder: Path) -> None:
    with started(folder) as (process, port):
        for sent in (b"\x16\x03\x01\x00\xff\xff\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET /" + b"a" * 100_000):
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(sent)
                    answer = received(connection)
                assert answer.startswith(b"HTTP/1.1 400 ")
                assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "no_http"
        with socket.create_connection(("127.0.0.1", port)) as connection:
            upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + upgrade + b"\r\n")
            assert b" 200 " in connection.recv(65536)
        process.terminate()
        assert process.communicate(timeout=30)[1] == "No longer serving.\n"


@pytest.mark.skipif(os.name != "posix", reason="only there a process can be given fewer files")
def test_more_connections_than_there_are_files_for_are_told_so(folder: Path) -> None:
    before = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))"
    with started(folder, before=before) as (process, port), ExitStack() as opened:
        first = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        opened.callback(first.close)
        request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        # Half of the files are for connections; more than the system could give are asked for.
        connections = [opened.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(180)]
        for connection in connections:
            connection.settimeout(30)
        connections[0].sendall(request)
        assert connections[0].recv(65536).startswith(b"HTTP/1.1 200 ")
        connections[100].sendall(request)
        refused = received(connections[100])
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in refused.lower()
        assert b"too_many_connections" in refused
        for connection in connections:
            connection.close()
        assert Service(port).get("/search", query="cat")["hits"]
        process.terminate()
        # Nothing was written of it.
        assert process.communicate(timeout=30)[1] == "No longer serving.\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return made_certificate(tmp_path_factory.mktemp("tls"))


def made_certificate(folder: Path) -> tuple[Path, Path]:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder.mkdir(exist_ok=True)
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    named = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(["openssl", *made, *named, *files], check=True, capture_output=True)
    return folder / "certificate.pem", folder / "key.pem"


def test_tls_by_certificate_files(folder: Path, certificate: tuple[Path, Path]) -> None:
    options = ["--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1])]
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    with started(folder, *options) as (_, port):
        # Who says nothing, or speaks no TLS, holds nobody up.
        silent = socket.create_connection(("127.0.0.1", port))
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200" not in received(plain)
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=trusted)
        connection.request("POST", "/search", json.dumps({"query": "cat"}), JSON)
        answer = connection.getresponse()
        assert (answer.status, len(json.loads(answer.read())["hits"])) == (200, 1)
        connection.close()
        silent.close()


def test_a_renewed_certificate_is_shown(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    files = (tmp_path / "certificate.pem", tmp_path / "key.pem")
    for source, file in zip(certificate, files, strict=True):
        shutil.copy(source, file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    shown = Certificate(context, *files)
    first = presented(context)
    # What is half replaced is no pair; the one before stays until the other half is there.
    newer = made_certificate(tmp_path / "newer")
    os.replace(newer[0], files[0])
    shown.refresh()
    assert presented(context) == first
    os.replace(newer[1], files[1])
    shown.refresh()
    second = presented(context)
    assert second != first
    files[1].unlink()
    shown.refresh()
    assert presented(context) == second


def presented(context: ssl.SSLContext) -> bytes | None:
    """The certificate that a client is shown."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = ssl.create_default_context()
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    client, server = asking.wrap_bio(to_client, to_server), context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return client.getpeercert(binary_form=True)


def test_a_service_looks_for_a_renewed_certificate(
    folder: Path, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    files = (tmp_path / "certificate.pem", tmp_path / "key.pem")
    for source, file in zip(certificate, files, strict=True):
        shutil.copy(source, file)
    options = ["--tls-certificate", str(files[0]), "--tls-key", str(files[1])]
    with started(folder, *options) as (_, port):
        first = ssl.get_server_certificate(("127.0.0.1", port))
        for source, file in zip(made_certificate(tmp_path / "newer"), files, strict=True):
            os.replace(source, file)
        latest = time.monotonic() + 20
        while ssl.get_server_certificate(("127.0.0.1", port)) == first:
            assert time.monotonic() < latest
            time.sleep(0.1)


def test_a_service_with_tls_says_https(folder: Path, certificate: tuple[Path, Path]) -> None:
    options = ["--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1])]
    with subprocess.Popen(
        command(folder, "--port", str(free_port()), *options), stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("https://127.0.0.1:")
        process.terminate()


def test_certificates_that_will_not_do(folder: Path, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate", encoding="utf-8")
    for file, key in ((tmp_path / "missing.pem", None), (tmp_path / "none.pem", None), (certificate[0], None)):
        with pytest.raises(ServiceError, match="cannot be used"):
            require_certificate(file, key)
    assert "--tls-certificate" in ended(folder, "--port", str(free_port()), "--tls-key", str(certificate[1]))
    require_certificate(*certificate)
