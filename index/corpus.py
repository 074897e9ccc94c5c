"""Finds the files of a corpus and tells which have changed."""

import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sakuin.index.errors import IndexFolderError, ReadError
from sakuin.index.reasons import Reason


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of the corpus, or a name in it behind which there is none to be read.

    Attributes:
        path: Where it is.
        uri: What the index calls it.
        size: Bytes.
        mtime_ns: Time of its last change, nanoseconds.
        reason: Why it cannot be read, where the name alone tells: a link that leads nowhere, or to a folder elsewhere.
    """

    path: Path
    uri: str
    size: int
    mtime_ns: int
    reason: Reason | None = None


def find_files(start: Path, root: Path | None) -> Iterator[FoundFile]:
    """The regular files under a folder (or the one file ``start`` is), in order of their names.

    Hidden files and folders and index folders are passed over. Links to files are read as files; folders behind links
    are not entered, so that no loop of links can hold up a build. One that leads out of ``start``, and a link that
    leads nowhere, come with the reason: a user may miss what is behind them.

    Args:
        start: A file or folder.
        root: Files below it are called by their path relative to it, all others by their whole path; resolved.

    Raises:
        IndexFolderError: there is no ``start``, or something below it cannot be looked at.
    """
    require_there(start)
    start = located(start)
    if start.is_file():
        found = look_at(start, start, root)
        if found:
            yield found
        return
    # A loop, not os.walk, which recurses in Python 3.11 and fails below a thousand folders.
    folders = [start]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as opened:
                entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in opened)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                yield unreadable(folder, root, Reason("long_path"))
                continue
            unreadable_folder(error)
        inner = [folder / name for name, is_folder in entries if is_folder and not name.startswith(".")]
        folders += [path for path in reversed(inner) if not is_index(path)]
        for name, is_folder in entries:
            if not is_folder and not name.startswith("."):
                found = look_at(folder / name, start, root)
                if found:
                    yield found


def require_there(start: Path) -> None:
    """Raise IndexFolderError if there is no such file or folder."""
    if not start.is_file() and not start.is_dir():
        raise IndexFolderError(f"No file or folder {start}: check the path.")


def files_below(folder: Path, known: Collection[str], root: Path | None) -> set[str]:
    """Those of an index's files that stand below a folder, whether it is there or not.

    Args:
        folder: Located.
        known: Uris of files.
        root: As for `find_files`.
    """
    beginning = f"{readable(folder.as_posix()).rstrip('/')}/"
    base = f"{readable(root.as_posix()).rstrip('/')}/" if root else ""
    return {uri for uri in known if (uri if os.path.isabs(uri) else base + uri).startswith(beginning)}


def is_gone(path: Path) -> bool:
    """Whether a path leads to nothing; False where that cannot be told."""
    try:
        os.lstat(path)
    except OSError as error:
        return isinstance(error, FileNotFoundError | NotADirectoryError)
    return False


def look_at(path: Path, start: Path, root: Path | None) -> FoundFile | None:
    """A path that is no folder, as a file of the corpus.

    Args:
        path: Below ``start``, or that itself.
        start: A folder whose files are all read; located.
        root: As for `find_files`.

    Returns:
        None where there is nothing that a user could miss: a pipe, a file gone meanwhile, a link to a folder that is
        read by its true name.

    Raises:
        IndexFolderError: what it is cannot be told, as in a folder that may be listed but not entered.
    """
    link = os.path.islink(path)
    try:
        state = path.stat()
    except OSError as error:
        if link:
            return unreadable(path, root, Reason("broken_link", {"detail": error.strerror or str(error)}))
        if error.errno == errno.ENAMETOOLONG:
            return unreadable(path, root, Reason("long_path"))
        if isinstance(error, FileNotFoundError):
            return None
        unreadable_folder(error)
    if link and stat.S_ISDIR(state.st_mode) and not path.resolve().is_relative_to(start):
        return unreadable(path, root, Reason("link_elsewhere"))
    if not stat.S_ISREG(state.st_mode):
        return None
    return FoundFile(path, name_of(path, root), state.st_size, state.st_mtime_ns)


def unreadable(path: Path, root: Path | None, reason: Reason) -> FoundFile:
    """A name of the corpus behind which there is no file to be read.

    Args:
        path: The name.
        root: As for `find_files`.
        reason: Why it cannot be read.
    """
    return FoundFile(path, name_of(path, root), 0, 0, reason)


def name_of(path: Path, root: Path | None) -> str:
    """What the index calls a path below a folder that was located: such names need not be located one by one."""
    return readable((path.relative_to(root) if root and path.is_relative_to(root) else path).as_posix())


def uri_of(path: Path, root: Path | None) -> str:
    """What the index calls a file: its path relative to ``root`` if it is below it, else its whole path."""
    return name_of(located(path), root)


def located(path: Path) -> Path:
    """A path by its one true name: without links or ``..`` in its folders. A file that is a link keeps its name."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def unreadable_folder(error: OSError) -> NoReturn:
    """Stop: to pass over what cannot be looked at would be to forget its documents."""
    raise IndexFolderError(
        f"Cannot look into {readable(str(error.filename))} ({error.strerror}). Nothing was changed: give yourself the "
        f"right to read it and to enter the folder it is in, or move it out of the corpus."
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
    except OSError:  # listing the folder will report it
        return False


def hash_file(path: Path) -> str:
    """SHA-256 of a file; raises ReadError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ReadError(Reason("cannot_read", {"detail": error.strerror or str(error)})) from error
