"""Copies of an index, putting one back, and what can be saved of a damaged one."""

import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from sakuin import Index
from sakuin.cli.main import cli
from sakuin.errors import SakuinError
from sakuin.index import backup as copying
from sakuin.index.build import build
from sakuin.index.integrity import verify
from sakuin.index.lock import acquire
from sakuin.index.settings import Settings
from sakuin.search import Searcher
from tests.index.test_truth import change, flip_text

COUNT = 30


@pytest.fixture
def index(tmp_path: Path, toy_model: Path) -> Path:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(COUNT):
        (corpus / f"{number}.md").write_text(f"# cat {number}\n\nthe cat {number} sat.\n\nmore", encoding="utf-8")
    (corpus / "0.md").write_text("# cat 0\n\nthe cat 0 sat.\n\n## dog\n\nthe dog lay.", encoding="utf-8")
    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    with closing(sqlite3.connect(tmp_path / "index" / "documents.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return tmp_path / "index"


def rows(folder: Path) -> list[tuple[object, ...]]:
    """What a database holds of documents and places, by our own reading."""
    with closing(sqlite3.connect(folder / "documents.db")) as connection:
        sql = (
            "SELECT documents.id, uri, file, title, metadata, headings, text, passage_id, start, end, heading "
            "FROM documents JOIN passages ON document = number ORDER BY documents.id, start"
        )
        return connection.execute(sql).fetchall()


def ask(*arguments: str) -> str:
    """What a command prints."""
    return CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False).output


def test_a_copy_is_an_index_with_the_same_answers(index: Path, tmp_path: Path) -> None:
    with Index.open(index) as opened:
        opened.backup(tmp_path / "copy")
    assert verify(tmp_path / "copy") == []
    with Searcher.open(index) as searcher, Searcher.open(tmp_path / "copy") as other:
        assert other.search("cat 7").hits == searcher.search("cat 7").hits
    # Of files of its own: what happens to the index does not happen to the copy.
    inodes = [{path.stat().st_ino for path in folder.rglob("*") if path.is_file()} for folder in (index, other.folder)]
    assert not inodes[0] & inodes[1]
    with Index.open(index) as opened, pytest.raises(SakuinError, match="there already"):
        opened.backup(tmp_path / "copy")


def test_copies_made_while_others_write_are_each_one_commit(index: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    last = [0]

    def write() -> None:
        with Index.open(index) as opened:
            while not stop.is_set():
                last[0] += 1
                opened.add([{"id": "one", "text": f"one {last[0]}"}, {"id": "two", "text": f"two {last[0]}"}])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        states = []
        for number in range(6):
            copying.backup(index, tmp_path / f"copy{number}")
            assert verify(tmp_path / f"copy{number}") == []
            with Index.open(tmp_path / f"copy{number}") as copy:
                states.append([document.text.split()[-1] for document in copy.get(["one", "two"])])
    finally:
        stop.set()
        writer.join()
    assert all(len(set(state)) <= 1 for state in states)
    assert len({str(state) for state in states}) > 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EIO, "I/O error")])
