"""Files that come through the browser."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakuin.index.build import build
from sakuin.index.errors import IndexFolderError
from sakuin.index.file_types import SUFFIXES
from sakuin.index.reasons import Reason
from sakuin.index.store.listing import reading
from sakuin.index.uploads import add_uploads, remove_documents, safe_name, uploaded_files, uploads_folder
from sakuin.index.writer import IndexWriter
from sakuin.search import Searcher

TEXT = "有給休暇の申請は三日前までに出してください。".encode()


@pytest.fixture
def index(corpus: Path, tmp_path: Path) -> Path:
    build(corpus, tmp_path / "index")
    return tmp_path / "index"


def uris(folder: Path) -> set[str]:
    with reading(folder) as connection:
        return {row[0] for row in connection.execute("SELECT uri FROM documents")}


def test_uploads_go_into_the_corpus_and_the_next_build_keeps_them(index: Path, corpus: Path) -> None:
    result = add_uploads([("leave.txt", TEXT), ("表.csv", b"text\none\ntwo\n")], index)
    assert result.kept == [("leave.txt", "uploads/leave.txt"), ("表.csv", "uploads/表.csv")]
    assert (corpus / "uploads" / "leave.txt").read_bytes() == TEXT
    assert {"uploads/leave.txt", "uploads/表.csv#row=2"} <= uris(index)
    before = uris(index)
    report = build(corpus, index)
    assert (report.added, report.updated, report.removed) == (0, 0, 0)
    assert uris(index) == before


def test_without_a_corpus_uploads_stand_beside_the_index(tmp_path: Path, corpus: Path) -> None:
    folder = tmp_path / ".sakuin"
    assert uploads_folder(folder) == tmp_path / "sakuin-uploads"
    result = add_uploads([("a.txt", TEXT)], folder)
    assert result.kept == [("a.txt", str(tmp_path / "sakuin-uploads" / "a.txt"))]
    # An index that is later given a folder of documents keeps what was uploaded before.
    build(corpus, folder)
    assert str(tmp_path / "sakuin-uploads" / "a.txt") in uris(folder)
    # Even one that holds the uploads themselves.
    other = tmp_path / "other"
    add_uploads([("b.txt", TEXT)], other / ".sakuin")
    build(other, other / ".sakuin")
    assert uris(other / ".sakuin") == {"sakuin-uploads/b.txt"}


def test_a_corpus_that_cannot_take_files_is_left_alone(index: Path, corpus: Path, tmp_path: Path) -> None:
    beside = tmp_path / "index-uploads"
    (corpus / "uploads").symlink_to(tmp_path)
    assert uploads_folder(index) == beside
    (corpus / "uploads").unlink()
    (corpus / "uploads").write_text("a file")
    assert uploads_folder(index) == beside
    (corpus / "uploads").unlink()
    build(corpus, corpus / "uploads")
    assert uploads_folder(index) == beside
    shutil.rmtree(corpus)
    assert uploads_folder(index) == beside


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_corpus_that_may_not_be_written_is_left_alone(index: Path, corpus: Path, tmp_path: Path) -> None:
    corpus.chmod(0o500)
    assert uploads_folder(index) == tmp_path / "index-uploads"


def test_a_taken_name_gets_a_number_and_the_same_file_is_kept_once(index: Path, corpus: Path) -> None:
    for content in (TEXT, b"Another text.", TEXT, b"Another text."):
        add_uploads([("a.txt", content)], index)
    assert sorted(path.name for path in (corpus / "uploads").iterdir()) == ["a (2).txt", "a.txt"]
    assert (corpus / "uploads" / "a.txt").read_bytes() == TEXT


def test_what_cannot_be_read_is_told_and_not_kept(index: Path, corpus: Path) -> None:
    result = add_uploads(
        [("empty.txt", b""), ("scan.pdf", b"%PDF-1.4 broken"), ("photo.png", b"\x89PNG"), ("good.txt", TEXT)], index
    )
    assert [name for name, _ in result.kept] == ["good.txt"]
    assert {item.uri for item in result.skipped} == {"empty.txt", "scan.pdf", "photo.png"}
    assert [path.name for path in (corpus / "uploads").iterdir()] == ["good.txt"]
    with Searcher.open(index) as searcher:
        assert searcher.skipped() == []
    assert result.report
    assert result.report.documents == len(uris(index))
    assert result.report.added == 1


def test_rows_that_are_left_out_are_told(index: Path) -> None:
    result = add_uploads([("rows.jsonl", b'{"text": "one"}\nnot JSON\n')], index)
    assert [uri for _, uri in result.kept] == ["uploads/rows.jsonl"]
    ((name, reason),) = ((item.uri, item.reason) for item in result.skipped)
    assert name == "uploads/rows.jsonl"
    assert str(reason).startswith("line 2: not valid JSON")


def test_while_another_writes_nothing_is_kept(index: Path, corpus: Path) -> None:
    with IndexWriter(index), pytest.raises(IndexFolderError, match="is writing"):
        add_uploads([("a.txt", TEXT)], index, timeout=0.1)
    assert not list((corpus / "uploads").iterdir())
    # A file that had been there before stays.
    add_uploads([("a.txt", TEXT)], index)
    with IndexWriter(index), pytest.raises(IndexFolderError):
        add_uploads([("a.txt", TEXT)], index, timeout=0.1)
    assert (corpus / "uploads" / "a.txt").exists()


def test_bounds(index: Path) -> None:
    result = add_uploads([("a.txt", TEXT)], index, max_megabytes=0)
    assert result.skipped[0].reason == Reason("upload_too_large", {"limit": 0})
    result = add_uploads([("a.txt", TEXT), ("b.txt", TEXT)], index, max_files=1)
    assert [name for name, _ in result.kept] == ["a.txt"]
    assert result.skipped[0].reason == Reason("too_many_uploads", {"limit": 1})


def test_an_open_searcher_sees_uploads_and_removals(index: Path) -> None:
    with Searcher.open(index) as searcher:
        add_uploads([("猫.txt", "三毛猫が縁側で寝ている。".encode())], index)
        assert searcher.search("三毛猫").hits[0].document.uri == "uploads/猫.txt"
        remove_documents(["uploads/猫.txt"], index)
        assert all(hit.document.uri != "uploads/猫.txt" for hit in searcher.search("三毛猫").hits)


def test_removing_deletes_only_uploads_and_only_when_told(index: Path, corpus: Path) -> None:
    add_uploads([("a.txt", TEXT)], index)
    assert set(uploaded_files(index, ["uploads/a.txt", "leave.txt", "uploads/none.txt"])) == {"uploads/a.txt"}
    remove_documents(["uploads/a.txt"], index)
    assert (corpus / "uploads" / "a.txt").exists()
    build(corpus, index)
    remove_documents(["uploads/a.txt", "leave.txt"], index, delete=["uploads/a.txt", "leave.txt", "vpn.md"])
    assert not (corpus / "uploads" / "a.txt").exists()
    assert (corpus / "leave.txt").exists()
    assert (corpus / "vpn.md").exists()
    with pytest.raises(IndexFolderError, match="nothing was removed"):
        remove_documents(["none"], index)


@pytest.mark.parametrize("uri", ["uploads/../leave.txt", "uploads/link.txt", "leave.txt", "uploads/inner/deep.txt"])
def test_names_that_lead_elsewhere_are_no_uploads(index: Path, corpus: Path, uri: str) -> None:
    (corpus / "uploads" / "inner").mkdir(parents=True)
    (corpus / "uploads" / "inner" / "deep.txt").write_bytes(TEXT)
    (corpus / "uploads" / "link.txt").symlink_to(corpus / "leave.txt")
    assert uploaded_files(index, [uri, str(corpus / uri)]) == {}


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\notes\\a.TXT", "a.TXT"),
        ("..hidden.md", "hidden.md"),
        ("a\n\x00\u202eb.txt", "a b.txt"),
        ("<img src=x>.html", "_img src=x_.html"),
        ("か\u3099.txt", "が.txt"),
        ("x .txt", "x.txt"),
        ("長" * 300 + ".jsonl", "長" * 44 + ".jsonl"),
    ],
)
def test_names_are_made_safe(given_name: str, name: str) -> None:
    assert safe_name(given_name) == name


@pytest.mark.parametrize("name", ["", "..", ".txt", "/", "a.txt/", "txt", "a.txt\\", "\ud800", ".", "..exe"])
def test_a_name_of_nothing_is_a_file_too(name: str) -> None:
    assert safe_name(name) in ("file", "txt", "exe")


def test_files_of_any_name_are_taken_if_they_are_text(tmp_path: Path) -> None:
    texts = [(name, "全部作る:\n\techo 完了".encode()) for name in ("Makefile", "b.sql")]
    result = add_uploads([*texts, ("a.exe", b"MZ\0\1")], tmp_path / "index")
    assert {name for name, _ in result.kept} == {"Makefile", "b.sql"}
    assert [(item.uri, item.reason.code) for item in result.skipped] == [("a.exe", "unknown_type")]


@given(st.text(max_size=300), st.sampled_from(sorted(SUFFIXES)))
def test_every_name_is_one_visible_file_of_its_folder(stem: str, suffix: str) -> None:
    name = safe_name(f"{stem}x{suffix}")
    assert Path("folder", name).parent == Path("folder")
    assert Path(name).suffix == suffix
    assert not name.startswith(".")
    assert len(name.encode()) <= 150
    assert name.isprintable()
    assert safe_name(name) == name
