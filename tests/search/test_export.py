"""Hits as CSV and Markdown."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sakuin import Index
from sakuin.cli.main import cli
from sakuin.embedder import StaticEmbedder
from sakuin.search import SearchResult
from sakuin.search.export import COLUMNS, defused, hits_csv, hits_markdown, plain

DANGERS = ['=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "＝1+1", "＋1", "－1", "＠x"]


@pytest.fixture
def result(tmp_path: Path, toy_model: Path) -> SearchResult:
    with Index.open(tmp_path / "index", model=StaticEmbedder.load(toy_model)) as index:
        index.add(
            [
                {"id": "=cmd|' /C calc'!A0", "title": "@title", "text": '=1+1, "猫" が好き\nです', "author": "-x"},
                {
                    "id": "b",
                    "title": "<b>cat</b> *on* [mat](http://x)",
                    "text": "- the cat\n# sat <img src=x>",
                    "year": 1,
                },
            ]
        )
        with index.searcher() as searcher:
            return searcher.search("猫 cat", group="document")


def test_every_hit_is_a_row_and_no_cell_a_formula(result: SearchResult) -> None:
    rows = list(csv.DictReader(io.StringIO(hits_csv(result))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["rank"] for row in rows] == ["1", "2"]
    found = {row["document"]: row for row in rows}
    assert set(found) == {"'=cmd|' /C calc'!A0", "b"}
    first = found["'=cmd|' /C calc'!A0"]
    assert first["title"] == "'@title"
    assert first["text"].startswith('\'=1+1, "猫" が好き')
    assert json.loads(first["metadata"]) == {"author": "-x"}
    for row, hit in zip(rows, result.hits, strict=True):
        assert float(row["score"]) == pytest.approx(hit.score, abs=1e-6)
        assert int(row["end"]) == hit.end
    # Numbers stay numbers, also below 0.
    below = replace(result, hits=(replace(result.hits[0], score=-0.25),))
    assert next(csv.DictReader(io.StringIO(hits_csv(below))))["score"] == "-0.25"


@pytest.mark.parametrize("text", DANGERS)
def test_formulas_are_defused(text: str) -> None:
    assert defused(text) == f"'{text}"
    assert defused(f"x{text}") == f"x{text}"


def shown(markdown: str) -> str:
    """What a reader of Markdown sees, spaces as one."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    for token in tokens:
        assert token.type in {"paragraph_open", "paragraph_close", "inline"}
        for child in token.children or []:
            assert child.type in {"text", "softbreak", "text_special"}, child
    inline = [token.children or [] for token in tokens if token.type == "inline"]
    return " ".join("".join(child.content for child in children) for children in inline)


@given(st.text(st.sampled_from("ab*_`[]()<>#-+=1.)~|\\!&;$ 猫:/x\n\t"), max_size=25))
def test_a_text_is_shown_as_it_is(text: str) -> None:
    assert shown(plain(text)) == " ".join(text.split())


def test_markdown_names_the_hits(result: SearchResult) -> None:
    html = MarkdownIt("commonmark").render(hits_markdown(result))
    assert "<h1>猫 cat</h1>" in html
    assert html.count("<h2>") == 2
    assert "&lt;b&gt;cat&lt;/b&gt; *on* [mat](http://x)</h2>" in html
    assert "<blockquote>" in html
    assert not [tag for tag in ("<b>", "<img", "<a ", "<em>", "<ul>", "<ol>") if tag in html]


@pytest.mark.parametrize("kind", ["csv", "md", "json"])
def test_the_command_prints_each(example_index: Path, kind: str) -> None:
    asked = ["search", "電車が遅れた証拠がほしい", "--index", str(example_index), "-k", "3"]
    done = CliRunner().invoke(cli, [*asked, "--format", kind])
    assert done.exit_code == 0, done.output
    if kind == "csv":
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        assert rows[0]["document"] == "travel/chien-shomei.txt"
        assert len(rows) == 3
    elif kind == "md":
        assert done.stdout.startswith("# 電車が遅れた証拠がほしい\n")
        assert "## 3\\. " in done.stdout
    else:
        assert done.stdout[:100] == CliRunner().invoke(cli, [*asked, "--json"]).stdout[:100]
        assert len(json.loads(done.stdout)["hits"]) == 3
    clash = CliRunner().invoke(cli, [*asked, "--json", "--format", "csv"])
    assert clash.exit_code == 2
