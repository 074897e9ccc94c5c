"""What a service tells of itself: counts, its description, its page, and who may ask from a browser."""

import http.client
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sakuin import Index
from sakuin.service import serving
from sakuin.service.paths import Endpoints
from sakuin.service.served import ServiceError
from tests.service.services import JSON, KEY, Service, ended, free_port, started

PAGE = "https://app.example"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("observing") / "index"
    with Index.open(folder, model=str(toy_model)) as index:
        index.add([{"id": "a", "text": "a cat"}, {"id": "b/c", "text": "a dog"}])
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with started(folder, "--cors", PAGE, "--writable") as (_, port):
        yield Service(port)


def text(service: Service, path: str) -> tuple[str, dict[str, str]]:
    """The body of an answer that is no JSON, and its headers."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    assert answer.status == 200, body
    return body, {name.lower(): value for name, value in answer.getheaders()}


def counted(service: Service) -> dict[tuple[str, ...], float]:
    """Values by name of the sample and its labels, without histograms' buckets."""
    found = {}
    for family in text_string_to_metric_families(text(service, "/metrics")[0]):
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                found[(sample.name, *(value for _, value in sorted(sample.labels.items())))] = sample.value
    return found


def test_requests_are_counted_by_endpoint_and_status(service: Service) -> None:
    before = counted(service)
    for _ in range(3):
        service.get("/search", query="cat")
    service.get("/documents/b%2Fc")
    service.refused(404, "GET", "/documents/none")
    service.refused(404, "GET", "/no/such/path")
    service.refused(415, "POST", "/search", b"{}", headers={"Content-Type": "text/plain"})
    service.refused(403, "GET", "/info", headers={"Host": "evil.example"})
    after = counted(service)
    # By endpoint, method, status, as labels are sorted.
    for labels, number in (
        (("/search", "GET", "200"), 3),
        (("/documents/{document_id}", "GET", "200"), 1),
        (("/documents/{document_id}", "GET", "404"), 1),
        (("other", "GET", "404"), 1),
        (("/search", "POST", "415"), 1),
        (("/info", "GET", "403"), 1),
    ):
        name = ("sakuin_requests_total", *labels)
        assert after[name] - before.get(name, 0) == number, labels
    seconds = ("sakuin_request_seconds_count", "/search")
    assert after[seconds] - before.get(seconds, 0) == 4
    assert after[("sakuin_request_seconds_sum", "/search")] > 0
    sizes = {name: after[(f"sakuin_index_{name}",)] for name in ("up", "documents", "passages", "files")}
    assert sizes == {"up": 1, "documents": 2, "passages": 2, "files": 0}


def test_methods_that_somebody_makes_up_are_one(service: Service) -> None:
    for method in ("BREW", "MAKE"):
        service.refused(405, method, "/search")
    assert counted(service)[("sakuin_requests_total", "/search", "other", "405")] == 2


@pytest.mark.skipif(os.name != "posix", reason="several workers are for Linux and macOS")
def test_several_processes_count_together(folder: Path) -> None:
    with started(folder, "--workers", "2") as (_, port):
        service = Service(port)
        for _ in range(12):
            service.get("/info")
        # Whichever answers, and also what those counted that it is not.
        assert [counted(service)[("sakuin_requests_total", "/info", "GET", "200")] for _ in range(4)] == [12] * 4
        assert counted(service)[("sakuin_index_documents",)] == 2


def test_without_the_libraries_it_says_so_and_all_else_is_as_it_was(folder: Path) -> None:
    before = "import sys; sys.modules['prometheus_client'] = sys.modules['fastapi_offline'] = None"
    with started(folder, before=before) as (_, port):
        service = Service(port)
        for path in ("/metrics", "/docs"):
            assert "extra `service`" in service.refused(404, "GET", path)["message"]
        assert service.get("/search", query="cat")["hits"]


