"""From a path to bytes: what is not a readable file, or too large a one, is refused here."""

import stat
from pathlib import Path

from index.errors import ReadError

MAX_FILE_BYTES = 256 * 1024 * 1024
"""The largest file that is taken into memory whole. Tables and JSON Lines are streamed and have no such limit."""


def file_size(path: Path) -> int:
    """Return the size in bytes of a regular file with something in it.

    Raises:
        ReadError: If it is missing, empty, or a folder, pipe, socket or device (opening a pipe would wait for ever).
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ReadError(f"cannot be opened: {error.strerror or error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ReadError("not a regular file")
    if status.st_size == 0:
        raise ReadError("the file is empty")
    return status.st_size


def load_bytes(path: Path) -> bytes:
    """Read a whole file of at most ``MAX_FILE_BYTES``.

    Raises:
        ReadError: As :func:`file_size`, and if the file is too large or cannot be read.
    """
    require_loadable(file_size(path))
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror or error}") from error


def require_loadable(size: int) -> None:
    """Refuse a file that is too large to be taken into memory whole.

    Raises:
        ReadError: If ``size`` is above ``MAX_FILE_BYTES``.
    """
    if size > MAX_FILE_BYTES:
        megabytes = MAX_FILE_BYTES // (1024 * 1024)
        raise ReadError(f"{size / 1024 / 1024:,.0f} MB is too large (at most {megabytes} MB); split the file")
