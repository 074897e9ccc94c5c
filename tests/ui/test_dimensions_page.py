"""The page Dimensions."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from sakuin.search import Searcher
from tests.ui.pages import html_of

QUERY = "家で働くときのルール"


def page_of_dimensions(folder: str) -> None:
    from sakuin.search import Searcher
    from sakuin.ui.pages.dimensions import dimensions_page
    from sakuin.ui.words import Words

    with Searcher.open(folder) as searcher:
        dimensions_page(searcher, Words("en"))


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    st.cache_resource.clear()


def page_of(folder: Path, **query: str) -> AppTest:
    app = AppTest.from_function(page_of_dimensions, default_timeout=60, args=(str(folder),))
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def rows_of(html: str) -> list[list[str]]:
    """The cells of the tables of a page, without tags."""
    rows = re.findall("<tr>(.*?)</tr>", html)
    return [[re.sub("<[^>]+>", " ", cell).strip() for cell in re.split("</t[hd]>", row)[:-1]] for row in rows]


@pytest.mark.parametrize("hybrid", ["false", "true"])
def test_ranks_are_those_of_searches_at_each_dimension(example_index: Path, hybrid: str) -> None:
    html = html_of(page_of(example_index, q=QUERY, hybrid=hybrid))
    rows = rows_of(html)
    assert rows[0] == ["", "", "32", "64", "128", "256"]
    with Searcher.open(example_index) as searcher:
        mode = "hybrid" if hybrid == "true" else "dense"
        tops = [searcher.search(QUERY, k=10, mode=mode, dim=dim, group="passage").hits for dim in (32, 64, 128, 256)]
    names = {hit.passage_id: number for number, hit in enumerate(tops[-1], 1)}
    for column, (dim, top) in enumerate(zip((32, 64, 128, 256), tops, strict=True), 2):
        shown = {row[0]: row[column].split() for row in rows[1:]}
        for hit in top:
            if hit.passage_id in names:
                assert shown[str(names[hit.passage_id])] == [str(hit.rank), f"{hit.score:.3f}"]
        kept = sum(hit.passage_id in names for hit in top)
        assert re.search(rf"at {dim}</dt>.*?<dd>{kept} / 10</dd>", html)


def test_the_page_says_why_the_comparison_ends(example_index: Path) -> None:
    app = page_of(example_index)
    assert any("stores 256 of the model's 1024" in caption.value for caption in app.caption)
    assert app.code[0].value == "index build CORPUS_DIR --dim 1024 --index .sakuin-1024"


def test_examples_are_offered_and_can_be_asked(example_index: Path) -> None:
    app = page_of(example_index)
    assert "sk-ranks" not in html_of(app)
    next(button for button in app.button if button.label == QUERY).click().run()
    assert "sk-ranks" in html_of(app)


def test_a_query_the_model_does_not_know(example_index: Path) -> None:
    html = html_of(page_of(example_index, q="\U00013000\U00013001"))
    assert "Nothing found" in html
    assert "sk-ranks" not in html


def test_the_index_is_measured_when_asked_and_only_once(example_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sakuin.tuning import by_dimension

    calls = 0
    measure = by_dimension.measure_dimensions

    def counted(*args: Any, **more: Any) -> by_dimension.ByDimension:
        nonlocal calls
        calls += 1
        return measure(*args, **more)

    monkeypatch.setattr(by_dimension, "measure_dimensions", counted)
    app = page_of(example_index)
    assert not rows_of(html_of(app))
    app.button(key="measure").click().run()
    assert not app.exception
    rows = rows_of(html_of(app))
    assert [row[0] for row in rows] == ["Dimensions", "32", "64", "128", "256"]
    assert rows[0][1] == "Same top ten"
    assert rows[-1][1] == "100.0%"
    assert 0 < float(rows[1][1].rstrip("%")) < 100
    assert [row[3] for row in rows[1:]] == ["32", "64", "128", "256"]
    # Whoever opens the page next sees the same figures.
    assert rows_of(html_of(page_of(example_index))) == rows
    assert calls == 1


def test_judged_queries_add_quality(example_index: Path) -> None:
    app = page_of(example_index)
    query, answer = "私用で会社を休みたいときの手続き", "office/yukyu-kyuka.md"
    line = json.dumps({"query": query, "relevant": [answer, "gone.md"]})
    app.file_uploader(key="judged").set_value(("mine.jsonl", line.encode(), "application/json")).run()
    assert "1 judged names are not in this index" in html_of(app)
    app.button(key="measure").click().run()
    assert not app.exception
    rows = rows_of(html_of(app))
    assert rows[0][1] == "Quality (nDCG@10)"
    with Searcher.open(example_index) as searcher:
        files = [hit.document.uri for hit in searcher.search(query, k=100, mode="dense", dim=256).hits]
    rank = list(dict.fromkeys(files)).index(answer) + 1
    assert rank <= 10
    assert rows[-1][1] == f"{1 / math.log2(rank + 1):.3f}"


@pytest.mark.parametrize("content", ["", "not JSON", '{"query": "x"}', '{"query": "x", "relevant": ["<img src=x>"]}'])
def test_a_file_of_another_kind_is_a_message(example_index: Path, content: str) -> None:
    app = page_of(example_index)
    app.file_uploader(key="judged").set_value(("<b>.jsonl", content.encode(), "application/json")).run()
    assert not app.exception
    html = html_of(app)
    assert "sk-note" in html
    assert "<img" not in html
    assert "/tmp" not in html


def test_hostile_documents_are_escaped(hostile_index: Path) -> None:
    app = page_of(hostile_index, q="needle")
    app.button(key="measure").click().run()
    assert not app.exception
    html = html_of(app)
    assert "&lt;script&gt;" in html
    assert not re.search("<(script|img|a|strong)[ >]", html)
    for kind in ("markdown", "caption", "button", "expander"):
        for element in app.get(kind):
            assert "hacked" not in str(element)
