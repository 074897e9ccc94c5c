"""A hit says where in its file it stands: page, sheet and row, slide, line."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from sakuin import Index
from sakuin.cli.main import cli as command
from sakuin.index.build import build
from sakuin.index.documents import Document, Position
from sakuin.index.errors import DocumentError, IndexFolderError
from sakuin.index.integrity import verify
from sakuin.index.positions import positions_of
from sakuin.index.readers.line_numbers import with_lines
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Source
from sakuin.search import Searcher
from sakuin.search.results import located
from sakuin.ui.words import Words
from tests.index.samples import open_file, shape, sheet_file, slide_file
from tests.index.test_readers import make_pdf

WORD = "避難経路"
FILLING = "月曜の朝に会議を開く。"
PAGES = "".join(
    f"<draw:page><draw:frame><draw:text-box><text:p>{each}</text:p></draw:text-box></draw:frame></draw:page>"
    for each in (FILLING * 40, WORD)
)

LINES = [f"{number}番目の議題は{FILLING}" for number in range(30)]
CASES: dict[str, tuple[Callable[[], bytes], dict[str, object]]] = {
    "a.pdf": (lambda: make_pdf([LINES, LINES[::-1], [WORD + "を示す。"]]), {"page": 3}),
    "a.xlsx": (
        lambda: sheet_file(("売上", [["品", "数"], ["りんご", 1], ["みかん", 2], [WORD, 3], ["かき", 4]])),
        {"sheet": "売上", "row": 4},
    ),
    "b.xlsx": (lambda: sheet_file(("覚え書き", [[WORD + "の図は別にある"]])), {"sheet": "覚え書き"}),
    "a.pptx": (lambda: slide_file(shape(FILLING), shape("次第"), shape(WORD)), {"slide": 3}),
    "a.odp": (lambda: open_file(f"<office:presentation>{PAGES}</office:presentation>"), {"slide": 2}),
    "a.csv": (lambda: f"題名,本文\n一,{FILLING}\n二,{WORD}\n".encode(), {"row": 2}),
    "a.jsonl": (lambda: f'{{"text": "{FILLING}"}}\n\n{{"id": 7, "text": "{WORD}"}}\n'.encode(), {"line": 3}),
    "a.txt": (lambda: f"\n\n{FILLING}\n\n\n\n{FILLING * 40}\n\n\n{WORD}\n".encode(), {"line": 10}),
    "a.log": (
        lambda: "".join(f"{n} {WORD if n == 400 else FILLING}\r\n" for n in range(1, 500)).encode(),
        {"line": 400},
    ),
    "a.py": (lambda: f"{'x = 1  # count' + chr(10)}".encode() * 300 + f"# {WORD}\n".encode(), {"line": 301}),
}


def position_of(document: Document, word: str) -> dict[str, object]:
    """The position of a word in a document."""
    return dict(next(positions_of(document, [document.text.index(word)])))


@pytest.mark.parametrize("name", CASES)
def test_each_format_tells_it(name: str) -> None:
    make, expected = CASES[name]
    (document,) = [
        each for each in read_source(Source(uri=name, data=make())) if isinstance(each, Document) and WORD in each.text
    ]
    assert position_of(document, WORD) == expected


def test_a_paragraph_over_two_pages_is_joined_and_begins_on_the_first() -> None:
    data = make_pdf(
        [["The meeting is held every Mon", "day at nine and all heads of de-"], ["partments attend it in the hall."]]
    )
    (document,) = read_source(Source(uri="a.pdf", data=data))
    assert isinstance(document, Document)
    assert "of departments attend" in document.text
    assert position_of(document, "heads") == {"page": 1}
    assert position_of(document, "attend it") == {"page": 2}


@pytest.mark.parametrize(
    "raw",
    [
        "a\nb\nc",
        "\n \na\n\n\n\nb\r\n\r\n\r\nc\n\n",
        "a\rb\n\n\n\nc",
        "a\n\fb\n\n\n\u2028\nc",
        "\ufeffa\n\n\n  \n b\nc\n\n\n",
    ],
)
def test_lines_are_those_of_the_file(raw: str) -> None:
    text, positions = with_lines(raw)
    document = Document(id="a", text=text, positions=positions)
    editor = raw.replace("\r\n", "\n").replace("\r", "\n")
    for word in "abc":
        assert position_of(document, word) == {"line": 1 + editor[: editor.index(word)].count("\n")}, word


@pytest.fixture
def built(tmp_path: Path) -> Path:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, (make, _) in CASES.items():
        (corpus / name).write_bytes(make())
    assert build(corpus, tmp_path / "index").skipped == []
    return tmp_path / "index"


def found(folder: Path) -> dict[str, dict[str, object]]:
    with Searcher.open(folder) as searcher:
        hits = searcher.search(WORD, mode="bm25", k=30).hits
        places = [place for hit in hits if WORD in hit.text for place in hit.places]
    return {place.document.id.partition("#")[0]: dict(place.position) for place in places}


def test_hits_tell_it_in_both_languages(built: Path) -> None:
    # A passage's position is that of its start, which may lie on the page before the word's, or some lines above it.
    expected = {name: values for name, (_, values) in CASES.items() if name not in ("a.log", "a.py", "a.txt")}
    expected |= {"a.pdf": {"page": 2}, "a.odp": {"slide": 1}}
    assert expected == {name: values for name, values in found(built).items() if name in expected}
    assert 380 < found(built)["a.log"]["line"] <= 400  # type: ignore[operator]
    arguments = ["search", WORD, "--mode", "bm25", "-k", "30", "--index", str(built)]
    result = CliRunner().invoke(command, arguments)
    assert "a.xlsx#売上!4  sheet 売上, row 4\n" in result.output
    assert "a.pdf  p. 2\n" in result.output
    hits = json.loads(CliRunner().invoke(command, [*arguments, "--json"]).output)["hits"]
    assert {"slide": 3} in [place["position"] for hit in hits for place in hit["places"]]
    assert {"slide": 3} in [hit["position"] for hit in hits]
    assert [Words("ja").fact(each) for each in located({"row": 40, "sheet": "売上"})] == ["シート 売上", "40 行"]


def test_a_line_put_before_moves_the_position(built: Path) -> None:
    corpus = built.with_name("corpus")
    (corpus / "a.jsonl").write_text("\n" + (corpus / "a.jsonl").read_text(encoding="utf-8"), encoding="utf-8")
    build(corpus, built)
    assert found(built)["a.jsonl"] == {"line": 4}


def test_a_changed_position_is_not_shown(built: Path) -> None:
    with closing(sqlite3.connect(built / "documents.db")) as connection:
        connection.execute("UPDATE passages SET position = replace(position, '\"page\":2', '\"page\":4')")
        connection.commit()
    assert [problem.code for problem in verify(built)] == ["passages"]
    with pytest.raises(IndexFolderError, match="index verify"):
        found(built)


def test_an_index_made_before_positions_were_noted_goes_on(tmp_path: Path) -> None:
    older = tmp_path / "older"
    with Index.open(older) as index:
        index.add([Document(id="a", text=WORD), Document(id="b", text=WORD + "の図")])
    with closing(sqlite3.connect(older / "documents.db")) as connection:
        connection.execute("ALTER TABLE passages DROP COLUMN position")
        connection.commit()
    assert found(older) == {"a": {}, "b": {}}
    assert verify(older) == []
    with Index.open(older) as index:
        index.add([Document(id="b", text=WORD + "の図", positions=(Position(0, {"page": 2}),))])
    assert verify(older) == []
    assert found(older) == {"a": {}, "b": {"page": 2}}


@pytest.mark.parametrize(
    "positions",
    [
        (Position(3, {"page": 1}),),
        (Position(0, {"page": 1}), Position(0, {"page": 2})),
        (Position(0, {"leaf": 1}),),
        (Position(0, {"page": 1}, counts_lines=True),),
    ],
)
def test_positions_of_programs_are_checked(tmp_path: Path, positions: tuple[Position, ...]) -> None:
    with Index.open(tmp_path / "index") as index, pytest.raises(DocumentError, match="its positions must be"):
        index.add([Document(id="a", text="本文。", positions=positions)])


def test_what_programs_write_for_terminals_is_no_part_of_words() -> None:
    log = "\x1b[1;32mINFO\x1b[0m 起動\n\n\n\x1b]8;;http://x\x1b\\link\x1b]8;;\x07 \x1b(BN\bNA\bAME _\bx"
    (document,) = read_source(Source(uri="a.log", data=log.encode()))
    assert isinstance(document, Document)
    assert document.text == "INFO 起動\n\nlink NAME x"
    assert [(each.start, each.values["line"]) for each in document.positions] == [(0, 1), (9, 4)]
