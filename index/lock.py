"""One writer at a time: a lock on the folder of an index, which others wait for."""

import logging
import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from sakuin.files import make_folder
from sakuin.index.clusters import refuse_cluster
from sakuin.index.errors import IndexFolderError, full_disk, has_no_room
from sakuin.index.outliving import OUTLIVING
from sakuin.index.store import NAME

LOGGER = logging.getLogger(__name__)
LOCK = "writer.lock"

WAIT_SECONDS = 60.0
"""How long a writer waits for another one, unless it is told otherwise."""

# A wait that is over sooner is not worth a word.
TOLD_AFTER_SECONDS = 0.5


def acquire(folder: Path, timeout: float) -> FileLock:
    """Make the folder if it is not there, and lock it for writing; if that takes long, a warning is logged.

    Args:
        folder: Of the index.
        timeout: Seconds to wait for another writer.

    Raises:
        IndexFolderError: another writer is still at work, or the folder is somebody else's or cannot be written.
    """
    require_utf8(folder)
    refuse_foreign(folder, locked=False)
    try:
        make_folder(folder)
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=min(timeout, TOLD_AFTER_SECONDS), poll_interval=0.01)
        except Timeout:
            if timeout > TOLD_AFTER_SECONDS:
                LOGGER.warning("%s is writing to %s: waiting for it.", writer_of(folder), folder)
            lock.acquire(timeout=max(0.0, timeout - TOLD_AFTER_SECONDS), poll_interval=0.05)
        # On Windows nobody else may write to what is locked, nor the same process by another handle.
        with suppress(PermissionError):
            (folder / LOCK).write_text(f"{os.getpid()}")
    except Timeout as error:
        raise IndexFolderError(
            f"{writer_of(folder)} is writing to {folder}, and has not finished within {timeout:g} seconds: wait until "
            f"it has and try again."
        ) from error
    except OSError as error:
        if has_no_room(folder, error):
            raise full_disk(folder) from error
        raise IndexFolderError(f"Cannot write to {folder} ({error.strerror or error}): choose another.") from error
    try:
        refuse_foreign(folder, locked=True)
    except IndexFolderError:
        lock.release()
        raise
    return lock


def require_utf8(folder: Path) -> None:
    """Raise IndexFolderError where a path is not UTF-8: not all libraries that write an index take such names."""
    try:
        os.fspath(folder.absolute()).encode("utf-8")
    except UnicodeEncodeError as error:
        named = os.fsencode(folder).decode("utf-8", "backslashreplace")
        raise IndexFolderError(
            f"The name of the folder {named} is not UTF-8: give it another, or choose another."
        ) from error


def writer_of(folder: Path) -> str:
    """Who holds the lock of an index, as far as is known."""
    try:
        return f"Process {int((folder / LOCK).read_text())}"
    except (OSError, ValueError):
        return "Another process"


def refuse_foreign(folder: Path, *, locked: bool) -> None:
    """Raise IndexFolderError if a folder is somebody else's: it holds files, but no index.

    Args:
        folder: To write to.
        locked: Nobody else is writing; until then, a lock says that somebody may be making an index.
    """
    try:
        names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    except (FileNotFoundError, NotADirectoryError):
        return
    if NAME in names or (LOCK in names and not locked):
        return
    if names - {LOCK, *OUTLIVING}:
        refuse_cluster(folder)
        raise IndexFolderError(f"{folder} holds other files and no index: choose an empty or a new folder.")
