"""Copies of an index: one that is whole while others write, and putting one back."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from sakuin.files import HELD_OPEN, make_folder, sync_file, sync_folder
from sakuin.index import store
from sakuin.index.errors import DATABASE_ERRORS, IndexFolderError, has_no_room
from sakuin.index.integrity import ATTEMPTS, check, derived_path
from sakuin.index.lock import LOCK, WAIT_SECONDS, acquire, require_utf8
from sakuin.index.outliving import JUDGEMENTS_LOCK, carry, judging
from sakuin.index.report import Progress, no_progress
from sakuin.index.store import Manifest

BLOCK = 1 << 20

LOCKS = frozenset({LOCK, JUDGEMENTS_LOCK})

ASIDE = ".replaced"
"""What is added to the name of an index in whose place another was put."""


def backup(folder: Path, destination: Path, progress: Progress = no_progress) -> Manifest:
    """Copy the last commit of an index into a folder that is then whole, or not there; others may write meanwhile.

    The files that documents were read from are no part of an index, and not copied.

    Args:
        folder: Of the index.
        destination: Where the copy goes: a folder that is not there yet, or empty.
        progress: Told how many bytes are copied.

    Returns:
        What was copied.

    Raises:
        IndexFolderError: there is no index, it is damaged, or the copy cannot be written; nothing is left behind.
    """
    return _backup(folder, destination, progress, named=destination)


def _backup(folder: Path, destination: Path, progress: Progress, *, named: Path) -> Manifest:
    """What `backup` does, by the name of the folder that the copy is for."""
    with new_folder(destination, named=named) as part:
        manifest = copied(folder, part, progress)
        _, problems = check(part)
        if problems:
            raise IndexFolderError(
                f"The index in {folder} is damaged ({problems[0]}), so nothing was copied. Check it with "
                f"`index verify`."
            )
    return manifest


def restore(source: Path, folder: Path, progress: Progress = no_progress) -> tuple[Manifest, Path | None]:
    """Put a copy of an index in the place of an index. What was there is moved aside, under the name of `ASIDE`.

    Args:
        source: The copy, which stays.
        folder: Of the index; need not be there.
        progress: Told how many bytes are copied.

    Returns:
        What is there now, and where that is which was there before, if anything was.

    Raises:
        IndexFolderError: the copy is damaged, somebody writes to the index, or it cannot be written; nothing is changed
            then.
    """
    folder = real_path(folder)
    with new_folder(folder.with_name(f".{folder.name}.restored"), kept=False, named=folder) as part:
        manifest = _backup(source, part / "index", progress, named=folder)
        return manifest, put_in_place(part / "index", folder)


def real_path(folder: Path) -> Path:
    """A folder by a path that ends in its name, beside which others can stand: ``.`` has none.

    One that a link leads to is named itself, so that the link goes on leading to the index, on the disk where it is.
    """
    return Path(os.path.realpath(folder))


def put_in_place(made: Path, folder: Path) -> Path | None:
    """Move an index to where another may be, which is moved aside; returns where that is now.

    Raises:
        IndexFolderError: somebody writes to it, or its place aside is taken.
    """
    if not folder.exists():
        os.replace(made, folder)
        sync_folder(folder.parent)
        return None
    # Refuses what holds other files and no index. The lock goes with the folder.
    lock = acquire(folder, WAIT_SECONDS)
    try:
        return put_aside(made, folder)
    finally:
        lock.release()


def put_aside(made: Path, folder: Path) -> Path:
    """Move an index, whose lock is held, aside, and another to where it was; returns where it is now.

    What was judged there stays there.

    Raises:
        IndexFolderError: its place aside is taken.
    """
    aside = folder.with_name(folder.name + ASIDE)
    if aside.exists():
        raise IndexFolderError(
            f"The index in {folder} would be moved to {aside}, which is there already: delete that, or move it away."
        )
    with judging(folder):
        carry(folder, made)
        if HELD_OPEN:
            exchange(made, folder, aside)
        else:
            os.replace(folder, aside)
            os.replace(made, folder)
    sync_folder(folder.parent)
    return aside


def exchange(made: Path, folder: Path, aside: Path) -> None:
    """Move what is in an index aside, and what is in another to where it was, name by name; the locks stay.

    For systems on which no folder is renamed of which a file is open, as the locks are. Ended on the way, it leaves no
    documents.db: there is an index when all of it is there.

    Raises:
        IndexFolderError: somebody has a file of the index open; all is as it was then.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        aside.mkdir()
        for source, target, last in ((folder, aside, False), (made, folder, True)):
            names = sorted(path.name for path in source.iterdir() if path.name not in LOCKS)
            for name in sorted(names, key=lambda name: name.startswith(store.NAME), reverse=not last):
                os.replace(source / name, target / name)
                moved.append((source / name, target / name))
    except OSError as error:
        for before, now in reversed(moved):
            os.replace(now, before)
        with suppress(OSError):
            aside.rmdir()
        raise IndexFolderError(
            f"The index in {folder} is open in another program ({error}), so it cannot be moved aside, and nothing was "
            f"changed: end services, pages and searches that use it, then run the same command again."
        ) from error


