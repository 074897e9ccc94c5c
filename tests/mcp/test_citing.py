"""A client as an assistant: it finds, reads and cites three documents of the examples."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from mcp import Client, StdioServerParameters

from tests.examples import EXAMPLES
from tests.service.services import ROOT

# A question, the document that answers it with its title, and the words of it that do.
QUESTIONS = [
    (
        "電車が遅れた証拠がほしい",
        ("travel/chien-shomei.txt", "鉄道の遅延証明書のもらい方"),
        "鉄道会社は遅延証明書を発行します",
    ),
    ("産後パパ育休は何回に分けられますか", ("office/ikuji-kyugyo.md", "育児休業の案内"), "こちらは2回に分割できます"),
    (
        "how do I return shoes for a refund",
        ("money/product-returns.html", "Returns and refunds at Larch and Wren | Information pages"),
        "The refund reaches your card or PayPal account about five days later",
    ),
]


async def test_three_questions_are_answered_from_documents_that_are_read_and_cited(example_index: Path) -> None:
    arguments = ["-m", "sakuin", "mcp", "--index", str(example_index)]
    async with Client(StdioServerParameters(command=sys.executable, args=arguments, cwd=ROOT)) as client:
        for question, source, words in QUESTIONS:
            found = (await client.call_tool("search", {"query": question, "k": 5})).structured_content
            assert found["answered"] is True
            best = found["results"][0]
            assert (best["url"], best["title"]) == source
            # Read on from the first passage, as who wants its surroundings does.
            start = best["passages"][0]["start"]
            part = (await client.call_tool("fetch", {"id": best["id"], "start": start})).structured_content
            assert part["text"].startswith(best["passages"][0]["text"])
            whole = (await client.call_tool("fetch", {"id": best["id"]})).structured_content
            assert (whole["url"], whole["title"], whole["more"]) == (*source, None)
            assert words in whole["text"]
            assert words in (EXAMPLES / whole["url"]).read_text(encoding="utf-8")
