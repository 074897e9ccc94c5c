"""Finds the files of a corpus and tells which have changed."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from index.errors import IndexFolderError, ReadError


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the corpus.

    Attributes:
        path: Where it is.
        uri: What the index calls it.
        size: Bytes.
        mtime_ns: Time of its last change, nanoseconds.
    """

    path: Path
    uri: str
    size: int
    mtime_ns: int


def find_files(start: Path, root: Path | None) -> Iterator[Found]:
    """The regular files under a folder (or the one file ``start`` is), in order of their names.

    Hidden files and folders, index folders, and folders behind symbolic links are passed over.

    Args:
        start: A file or folder.
        root: Files below it are called by their path relative to it, all others by their whole path; resolved.

    Raises:
        IndexFolderError: there is no ``start``, or a folder below it cannot be read.
    """
    start = located(start)
    if start.is_file():
        found = look_at(start, root)
        if found:
            yield found
        return
    if not start.is_dir():
        raise IndexFolderError(f"No file or folder {start}: check the path.")
    for folder, folders, names in os.walk(start, onerror=unreadable_folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not is_index(Path(folder, name)))
        for name in sorted(names):
            if not name.startswith("."):
                found = look_at(Path(folder, name), root)
                if found:
                    yield found


def look_at(path: Path, root: Path | None) -> Found | None:
    """A path as a file of the corpus; None where it is none (a pipe, a broken link, gone meanwhile)."""
    try:
        state = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(state.st_mode):
        return None
    # Below a folder that was located, names need not be located one by one.
    name = path.relative_to(root) if root and path.is_relative_to(root) else path
    return Found(path, readable(name.as_posix()), state.st_size, state.st_mtime_ns)


def uri_of(path: Path, root: Path | None) -> str:
    """What the index calls a file: its path relative to ``root`` if it is below it, else its whole path."""
    whole = located(path)
    return readable((whole.relative_to(root) if root and whole.is_relative_to(root) else whole).as_posix())


def located(path: Path) -> Path:
    """A path by its one true name: without links or ``..`` in its folders. A file that is a link keeps its name."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def unreadable_folder(error: OSError) -> None:
    """Stop: to pass over a folder that cannot be read would be to forget its documents."""
    raise IndexFolderError(
        f"Cannot read the folder {error.filename} ({error.strerror}). Nothing was changed: give yourself the right to "
        f"read it, or move it out of the corpus."
    ) from error


def readable(name: str) -> str:
    """A file name as valid Unicode: names that are not UTF-8 are usually Shift_JIS, as old archives leave them."""
    try:
        name.encode()
        return name
    except UnicodeEncodeError:
        raw = os.fsencode(name)
    try:
        return raw.decode("cp932")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace")


def is_index(folder: Path) -> bool:
    """Whether a folder is an index."""
    try:
        # One that is just being made has its lock and no terms yet; one that was copied may have lost its lock.
        made = (folder / "terms").is_dir() or (folder / "writer.lock").exists()
        return made and (folder / "documents.db").is_file()
    except OSError:  # os.walk will report it
        return False


def hash_file(path: Path) -> str:
    """SHA-256 of a file; raises ReadError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror or error}") from error
