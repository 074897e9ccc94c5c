"""The tool that writes, asked by the protocol's own client."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from mcp import Client, StdioServerParameters

from sakuin import Index, Searcher
from sakuin.mcp.server import create_server
from tests.service.services import ROOT

NOTE = {"text": "会議室の予約は総務部に電話してください。", "title": "会議室", "metadata": {"year": 2026}}


@pytest.fixture
def searcher(tmp_path: Path) -> Iterator[Searcher]:
    with Index.open(tmp_path / "index") as index, index.searcher() as searcher:
        yield searcher


async def answered(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return dict(result.structured_content)


async def test_what_was_added_is_found_read_and_replaced(searcher: Searcher) -> None:
    async with Client(create_server(searcher, writable=True)) as client:
        first = await answered(client, "add", **NOTE)
        assert first["status"] == "added"
        assert await answered(client, "add", **NOTE) == {"id": first["id"], "status": "unchanged"}
        other = await answered(client, "add", **NOTE | {"title": "予約"})
        assert (other["id"] == first["id"], other["status"]) == (False, "added")
        (found,) = (await answered(client, "search", query="会議室", where={"id": first["id"]}))["results"]
        assert (found["id"], found["title"], found["url"]) == (first["id"], "会議室", first["id"])
        replaced = await answered(client, "add", text="予約は不要です。", id=first["id"], url="https://example.com/a")
        assert replaced == {"id": first["id"], "status": "replaced"}
        document = await answered(client, "fetch", id=first["id"])
        assert (document["text"], document["url"]) == ("予約は不要です。", "https://example.com/a")
        assert document["metadata"] == {}


async def test_it_is_there_only_where_writing_is_allowed_and_says_that_it_writes(searcher: Searcher) -> None:
    async with Client(create_server(searcher)) as client:
        assert "add" not in {tool.name for tool in (await client.list_tools()).tools}
        assert (await client.call_tool("add", NOTE)).is_error
        assert searcher.counts()["documents"] == 0
    async with Client(create_server(searcher, writable=True)) as client:
        (tool,) = (tool for tool in (await client.list_tools()).tools if tool.name == "add")
        assert tool.annotations.read_only_hint is False
        assert tool.annotations.destructive_hint is True
        assert tool.input_schema["required"] == ["text"]


async def test_what_cannot_be_added_is_told(searcher: Searcher, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("ファイルの文です。", encoding="utf-8")
    Index.open(tmp_path / "index").add_files(tmp_path / "file.txt")
    (of_file,) = (document.id for document in Index.open(tmp_path / "index").documents())
    async with Client(create_server(searcher, writable=True)) as client:
        for arguments, told in (
            ({"text": " "}, "has no text"),
            ({"text": "a", "metadata": {"a": {"b": 1}}}, "give a text, a number"),
            ({"text": "a", "id": of_file}, "kept in step with that file"),
            ({"text": "a" * 1_000_001}, "1000000 characters"),
        ):
            result = await client.call_tool("add", arguments)
            assert result.is_error
            assert told in result.content[0].text
            assert str(tmp_path / "index") not in result.content[0].text
    assert searcher.counts()["documents"] == 1


async def test_the_command_allows_it_only_if_asked(searcher: Searcher) -> None:
    arguments = ["-m", "sakuin", "mcp", "--index", str(searcher.folder), "--writable"]
    async with Client(StdioServerParameters(command=sys.executable, args=arguments, cwd=ROOT)) as client:
        assert (await answered(client, "add", **NOTE, id="room"))["status"] == "added"
    assert searcher.search("会議室", k=1).hits[0].document.id == "room"
