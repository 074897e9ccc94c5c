"""The server for assistants, asked by the protocol's own client: in the process, over stdio and over HTTP."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from mcp import Client, StdioServerParameters

from sakuin import Index, Searcher
from sakuin.index.build import build
from sakuin.mcp.answers import MAX_METADATA, MAX_TEXT
from sakuin.mcp.server import create_server
from tests.service.services import ROOT, free_port

QUERY = "電車が遅れた証拠がほしい"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assistants") / "index"
    build(ROOT / "examples" / "corpus", folder)
    return folder


@pytest.fixture(scope="module")
def searcher(folder: Path) -> Iterator[Searcher]:
    with Searcher.open(folder) as searcher:
        yield searcher


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured answer of a tool, which clients without structure have as text."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert json.loads(result.content[0].text) == result.structured_content
    return dict(result.structured_content)


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)


async def test_tools_say_that_they_only_read_and_what_they_answer(searcher: Searcher) -> None:
    async with Client(create_server(searcher)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert tools.keys() == {"search", "fetch", "similar", "facets", "explain"}
    for tool in tools.values():
        assert tool.annotations.read_only_hint
        assert tool.annotations.destructive_hint is False
        assert tool.description
        assert tool.output_schema["properties"]
    assert tools["search"].input_schema["required"] == ["query"]
    assert tools["fetch"].input_schema["required"] == ["id"]


async def test_what_is_found_is_read_and_cited(searcher: Searcher) -> None:
    async with Client(create_server(searcher)) as client:
        answer = await called(client, "search", query=QUERY, k=5)
        assert answer["answered"] is True
        assert len(answer["results"]) == len({result["id"] for result in answer["results"]})
        assert "greater k" in answer["more"]
        for result in answer["results"][:3]:
            document = await called(client, "fetch", id=result["id"])
            assert {"id", "title", "text", "url", "metadata"} <= document.keys()
            assert (document["id"], document["title"], document["url"]) == (
                result["id"],
                result["title"],
                result["url"],
            )
            for passage in result["passages"]:
                assert document["text"][passage["start"] : passage["end"]] == passage["text"]
        expected = searcher.search(QUERY, k=5).hits
        assert answer["results"][0]["id"] == expected[0].document.id
        within = await called(client, "search", query=QUERY, where={"folder": "office"})
        assert {result["url"].split("/")[0] for result in within["results"]} == {"office"}


async def test_documents_like_one_are_found_and_can_be_read(searcher: Searcher) -> None:
    async with Client(create_server(searcher)) as client:
        answer = await called(client, "similar", id="office/yukyu-kyuka.md", k=3)
        expected = searcher.similar("office/yukyu-kyuka.md", k=3).documents
        assert [result["id"] for result in answer["results"]] == [one.document.id for one in expected]
        first = answer["results"][0]
        document = await called(client, "fetch", id=first["id"])
        assert document["text"][first["start"] : first["end"]] == first["text"]
        assert "no document" in await refused(client, "similar", id="x")
        large = await called(client, "similar", id="office/yukyu-kyuka.md", k=50)
        assert sum(len(result["text"]) for result in large["results"]) <= MAX_TEXT


async def test_what_is_not_answered_says_so(searcher: Searcher) -> None:
    async with Client(create_server(searcher)) as client:
        answer = await called(client, "search", query="徳川家康の生涯")
        assert answer["answered"] is False
        assert "No good match" in answer["reason"]
        assert "empty" in (await called(client, "search", query=" "))["reason"]


async def test_what_may_have_been_meant_is_offered(searcher: Searcher) -> None:
    async with Client(create_server(searcher)) as client:
        assert "Did you mean: password" in (await called(client, "search", query="pasword"))["reason"]


async def test_fields_and_explanations(searcher: Searcher) -> None:
    async with Client(create_server(searcher)) as client:
        facets = await called(client, "facets")
        assert {"folder", "type"} <= {facet["name"] for facet in facets["facets"]}
        (only,) = (await called(client, "facets", names=["folder"]))["facets"]
        assert only["values"][0]["documents"] >= only["values"][-1]["documents"]
        (hit,) = searcher.search(QUERY, k=1).hits
        explained = await called(client, "explain", query=QUERY, id=hit.document.id)
        assert explained["passage"] == hit.text
        assert explained["score"]["value"] == pytest.approx(
            searcher.search(QUERY, k=1, where={"id": hit.document.id}).hits[0].score, abs=1e-5
        )
        assert explained["score"]["parts"]


async def test_errors_are_those_sentences_that_people_are_told(searcher: Searcher) -> None:
    async with Client(create_server(searcher)) as client:
        assert "has a field 'colour'" in await refused(client, "search", query="a", where={"colour": "red"})
        assert "There is no document 'x'" in await refused(client, "fetch", id="x")
        assert await refused(client, "search", query="a", k=51) == (
            "The argument 'k' should be less than or equal to 50."
        )
        assert await refused(client, "fetch") == "The argument 'id' is missing."
        assert "is not there" in await refused(client, "explain", query="a", id="x")


async def test_answers_are_bounded_and_say_how_to_get_the_rest(tmp_path: Path) -> None:
    text = "".join(f"第{i}項に有給休暇の申請について書いてあります。" for i in range(3_000))
    with Index.open(tmp_path / "index") as index:
        index.add([{"id": "long", "text": text, "notes": "x" * 900_000, "year": 2024}])
        with index.searcher() as searcher:
            async with Client(create_server(searcher)) as client:
                parts, start = [], 0
                while True:
                    part = await called(client, "fetch", id="long", start=start)
                    assert len(part["text"]) <= MAX_TEXT
                    assert len(json.dumps(part["metadata"])) <= MAX_METADATA + 100
                    parts.append(part["text"])
                    assert "notes" in part["more"]
                    if part["end"] == part["length"]:
                        break
                    start = part["end"]
                    assert f"start={start}" in part["more"]
                assert "".join(parts) == text
                found = await called(client, "search", query="有給休暇の申請", k=50)
                assert len(json.dumps(found, ensure_ascii=False)) < 3 * MAX_TEXT
        # Where there is no index any more, nobody is told where on the disk it was.
    with Searcher.open(tmp_path / "index") as searcher:
        (tmp_path / "index").rename(tmp_path / "gone")
        async with Client(create_server(searcher)) as client:
            message = await refused(client, "search", query="a")
            assert "was deleted or replaced" in message
            assert str(tmp_path) not in message


async def test_a_client_starts_it_over_stdio(folder: Path) -> None:
    arguments = ["-m", "sakuin", "mcp", "--index", str(folder)]
    async with Client(StdioServerParameters(command=sys.executable, args=arguments, cwd=ROOT)) as client:
        assert (await called(client, "search", query=QUERY, k=3))["results"]


async def test_clients_reach_it_over_http(folder: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "sakuin", "mcp", "--http", "--port", str(port), "--index", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout
        assert f":{port}/mcp serves" in process.stdout.readline()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) == 0
        for _ in range(2):
            async with Client(f"http://127.0.0.1:{port}/mcp") as client:
                assert (await called(client, "search", query=QUERY, k=3))["results"]
        second = subprocess.run(
            [sys.executable, "-m", "sakuin", "mcp", "--http", "--port", str(port), "--index", str(folder)],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert (second.returncode, second.stdout) == (1, "")
        assert f"Port {port} of 127.0.0.1 is in use" in second.stderr
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def test_what_keeps_it_from_starting_is_one_sentence(tmp_path: Path) -> None:
    base = ["mcp", "--index", str(tmp_path / "none")]
    missing = "import sys; sys.modules['mcp'] = None; from sakuin.cli.main import main; main()"
    for start, told in ((["-m", "sakuin"], "index build"), (["-c", missing], "extra `mcp`")):
        result = subprocess.run([sys.executable, *start, *base], capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert result.returncode == 1
        assert result.stdout == ""
        assert told in result.stderr
        assert result.stderr.count("\n") == 1
