"""A document to read on the pages."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from sakuin import Document, Index
from sakuin.index.build import build
from sakuin.index.documents import Heading, Position
from sakuin.index.outliving import SYNONYMS
from sakuin.ui.pages.document import PER_PAGE
from tests.ui.pages import html_of, run_app

SECTIONS = 60
# Of about a passage each: more than are shown at once.
PARAGRAPHS = 60


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long document on pages under headings, every tenth about cats; one like it, and one from a file."""
    text, headings, positions = "", [], []
    for number in range(SECTIONS):
        heading = f"<b>{number}</b> 節"
        headings.append(Heading(len(text), len(text) + len(heading), 1 + number % 2))
        positions.append(Position(len(text), {"page": number + 1}))
        words = "三毛猫が寝ている話です。" if number % 10 == 5 else "天気の話です。"
        text += f"{heading}\n\n{number}番目の{words}\n\n"
    base = tmp_path_factory.mktemp("document-page")
    (base / "corpus").mkdir()
    (base / "corpus" / "file.txt").write_text("元のファイルの文です。", encoding="utf-8")
    build(base / "corpus", base / ".sakuin")
    with Index.open(base / ".sakuin") as opened:
        long = Document(id="<i>long", text=text, headings=tuple(headings), positions=tuple(positions))
        opened.add([long, {"id": "weather", "title": "天気", "text": "天気の話をする文書です。"}])
    return base / ".sakuin"


def address(app: AppTest, name: str) -> str:
    """What the address has, which the test's app gives as a list where it came with it."""
    value = app.query_params[name]
    return value[0] if isinstance(value, list) else value


def at_of(app: AppTest) -> int:
    return int(address(app, "at"))


def test_matches_are_stepped_through_also_where_they_stand_on_other_pages(
    monkeypatch: pytest.MonkeyPatch, index: Path
) -> None:
    app = run_app(monkeypatch, index, q="三毛猫", doc="<i>long")
    assert app.button(key="match_previous").disabled
    seen = []
    while not app.button(key="match_next").disabled:
        app.button(key="match_next").click().run()
        assert not app.exception
        html = html_of(app)
        assert f"Passages with your words: {len(seen) + 1} of 6" in html
        chosen = html.split("sk-passage chosen")[1].split("</div>")[0]
        assert "<mark>" in chosen
        assert f">p. {len(seen) * 10 + 6}</p>" in chosen
        seen.append(at_of(app))
    assert len(seen) == 6
    assert seen == sorted(seen)
    assert SECTIONS > 2 * PER_PAGE
    app.button(key="match_previous").click().run()
    assert at_of(app) == seen[-2]


def test_what_the_question_excludes_is_not_marked(monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
    html = html_of(run_app(monkeypatch, index, q="天気 -犬", doc="<i>long"))
    assert "<mark>天気</mark>" in html
    html = html_of(run_app(monkeypatch, index, q="三毛猫 -天気", doc="<i>long"))
    assert "<mark>天気</mark>" not in html


def test_synonyms_of_the_question_are_marked(monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
    (index / SYNONYMS).write_text("お空, 天気", encoding="utf-8")
    try:
        html = html_of(run_app(monkeypatch, index, q="お空", doc="<i>long"))
    finally:
        (index / SYNONYMS).unlink()
    assert "<mark>天気</mark>" in html


def test_without_a_match_there_is_nothing_to_step_through(monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
    for query in ("quantum", " "):
        app = run_app(monkeypatch, index, q=query, doc="<i>long")
        assert [button.key for button in app.button if button.key and button.key.startswith("match")] == []


def test_the_outline_leads_to_a_heading(monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
    app = run_app(monkeypatch, index, q="天気", doc="<i>long")
    outline = app.selectbox(key="outline")
    assert len(outline.options) == SECTIONS
    assert outline.options[:2] == ["<b>0</b> 節 · p. 1", "\u2003<b>1</b> 節 · p. 2"]
    outline.select_index(40).run()
    assert not app.exception
    chosen = html_of(app).split("sk-passage chosen")[1].split("</div>")[0]
    assert "40番目の" in chosen
    assert "<h3" in chosen
    assert app.selectbox(key="outline").value is None


def test_documents_like_it_are_opened_where_they_are_nearest(monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
    app = run_app(monkeypatch, index, q="天気", doc="weather")
    html = html_of(app)
    assert "&lt;i&gt;long" in html
    assert "<i>long" not in html
    app.button(key="similar_1").click().run()
    assert not app.exception
    assert address(app, "doc") == "<i>long"
    assert "sk-passage chosen" in html_of(app)


def test_the_file_is_offered_only_where_it_can_be_had(
    monkeypatch: pytest.MonkeyPatch, index: Path, tmp_path: Path
) -> None:
    assert [one.label for one in run_app(monkeypatch, index, doc="file.txt", q="x").get("download_button")] == [
        "Save the file"
    ]
    assert not run_app(monkeypatch, index, doc="weather", q="x").get("download_button")
    moved = shutil.copytree(index.parent, tmp_path / "moved")
    (index.parent / "corpus" / "file.txt").rename(tmp_path / "file.txt")
    try:
        assert not run_app(monkeypatch, moved / ".sakuin", doc="file.txt", q="x").get("download_button")
    finally:
        (tmp_path / "file.txt").rename(index.parent / "corpus" / "file.txt")


def test_the_text_keeps_the_form_of_its_file_and_is_shown_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "corpus").mkdir()
    content = (
        "# 題\n\n- 項目\n\n```\n<script>x | y</script>\n```\n\n|列|\n|---|\n|値|\n\n"
        + f"{'続く文です。' * 40}段落です。\n\n" * PARAGRAPHS
    )
    (tmp_path / "corpus" / "a.md").write_text(content, encoding="utf-8")
    (tmp_path / "corpus" / "b.csv").write_text("品,価\n<b>柿,100\n梨,200\n", encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / ".sakuin")
    app = run_app(monkeypatch, tmp_path / ".sakuin", q="x", doc="a.md")
    html = html_of(app)
    assert '<h3 dir="auto">題</h3>' in html
    assert 'data-mark="•" dir="auto">項目</li>' in html
    assert '<pre class="sk-code" tabindex="0">&lt;script&gt;' in html
    # Each part goes on where the one before ended.
    numbers = [html.count("段落です。")]
    for part in (2, 3):
        app.session_state["part"] = part
        app.run()
        numbers.append(html_of(app).count("段落です。"))
        assert "sk-passage" not in html_of(app)
    assert all(numbers)
    assert sum(numbers) == PARAGRAPHS
    app.toggle(key="cut").set_value(True).run()
    assert 'class="sk-passage"' in html_of(app)


def test_a_row_of_a_table_stands_among_its_neighbours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    rows = [f"<b>柿{number},{number}00," for number in range(40)]
    (tmp_path / "corpus" / "b.csv").write_text("\n".join(["品,価,備考", *rows, "注: 梨,1,x"]), encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / ".sakuin")
    html = html_of(run_app(monkeypatch, tmp_path / ".sakuin", q="柿20", doc="b.csv#row=21"))
    table = html.split("<table>")[1].split("</table>")[0]
    assert [cell.split("</bdi>")[0] for cell in table.split('<bdi dir="auto">')[1:]] == ["品", "価"]
    assert table.count("<tr") == 1 + 10 + 1 + 10
    chosen = table.split("sk-passage chosen")[1].split("</tr>")[0]
    assert '<td dir="auto">2000</td>' in chosen
    assert "<b>" not in table
    assert "注: 梨" in html_of(run_app(monkeypatch, tmp_path / ".sakuin", q="柿", doc="b.csv#row=41"))
