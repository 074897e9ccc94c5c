"""What Windows refuses, or does otherwise, tried by having this system refuse the same."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from sakuin import files
from sakuin.index.build import build
from sakuin.index.lock import acquire, writer_of
from sakuin.index.originals import open_original
from sakuin.index.settings import Settings
from sakuin.index.sweeping import sweep
from sakuin.index.terms.storage import linked
from sakuin.index.uploads import safe_name


def refuse(*_: Any, **__: Any) -> None:
    raise PermissionError(errno.EACCES, "held by another process")


def test_files_that_readers_have_mapped_are_left_to_the_next_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped, free = tmp_path / "vectors" / "00000001.int8.npy", tmp_path / "vectors" / "00000002.int8.npy"
    mapped.parent.mkdir()
    mapped.touch()
    free.touch()
    unlink = Path.unlink
    monkeypatch.setattr(
        Path, "unlink", lambda path, missing_ok=False: refuse() if path == mapped else unlink(path, missing_ok)
    )
    sweep(tmp_path, None)
    assert (mapped.exists(), free.exists()) == (True, False)


@pytest.mark.parametrize("hard_links", [True, False])
def test_links_that_nobody_may_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool) -> None:
    (tmp_path / "a.term").write_bytes(b"terms")
    monkeypatch.setattr(Path, "symlink_to", refuse)
    if not hard_links:
        monkeypatch.setattr(os, "link", refuse)
    with linked(tmp_path) as together:
        assert Path(together, "a.term").read_bytes() == b"terms"


def test_who_writes_cannot_note_itself_in_what_it_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as refusing:
        refusing.setattr(Path, "write_text", refuse)
        lock = acquire(tmp_path / "index", 1)
    assert lock.is_locked
    assert writer_of(tmp_path / "index") == "Another process"
    lock.release()


def test_a_file_that_is_being_read_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "HELD_OPEN", True)
    replace, held = Path.replace, [1, 2]
    monkeypatch.setattr(
        Path, "replace", lambda path, target: refuse() if held and held.pop() else replace(path, target)
    )
    with files.atomic_write(tmp_path / "a") as part:
        part.write_bytes(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    monkeypatch.setattr(files, "HELD_SECONDS", 0.0)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError), files.atomic_write(tmp_path / "a") as part:
        part.write_bytes(b"newer")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_originals_come_byte_by_byte(
    tmp_path: Path, corpus: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    opened, binary = os.open, 1 << 29
    seen: list[int] = []

    def noting(path: Any, flags: int, *more: Any, **named: Any) -> int:
        seen.append(flags & binary)
        return opened(path, flags & ~binary, *more, **named)

    monkeypatch.setattr(os, "O_BINARY", binary, raising=False)
    monkeypatch.setattr(os, "open", noting)
    open_original(tmp_path / "index", "leave.txt").file.close()
    assert seen == [binary]


@pytest.mark.parametrize("name", ["aux.txt", "CON", "nul.tar.gz", "com1.md", "LPT².txt", "Prn .txt"])
def test_names_of_devices_are_made_others(name: str) -> None:
    assert safe_name(name).startswith("_")
    assert safe_name(f"x{name}").startswith("x")


def test_names_that_begin_like_those_of_devices_stay() -> None:
    assert safe_name("auxiliary.txt") == "auxiliary.txt"
    assert safe_name("com10.txt") == "com10.txt"
    assert safe_name("console.md") == "console.md"
