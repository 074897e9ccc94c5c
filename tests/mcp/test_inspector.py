"""The protocol's inspector, by its command line."""

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from tests.clients.node import run

PACKAGE = "@modelcontextprotocol/inspector"


def inspected(folder: Path, *arguments: str) -> Any:
    server = [sys.executable, "-m", "sakuin", "mcp", "--index", str(folder)]
    # As `npx @modelcontextprotocol/inspector --cli` runs it.
    return run([f"node_modules/{PACKAGE}/cli/build/cli.js", "--cli", *server, *arguments], package=PACKAGE)


@pytest.mark.slow
def test_the_inspector_lists_and_calls_tools(example_index: Path) -> None:
    tools = {tool["name"]: tool for tool in inspected(example_index, "--method", "tools/list")["tools"]}
    assert {"search", "fetch", "facets", "explain"} <= tools.keys()
    assert all(tool["annotations"]["readOnlyHint"] for tool in tools.values())
    call = ["--method", "tools/call", "--tool-name", "search", "--tool-arg", "query=電車が遅れた証拠がほしい", "k=3"]
    answer = inspected(example_index, *call)
    assert answer["structuredContent"]["results"][0]["id"] == "travel/chien-shomei.txt"
    wrong = ["--method", "tools/call", "--tool-name", "fetch", "--tool-arg", "id=none"]
    refused = inspected(example_index, *wrong)
    assert refused["isError"]
    assert "There is no document 'none'" in refused["content"][0]["text"]
