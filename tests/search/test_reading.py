"""Documents, and passages with what stands around them, read from an index."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from sakuin import Document, Index, IndexFolderError, SearchError
from sakuin.cli.main import cli
from sakuin.index.documents import Heading, Position
from sakuin.search import Searcher, UnknownDocumentError

SECTIONS = [f"{n}番目の節" for n in range(1, 8)]
SAME = "同じ注意書きです。かならずお読みください。"


def text_of_sections() -> tuple[str, tuple[Heading, ...]]:
    text, headings = "", []
    for section in SECTIONS:
        headings.append(Heading(len(text), len(text) + len(section), 1))
        text += f"{section}\n\n{section}の本文です。ここに猫の話があります。\n\n"
    return text, tuple(headings)


TEXT, HEADINGS = text_of_sections()


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    with Index.open(tmp_path_factory.mktemp("reading") / "index") as index:
        book = Document(id="本/一.md", text=TEXT, title="本", uri="https://example.jp/1", headings=HEADINGS)
        index.add([book, {"id": "a", "text": SAME, "year": 2024}, {"id": "b", "text": f"{SAME}\n\n別の文。" * 3}])
        with index.searcher() as searcher:
            yield searcher


def test_a_document_has_its_text_its_passages_and_its_outline(searcher: Searcher) -> None:
    document = searcher.document("本/一.md")
    assert (document.text, document.title, document.uri) == (TEXT, "本", "https://example.jp/1")
    assert (document.start, document.end, document.length) == (0, len(TEXT), len(TEXT))
    assert [passage.number for passage in document.passages] == list(range(1, len(SECTIONS) + 1))
    assert [passage.heading for passage in document.passages] == SECTIONS
    assert TEXT[document.passages[2].start : document.passages[2].end].startswith("3番目の節の本文")
    assert [(heading.text, heading.level) for heading in document.outline] == [(name, 1) for name in SECTIONS]
    assert [TEXT[heading.start :].split("\n")[0] for heading in document.outline] == SECTIONS
    assert searcher.document("a").metadata == {"year": 2024}
    assert json.loads(json.dumps(document.to_dict()))["passages"][0]["passage_id"] == document.passages[0].passage_id


def test_parts_of_a_document_make_the_whole(searcher: Searcher) -> None:
    parts, start = [], 0
    while start < len(TEXT):
        parts.append(searcher.document("本/一.md", start=start, most=50))
        start = parts[-1].end
    assert "".join(part.text for part in parts) == TEXT
    whole = searcher.document("本/一.md")
    assert tuple(passage for part in parts for passage in part.passages) == whole.passages
    assert [heading.start for part in parts for heading in part.outline] == [one.start for one in whole.outline]
    assert searcher.document("本/一.md", start=10**9).text == ""


@pytest.mark.parametrize("around", [0, 1, 2, 50])
def test_a_hit_is_read_with_so_many_passages_around_it(searcher: Searcher, around: int) -> None:
    whole = searcher.document("本/一.md").passages
    (hit,) = searcher.search("4番目の節の本文", k=1, mode="bm25").hits
    excerpt = searcher.read(hit, around=around)
    at = excerpt.passage.number - 1
    assert excerpt.passage == whole[at]
    assert (excerpt.passage.passage_id, excerpt.passage.start) == (hit.passage_id, hit.start)
    assert excerpt.passages == whole[max(at - around, 0) : at + around + 1]
    assert excerpt.text == TEXT[excerpt.passages[0].start : excerpt.passages[-1].end]
    assert (excerpt.start, excerpt.end) == (excerpt.passages[0].start, excerpt.passages[-1].end)
    assert searcher.read(hit.passage_id, around=around) == excerpt
    assert searcher.read(at + 1, document="本/一.md", around=around) == excerpt
    assert searcher.read(excerpt.passage, document="本/一.md", around=around) == excerpt


def test_a_passage_is_read_in_the_document_of_its_hit(searcher: Searcher) -> None:
    hits = searcher.search(SAME, k=2, group="document").hits
    assert {hit.document.id for hit in hits} == {"a", "b"}
    for hit in hits:
        assert searcher.read(hit).id == hit.document.id
        assert searcher.read(hit.passages[0], document=hit.document.id).id == hit.document.id
    assert searcher.read(hits[0].passage_id).id == "a"


@pytest.mark.parametrize("passage", [0, -1, 8, 2**63, "0" * 16])
def test_what_is_not_there_is_said_to_be_missing(searcher: Searcher, passage: int | str) -> None:
    with pytest.raises(UnknownDocumentError, match="no passage"):
        searcher.read(passage, document="本/一.md")
    for name in ("本", "\udcff", ""):
        with pytest.raises(UnknownDocumentError, match="no document"):
            searcher.document(name)


@pytest.mark.parametrize(
    ("passage", "options"),
    [(1, {}), ("g" * 16, {}), ("f" * 16, {}), ("12", {}), ("-" + "1" * 15, {}), ("0" * 16, {"around": 1_001})],
)
def test_what_makes_no_sense_is_refused(searcher: Searcher, passage: int | str, options: dict[str, int]) -> None:
    with pytest.raises(SearchError) as caught:
        searcher.read(passage, **options)
    assert not isinstance(caught.value, UnknownDocumentError)
    for start, most in ((-1, None), (0, 0), ("0", None)):
        with pytest.raises(SearchError, match="Cannot read"):
            searcher.document("a", start=start, most=most)


def test_a_passage_that_is_gone_is_not_taken_for_another(tmp_path: Path) -> None:
    with Index.open(tmp_path / "index") as index, index.searcher() as searcher:
        index.add({"id": "a", "text": SAME})
        (hit,) = searcher.search(SAME, k=1).hits
        index.add({"id": "a", "text": "まったく別の文です。"})
        with pytest.raises(UnknownDocumentError, match="search again"):
            searcher.read(hit)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE documents SET text = replace(text, '猫', '犬')",
        "UPDATE documents SET title = 'x'",
        "UPDATE passages SET heading = 'x'",
        "UPDATE passages SET end = end - 1",
    ],
)
def test_nothing_damaged_is_read(tmp_path: Path, damage: str) -> None:
    with Index.open(tmp_path / "index") as index:
        index.add(Document(id="a", text=TEXT, headings=HEADINGS))
        with closing(sqlite3.connect(tmp_path / "index" / "documents.db")) as connection:
            connection.execute(damage)
            connection.commit()
        with index.searcher() as searcher:
            for read in (lambda: searcher.document("a"), lambda: searcher.read(2, document="a")):
                with pytest.raises(IndexFolderError, match="index verify"):
                    read()


def test_the_outline_says_where_in_the_file(tmp_path: Path) -> None:
    pages = tuple(Position(heading.start, {"page": number}) for number, heading in enumerate(HEADINGS, 1))
    with Index.open(tmp_path / "index") as index, index.searcher() as searcher:
        index.add(Document(id="a", text=TEXT, headings=HEADINGS, positions=pages))
        document = searcher.document("a")
        assert [heading.position for heading in document.outline] == [position.values for position in pages]
        assert searcher.read(3, document="a").passage.position == {"page": 3}


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["read", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_reads_documents_and_around_passages(searcher: Searcher) -> None:
    index = ["--index", str(searcher.folder)]
    printed = run("本/一.md", *index)
    assert printed.startswith("本  本/一.md\n")
    assert TEXT.strip() in printed
    part = run("本/一.md", "--around", "3", "--neighbours", "1", *index)
    assert "passage 3, 3番目の節" in part
    assert all((section in part) == (section in SECTIONS[1:4]) for section in SECTIONS if section != SECTIONS[1])
    assert json.loads(run("本/一.md", "--json", *index)) == searcher.document("本/一.md").to_dict()
    excerpt = searcher.read(3, document="本/一.md", around=0)
    assert json.loads(
        run("本/一.md", "--around", excerpt.passage.passage_id, "--neighbours", "0", "--json", *index)
    ) == (excerpt.to_dict())


def test_a_terminal_gets_no_control_characters(tmp_path: Path) -> None:
    with Index.open(tmp_path / "index") as index:
        index.add({"id": "a", "title": "t\x1b[31m", "text": "one\x1b[31m\nfine two"})
    printed = run("a", "--index", str(tmp_path / "index"))
    assert "\x1b" not in printed
    assert "one [31m\nfine two" in printed
