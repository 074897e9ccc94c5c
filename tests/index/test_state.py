"""What tells an index that a file has changed, by whatever name, and what it must never open."""

import errno
import os
import resource
import shutil
import sqlite3
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from sakuin import Index
from sakuin.errors import SakuinError
from sakuin.index import ingest
from sakuin.index.build import add, build, remove
from sakuin.index.errors import IndexFolderError
from sakuin.index.readers.guarded import GuardedReader
from sakuin.index.snapshot import open_index
from sakuin.index.store import connect
from sakuin.index.terms.storage import explained
from sakuin.search import Searcher

BEFORE, AFTER = "締切は三月です。", "締切は五月です。"


def sqlite3_error(code: int) -> sqlite3.Error:
    """What SQLite raises, of a code."""
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    return error


def texts(folder: Path) -> dict[str, str]:
    """The first passage of each document."""
    with Searcher.open(folder) as searcher:
        hits = [hit for word in (BEFORE, AFTER) for hit in searcher.search(word, k=10).hits]
        return {place.document.id: hit.text for hit in hits for place in hit.places}


@contextmanager
def hashed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the files that are hashed meanwhile."""
    names: list[str] = []
    real = ingest.hash_file

    def noted(path: Path) -> tuple[str, int]:
        names.append(path.name)
        return real(path)

    with monkeypatch.context() as patched:
        patched.setattr(ingest, "hash_file", noted)
        yield names


def made(folder: Path, **files: str) -> Path:
    """A folder of text files whose last change lies back long enough to be told from the next."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    time.sleep(0.05)
    return folder


def rewritten(path: Path, text: str) -> None:
    """Other bytes in the same file, of the same size and time."""
    old = path.stat()
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (old.st_size, old.st_mtime_ns)


def replaced(path: Path, text: str) -> None:
    """Another file of that name, of the same size and time, as `tar` and `rsync -t` leave it."""
    other = path.with_suffix(".part")
    other.write_text(text, encoding="utf-8")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [rewritten, replaced])
def test_other_content_of_the_same_size_and_time_is_noticed(tmp_path: Path, change: object) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE, b=BEFORE + "別の文書。"), tmp_path / "index"
    build(corpus, folder)
    change(corpus / "a.txt", AFTER)  # type: ignore[operator]
    report = build(corpus, folder)
    assert (report.updated, report.unchanged) == (1, 1)
    assert texts(folder)["a.txt"] == AFTER


def test_what_looks_unchanged_is_not_opened_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    build(corpus, folder)
    with hashed(monkeypatch) as names:
        build(corpus, folder)
        assert names == []
        assert build(corpus, folder, checksum=True).unchanged == 1
        add([corpus], folder, checksum=True)
        assert names == ["a.txt", "a.txt"]
        (corpus / "a.txt").chmod(0o600)
        time.sleep(0.05)
        build(corpus, folder)
        build(corpus, folder)
        assert names == ["a.txt"] * 3


def test_a_file_changed_just_before_it_was_read_is_compared_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    # A second change within this tick of the disk's clock would leave all times as they are.
    with monkeypatch.context() as patched:
        patched.setattr("sakuin.index.corpus.TICK_NS", 10**12)
        build(corpus, folder)
    with hashed(monkeypatch) as names:
        build(corpus, folder)
        build(corpus, folder)
        assert names == ["a.txt"]


def test_an_index_made_before_ctime_was_noted_goes_on(tmp_path: Path) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    build(corpus, folder)
    connection = connect(folder, read_only=False)
    connection.execute("ALTER TABLE files DROP COLUMN ctime_ns")
    connection.execute("ALTER TABLE files DROP COLUMN inode")
    connection.close()
    open_index(folder).close()
    rewritten(corpus / "a.txt", AFTER)
    assert build(corpus, folder).updated == 1
    assert build(corpus, folder).unchanged == 1
    assert texts(folder) == {"a.txt": AFTER}


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    real, left = GuardedReader.read, [AFTER]

    def changing(reader: GuardedReader, path: Path, uri: str) -> object:
        yield from real(reader, path, uri)
        if left:
            path.write_text(left.pop(), encoding="utf-8")

    monkeypatch.setattr(GuardedReader, "read", changing)
    report = build(corpus, folder)
    assert (report.added, report.skipped) == (1, [])
    assert texts(folder) == {"a.txt": AFTER}
    left += [BEFORE, AFTER]
    (corpus / "a.txt").write_text("これから変わる。", encoding="utf-8")
    report = build(corpus, folder)
    assert [(item.uri, item.reason.code) for item in report.skipped] == [("a.txt", "changed")]
    assert build(corpus, folder).skipped == []
    assert texts(folder) == {"a.txt": BEFORE}


