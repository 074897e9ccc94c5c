"""The page Map."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from sakuin.index.build import build
from sakuin.index.store.passages import Glimpse
from sakuin.search import Searcher
from sakuin.search.projection import project
from sakuin.ui.html import map_legend
from sakuin.ui.map_points import COLOURS, Colouring, coloured_by, drawn_of, fields_of, packed, shown_text
from sakuin.ui.words import Words
from tests.examples import HOSTILE
from tests.ui.pages import html_of


def page_of_map(folder: str) -> None:
    from sakuin.search import Searcher
    from sakuin.ui.pages.map import map_page
    from sakuin.ui.words import Words

    with Searcher.open(folder) as searcher:
        map_page(searcher, Words("en"))


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield
    st.cache_resource.clear()


def page_of(folder: Path, **query: str) -> AppTest:
    app = AppTest.from_function(page_of_map, default_timeout=60, args=(str(folder),))
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def made_of(app: AppTest) -> tuple[dict[str, Any], int]:
    """The head of what the canvas was given, and the bytes that follow."""
    (canvas,) = app.get("bidi_component")
    return head_of(canvas.proto.bytes)


def head_of(data: bytes) -> tuple[dict[str, Any], int]:
    (length,) = struct.unpack("<I", data[:4])
    return json.loads(data[4 : 4 + length]), len(data) - 4 - length


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_tiny_index_has_a_map(tmp_path: Path, number: int) -> None:
    (tmp_path / "corpus").mkdir()
    for i in range(number):
        (tmp_path / "corpus" / f"{i}.txt").write_text(f"猫は{'魚鳥肉米豆'[i]}が好きです。", encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index")
    app = page_of(tmp_path / "index", q="猫")
    head, _ = made_of(app)
    assert head["points"] == number
    assert sorted(mark["text"] for mark in head["marks"]) == sorted([*map(str, range(1, number + 1)), "?"])
    assert html_of(app).count("<li>") == number


def test_an_index_of_nothing_the_model_knows_says_so(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    build(tmp_path / "corpus", tmp_path / "index")
    assert "nothing to map" in html_of(page_of(tmp_path / "index", q="x"))


def test_hits_stand_where_their_passages_are(example_index: Path) -> None:
    app = page_of(example_index, q="家で働くときのルール")
    head, _ = made_of(app)
    with Searcher.open(example_index) as searcher:
        made = project(searcher.snapshot)
        hits = searcher.search("家で働くときのルール", k=10, group="passage").hits
    places = {mark["text"]: (mark["x"], mark["y"]) for mark in head["marks"]}
    assert len(places) == 11
    for hit in hits:
        at = int(np.searchsorted(made.passage_ids, int(hit.passage_id, 16)))
        np.testing.assert_allclose(places[str(hit.rank)], made.positions[at], atol=1e-6)
    assert [name["text"] for name in head["names"]] == list(made.labels)
    assert head["points"] == len(made.passage_ids)


def test_colours_follow_the_choice(example_index: Path) -> None:
    app = page_of(example_index)
    assert made_of(app)[0]["marks"] == []
    assert "File type" in app.selectbox(key="map_by").options
    app.selectbox(key="map_by").select("type").run()
    assert not app.exception
    html = html_of(app)
    for kind in ("txt", "md"):
        assert f'<bdi dir="auto">{kind}</bdi>' in html
    assert len(made_of(app)[0]["palette"]) == html.count("<i style=") + 1


def test_choices_are_part_of_the_address(example_index: Path) -> None:
    app = page_of(example_index, by="type", points="1000000")
    assert app.selectbox(key="map_by").value == "type"
    assert "points" not in app.query_params
    app.selectbox(key="map_by").select("cluster").run()
    assert "by" not in app.query_params
    app.selectbox(key="map_by").select("folder").run()
    assert app.query_params["by"] in ("folder", ["folder"])


def test_what_the_canvas_gets_is_what_it_reads(example_index: Path) -> None:
    with Searcher.open(example_index) as searcher:
        made = project(searcher.snapshot)
        drawn = drawn_of(searcher.snapshot, made)
        glimpses = searcher.snapshot.glimpses(made.passage_ids.tolist())
    number = len(made.passage_ids) // 2
    data = packed(drawn, number, "folder", [], Words("en"))
    head, rest = head_of(data)
    body = data[-rest:]
    np.testing.assert_array_equal(np.frombuffer(body, "<f4", 2 * number).reshape(-1, 2), made.positions[:number])
    ends = np.frombuffer(body, "<u4", number, 8 * number)
    texts = body[13 * number :]
    assert len(texts) == ends[-1]
    last = texts[ends[-2] : ends[-1]].decode()
    assert last == shown_text(glimpses[int(made.passage_ids[number - 1])]).decode()
    codes = np.frombuffer(body, np.uint8, number, 12 * number)
    folder = drawn.colourings["folder"].values[codes[0]]
    assert glimpses[int(made.passage_ids[0])].file.startswith(f"{folder}/")
    assert head["palette"][codes[0]][:3] == list(COLOURS[codes[0]])


def test_what_a_point_shows_is_one_short_line_of_each() -> None:
    shown = shown_text(Glimpse("a.txt", "a\n\ttitle" * 20, "長い\n文" * 50, {})).decode().split("\n")
    assert len(shown) == 2
    assert len(shown[0]) == 40
    assert len(shown[1]) == 61
    assert shown_text(Glimpse("a.txt", "", "短い", {})).decode() == "\n短い"


def test_fields_with_few_values_give_colours() -> None:
    metadata = [{"lang": "ja" if i % 3 else "en", "id": i, "tags": ["b", "a"], "rare": 1} for i in range(60)]
    for each in metadata[5:]:
        del each["rare"]
    fields = fields_of(metadata)
    assert fields.keys() == {"lang", "metadata.id", "tags"}
    assert fields["tags"] == ["a"] * 60
    lang = coloured_by(fields["lang"])
    assert lang is not None
    assert lang.values == ("ja", "en")
    assert lang.codes.tolist() == [1 if i % 3 == 0 else 0 for i in range(60)]
    assert coloured_by(fields["metadata.id"]) is None
    assert coloured_by(fields["tags"]) is None
    partly = coloured_by(["x", "", "y"])
    assert partly is not None
    assert partly.codes.tolist() == [0, 2, 1]


def test_the_legend_is_escaped() -> None:
    html = map_legend.colours(Colouring((HOSTILE, "b"), np.array([0, 1, 2], np.uint8)), "<b>field</b>", 3, Words("en"))
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;b&gt;field" in html
    assert "Other" in html


def test_a_failure_is_shown_and_the_map_made_anew_next_time(
    example_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("sakuin.ui.pages.map.project", fail)
        app = AppTest.from_function(page_of_map, default_timeout=60, args=(str(example_index),)).run()
        assert app.exception
    page_of(example_index)


# With a browser.
