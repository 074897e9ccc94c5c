"""Errors of the index and of the files it reads."""

import errno
import os
import shutil
import sqlite3
from pathlib import Path

from sakuin.errors import SakuinError
from sakuin.index.outliving import begin_again
from sakuin.index.reasons import Reason

DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What reading a database raises: that of texts too, for SQLite's own message may name what is damaged."""


class IndexFolderError(SakuinError):
    """An index folder that cannot be opened, written or trusted."""

    code = "index_unavailable"


class FilterError(SakuinError):
    """A filter that makes no sense: an unknown operator, a value that cannot be compared."""

    code = "invalid_filter"


class DocumentError(SakuinError):
    """A document that cannot be added as it is; the message says which and why."""

    code = "invalid_document"


class MetadataTooLargeError(DocumentError):
    """A document with more metadata than is stored of one."""

    code = "metadata_too_large"


class ReadError(SakuinError):
    """A file, or a part of one, that cannot be turned into text."""

    code = "unreadable_file"

    def __init__(self, reason: Reason) -> None:
        """Say why: ``reason`` is what the summary of a build shows."""
        # The only argument, so that the error comes whole through a pipe between processes.
        super().__init__(reason)
        self.reason = reason


def writing_error(folder: Path, error: BaseException) -> BaseException:
    """A failure of disk or database while an index is written, as an error that says so; any other error as it is."""
    if not isinstance(error, (*DATABASE_ERRORS, OSError)):
        return error
    if has_no_room(folder, error):
        return full_disk(folder)
    # Of what SQLite raises, want of room and rights are operational errors; the others mean that rows are not as
    # they were written.
    if is_damage(error) or (
        isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    ):
        return IndexFolderError(
            f"The index in {folder} cannot be written, for it seems to be damaged ({error}). The last commit "
            f"stands. Check it with `index verify`."
        )
    return IndexFolderError(
        f"Writing the index in {folder} failed ({error}). The last commit stands. See that the disk has room "
        f"and that the folder may be written, then run the same command again."
    )


def full_disk(folder: Path) -> IndexFolderError:
    """What to raise where there is no room to write an index."""
    return IndexFolderError(
        f"The disk is full: the index in {folder} could not be written. The last commit stands. Make room on the disk, "
        f"then run the same command again."
    )


LEAST_ROOM = 1024 * 1024
"""Bytes that SQLite needs beside a database to open it, and some."""


def opening_error(folder: Path, what: str, error: Exception) -> IndexFolderError:
    """A failure of SQLite to open an index, with what to do: nothing is to be deleted for a full disk."""
    if is_damage(error):
        return IndexFolderError(
            f"{what} in {folder} is damaged, or no index ({error}): `index restore` puts a backup in its place, "
            f"`index repair --drop-damaged` keeps the documents that are whole; or "
            f"{begin_again(folder)}."
        )
    remedy = "See that the disk has room and that the folder may be read and written, then run the same command again."
    if has_no_room(folder, error):
        remedy = "The disk is full: make room on it, then run the same command again."
    return IndexFolderError(f"{what} in {folder} cannot be opened ({error}). The index is as it was. {remedy}")


def is_damage(error: Exception) -> bool:
    """Whether SQLite says that a file is not as it wrote it; it says other things where the disk fails it."""
    if isinstance(error, UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


NO_ROOM = (os.strerror(errno.ENOSPC), f"os error {errno.ENOSPC}", "StorageFull", "QuotaExceeded")
"""By what a full disk shows in the words of libraries."""


THREAD_FAILED = "io::Error most likely"


def has_no_room(folder: Path, error: BaseException) -> bool:
    """Whether an error comes of a full disk, as far as can be told."""
    code = getattr(error, "sqlite_errorcode", None)
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or (code or 0) & 0xFF == sqlite3.SQLITE_FULL:
        return True
    # tantivy's and FAISS's own errors hold the system's as a text.
    if code is None and any(sign in str(error) for sign in NO_ROOM):
        return True
    # numpy says only that it wrote less than it should, SQLite and a thread of tantivy that something failed.
    failed = code is not None and code & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
    failed = failed or (code is None and THREAD_FAILED in str(error))
    if not failed and not (isinstance(error, OSError) and error.errno is None):
        return False
    try:
        return shutil.disk_usage(folder).free < LEAST_ROOM
    except OSError:
        return False