def test_names_are_composed_and_found_in_either_form(tmp_path: Path) -> None:
    corpus, folder = tmp_path / "corpus", tmp_path / "index"
    apart, composed = (unicodedata.normalize(form, "資料/がぎぐ.txt") for form in ("NFD", "NFC"))
    (corpus / apart).parent.mkdir(parents=True)
    (corpus / apart).write_text(BEFORE, encoding="utf-8")
    add([corpus / composed], folder)
    add([corpus / apart], folder)
    build(corpus, folder)
    assert list(texts(folder)) == [composed]
    assert add([corpus / Path(composed).parent], folder).unchanged == 1
    assert remove([apart], folder).removed == 1
    build(corpus, folder)
    assert remove([str(corpus / composed)], folder).removed == 1


def test_two_files_of_which_one_name_is_composed_are_both_read(tmp_path: Path) -> None:
    corpus, folder = tmp_path / "corpus", tmp_path / "index"
    apart, composed = (unicodedata.normalize(form, "がぎぐ.txt") for form in ("NFD", "NFC"))
    corpus.mkdir()
    (corpus / apart).write_text(BEFORE, encoding="utf-8")
    (corpus / composed).write_text(AFTER, encoding="utf-8")
    if len(os.listdir(corpus)) == 1:
        pytest.skip("this disk takes both names for one")
    for _ in range(2):
        assert build(corpus, folder).skipped == []
        assert texts(folder) == {apart: BEFORE, composed: AFTER}


def test_a_hidden_folder_added_by_name_keeps_its_names_apart(tmp_path: Path) -> None:
    corpus, folder = tmp_path / "corpus", tmp_path / "index"
    hidden = corpus / ".控え"
    hidden.mkdir(parents=True)
    (hidden / unicodedata.normalize("NFD", "が.txt")).write_text(BEFORE, encoding="utf-8")
    (corpus / "a.txt").write_text(AFTER, encoding="utf-8")
    add([hidden], folder)
    assert add([corpus], folder).removed == 0


def test_links_to_what_is_no_file_are_reported_unopened(tmp_path: Path) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    os.mkfifo(tmp_path / "pipe")
    targets = {"pipe": str(tmp_path / "pipe"), "zero": "/dev/zero", "self": "self.txt"}
    if Path("/proc/self/status").exists():
        targets |= {"kmsg": "/proc/kmsg", "status": "/proc/self/status"}
    for name, target in targets.items():
        (corpus / f"{name}.txt").symlink_to(target)
    report = build(corpus, folder)
    reasons = {item.uri: item.reason.code for item in report.skipped}
    expected = {f"{name}.txt": "not_a_file" for name in targets} | {"self.txt": "broken_link"}
    if not os.path.exists("/proc/kmsg"):
        expected["kmsg.txt"] = "broken_link"
    assert reasons == expected
    assert report.added == 1


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    real = ingest.hash_file

    def swapped(path: Path) -> tuple[str, int]:
        path.unlink()
        os.mkfifo(path)
        return real(path)

    monkeypatch.setattr(ingest, "hash_file", swapped)
    assert [item.reason.code for item in build(corpus, folder).skipped] == ["not_a_file"]


