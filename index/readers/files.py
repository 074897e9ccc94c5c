"""From a source to bytes: what is not a readable file, or too large, is refused here; and how long one may take."""

import os
import stat

from sakuin.index.errors import ReadError
from sakuin.index.readers.source import Source
from sakuin.index.reasons import Reason

MAX_FILE_BYTES = 256 * 1024 * 1024
"""The largest file that is taken into memory whole. Tables and JSON Lines are streamed and have no such limit."""

MAX_SECONDS = 300
SLOWEST_BYTES_PER_SECOND = 1_000_000
"""Tables are read several times as fast on two old cores: what takes longer has something wrong with it."""


def seconds_allowed(size: int) -> float:
    """Return how many seconds reading a file of ``size`` bytes may take; then what is left of it is left out.

    So much have tables and JSON Lines, between whose documents is looked; what is read by a worker has what
    `index.readers.guarded.Limits` says.
    """
    return MAX_SECONDS + size / SLOWEST_BYTES_PER_SECOND


def took_too_long(seconds: float) -> Reason:
    """Return the reason for leaving out the rest of a file whose reading was allowed so many seconds."""
    return Reason("too_slow", {"minutes": round(seconds / 60)})


def os_detail(error: OSError) -> str:
    """Return what the system says is wrong with a file."""
    return error.strerror or str(error)


def file_size(source: Source) -> int:
    """Return the size in bytes of a source with something in it.

    Raises:
        ReadError: If it is missing, empty, or a folder, pipe, socket or device (opening a pipe would wait for ever).
    """
    if source.path is None:
        if not source.data:
            raise ReadError(Reason("empty"))
        return len(source.data)
    try:
        status = source.path.stat()
    except OSError as error:
        raise ReadError(Reason("cannot_open", {"detail": os_detail(error)})) from error
    return _regular_size(status)


def _regular_size(status: os.stat_result) -> int:
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(Reason("not_a_file"))
    if status.st_size == 0:
        raise ReadError(Reason("empty"))
    return status.st_size


def load_bytes(source: Source, at_most: int = MAX_FILE_BYTES) -> bytes:
    """Return all of a source of at most so many bytes.

    Raises:
        ReadError: As :func:`file_size`, and if the file is too large or cannot be read.
    """
    if source.path is None:
        require_loadable(file_size(source), at_most)
        return source.data
    try:
        with open(source.path, "rb", buffering=0, opener=open_at_once) as file:
            require_loadable(_regular_size(os.fstat(file.fileno())), at_most)
            return file.readall()
    except FileNotFoundError as error:
        raise ReadError(Reason("cannot_open", {"detail": os_detail(error)})) from error
    except OSError as error:
        file_size(source)  # of what is no file it tells that
        raise ReadError(Reason("cannot_read", {"detail": os_detail(error)})) from error


def open_at_once(path: str, flags: int) -> int:
    """Open a file; should a pipe have taken its name meanwhile, without waiting for somebody to write to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def require_loadable(size: int, at_most: int = MAX_FILE_BYTES) -> None:
    """Refuse a file that is too large to be taken into memory whole.

    Raises:
        ReadError: If ``size`` is above ``at_most``.
    """
    if size > at_most:
        megabytes = {"megabytes": round(size / 1024 / 1024), "limit": at_most // (1024 * 1024)}
        raise ReadError(Reason("too_large", megabytes))
