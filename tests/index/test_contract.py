"""Readers of all formats, and one that somebody else brings, keep the same contract."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sakuin.index.build import build
from sakuin.index.documents import Document, Heading, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import read_file, reading
from sakuin.index.readers.contract import check_reader
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.plain import clean, one_line, require_text
from sakuin.index.readers.source import Source
from sakuin.index.reasons import Reason
from sakuin.search import Searcher
from tests.index.samples import SAMPLES


@pytest.mark.parametrize("name", SAMPLES)
def test_our_readers_keep_it(name: str) -> None:
    documents = check_reader(reading.read_source, name, SAMPLES[name]())
    assert any("見積" in document.text for document in documents)


def read_notes(source: Source) -> Iterator[Document]:
    """A reader of somebody's own: lines of notes."""
    text = clean(load_bytes(source).decode("utf-8", "replace"))
    require_text(text)
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield Document(id=f"{source.uri}#{number}", title=one_line(line), text=line)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    info = tmp_path / "installed" / "notes-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notes\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{reading.ENTRY_POINTS}]\nNotes = tests.index.test_contract:read_notes\n")
    # The process that files are read in finds it so too.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(info.parent), os.environ.get("PYTHONPATH")])))
    monkeypatch.syspath_prepend(str(info.parent))
    reading.own_readers.cache_clear()
    yield
    monkeypatch.undo()
    reading.own_readers.cache_clear()


def test_a_reader_of_ones_own_is_used_for_its_suffix(installed: None, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.NOTES").write_text("見積の覚え書き\n請求の覚え書き\n")
    report = build(tmp_path / "corpus", tmp_path / "index")
    assert (report.added, report.skipped) == (1, [])
    with Searcher.open(tmp_path / "index") as searcher:
        assert searcher.search("請求", mode="bm25").hits[0].document.id == "a.NOTES#2"


def test_one_that_fails_costs_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(source: Source) -> Iterator[Document]:
        raise KeyError("page")
        yield

    monkeypatch.setattr(reading, "own_readers", lambda: {".notes": lambda: fails})
    (tmp_path / "a.notes").write_text("x")
    with pytest.raises(ReadError, match="could not be read: KeyError"):
        list(read_file(tmp_path / "a.notes", "a.notes"))


BROKEN = {
    "no name within": Document(id="other", text="x"),
    "no text": Document(id="folder/名前/a.notes", text=" "),
    "not clean": Document(id="folder/名前/a.notes", text="a\r\nb"),
    "outside of": Document(id="folder/名前/a.notes", text="abc", headings=(Heading(0, 4, 1),)),
    "not in order": Document(id="folder/名前/a.notes", text="abc", headings=(Heading(1, 2, 1), Heading(0, 1, 1))),
    "is no part": Skipped("other", Reason("empty")),
    "neither": "text",
}


@pytest.mark.parametrize("message", BROKEN)
def test_the_contract_says_what_is_wrong(message: str) -> None:
    good = Document(id="folder/名前/a.notes", text="x")

    def reads(source: Source) -> list[object]:
        if not source.data and not source.path:
            raise ReadError(Reason("empty"))
        return [good, BROKEN[message]]

    with pytest.raises(AssertionError, match=message):
        check_reader(reads, "a.notes", b"x")  # type: ignore[arg-type]


def test_it_finds_readers_that_let_errors_through_or_are_content_with_nothing() -> None:
    check_reader(read_notes, "a.notes", "見積\n請求".encode())

    def strict(source: Source) -> Iterator[Document]:
        yield Document(id=source.uri, text=load_bytes(source).decode())

    with pytest.raises(AssertionError, match="UnicodeDecodeError"):
        check_reader(strict, "a.notes", "見積の覚え書き".encode())

    def content(source: Source) -> list[Document]:
        return [Document(id=source.uri, text="always the same")]

    with pytest.raises(AssertionError, match="empty file"):
        check_reader(content, "a.notes", b"x")
