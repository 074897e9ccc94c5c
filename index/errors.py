"""Errors of the index and of the files it reads."""

from sakuin.embedder.errors import SakuinError


class IndexFolderError(SakuinError):
    """An index folder that cannot be opened, written or trusted."""


class ReadError(SakuinError):
    """A file that cannot be turned into text; the message is the reason shown in the build's summary."""
