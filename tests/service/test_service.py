"""The service over HTTP, started as a user starts it."""

import asyncio
import base64
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from sakuin import addresses
from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import DEFAULT_FOLDER
from sakuin.index.build import add, build
from sakuin.search import MODES, Searcher
from sakuin.search.request import SearchError, SearchRequest
from sakuin.service import finding, gate, inputs
from sakuin.service.bounded import with_list
from sakuin.service.embeddings import ALIASES
from sakuin.service.refusals import Refusal
from tests.service.services import JSON, KEY, ROOT, Service, ended, free_port, started

BEGUN = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service") / "index"
    build(ROOT / "examples" / "corpus", folder)
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with started(folder) as (_, port):
        yield Service(port)


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    """A result without the time it took."""
    return {name: value for name, value in json.loads(json.dumps(answer)).items() if name != "seconds"}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"k": 3, "mode": "dense", "dim": 64},
        {"k": 3, "mode": "bm25", "where": {"folder": ["office"], "type": "md"}},
        {"k": 2, "explain": True, "rescore": 50},
        {"k": 2, "group": "passage", "offset": 1},
        {"k": 2, "passages": 2, "offset": 1},
        {"min_relevance": 0.5, "where": {"folder": "nowhere"}},
    ],
)
def test_search_answers_what_the_library_answers(service: Service, folder: Path, arguments: dict[str, Any]) -> None:
    query = "経費の精算はいつまで"
    with Searcher.open(folder) as searcher:
        expected = plain(searcher.search(query, **{"group": "document", **arguments}).to_dict())
    assert plain(service.post("/search", query=query, **arguments)) == expected
    where = arguments.get("where", {})
    conditions = [
        f"{name}={value}"
        for name, values in where.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    by_address = {name: str(value) for name, value in arguments.items() if name != "where"} | {"where": conditions}
    assert plain(service.get("/search", query=query, **by_address)) == expected


def test_info_facets_and_health_say_what_the_index_is(service: Service, folder: Path) -> None:
    with Searcher.open(folder) as searcher:
        counts, manifest = searcher.counts(), searcher.manifest
        everything = [facet.to_dict() for facet in searcher.facets()]
        office = [facet.to_dict() for facet in searcher.facets({"folder": "office"})]
    info = service.get("/info")
    assert info.items() >= counts.items()
    assert (info["dim"], info["model"], info["generation"]) == (manifest.dim, "default", manifest.generation)
    assert service.get("/facets")["facets"] == everything
    assert service.get("/facets", where="folder=office")["facets"] == office != everything
    assert "folder" in service.get("/facets")["fields"]
    health = service.get("/health")
    assert (health["status"], health["passages"]) == ("ok", manifest.passages)
    assert health["generation"] == manifest.generation


def test_the_api_describes_itself_and_fetches_nothing(service: Service) -> None:
    described = service.get("/openapi.json")
    assert {"/search", "/facets", "/info", "/health", "/v1/embeddings", "/v1/models"} <= described["paths"].keys()
    assert "422" not in json.dumps(described)
    # Of the pages that FastAPI has, and that fetch their scripts, none is there.
    service.refused(404, "GET", "/redoc")


def check_against(schema: dict[str, Any], value: Any, described: dict[str, Any]) -> None:
    """That a value has the fields, and only the fields, that its description names."""
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if value is None:
        assert {"type": "null"} in schema["anyOf"]
    elif "anyOf" in schema:
        (other,) = (one for one in schema["anyOf"] if one != {"type": "null"})
        check_against(other, value, described)
    elif "properties" in schema:
        assert value.keys() == schema["properties"].keys()
        for name, own in value.items():
            check_against(schema["properties"][name], own, described)
    elif "prefixItems" in schema:
        assert len(value) == len(schema["prefixItems"])
    elif schema.get("type") == "array":
        for item in value:
            check_against(schema["items"], item, described)


def test_answers_are_as_the_api_describes_them(service: Service) -> None:
    described = service.get("/openapi.json")
    for arguments in ({"query": "有給休暇の申請", "explain": True, "k": 3}, {"query": " "}):
        answer = service.post("/search", **arguments)
        operation = described["paths"]["/search"]["post"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        check_against(schema, answer, described)
    assert answer["notices"] == [{"code": "empty", "data": {}, "message": "The query is empty."}]
    for path in ("/health", "/info", "/facets", "/v1/models", "/v1/models/default"):
        operation = described["paths"][path.replace("default", "{model_name}")]["get"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert schema.keys() == {"$ref"}
        check_against(schema, service.get(path), described)
    operation = described["paths"]["/v1/embeddings"]["post"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    answer = service.post("/v1/embeddings", model="default", input=["猫"])
    assert answer.keys() == described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"].keys()
    # No key is asked for here.
    assert "securitySchemes" not in described["components"]


@pytest.mark.parametrize("dimensions", [None, 1, 256])
@pytest.mark.parametrize("form", ["float", "base64"])
def test_embeddings_are_those_of_the_model(service: Service, form: str, dimensions: int | None) -> None:
    model = StaticEmbedder.load()
    texts = ["猫がソファーで眠っている", "A cat is asleep on the sofa", "\u200b"]
    expected = model.encode(texts, truncate_dim=dimensions, normalize=True)
    answer = service.post(
        "/v1/embeddings", model="default", input=texts, dimensions=dimensions, encoding_format=form, user="somebody"
    )
    assert [item["index"] for item in answer["data"]] == [0, 1, 2]
    values = [item["embedding"] for item in answer["data"]]
    if form == "base64":
        values = [np.frombuffer(base64.b64decode(value), "<f4") for value in values]
    vectors = np.array(values, np.float32)
    np.testing.assert_array_equal(vectors, expected)
    # Of the last text the model knows no token.
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0], atol=1e-6)
    tokenizer = Tokenizer.from_file(str(DEFAULT_FOLDER / "tokenizer.json"))
    tokens = sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts)
    assert answer["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


def test_openai_client_is_understood(service: Service) -> None:
    openai = pytest.importorskip("openai", reason="the openai client is not installed")
    texts = ["猫", "a cat"]
    expected = StaticEmbedder.load().encode(texts, truncate_dim=64, normalize=True)
    address = f"http://127.0.0.1:{service.port}/v1"
    with openai.OpenAI(base_url=address, api_key="any", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["default", *ALIASES]
        assert client.models.retrieve("default").id == "default"
        with pytest.raises(openai.NotFoundError, match="There is no model 'gpt'"):
            client.models.retrieve("gpt")
        answer = client.embeddings.create(model="default", input=texts, dimensions=64)
        np.testing.assert_array_equal(np.array([item.embedding for item in answer.data], np.float32), expected)
        one = client.embeddings.create(model="default", input="猫", dimensions=64, encoding_format="float")
        np.testing.assert_array_equal(np.array(one.data[0].embedding, np.float32), expected[0])
        assert answer.usage.total_tokens > 0
        aliased = client.embeddings.create(model=ALIASES[0], input=["猫", ""], dimensions=64, user="somebody")
        assert aliased.model == ALIASES[0]
        np.testing.assert_array_equal(np.array(aliased.data[0].embedding, np.float32), expected[0])
        assert not np.any(aliased.data[1].embedding)
        plain = client.embeddings.create(
            model=ALIASES[0], input="猫", dimensions=64, extra_body={"input_type": "query", "truncate": "END"}
        )
        np.testing.assert_array_equal(np.array(plain.data[0].embedding, np.float32), expected[0])
        with pytest.raises(openai.NotFoundError) as missing:
            client.embeddings.create(model="gpt", input="猫")
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError, match="'dimensions' should be 1 to 1,024"):
            client.embeddings.create(model="default", input="猫", dimensions=1025)


def test_what_other_clients_send_is_no_error(service: Service) -> None:
    sent = {"encoding_format": None, "dimensions": None, "user": None, "input_type": "passage", "truncate": "NONE"}
    answer = service.post("/v1/embeddings", model=ALIASES[0], input="猫", **sent)
    assert len(answer["data"][0]["embedding"]) == 1024


def test_the_model_has_the_name_that_it_was_given(folder: Path) -> None:
    with started(folder, "--model-name", "team-embeddings") as (_, port):
        service = Service(port)
        assert service.get("/v1/models")["data"][0]["id"] == "team-embeddings"
        answer = service.post("/v1/embeddings", model="team-embeddings", input="猫")
        assert answer["model"] == "team-embeddings"
        refused = service.refused(404, "POST", "/v1/embeddings", {"model": "default", "input": "猫"})
        assert "'team-embeddings'" in refused["message"]


class Bytes:
    """A tokenizer with a token for each byte, in the place of tiktoken's."""

    def decode(self, tokens: list[int]) -> str:
        if max(tokens, default=0) > 255:
            raise KeyError("Invalid token for decoding")
        return bytes(tokens).decode()


def test_tokens_are_read_where_tiktoken_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "encoding", Bytes)
    tokens = list("猫".encode())
    assert inputs.texts_of(inputs.given_inputs(tokens)) == ["猫"]
    assert inputs.texts_of(inputs.given_inputs([tokens, []])) == ["猫", ""]
    with pytest.raises(Refusal, match="does not have, item 1: send texts instead"):
        inputs.texts_of([tokens, [256]])
    with pytest.raises(Refusal, match="200,001 characters, item 0"):
        inputs.texts_of([[97] * 200_001])


def test_a_table_that_cannot_be_fetched_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def get_encoding(name: str) -> None:
        fetched.append(name)
        raise OSError("no network")

    monkeypatch.setitem(sys.modules, "tiktoken", SimpleNamespace(get_encoding=get_encoding))
    inputs.loaded.cache_clear()
    for _ in range(2):
        with pytest.raises(Refusal, match="cannot load its table cl100k_base"):
            inputs.texts_of([[1, 2]])
    assert fetched == ["cl100k_base"]
    inputs.loaded.cache_clear()


@pytest.mark.parametrize("given", [[1, 2], [[1, 2]]])
def test_without_tiktoken_the_way_out_is_told(folder: Path, given: Any) -> None:
    with started(folder, before="import sys; sys.modules['tiktoken'] = None") as (_, port):
        refused = Service(port).refused(400, "POST", "/v1/embeddings", {"model": "default", "input": given})
    assert refused["code"] == "tokens_not_supported"
    assert "tiktoken" in refused["message"]
    assert "check_embedding_ctx_length=False" in refused["message"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "'query' is missing"),
        ({"query": "a", "k": 0}, "'k' should be greater"),
        ({"query": "a", "k": 1001}, "'k' should be less than or equal to 1000"),
        ({"query": "a", "k": "3"}, "'k' should be a valid integer"),
        ({"query": "a", "mode": "magic"}, "'mode' should be 'hybrid', 'dense' or 'bm25'"),
        ({"query": "a", "dim": 257}, "stores 256 a vector"),
        ({"query": "a", "min_relevance": float("nan")}, "'min_relevance' should be"),
        ({"query": "a", "explain": True, "k": 21}, "'explain' is for 20 hits"),
        ({"query": "a", "where": {"no such field": "x"}}, "has a field 'no such field'"),
        ({"query": "a", "where": {"folder": []}}, "No value is given for the field 'folder'"),
        ({"query": "a", "where": ["folder=office"]}, "A filter is a dictionary"),
        ({"query": "a", "where": {"folder": {"office": 1}}}, "Unknown operator 'office'"),
        ({"query": "a", "where": {f"a{i}": 1 for i in range(51)}}, "'where' has too much"),
        ({"query": "a", "where": {"\ud800": "\ud800"}}, "has a field"),
        ({"query": ["a"]}, "'query' should be a valid string"),
        ({"query": "a", "kk": 1}, "There is no argument 'kk'"),
        ({f"a{i}": 1 for i in range(1000)}, "has 1,000 arguments"),
        ([], "should be a JSON object"),
        ("query", "should be a JSON object"),
    ],
)
def test_a_wrong_search_is_told_what_is_wrong(service: Service, arguments: Any, message: str) -> None:
    assert message in service.refused(400, "POST", "/search", json.dumps(arguments))["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"query": "a"', b"\xff\xfe", b"[" * 100_000, b'{"k": ' + b"9" * 5_000 + b"}"]
)
def test_what_is_not_json_is_refused(service: Service, body: bytes) -> None:
    assert "The body" in service.refused(400, "POST", "/search", body)["message"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("k=3", "'query' is missing"),
        ("query=a&k=x", "'k' should be a valid integer"),
        ("query=a&where=office", "'office' is not of the form FIELD=VALUE"),
        ("query=a&limit=3", "There is no argument 'limit'"),
        ("query=a&" + urlencode({"where": [f"folder={i}" for i in range(1001)]}, doseq=True), "'where' has too much"),
    ],
)
def test_a_wrong_address_is_told_what_is_wrong(service: Service, query: str, message: str) -> None:
    assert message in service.refused(400, "GET", f"/search?{query}")["message"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "default"}, "'input' is missing"),
        ({"input": "a"}, "'model' is missing"),
        ({"model": "default", "input": []}, "at least one"),
        ({"model": "default", "input": 1}, "item 0 is neither"),
        ({"model": "default", "input": [[1, "a"]]}, "item 0 is neither"),
        ({"model": "default", "input": ["a", None]}, "item 1 is neither"),
        ({"model": "default", "input": ["a"] * 2049}, "2,049 texts"),
        ({"model": "default", "input": "a" * 200_001}, "200,001 characters"),
        ({"model": "default", "input": "a", "dimensions": 0}, "'dimensions' should be"),
        ({"model": "default", "input": "a", "encoding_format": "hex"}, "'encoding_format' should be"),
        ({"model": "default", "input": "a", "dimension": 64}, "There is no argument 'dimension'"),
    ],
)
def test_wrong_embeddings_are_told_what_is_wrong(service: Service, arguments: Any, message: str) -> None:
    assert message in service.refused(400, "POST", "/v1/embeddings", arguments)["message"]


