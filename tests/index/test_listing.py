"""Documents of an index a page at a time."""

from pathlib import Path

import pytest

from sakuin.index.build import build
from sakuin.index.documents import Skipped
from sakuin.index.errors import IndexFolderError
from sakuin.index.reasons import Reason
from sakuin.index.store.listing import (
    ORDERS,
    count_documents,
    documents_in,
    find_document,
    list_documents,
    list_kinds,
    list_passages,
    list_skipped,
    read_metadata,
    reading,
)


@pytest.fixture
def index(corpus: Path, tmp_path: Path) -> Path:
    (corpus / "100%_sure.txt").write_text("one\n\n" + "A long sentence about nothing at all. " * 60)
    (corpus / "photo.png").write_bytes(b"\x89PNG")
    (corpus / "upper.TXT").write_text("猫は魚が好きです。")
    build(corpus, tmp_path / "index")
    return tmp_path / "index"


def test_pages_together_are_all_documents_once(index: Path) -> None:
    with reading(index) as connection:
        total = count_documents(connection)
        everything = {row[0] for row in connection.execute("SELECT id FROM documents")}
        for order in ORDERS:
            pages = [list_documents(connection, order=order, first=first, most=2) for first in range(0, total + 2, 2)]
            uris = [document.id for page in pages for document in page]
            assert len(uris) == total
            assert set(uris) == everything
        assert [row.id for row in list_documents(connection)] == sorted(everything)
        passages = [row.passages for row in list_documents(connection, order="passages")]
        assert passages == sorted(passages, reverse=True)
        assert passages[0] > 1


@pytest.mark.parametrize(
    ("some", "kind", "found"),
    [
        ("LEAVE", "", {"leave.txt"}),
        ("100%", "", {"100%_sure.txt"}),
        ("%", "", {"100%_sure.txt"}),
        ("0_", "", set()),
        ("猫", "", {"rows.jsonl#a"}),
        ("rows", "jsonl", {"rows.jsonl#a", "rows.jsonl#b"}),
        ("", "txt", {"leave.txt", "100%_sure.txt", "upper.TXT"}),
        ("", "xt", set()),
        ("", "%", set()),
        ("'; DROP TABLE documents; --", "", set()),
        ("\\", "", set()),
    ],
)
def test_filters(index: Path, some: str, kind: str, found: set[str]) -> None:
    with reading(index) as connection:
        assert {row.id for row in list_documents(connection, some, kind)} == found
        assert count_documents(connection, some, kind) == len(found)


def test_kinds_and_skipped_files(index: Path) -> None:
    with reading(index) as connection:
        assert list_kinds(connection) == ["jsonl", "md", "txt"]
        assert list_skipped(connection, 10) == ([Skipped("photo.png", Reason("picture"))], 1)
        assert list_skipped(connection, 0) == ([], 1)
        assert documents_in(connection, ["rows.jsonl", "photo.png"]) == {"rows.jsonl": 2, "photo.png": 0}


def test_passages_are_slices_of_the_document(index: Path) -> None:
    with reading(index) as connection:
        document = find_document(connection, "100%_sure.txt")
        assert document
        text = connection.execute("SELECT text FROM documents WHERE number = ?", (document.number,)).fetchone()[0]
        assert document.characters == len(text)
        passages = list_passages(connection, document.number)
        assert len(passages) == document.passages
        assert all(passage.text == text[passage.start : passage.end] for passage in passages)
        assert [passage.number for passage in passages] == list(range(1, len(passages) + 1))
        assert list_passages(connection, document.number, first=1, most=1) == passages[1:2]
        assert find_document(connection, "none") is None


def test_a_passage_says_where_else_it_stands(corpus: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (corpus / name).mkdir()
        (corpus / name / "same.txt").write_text("The very same words.")
    (corpus / "page.md").write_text("---\nauthor: 山田\n---\n# 一\n\n本文です。")
    build(corpus, tmp_path / "index")
    with reading(tmp_path / "index") as connection:
        document = find_document(connection, "a/same.txt")
        assert document
        assert list_passages(connection, document.number)[0].places == 2
        page = find_document(connection, "page.md")
        assert page
        assert read_metadata(connection, page.number)["author"] == "山田"


def test_without_an_index(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="No index"), reading(tmp_path):
        pass
