"""Errors of the index and of the files it reads."""

from sakuin.embedder.errors import SakuinError
from sakuin.index.reasons import Reason


class IndexFolderError(SakuinError):
    """An index folder that cannot be opened, written or trusted."""


class FilterError(SakuinError):
    """A filter that makes no sense: an unknown operator, a value that cannot be compared."""


class DocumentError(SakuinError):
    """A document that cannot be added as it is; the message says which and why."""


class ReadError(SakuinError):
    """A file, or a part of one, that cannot be turned into text."""

    def __init__(self, reason: Reason) -> None:
        """Say why: ``reason`` is what the summary of a build shows."""
        # The only argument, so that the error comes whole through a pipe between processes.
        super().__init__(reason)
        self.reason = reason