def test_unknown_paths_and_methods(service: Service) -> None:
    assert "/openapi.json" in service.refused(404, "GET", "/nothing/here")["message"]
    service.refused(404, "GET", "/search/")
    refused = service.refused(405, "DELETE", "/search")
    assert refused["headers"]["allow"] == "GET, POST"
    assert "takes GET, not POST" in service.refused(405, "POST", "/health", {})["message"]
    assert "takes POST, not GET" in service.refused(405, "GET", "/v1/embeddings")["message"]
    assert "takes GET, not PUT" in service.refused(405, "PUT", "/openapi.json")["message"]


def test_only_json_is_taken(service: Service) -> None:
    """What a form of a foreign page can send is refused, even if it reads as JSON."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        headers = {"Content-Type": kind} if kind else {}
        assert (
            "application/json" in service.refused(415, "POST", "/search", b'{"query": "a"}', headers=headers)["message"]
        )
    status, headers, _ = service.send(
        "POST",
        "/search",
        b'{"query": "a"}',
        {"Content-Type": "Application/JSON; charset=utf-8", "Origin": "http://a.b"},
    )
    assert status == 200
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", "", "[::2]"]
)
def test_other_names_of_this_machine_are_refused(service: Service, host: str) -> None:
    assert service.refused(403, "GET", "/health", headers={"Host": host})["code"] == "host_not_allowed"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:8000", "127.0.0.1"])
def test_the_names_of_this_machine_are_answered(service: Service, host: str) -> None:
    assert service.send("GET", "/health", headers={"Host": host})[0] == 200


def test_a_large_body_is_refused_however_it_comes(service: Service) -> None:
    body = json.dumps({"query": "a" * 4_000_000}).encode()
    assert "4,000,000 bytes" in service.refused(413, "POST", "/search", body)["message"]
    parts = [body[i : i + 100_000] for i in range(0, len(body), 100_000)]
    assert service.refused(413, "POST", "/search", iter(parts), encode_chunked=True)["code"] == "body_too_large"
    fitting = json.dumps({"query": "経費"}).encode()
    status, _, answer = service.send("POST", "/search", iter([fitting[:5], fitting[5:]]), JSON, encode_chunked=True)
    assert (status, answer["query"]) == (200, "経費")
    # What is almost too large is answered.
    assert service.post("/search", query="a" * 3_999_000)["notices"]


def test_stalled_clients_hold_nobody_up(service: Service) -> None:
    stalled = []
    for start in (b"GET /hea", BEGUN):
        for _ in range(20):
            connection = socket.create_connection(("127.0.0.1", service.port))
            connection.sendall(start)
            stalled.append(connection)
    began = time.perf_counter()
    assert service.get("/search", query="経費", k=1)["hits"]
    assert time.perf_counter() - began < 5
    for connection in stalled:
        connection.close()


def test_a_body_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.05)
    parts = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def stalled() -> dict[str, Any]:
        return parts.pop() if parts else await asyncio.sleep(60, {})

    with pytest.raises(Refusal) as refused:
        asyncio.run(gate.whole_body(stalled))
    assert refused.value.status == 408


def test_more_than_can_wait_are_sent_away(folder: Path) -> None:
    """Very many at once: each is answered or told to come again, and then all is as before."""
    before = (
        "import time; from sakuin.service import work; from sakuin.search import Searcher; answer = Searcher.answer; "
        "work.WAITING = 8; Searcher.answer = lambda self, asked: (time.sleep(0.3), answer(self, asked))[1]"
    )
    with started(folder, before=before) as (_, port), ThreadPoolExecutor(40) as clients:
        service = Service(port)
        answers = list(clients.map(lambda _: service.send("GET", "/search?query=a")[:2], range(40)))
        assert {status for status, _ in answers} == {200, 503}
        assert all(headers.get("retry-after") == "1" for status, headers in answers if status == 503)
        assert sum(status == 200 for status, _ in answers) >= 10
        assert service.get("/search", query="a")["hits"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
some_arguments = st.fixed_dictionaries(
    {},
    optional={
        "query": st.text(st.characters(codec=None), max_size=30),
        "k": st.integers(-1, 30),
        "mode": st.sampled_from(MODES),
        "dim": st.integers(0, 300) | st.none(),
        "rescore": st.integers(-1, 100),
        "explain": st.just(False) | json_values,
        "min_relevance": st.floats(),
        "where": st.dictionaries(
            st.sampled_from(["folder", "type", "date", "\x00"]) | st.text(max_size=5), json_values
        ),
        "input": st.text(max_size=20) | st.lists(st.text(st.characters(codec=None)) | json_values, max_size=4),
        "model": st.just("default") | json_values,
        "dimensions": st.integers(0, 1100) | st.none(),
        "encoding_format": st.sampled_from(["float", "base64"]) | json_values,
    },
)
SEARCH_ARGUMENTS = ("query", "k", "mode", "dim", "rescore", "explain", "min_relevance", "where")


@settings(max_examples=150)
@given(body=json_values | some_arguments, fitting=st.booleans(), path=st.sampled_from(["/search", "/v1/embeddings"]))
def test_no_body_makes_the_service_fail(service: Service, body: Any, fitting: bool, path: str) -> None:
    if fitting and isinstance(body, dict):
        # Only arguments that the path has, so that they are looked at more closely than their names.
        body = {name: value for name, value in body.items() if (name in SEARCH_ARGUMENTS) == (path == "/search")}
        body = {"query": "経費", **body} if path == "/search" else {"model": "default", "input": "猫", **body}
    status, _, answer = service.send("POST", path, json.dumps(body), JSON)
    assert status in (200, 400, 404), answer
    assert ("error" in answer) == (status != 200)


@settings(max_examples=50)
@given(body=st.binary(max_size=50), query=st.text(max_size=30))
def test_no_bytes_make_the_service_fail(service: Service, body: bytes, query: str) -> None:
    assert service.send("POST", "/search", body, JSON)[0] in (200, 400)
    assert service.send("GET", f"/search?query={quote(query)}&where={quote(query)}")[0] in (200, 400)
    assert service.send("GET", f"/{quote(query)}")[0] in (200, 400, 404)


def test_commits_of_others_are_seen_and_damage_is_told(tmp_path: Path, corpus: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    more = tmp_path / "more.txt"
    more.write_text("The zebra crossed the river.", encoding="utf-8")
    with started(folder) as (process, port):
        service = Service(port)
        before = service.get("/health")["generation"]
        assert not service.get("/search", query="zebra", mode="bm25")["hits"]
        adding = threading.Thread(target=add, args=([more], folder))
        adding.start()
        while adding.is_alive():
            assert service.get("/search", query="password")["hits"]
        adding.join()
        assert service.get("/search", query="zebra", mode="bm25")["hits"][0]["document"]["uri"].endswith("more.txt")
        assert service.get("/health")["generation"] > before
        moved = folder.rename(tmp_path / "elsewhere")
        for path in ("/health", "/search?query=a", "/info", "/facets"):
            refused = service.refused(503, "GET", path)
            assert "deleted or replaced" in refused["message"]
            assert refused["code"] == "index_unavailable"
        build(corpus, folder)
        service.refused(503, "GET", "/health")
        shutil.rmtree(folder)
        moved.rename(folder)
        assert service.get("/health")["status"] == "ok"
        process.terminate()
        assert process.wait(timeout=30) == 0
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_without_an_error(folder: Path, number: signal.Signals) -> None:
    with started(folder) as (process, port):
        # A connection that is kept for further requests does not keep the service.
        idle = http.client.HTTPConnection("127.0.0.1", port)
        idle.request("GET", "/health")
        assert idle.getresponse().read()
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert output == ""
        assert errors == "No longer serving.\n"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()


def test_a_stalled_client_does_not_keep_it_from_ending(folder: Path) -> None:
    before = "from sakuin.service import worker; worker.LAST_SECONDS = 0.5"
    with started(folder, before=before) as (process, port), socket.create_connection(("127.0.0.1", port)) as stalled:
        stalled.sendall(BEGUN)
        assert Service(port).get("/health")
        process.terminate()
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert b" 503 " in stalled.recv(1000)
        assert "Traceback" not in errors


def test_what_is_under_way_when_it_must_end_is_told_so(folder: Path) -> None:
    before = (
        "import time; from sakuin.service import worker; worker.LAST_SECONDS = 0.3; "
        "from sakuin.search import Searcher; answer = Searcher.answer; Searcher.answer = lambda self, asked: "
        "(print('begun', flush=True) or time.sleep(2) if asked.query == 'slow' else None, answer(self, asked))[1]"
    )
    with started(folder, before=before) as (process, port), ThreadPoolExecutor(6) as clients:
        slow = [clients.submit(Service(port).refused, 503, "GET", "/search?query=slow") for _ in range(6)]
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        # The others are there too, and wait for a thread.
        time.sleep(0.5)
        process.terminate()
        _, errors = process.communicate(timeout=30)
        assert "Traceback" not in errors
        assert errors.endswith("No longer serving.\n")
        assert process.returncode == 0
        assert [each.result()["code"] for each in slow] == ["ending"] * 6


def test_a_large_explanation_is_given_up_before_all_of_it_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    request = SearchRequest(query="経費の精算はいつまで", k=10, explain=True)
    with Searcher.open(folder) as searcher:
        explain = searcher.explain
        monkeypatch.setattr(searcher, "explain", lambda *args, **asked: made.append(args) or explain(*args, **asked))
        monkeypatch.setattr(finding, "with_list", partial(with_list, most=20_000))
        with pytest.raises(Refusal, match="larger"):
            finding.found(searcher, request)
    assert 0 < len(made) < 10


def test_an_index_that_changes_between_search_and_explanation_is_searched_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(*_: object, **__: object) -> None:
        raise SearchError("The hit has another score.")

    with Searcher.open(folder) as searcher:
        monkeypatch.setattr(searcher, "explain", changed)
        answer = json.loads(finding.found(searcher, SearchRequest(query="経費", k=2, explain=True)))
    assert all(hit["explanation"]["value"] == hit["score"] for hit in answer["hits"])


def test_health_does_not_wait_for_searches(folder: Path) -> None:
    before = (
        "import time; from sakuin.search import Searcher; answer = Searcher.answer; "
        "Searcher.answer = lambda self, asked: (time.sleep(3 * (asked.query == 'slow')), answer(self, asked))[1]"
    )
    with started(folder, before=before) as (_, port), ThreadPoolExecutor(3) as clients:
        slow = [clients.submit(Service(port).get, "/search", query="slow") for _ in range(2)]
        # They are under way.
        time.sleep(0.5)
        assert Service(port).get("/health")["status"] == "ok"
        assert not any(each.done() for each in slow)


def test_a_failure_is_told_without_its_traceback(folder: Path) -> None:
    before = "from sakuin.search import Searcher; Searcher.facets = None"
    with started(folder, before=before) as (process, port):
        service = Service(port)
        refused = service.refused(500, "GET", "/facets")
        assert refused["message"] == "The service failed. What went wrong stands in its log."
        assert service.get("/search", query="経費")["hits"]
        process.terminate()
        _, errors = process.communicate(timeout=30)
        assert "TypeError: 'NoneType' object is not callable" in errors


def test_a_key_is_asked_for(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n", encoding="utf-8")
    with started(folder, "--key-file", str(file), "--host", "0.0.0.0") as (_, port):
        service = Service(port)
        for given_key in (None, "Bearer", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Basic {KEY}", KEY, "Bearer ключ"):
            headers = {} if given_key is None else {"Authorization": given_key.encode().decode("latin-1")}
            for path in ("/health", "/search?query=a", "/openapi.json", "/nothing"):
                refused = service.refused(401, "GET", path, headers=headers)
                assert (refused["code"], refused["headers"]["www-authenticate"]) == ("invalid_api_key", "Bearer")
        # Who has the key may call the machine as they like.
        known = Service(port, {"Authorization": f"Bearer {KEY}", "Host": "search.example"})
        assert known.get("/health")["status"] == "ok"
        described = known.get("/openapi.json")
        (scheme,) = described["components"]["securitySchemes"]
        assert all(
            operation["security"] == [{scheme: []}]
            for path in described["paths"].values()
            for operation in path.values()
        )
        assert known.post("/search", query="経費")["hits"]


def test_a_key_on_this_machine_is_asked_for_too(folder: Path, tmp_path: Path) -> None:
    openai = pytest.importorskip("openai", reason="the openai client is not installed")
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    with started(folder, "--key-file", str(tmp_path / "key")) as (_, port):
        address = f"http://127.0.0.1:{port}/v1"
        with openai.OpenAI(base_url=address, api_key=KEY, max_retries=0) as client:
            assert client.embeddings.create(model="default", input="猫").data
        with (
            openai.OpenAI(base_url=address, api_key="wrong", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.models.list()
        headers = {"Authorization": f"Bearer {KEY}", "Host": "search.example"}
        assert Service(port).refused(403, "GET", "/health", headers=headers)


def test_what_keeps_it_from_starting_is_one_sentence(folder: Path, service: Service, tmp_path: Path) -> None:
    taken = ended(folder, "--port", str(service.port))
    assert f"Port {service.port} of 127.0.0.1 is in use" in taken
    assert "--port" in taken
    port = str(free_port())
    assert "index build" in ended(tmp_path / "none", "--port", port)
    assert "--key-file" in ended(folder, "--port", port, "--host", "0.0.0.0")
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    os.truncate(next((damaged / "vectors").glob("*.int8.npy")), 100)
    assert "index repair" in ended(damaged, "--port", port)


def test_addresses_that_will_not_do() -> None:
    with pytest.raises(addresses.AddressError, match="--host"):
        addresses.listening("192.0.2.1", free_port())
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.com", "", "127.0.0.1.example.com", "localhost.example.com"):
        assert not addresses.is_loopback(host)
    for host in ("127.0.0.1", "::1", "localhost", "127.0.0.2"):
        assert addresses.is_loopback(host)


def test_hosts_are_ipv4_ipv6_or_names() -> None:
    assert addresses.free_address("127.0.0.1", free_port()) == "127.0.0.1"
    assert addresses.free_address("localhost", free_port()) in ("127.0.0.1", "::1")
    assert (addresses.bare("[::1]"), addresses.bare("::1"), addresses.in_url("::1")) == ("::1", "::1", "[::1]")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with addresses.listening("::1", 0) as listener, pytest.raises(addresses.AddressError, match="in use"):
        addresses.free_address("::1", listener.getsockname()[1])


def test_nothing_but_the_service_loads_its_libraries(folder: Path) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from sakuin.cli.main import cli\n"
        f"result = CliRunner().invoke(cli, ['search', '猫', '--index', {str(folder)!r}])\n"
        "assert result.exit_code == 0, result.output\n"
        "assert not {'fastapi', 'uvicorn', 'starlette', 'pydantic'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
