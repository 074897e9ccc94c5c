"""Errors of the index and of the files it reads."""

from sakuin.embedder.errors import SakuinError


class IndexFolderError(SakuinError):
    """An index folder that cannot be opened, written or trusted."""


class FilterError(SakuinError):
    """A filter that makes no sense: an unknown operator, a value that cannot be compared."""


class DocumentError(SakuinError):
    """A document that cannot be added as it is; the message says which and why."""


class ReadError(SakuinError):
    """A file that cannot be turned into text; the message is the reason shown in the build's summary."""
