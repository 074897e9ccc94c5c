"""Errors of the index and of the files it reads."""

import sqlite3
from pathlib import Path

from sakuin.errors import SakuinError
from sakuin.index.reasons import Reason


class IndexFolderError(SakuinError):
    """An index folder that cannot be opened, written or trusted."""

    code = "index_unavailable"


class FilterError(SakuinError):
    """A filter that makes no sense: an unknown operator, a value that cannot be compared."""

    code = "invalid_filter"


class DocumentError(SakuinError):
    """A document that cannot be added as it is; the message says which and why."""

    code = "invalid_document"


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
    if not isinstance(error, (sqlite3.Error, OSError)):
        return error
    # Of what SQLite raises, want of room and rights are operational errors; the others mean that rows are not as
    # they were written.
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return IndexFolderError(
            f"The index in {folder} cannot be written, for it seems to be damaged ({error}). The last commit "
            f"stands. Check it with `index verify`."
        )
    return IndexFolderError(
        f"Writing the index in {folder} failed ({error}). The last commit stands. See that the disk has room "
        f"and that the folder may be written, then run the same command again."
    )
