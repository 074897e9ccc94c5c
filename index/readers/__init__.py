"""Files to documents: one module for each family of formats, chosen by the file's suffix.

A reader yields a :class:`Document` for each document in the file and a :class:`Skipped` for each part of it that
had to be left out. A file that cannot be read at all raises :class:`ReadError`; nothing else is raised for bad
content, whatever the library below thinks of it.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path, PurePosixPath

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.file_types import READERS, SUFFIXES
from sakuin.index.readers.plain import one_line
from sakuin.index.reasons import Reason


def unknown_type(uri: str) -> Reason:
    """Return why a file is not read whose suffix is none of ours; from its uri, since a path need not be Unicode."""
    suffix = PurePosixPath(uri).suffix
    return Reason("unknown_type", {"suffix": one_line(suffix, 20)}) if suffix else Reason("no_suffix")


def read_file(path: Path, uri: str) -> Iterator[Document | Skipped]:
    """Read the documents of one file, in the file's order.

    Args:
        path: The file. Its suffix, in any case, says how it is read.
        uri: The file's name in the index; documents inside a table or a JSON Lines file get it with ``#...``.

    Yields:
        Documents, and a ``Skipped`` for each row, line or page that was left out.

    Raises:
        ReadError: If the file cannot be read, is too large, or has no text. Raised while iterating.
    """
    module = READERS.get(path.suffix.lower())
    if module is None:
        reason = unknown_type(uri)
        known = {**reason.data, "types": " ".join(sorted(SUFFIXES))}
        raise ReadError(reason if reason.code == "no_suffix" else Reason("no_reader", known))
    # Only the libraries of the formats at hand are imported: a folder of text files needs none of them.
    yield from import_module(f"sakuin.index.readers.{module}").read(path, uri)
