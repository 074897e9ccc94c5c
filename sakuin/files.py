"""Files that are written whole or not at all, and the folder for what can be made again."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from platformdirs import user_cache_path

HELD_OPEN = os.name == "nt"
"""Whether no file can be replaced, and no folder renamed, that somebody has open."""

HELD_SECONDS = 2.0
"""How long readers of small files may have them open."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to, which takes its place once the block is done; if not, it stays as it was.

    Folders above are made. The bytes are on the disk before the name is: after a crash there is the old file or the
    new one.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{token_hex(4)}.part")
    try:
        yield part
        sync_file(part)
        replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink()


def replace(part: Path, path: Path) -> None:
    """Give a file the name of another; on Windows that waits for who is reading that one just now."""
    deadline = time.monotonic() + (HELD_SECONDS if HELD_OPEN else 0)
    while True:
        try:
            part.replace(path)
            return
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def sync_file(path: Path) -> None:
    """Make the bytes of a file durable."""
    # Windows makes nothing durable by what may only be read; elsewhere a file that nobody may write is synced as well.
    with path.open("rb+" if HELD_OPEN else "rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; systems that cannot open a folder do so without being asked."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Make the names in a folder, and in all folders below it, durable."""
    for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sync_folder(each)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are missing, their names durable."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def cache_folder(name: str) -> Path:
    """The user's folder for results of one kind that can be made again, such as ``~/.cache/sakuin/maps``; not made."""
    return user_cache_path("sakuin", appauthor=False) / name


def state_of(path: Path) -> tuple[int, int, int] | None:
    """What changes with a file; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
