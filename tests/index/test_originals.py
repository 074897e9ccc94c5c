"""The files of documents, given out only from where the index knows them to be."""

import os
from pathlib import Path

import pytest

from sakuin import Index
from sakuin.index.build import add, build
from sakuin.index.originals import OriginalError, OriginalTooLargeError, open_original

CONTENT = "有給休暇の申請は三日前までに。".encode()


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index of a folder, of a file from elsewhere, and of a document that a program added."""
    corpus = tmp_path / "corpus"
    (corpus / "inner").mkdir(parents=True)
    (corpus / "inner" / "休暇.txt").write_bytes(CONTENT)
    (corpus / "rows.jsonl").write_text('{"id": "x", "text": "行です。"}\n', encoding="utf-8")
    (corpus / "link.txt").symlink_to(corpus / "inner" / "休暇.txt")
    (tmp_path / "secret.txt").write_text("秘密の文。", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other.txt").write_text("よそからの文。", encoding="utf-8")
    build(corpus, tmp_path / "index")
    add([tmp_path / "elsewhere" / "other.txt"], tmp_path / "index")
    with Index.open(tmp_path / "index") as opened:
        opened.add({"id": "added", "text": "足された文。"})
    return tmp_path / "index"


def read(index: Path, name: str, most: int = 1_000) -> tuple[str, bytes]:
    original = open_original(index, name, most=most)
    with original.file:
        content = original.file.read()
    assert len(content) == original.size
    return original.name, content


def test_the_file_of_a_document_is_opened_where_it_lies(index: Path, tmp_path: Path) -> None:
    assert read(index, "inner/休暇.txt") == ("休暇.txt", CONTENT)
    assert read(index, "rows.jsonl#x")[0] == "rows.jsonl"
    # A link in the folder to a file in the folder was read as a file, and is one.
    assert read(index, "link.txt") == ("休暇.txt", CONTENT)
    other = tmp_path / "elsewhere" / "other.txt"
    assert read(index, str(other))[1] == other.read_bytes()


@pytest.mark.parametrize("name", ["added", "none", "../secret.txt", "inner", "", "/etc/passwd", "inner/../rows.jsonl"])
def test_what_is_no_file_of_a_document_is_not_opened(index: Path, name: str) -> None:
    with pytest.raises(OriginalError):
        open_original(index, name)


def replace_by_link(path: Path, target: Path) -> None:
    path.unlink()
    path.symlink_to(target)


def test_a_file_that_leads_elsewhere_now_is_not_opened(index: Path, tmp_path: Path) -> None:
    corpus, secret = tmp_path / "corpus", tmp_path / "secret.txt"
    replace_by_link(corpus / "inner" / "休暇.txt", secret)
    with pytest.raises(OriginalError, match="leads out"):
        open_original(index, "inner/休暇.txt")
    # By a link to that link, too.
    with pytest.raises(OriginalError, match="leads out"):
        open_original(index, "link.txt")
    replace_by_link(tmp_path / "elsewhere" / "other.txt", secret)
    with pytest.raises(OriginalError, match="leads out"):
        open_original(index, str(tmp_path / "elsewhere" / "other.txt"))


def test_a_folder_that_leads_elsewhere_now_is_not_entered(index: Path, tmp_path: Path) -> None:
    for folder, name in ((tmp_path / "corpus" / "inner", "inner/休暇.txt"), (tmp_path / "elsewhere", None)):
        moved = folder.rename(tmp_path / f"moved-{folder.name}")
        folder.symlink_to(moved)
        with pytest.raises(OriginalError, match="leads out"):
            open_original(index, name or str(folder / "other.txt"))


def test_what_took_the_name_of_a_file_is_not_opened(index: Path, tmp_path: Path) -> None:
    path = tmp_path / "corpus" / "inner" / "休暇.txt"
    path.unlink()
    with pytest.raises(OriginalError, match="cannot be opened"):
        open_original(index, "inner/休暇.txt")
    os.mkfifo(path)
    with pytest.raises(OriginalError, match="no file any more"):
        open_original(index, "inner/休暇.txt")
    path.unlink()
    path.mkdir()
    with pytest.raises(OriginalError):
        open_original(index, "inner/休暇.txt")


def test_a_large_file_is_left_where_it_lies(index: Path) -> None:
    assert read(index, "inner/休暇.txt", most=len(CONTENT))[1] == CONTENT
    with pytest.raises(OriginalTooLargeError, match="open it where it lies"):
        open_original(index, "inner/休暇.txt", most=len(CONTENT) - 1)


def test_a_name_with_dots_in_a_database_from_elsewhere_leads_nowhere(index: Path, tmp_path: Path) -> None:
    """A file's name is under a checksum, which whoever makes an index can make too."""
    import sqlite3
    from contextlib import closing

    from sakuin.index.store.checksums import row_checksum
    from sakuin.index.store.schema import LABEL

    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute("UPDATE documents SET file = '../secret.txt' WHERE id = 'inner/休暇.txt'")
        label = connection.execute(f"SELECT {LABEL} FROM documents WHERE id = 'inner/休暇.txt'").fetchone()
        connection.execute("UPDATE documents SET label_checksum = ? WHERE id = ?", (row_checksum(label), label[0]))
        connection.commit()
    with pytest.raises(OriginalError, match="leads out"):
        open_original(index, "inner/休暇.txt")
