"""The page Evaluate."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from sakuin.search import Searcher
from sakuin.ui.pages import evaluate
from tests.examples import HOSTILE
from tests.ui.pages import html_of

QUERIES = [
    {"query": "電車が遅れた証拠がほしい", "relevant": ["travel/chien-shomei.txt"]},
    {"query": "私用で会社を休みたいときの手続き", "relevant": ["office/yukyu-kyuka.md"]},
    {"query": "nothing", "relevant": ["not/there.txt"]},
    {"query": "年老いた親の世話で仕事を抜けたい", "relevant_docs": ["office/kaigo-kyuka.txt"]},
]


def page_of_evaluation(folder: str) -> None:
    import streamlit as st

    from sakuin.search import Searcher
    from sakuin.ui.pages.evaluate import evaluate_page
    from sakuin.ui.words import Words

    if "searcher" not in st.session_state:
        st.session_state["searcher"] = Searcher.open(folder)
    evaluate_page(st.session_state["searcher"], Words("en"))


def page_over(folder: Path, *lines: object, **query: str) -> AppTest:
    app = AppTest.from_function(page_of_evaluation, args=(str(folder),), default_timeout=100)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    if lines:
        content = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        app.file_uploader[0].set_value(("judged.jsonl", content.encode(), "application/json")).run()
    assert not app.exception
    return app


def settings_in(app: AppTest) -> list[str]:
    [table, *_] = re.findall(r"<table.*?</table>", html_of(app)) or [""]
    return re.findall(r"<tr><td>(.*?)</td>", table)


def test_settings_are_compared_on_uploaded_queries(example_index: Path) -> None:
    app = page_over(example_index, *QUERIES)
    html = html_of(app)
    assert "judged.jsonl: 3 queries. 1 more are left out" in html
    assert "not/there.txt" in html
    assert "“Measure” runs 9 searches" in html
    app.button(key="evaluate_measure").click().run()
    assert settings_in(app) == ["Meaning + words · 256", "Meaning · 256", "Words"]
    html = html_of(app)
    assert "nDCG@10" in html
    assert html.count("<td><a ") == 6
    assert app.button(key="evaluate_measure").disabled
    # Only the new setting is measured.
    app.multiselect(key="settings").set_value(["hybrid-256", "dense-32"]).run()
    assert "“Measure” runs 3 searches" in html_of(app)
    app.button(key="evaluate_measure").click().run()
    assert settings_in(app) == ["Meaning + words · 256", "Meaning · 32"]
    app.selectbox(key="cutoff").set_value(5).run()
    assert "“Measure” runs 6 searches" in html_of(app)


def test_the_address_holds_the_settings(example_index: Path) -> None:
    app = page_over(example_index, queries="examples", settings="bm25,dense-64,nonsense", base="dense-64", cutoff="5")
    assert "114 queries" in html_of(app)
    assert app.multiselect(key="settings").value == ["bm25", "dense-64"]
    assert app.selectbox(key="base").value == "dense-64"
    assert app.selectbox(key="cutoff").value == 5
    app.multiselect(key="settings").set_value(["dense-64"]).run()
    assert app.query_params["settings"] == "dense-64"
    app.multiselect(key="settings").set_value([]).run()
    assert "Choose settings" in html_of(app)


def test_links_lead_to_the_search_that_was_measured(example_index: Path) -> None:
    app = page_over(example_index, *QUERIES, settings="dense-64,bm25")
    app.button(key="evaluate_measure").click().run()
    links = [urlsplit(link.replace("&amp;", "&")) for link in re.findall(r'href="(.*?)"', html_of(app))]
    assert {link.path for link in links} == {"./"}
    asked = [{key: value[0] for key, value in parse_qs(link.query).items()} for link in links]
    assert {"q": QUERIES[0]["query"], "mode": "dense", "dim": "64"} in asked
    assert {"q": QUERIES[0]["query"], "mode": "bm25"} in asked


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no JSON", "judged.jsonl, line 1"),
        ('{"query": "x"}', "line 1"),
        ('{"query": "x", "relevant": ["<b>nowhere</b>"]}', "&lt;b&gt;nowhere"),
        ('{"query": "", "relevant": ["a"]}', "the query is empty"),
        (" ", "empty"),
    ],
)
def test_a_wrong_file_is_a_message(example_index: Path, line: str, said: str) -> None:
    html = html_of(page_over(example_index, line))
    assert said in html
    assert "/tmp" not in html


def test_hostile_queries_are_escaped(example_index: Path) -> None:
    row = {"query": HOSTILE, "relevant": ["office/yukyu-kyuka.md", HOSTILE]}
    app = page_over(example_index, row, settings="bm25")
    app.button(key="evaluate_measure").click().run()
    html = html_of(app)
    assert html.count("&lt;script&gt;window.hacked") == 2
    assert not set(re.findall(r"</?([a-z0-9]+)", html)) & {"script", "img"}
    assert set(re.findall(r'href="([^"?]*\?)', html)) == {"./?"}
    for kind in ("markdown", "caption", "button", "expander", "code"):
        for element in app.get(kind):
            assert "hacked" not in str(element)


def test_what_is_done_at_once_is_bounded(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    monkeypatch.setattr(evaluate, "MAX_QUERIES", 2)
    app = page_over(example_index, *QUERIES)
    assert "Only the first 2 are used; 1 more are not." in html_of(app)
    assert "runs 6 searches" in html_of(app)


def test_tuning_is_shown_and_not_written(example_index: Path) -> None:
    app = page_over(example_index, queries="examples")
    app.button(key="tuning_try").click().run()
    html = html_of(app)
    assert "tuned (cross-validated)" in html
    assert "RRF" in html
    assert app.code[-1].value == f"index tune --queries queries.jsonl --index {example_index}"
    with Searcher.open(example_index) as searcher:
        assert not searcher.manifest.fusion
    few = page_over(example_index, *QUERIES)
    few.button(key="tuning_try").click().run()
    assert "Tuning needs 20 judged queries" in html_of(few)