def test_a_disk_without_room_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    build(corpus, folder)
    before = texts(folder)
    (corpus / "a.txt").write_text(AFTER, encoding="utf-8")
    (folder / "documents.db-shm").unlink(missing_ok=True)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, limits[1]))
    try:
        with pytest.raises(IndexFolderError) as told:
            connect(folder, read_only=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "The disk is full" in str(told.value)
    assert "as it was" in str(told.value)
    assert "delete" not in str(told.value)
    assert texts(folder) == before


def test_terms_on_a_full_disk_are_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    thread = ValueError("An error occurred in a thread: 'A worker thread encountered an error (io::Error most likely)'")
    for error in (
        thread,
        OSError(28, "No space left on device"),
        ValueError("IoError { No space left (os error 28) }"),
    ):
        with (
            pytest.raises(IndexFolderError, match="The disk is full") as told,
            explained(tmp_path, "cannot be prepared", "delete the index folder"),
        ):
            raise error
        assert "delete" not in str(told.value)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("4096 requested and 12 written"),
        sqlite3_error(sqlite3.SQLITE_FULL),
        sqlite3_error(sqlite3.SQLITE_IOERR | 4 << 8),
    ],
)
def test_whatever_a_full_disk_makes_a_writer_raise_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    build(corpus, folder)
    before = texts(folder)
    (corpus / "a.txt").write_text(AFTER, encoding="utf-8")

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    monkeypatch.setattr("sakuin.index.pending.write_segment", failing)
    with pytest.raises(IndexFolderError, match="The disk is full") as told:
        build(corpus, folder)
    assert "delete" not in str(told.value)
    assert texts(folder) == before


def test_a_lock_on_a_full_disk_is_no_wrong_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("filelock.FileLock.acquire", failing)
    with pytest.raises(IndexFolderError, match="The disk is full"):
        build(made(tmp_path / "corpus", a=BEFORE), tmp_path / "index")


def test_a_damaged_database_is_told_apart(tmp_path: Path) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    build(corpus, folder)
    (folder / "documents.db").write_bytes(b"no database" * 1000)
    with pytest.raises(IndexFolderError, match="is damaged, or no index"):
        connect(folder, read_only=True)


def test_files_that_change_places_are_noticed(tmp_path: Path) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE, b=AFTER), tmp_path / "index"
    a, b = corpus / "a.txt", corpus / "b.txt"
    os.utime(b, ns=(a.stat().st_atime_ns, a.stat().st_mtime_ns))
    assert a.stat().st_size == b.stat().st_size
    time.sleep(0.05)
    build(corpus, folder)
    a.rename(tmp_path / "between")
    b.rename(a)
    (tmp_path / "between").rename(b)
    assert build(corpus, folder).updated == 2
    assert texts(folder) == {"a.txt": AFTER, "b.txt": BEFORE}


def test_an_index_opened_by_a_relative_folder_stays_that_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = made(tmp_path / "corpus", a=BEFORE)
    monkeypatch.chdir(tmp_path)
    build(corpus, Path("index"))
    with Index.open("index") as index, Searcher.open("index") as searcher:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        index.add([{"id": "b", "text": AFTER}])
        assert {hit.document.id for hit in searcher.search("締切", k=10).hits} == {"a.txt", "b"}
        assert searcher.document("b").text == AFTER
        index.backup("copy")
    assert texts(tmp_path / "elsewhere" / "copy") == texts(tmp_path / "index")


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_searcher_of_an_index_that_is_gone_says_so(tmp_path: Path, how: str) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    build(corpus, folder)
    with Searcher.open(folder) as searcher:
        folder.rename(tmp_path / "moved")
        if how == "deleted":
            shutil.rmtree(tmp_path / "moved")
        if how == "replaced":
            build(corpus, folder)
        with pytest.raises(SakuinError, match="deleted or replaced"):
            searcher.search("締切")
        with pytest.raises(SakuinError, match="deleted or replaced"):
            searcher.document("a.txt")


@pytest.mark.parametrize("kind", [".int8.npy", ".ids.npy", ".idx", ".term"])
def test_a_file_cut_short_under_a_searcher_ends_in_a_sentence(tmp_path: Path, kind: str) -> None:
    corpus, folder = made(tmp_path / "corpus", a=BEFORE), tmp_path / "index"
    build(corpus, folder)
    with Searcher.open(folder) as searcher:
        os.truncate(next(folder.rglob(f"*{kind}")), 1)
        with pytest.raises(SakuinError, match="cut short"):
            searcher.search("締切")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not take such names")
def test_folders_whose_names_are_not_utf8_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    corpus, odd = made(tmp_path / "corpus", a=BEFORE), Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    with pytest.raises(IndexFolderError, match="not UTF-8"):
        build(corpus, odd)
    made(odd, a=BEFORE)
    with pytest.raises(IndexFolderError, match="not UTF-8"):
        build(odd, tmp_path / "index")
    with Index.open(tmp_path / "own") as index, pytest.raises(IndexFolderError, match="not UTF-8"):
        index.backup(odd / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["corpus", "own", odd.name])
    assert [path.name for path in odd.iterdir()] == ["a.txt"]
