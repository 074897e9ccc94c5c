"""The files that documents were read from, opened only where the index knows them to be."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sakuin.errors import SakuinError
from sakuin.index import store
from sakuin.index.corpus import spelled
from sakuin.index.file_location import FileLocation, location_of
from sakuin.index.store.contents import read_label
from sakuin.index.store.listing import reading

MAX_ORIGINAL = 100_000_000
"""Bytes of a file that is given out over a connection; larger ones are opened where they lie."""


CHUNK = 1 << 18
"""Bytes of a file that are read at a time."""


class OriginalError(SakuinError):
    """The file that a document was read from cannot be given: it is gone, or not where it was."""

    code = "original_unavailable"


class OriginalTooLargeError(OriginalError):
    """The file is larger than what is given out."""

    code = "original_too_large"


@dataclass(frozen=True, slots=True)
class Original:
    """An open file.

    Attributes:
        name: Of the file, without folders.
        size: Bytes.
        file: Open for reading; the opener's to close.
    """

    name: str
    size: int
    file: BinaryIO

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the file, no more than it had when it was opened; closed in the end."""
        left = self.size
        with self.file:
            while left and (chunk := self.file.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk


def open_original(folder: Path, document_id: str, *, most: int = MAX_ORIGINAL) -> Original:
    """Open the file that a document of an index was read from, see `open_located`.

    Args:
        folder: Of the index.
        document_id: Of the document.
        most: Bytes that the file may have.

    Raises:
        OriginalError: as `open_located`.
        IndexFolderError: the index cannot be read.
    """
    return open_located(location_of(folder, document_id), document_id, most=most)


def open_located(location: FileLocation | None, document_id: str, *, most: int = MAX_ORIGINAL) -> Original:
    """Open the file that a document was read from, as it is now; of a member of an archive, the archive.

    Args:
        location: Where it is known to be; None where there is no such document.
        document_id: Of the document.
        most: Bytes that the file may have.

    Raises:
        OriginalError: there is no such document, it came from no file, or the file is gone, is none any more, leads
            out of the folder that the index is kept in step with, cannot be read, or is larger.
    """
    name = repr(document_id[:200])
    if location is None:
        raise OriginalError(f"There is no document {name}: give an id as hits have it.")
    try:
        return opened_at(original_path(location), most)
    except OriginalError as error:
        raise type(error)(f"The file of {name} {error}") from None
    except OSError as error:
        raise OriginalError(
            f"The file of {name} cannot be opened ({error.strerror or error}): see that it lies where it was, or build "
            f"the index again."
        ) from error


def original_names(folder: Path, document_ids: Iterable[str]) -> dict[str, str]:
    """Names, without folders, of the files that documents were read from, by the documents' ids.

    Only of those that lie where the index knows them to be; `open_original` may still find one too large.

    Args:
        folder: Of the index.
        document_ids: Of any documents.

    Raises:
        IndexFolderError: the index cannot be read.
    """
    names = {}
    with reading(folder) as connection:
        corpus = store.read_manifest(connection, folder).corpus
        for document_id in document_ids:
            if label := read_label(connection, document_id):
                with suppress(OriginalError, OSError):
                    names[document_id] = original_path(FileLocation(label.file, corpus)).name
    return names


def original_path(location: FileLocation) -> Path:
    """Where the file of a document lies, by its one true name.

    Args:
        location: Where it is known to be.

    Raises:
        OriginalError: there is none, or it is not below that folder any more; the end of a sentence that says so.
        OSError: it cannot be looked at.
    """
    elsewhere = os.path.isabs(location.file)
    if not location.file or not (location.corpus or elsewhere):
        raise OriginalError("is not known: a program added the document.")
    root = Path(location.corpus).resolve()
    named = spelled(Path(location.file) if elsewhere else root / location.file)
    true = named.resolve(strict=True)
    # What was added from elsewhere is called by its true name: where that leads on, something took its place.
    if not (true == named if elsewhere else true.is_relative_to(root)):
        raise OriginalError("leads out of the folder that the index was made of, and is not given out.")
    return true


def opened_at(path: Path, most: int) -> Original:
    """A regular file, opened.

    Raises:
        OriginalError: it is none, or too large; the end of a sentence that says so.
        OSError: it cannot be opened.
    """
    # Neither a link nor a pipe that took the file's name meanwhile is followed or waited for.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    # Else Windows changes ends of lines, and ends at a byte 26.
    number = os.open(path, flags | getattr(os, "O_BINARY", 0))
    file = os.fdopen(number, "rb")
    try:
        state = os.fstat(number)
        # Were a folder above it made a link meanwhile, this would be another file than that of the name.
        if not stat.S_ISREG(state.st_mode) or path.resolve() != path or not os.path.samestat(os.lstat(path), state):
            raise OriginalError("is no file any more: build the index again.")
        if state.st_size > most:
            raise OriginalTooLargeError(f"is larger than {most // 1_000_000:,} MB: open it where it lies.")
        return Original(path.name, state.st_size, file)
    except BaseException:
        file.close()
        raise