def test_the_page_asks_nobody_else(service: Service) -> None:
    page, headers = text(service, "/docs")
    assert "default-src 'none'" in headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded == ["docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "docs/start.js"]
    kinds = [text(service, f"/{name}")[1]["content-type"].partition(";")[0] for name in loaded]
    assert kinds == ["text/css", "text/javascript", "text/javascript"]


def test_only_pages_that_are_named_may_read_answers(service: Service) -> None:
    allowed = "access-control-allow-origin"
    for origin, answered in ((PAGE, PAGE), ("https://evil.example", None)):
        status, headers, _ = service.send("GET", "/search?query=cat", headers={"Origin": origin})
        assert (status, headers.get(allowed)) == (200, answered)
        # Errors too, or the page could not tell what is wrong.
        _, headers, _ = service.send("POST", "/search", "{}", JSON | {"Origin": origin})
        assert headers.get(allowed) == answered
    asking = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization, content-type"}
    for origin, status in ((PAGE, 200), ("https://evil.example", 400)):
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        connection.request("OPTIONS", "/documents/a", headers=asking | {"Origin": origin})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader(allowed)) == (status, PAGE if status == 200 else None)
        connection.close()
    form = {"Content-Type": "multipart/form-data; boundary=b", "Origin": PAGE}
    assert "no file" in service.refused(400, "POST", "/documents", b"--b--\r\n", headers=form)["message"]


def test_pages_that_cannot_be_named_so(folder: Path) -> None:
    for origin in ("app.example", "https://app.example/", "https://App.example", "https://*.example", "null"):
        with pytest.raises(ServiceError, match="not what a browser calls a page"):
            serving.require_origins([origin], None)
    assert "any page" in ended(folder, "--port", str(free_port()), "--cors", "*")
    serving.require_origins(["*", PAGE, "http://localhost:3000"], Path("keys"))


def test_methods_of_paths_with_parameters_are_told(service: Service) -> None:
    for path, methods in (
        ("/documents", "GET, POST"),
        ("/documents/a", "DELETE, GET, PUT"),
        ("/documents/delete", "POST"),
        ("/documents/a/file", "GET"),
        ("/v1/models/a", "GET"),
        ("/docs", "GET"),
    ):
        refused = service.refused(405, "PATCH", path)
        assert refused["headers"]["allow"] == methods
        # A body is not looked at first, nor its type missed.
    assert "takes GET" in service.refused(405, "POST", "/health", headers={})["message"]


def test_an_endpoint_is_found_for_each_path() -> None:
    paths: dict[str, Any] = {
        "/a": {"get": {}},
        "/a/{b}": {"get": {}, "put": {}},
        "/a/{b}/c": {"get": {}},
        "/a/d": {"post": {}},
    }
    endpoints = Endpoints(lambda: paths)
    assert endpoints.endpoint("/a", "GET") == "/a"
    assert endpoints.endpoint("/a/b/c", "GET") == "/a/{b}/c"
    assert endpoints.endpoint("/a/b/c", "PUT") == "/a/{b}"
    assert endpoints.endpoint("/a/d", "POST") == "/a/d"
    assert endpoints.endpoint("/a/x\ny", "GET") == "/a/{b}"
    assert endpoints.endpoint("/axb", "GET") is None
    assert endpoints.methods("/a/d") == ["POST"]
    assert endpoints.methods("/a/x") == ["GET", "PUT"]
    assert endpoints.methods("/x") == []


def test_every_answer_and_argument_is_described(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    with started(folder, "--key-file", str(tmp_path / "key"), "--writable") as (_, port):
        described = Service(port, {"Authorization": f"Bearer {KEY}"}).get("/openapi.json")
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["security"] == [{"HTTPBearer": []}], where
            for status in ("4XX", "5XX"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, where
            (content,) = operation["responses"]["200"]["content"].values()
            assert content["schema"].keys() & {"$ref", "type", "anyOf"}, where
            for parameter in operation.get("parameters", []):
                assert parameter["schema"].keys() - {"title"}, (where, parameter)
    written = json.dumps(described)
    assert "HTTPValidationError" not in written
