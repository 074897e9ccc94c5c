"""Several indexes on the pages: searched as one, each document read from its own."""

import re
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from sakuin import Index
from tests.examples import ROOT
from tests.ui.pages import html_of


def run_over(monkeypatch: pytest.MonkeyPatch, folders: list[Path], **query: str) -> AppTest:
    """The page Search over some indexes."""
    arguments = [word for folder in folders for word in ("--index", str(folder))]
    monkeypatch.setattr(sys, "argv", ["app.py", *arguments])
    # As where `index ui` runs it, which only this machine reaches.
    monkeypatch.setattr("sakuin.ui.pages.corpus.on_loopback", lambda: True)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def judged(app: AppTest) -> list[str]:
    """The buttons by which hits are judged."""
    return [group.key for group in app.get("button_group") if group.key.startswith("judge_")]


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two indexes with a document of the same id, and one that is not there."""
    for name, animal in (("neko", "三毛猫"), ("inu", "柴犬")):
        with Index.open(tmp_path / name / ".sakuin") as index:
            index.add({"id": "same", "title": f"{animal}の題", "text": f"{animal}が寝ている話です。動物の話。"})
            index.add({"id": f"other-{name}", "text": "天気の話です。"})
    return [tmp_path / "neko" / ".sakuin", tmp_path / "inu" / ".sakuin", tmp_path / "none" / ".sakuin"]


def test_hits_of_all_indexes_are_one_list_and_open_in_their_own(
    monkeypatch: pytest.MonkeyPatch, folders: list[Path]
) -> None:
    app = run_over(monkeypatch, folders, q="動物が寝ている話")
    html = html_of(app)
    titles = re.sub("<.*?>", "", html)
    assert "三毛猫の題" in titles
    assert "柴犬の題" in titles
    assert '<bdi dir="auto">neko</bdi>' in html
    assert '<bdi dir="auto">inu</bdi>' in html
    # What is judged belongs to one index.
    assert not judged(app)
    for rank, article in enumerate(html.split("<article")[1:3], 1):
        animal = "柴犬" if ">inu<" in article else "三毛猫"
        app = run_over(monkeypatch, folders, q="動物が寝ている話")
        app.button(key=f"open_{rank}").click().run()
        assert not app.exception
        assert f"{animal}が" in html_of(app).replace("<mark>", "").replace("</mark>", "")
        app.button(key="back").click().run()
        assert "of" not in app.query_params


def test_the_other_pages_show_the_index_that_is_chosen(monkeypatch: pytest.MonkeyPatch, folders: list[Path]) -> None:
    app = run_over(monkeypatch, folders)
    box = app.selectbox(key="index_shown")
    assert len(box.options) == 3
    facts = [html_of(app)]
    box.select_index(1).run()
    assert not app.exception
    facts.append(html_of(app))
    assert facts[0] != facts[1]
    box.select_index(2).run()
    assert not app.exception


@pytest.mark.parametrize("of", ["2", "x", "-1", "999999999"])
def test_any_index_in_the_address(monkeypatch: pytest.MonkeyPatch, folders: list[Path], of: str) -> None:
    html = html_of(run_over(monkeypatch, folders, q="話", doc="other-neko", of=of))
    assert "天気の" in html.replace("<mark>", "").replace("</mark>", "")


def test_one_index_has_no_box_to_choose(monkeypatch: pytest.MonkeyPatch, folders: list[Path]) -> None:
    app = run_over(monkeypatch, folders[:1], q="動物")
    assert "index_shown" not in app.session_state
    assert judged(app)
