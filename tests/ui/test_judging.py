"""Judging on the page: beside hits, and what *Evaluate* makes of it."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from sakuin import Index
from sakuin.search import Searcher
from sakuin.tuning.judgements import NAME, append, judgement_of, read
from tests.examples import HOSTILE, ROOT
from tests.ui.pages import html_of

QUERY, ANSWER = "電車が遅れた証拠がほしい", "travel/chien-shomei.txt"


@pytest.fixture
def index(example_index: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(example_index, tmp_path / ".sakuin"))


def page_of(folder: str, kind: str, read_only: bool) -> None:
    import streamlit as st

    from sakuin.search import Searcher
    from sakuin.ui.pages.evaluate import evaluate_page
    from sakuin.ui.pages.search import search_page
    from sakuin.ui.words import Words

    if "searcher" not in st.session_state:
        st.session_state["searcher"] = Searcher.open(folder)
    page = search_page if kind == "search" else evaluate_page
    page(st.session_state["searcher"], Words("en"), read_only=read_only)


def drawn(folder: Path, kind: str, *, read_only: bool = False, **query: str) -> AppTest:
    app = AppTest.from_function(page_of, args=(str(folder), kind, read_only), default_timeout=100)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def buttons(app: AppTest) -> list[tuple[str, list[str], object]]:
    """Label, options and choice of each row of buttons that judges."""
    return [
        (group.label, [option.rpartition(": ")[2] for option in group.options], group.value)
        for group in app.get("button_group")
        if group.key and group.key.startswith("judge_")
    ]


def press(app: AppTest, number: int, said: str | None) -> None:
    groups = [group for group in app.get("button_group") if group.key and group.key.startswith("judge_")]
    groups[number].set_value(said).run()
    assert not app.exception


def said(folder: Path) -> list[tuple[str, str | None, str]]:
    return [(one.query, one.document, one.judgement) for one in read(folder)]


def test_one_click_judges_another_takes_it_back(index: Path) -> None:
    app = drawn(index, "search", q=f" {QUERY} ", k="5")
    assert buttons(app)[0] == ("Does no. 1 answer?", ["Answers", "Does not"], None)
    assert buttons(app)[-1] == ("Does anything answer?", ["None of these answers"], None)
    assert len(buttons(app)) == 6
    press(app, 0, "answers")
    first = read(index)[0]
    assert (first.query, first.document, first.judgement) == (QUERY, ANSWER, "answers")
    with Searcher.open(index) as searcher:
        assert first.passage == searcher.search(QUERY, group="document").hits[0].passage_id
    press(app, 1, "does_not_answer")
    assert [value for _, _, value in buttons(app)][:3] == ["answers", "does_not_answer", None]
    # It is known in another session, and can be changed and taken back there.
    again = drawn(index, "search", q=QUERY, k="5")
    assert [value for _, _, value in buttons(again)][:3] == ["answers", "does_not_answer", None]
    press(again, 0, None)
    press(again, 1, "answers")
    assert [judgement for _, _, judgement in said(index)] == ["answers"]
    press(again, 5, "nothing_answers")
    assert said(index) == [(QUERY, None, "nothing_answers")]
    assert [value for _, _, value in buttons(again)] == [None] * 5 + ["nothing_answers"]


@pytest.mark.parametrize("kind", ["search", "evaluate"])
def test_who_may_only_read_sees_no_judging(index: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    append(index, judgement_of(QUERY, ANSWER, answers=True))
    app = drawn(index, kind, read_only=True, q=QUERY)
    assert buttons(app) == []
    assert "Judgements" not in html_of(app)
    # The app itself: a page that others may reach is read-only.
    monkeypatch.setattr(sys, "argv", ["app.py", "--index", str(index)])
    for address, expected in (("127.0.0.1", 11), ("0.0.0.0", 0)):
        monkeypatch.setattr("streamlit.get_option", lambda name, address=address: address)
        page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        page.query_params["q"] = QUERY
        page.run()
        assert len(buttons(page)) == expected


def test_what_cannot_be_written_is_said_and_changes_nothing(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = drawn(index, "search", q=QUERY, k="5")
    (index / NAME).mkdir()
    press(app, 0, "answers")
    assert "Cannot write to" in html_of(app)
    assert "judge again" in html_of(app)
    assert [value for _, _, value in buttons(app)][:1] in ([None], [])


def test_damaged_judgements_stop_no_search_and_are_told_on_evaluate(index: Path) -> None:
    (index / NAME).write_text("nonsense\n")
    app = drawn(index, "search", q=QUERY)
    assert "<article" in html_of(app)
    assert buttons(app) == []
    assert f"{NAME}, line 1" in html_of(drawn(index, "evaluate"))


def test_evaluate_lists_judgements_and_changes_them(index: Path) -> None:
    assert "Nothing was judged yet" in html_of(drawn(index, "evaluate"))
    append(index, judgement_of(HOSTILE, ANSWER, answers=False))
    append(index, judgement_of(QUERY, ANSWER, answers=True))
    app = drawn(index, "evaluate")
    html = html_of(app)
    assert "2 judgements on 2 queries, of which 1 have an answer" in html
    assert "<script" not in html
    assert [value for _, _, value in buttons(app)] == ["answers", "does_not_answer"]
    press(app, 0, "does_not_answer")
    press(app, 1, None)
    assert said(index) == [(QUERY, ANSWER, "does_not_answer")]


def test_an_owner_starts_with_what_goes_wrong(index: Path) -> None:
    append(index, judgement_of("有給休暇の申請方法", "office/yukyu-kyuka.md", answers=True))
    append(index, judgement_of(QUERY, ANSWER, answers=False))
    append(index, judgement_of("how to breed unicorns", None, answers=False))
    table = html_of(drawn(index, "evaluate")).split("<tbody>")[1].split("</tbody>")[0]
    rows = table.split("</tr>")[:-1]
    assert len(rows) == 2
    assert "unicorns" in rows[0]
    assert "judged: nothing answers" in rows[0]
    assert QUERY in rows[1]
    assert "first result judged wrong" in rows[1]


def test_settings_are_compared_and_the_search_is_tuned_on_judgements(index: Path) -> None:
    append(index, judgement_of(QUERY, ANSWER, answers=True))
    app = drawn(index, "evaluate")
    assert app.button(key="tune_own").disabled
    rows = [json.loads(line) for line in (ROOT / "examples" / "queries.jsonl").read_text("utf-8").splitlines()][:30]
    for row in rows:
        for name in row["relevant"]:
            append(index, judgement_of(row["query"], name, answers=True))
    app = drawn(index, "evaluate")
    app.button(key="judgements_compare").click().run()
    assert f"{NAME}: 31 queries." in html_of(app)
    assert app.query_params["queries"] in ("own", ["own"])
    number = sum(len(row["relevant"]) for row in rows) + 1
    assert f"Tune on {number} judgements" in app.button(key="tune_own").label
    before = Index.open(index)
    app.button(key="tune_own").click().run()
    assert not app.exception
    html = html_of(app)
    assert "tuned (cross-validated)" in html
    with before.searcher() as searcher:
        kept = bool(searcher.manifest.fusion)
    assert ("Searches use it from now on" in html) == kept