@contextmanager
def new_folder(destination: Path, *, named: Path, kept: bool = True) -> Iterator[Path]:
    """A folder beside a path, which takes its place when the block is done; if not, nothing is left.

    Args:
        destination: The path; there may be an empty folder.
        named: What it is for, which is what errors speak of.
        kept: False for a folder that is deleted in the end.
    """
    require_utf8(destination)
    destination = real_path(destination)
    part = destination.with_name(f"{destination.name}.{token_hex(4)}.part")
    try:
        if kept and destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
            raise IndexFolderError(f"{destination} is there already: choose an empty or a new folder.")
        make_folder(part)
        yield part
        if kept:
            if destination.exists():
                destination.rmdir()
            os.replace(part, destination)
            sync_folder(destination.parent)
    except (*DATABASE_ERRORS, OSError) as error:
        raise not_written(named, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def not_written(destination: Path, error: Exception) -> BaseException:
    """What to raise where a copy cannot be written."""
    if has_no_room(destination.parent, error):
        return IndexFolderError(
            f"The disk of {destination} is full: nothing was copied. Make room on it and try again."
        )
    return IndexFolderError(f"Nothing was copied to {destination} ({error}): see that it may be written to.")


def copied(folder: Path, part: Path, progress: Progress) -> Manifest:
    """Copy an index into a new folder, durably.

    Raises:
        IndexFolderError: there is none, or it cannot be read.
        OSError, sqlite3.Error: the copy cannot be written.
    """
    for attempt in range(ATTEMPTS):
        with closing(store.connect(folder, read_only=True)) as connection, ExitStack() as opened:
            store.begin(connection, writing=False)
            manifest = store.read_manifest(connection, folder)
            store.require_commit(folder, manifest)
            try:
                # All before any is read: a writer that commits meanwhile may then delete them.
                files = {
                    path: opened.enter_context((folder / path).open("rb"))
                    for path in (derived_path(name, manifest.generation) for name in manifest.sizes)
                }
            except FileNotFoundError as error:
                if attempt + 1 == ATTEMPTS:
                    raise IndexFolderError(
                        f"The index in {folder} is damaged: {error.filename} is missing. `index repair` makes it anew."
                    ) from error
                continue
            except OSError as error:
                raise IndexFolderError(
                    f"The index in {folder} cannot be copied: {error.filename} cannot be read ({error.strerror}). See "
                    f"that it may be read; if it may, it is damaged, and `index repair` makes it anew."
                ) from error
            carry(folder, part)
            total = sum(manifest.sizes.values())
            with closing(sqlite3.connect(part / store.NAME, isolation_level=None)) as target:
                connection.backup(target)
            sync_file(part / store.NAME)
            done = 0
            for path, file in files.items():
                progress(path, done, total)
                done += copy_file(file, part / path)
            for parent in {(part / path).parent for path in files} | {part / "vectors", part / "terms", part}:
                sync_folder(parent)
            progress("", total, total)
            return manifest
    raise AssertionError("unreachable")


def copy_file(file: BinaryIO, to: Path) -> int:
    """Copy an open file, durably; returns its bytes."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("wb") as target:
        shutil.copyfileobj(file, target, BLOCK)
        target.flush()
        os.fsync(target.fileno())
        return target.tell()