def test_a_copy_that_fails_leaves_nothing(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def failing(*_: object) -> int:
        raise error

    monkeypatch.setattr(copying, "copy_file", failing)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(SakuinError, match="full" if error.errno == errno.ENOSPC else "I/O error"):
        copying.backup(index, tmp_path / "copy")
    with pytest.raises(SakuinError) as told:
        copying.restore(index, tmp_path / "other")
    assert f"{tmp_path / 'other'} " in str(told.value)
    assert ".part" not in str(told.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_damaged_index_is_not_copied(index: Path, tmp_path: Path) -> None:
    path = max(index.rglob("*.int8.npy"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(SakuinError, match="nothing was copied"):
        copying.backup(index, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_copy_takes_the_place_of_the_index(index: Path, tmp_path: Path) -> None:
    before = rows(index)
    assert f"{COUNT} documents" in ask("backup", "--index", str(index), str(tmp_path / "copy"))
    (tmp_path / "corpus" / "3.md").unlink()
    build(tmp_path / "corpus", index)
    with Searcher.open(index) as searcher:
        said = ask("restore", "--index", str(index), str(tmp_path / "copy"))
        assert "index.replaced" in said
        with pytest.raises(SakuinError, match="replaced"):
            searcher.search("cat")
    assert rows(index) == rows(tmp_path / "copy") == before
    assert len(rows(tmp_path / "index.replaced")) < len(before)
    with pytest.raises(SakuinError, match="delete that"):
        copying.restore(tmp_path / "copy", index)
    assert rows(index) == before
    shutil.rmtree(index)
    copying.restore(tmp_path / "copy", index)
    assert rows(index) == before


def test_the_folder_at_hand_is_copied_to_put_back_and_saved(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no name of its own, and others are to stand beside it."""
    before = rows(index)
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path / "copy")
    ask("backup", ".", "--index", str(index))
    monkeypatch.chdir(index)
    ask("restore", "../copy", "--index", ".")
    assert rows(index) == before
    shutil.rmtree(tmp_path / "index.replaced")
    damaged_schema(index)
    monkeypatch.chdir(index)
    ask("repair", "--drop-damaged", "--index", ".")
    assert rows(index) == before
    assert (tmp_path / "index.replaced").is_dir()


def test_a_damaged_copy_takes_nothing_s_place(index: Path, tmp_path: Path) -> None:
    before = rows(index)
    copying.backup(index, tmp_path / "copy")
    flip_text(tmp_path / "copy", "the cat 7 sat", "the cat 8 sat")
    with pytest.raises(SakuinError, match="damaged"):
        copying.restore(tmp_path / "copy", index)
    assert rows(index) == before
    assert not (tmp_path / "index.replaced").exists()


def damaged_schema(index: Path) -> None:
    sql = "UPDATE sqlite_master SET sql = replace(sql, 'INTEGER PRIMARY', 'INTEGES PRIMARY') WHERE name = 'documents'"
    change(index, sql)


def damaged_index_of_table(index: Path) -> None:
    change(index, "UPDATE sqlite_master SET type = 'indez' WHERE name = 'idx_documents_id'")


@pytest.mark.parametrize("damage", [damaged_schema, damaged_index_of_table])
def test_where_no_row_is_damaged_nothing_is_lost(index: Path, damage: Callable[[Path], None]) -> None:
    before = rows(index)
    damage(index)
    with pytest.raises(SakuinError, match="drop-damaged"):
        ask("repair", "--index", str(index))
    assert f"{COUNT} documents that are whole; 0 were lost" in ask("repair", "--drop-damaged", "--index", str(index))
    assert verify(index) == []
    assert rows(index) == before
    assert (index.parent / "index.replaced" / "documents.db").exists()


def test_documents_that_are_whole_are_kept_and_the_others_read_again(index: Path, tmp_path: Path) -> None:
    before = rows(index)
    flip_text(index, "the cat 7 sat", "the cat 8 sat")
    change(index, "UPDATE passages SET start = 999 WHERE document = (SELECT number FROM documents WHERE id = '3.md')")
    change(index, "DELETE FROM documents WHERE id = '9.md'")
    assert f"{COUNT - 3} documents that are whole; 3 were lost" in ask(
        "repair", "--drop-damaged", "--index", str(index)
    )
    assert verify(index) == []
    assert rows(index) == [row for row in before if row[0] not in ("7.md", "3.md", "9.md")]
    build(tmp_path / "corpus", index)
    assert rows(index) == before


def test_a_document_that_lost_a_passage_is_not_kept(index: Path) -> None:
    before = rows(index)
    change(index, "DELETE FROM passages WHERE heading = 'dog'")
    assert [row[0] for row in before if row not in rows(index)] == ["0.md"]
    assert f"{COUNT - 1} documents that are whole; 1 were lost" in ask(
        "repair", "--drop-damaged", "--index", str(index)
    )
    assert verify(index) == []
    assert rows(index) == [row for row in before if row[0] != "0.md"]


def test_what_is_whole_is_repaired_in_its_place(index: Path) -> None:
    assert "is repaired" in ask("repair", "--drop-damaged", "--index", str(index))
    assert not (index.parent / "index.replaced").exists()


def test_nothing_is_put_in_the_place_of_an_index_that_is_written_to(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying.backup(index, tmp_path / "copy")
    monkeypatch.setattr(copying, "WAIT_SECONDS", 0.1)
    lock = acquire(index, 1)
    try:
        with pytest.raises(SakuinError, match="is writing"):
            copying.restore(tmp_path / "copy", index)
    finally:
        lock.release()
    assert os.listdir(tmp_path).count("index.replaced") == 0


def test_an_index_that_cannot_be_renamed_is_put_back_name_by_name(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where the locks that are held in a folder keep it from being renamed."""
    with Index.open(index) as opened:
        opened.backup(tmp_path / "copy")
        complete = rows(index)
        opened.delete(["3.md"])
    monkeypatch.setattr(copying, "HELD_OPEN", True)
    before = rows(index)
    assert before != complete
    real = os.replace

    def refuse_folders(source: Path, target: Path) -> None:
        if Path(source) == index or Path(target) == index:
            raise PermissionError(errno.EACCES, "Access is denied", str(source))
        real(source, target)

    monkeypatch.setattr("sakuin.index.backup.os.replace", refuse_folders)
    _, aside = copying.restore(tmp_path / "copy", index)
    assert aside == index.with_name("index.replaced")
    assert (rows(index), rows(aside)) == (complete, before)
    assert verify(index) == verify(aside) == []


@pytest.mark.parametrize("open_file", ["documents.db", "terms"])
def test_an_index_of_which_a_file_is_open_is_left_as_it_is(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_file: str
) -> None:
    with Index.open(index) as opened:
        opened.backup(tmp_path / "copy")
    monkeypatch.setattr(copying, "HELD_OPEN", True)
    before = sorted(path.relative_to(index) for path in index.rglob("*"))
    real = os.replace

    def refuse_open(source: Path, target: Path) -> None:
        if Path(source) == index / open_file:
            raise PermissionError(errno.EACCES, "Access is denied", str(source))
        real(source, target)

    monkeypatch.setattr("sakuin.index.backup.os.replace", refuse_open)
    with pytest.raises(SakuinError, match="open in another program"):
        copying.restore(tmp_path / "copy", index)
    assert verify(index) == []
    assert [path for path in before if not (index / path).exists()] == []
    assert not index.with_name("index.replaced").exists()


def test_a_link_goes_on_leading_to_the_index_that_was_put_back(index: Path, tmp_path: Path) -> None:
    with Index.open(index) as opened:
        opened.backup(tmp_path / "copy")
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(index, target_is_directory=True)
    _, aside = copying.restore(tmp_path / "copy", link)
    assert link.readlink() == index
    assert aside == index.with_name("index.replaced")
    assert verify(link) == []
