"""Finds the files of a corpus and tells which have changed."""

import errno
import hashlib
import os
import stat
import time
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from sakuin.index.errors import IndexFolderError, ReadError
from sakuin.index.excluding import IGNORE_FILE, Rules, pages_in
from sakuin.index.readers.files import open_at_once
from sakuin.index.reasons import Reason
from sakuin.index.store import FileState

# A file written twice within one tick of its disk's clock looks the same after both: 10 ms is the longest that Linux
# has, and disks that count in whole hundredths of a second may count in seconds, FAT in two.
TICK_NS = 20_000_000
COARSE_TICK_NS = 2_000_000_000
COARSE_NS = 10_000_000

KERNEL = ("/proc/", "/sys/")
"""Where files are no files: reading some waits for ever, reading others never ends."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of the corpus, or a name in it behind which there is none to be read.

    Attributes:
        path: Where it is.
        uri: What the index calls it.
        size: Bytes.
        mtime_ns: Time of its last change, nanoseconds. Programs may set it: unpacked and copied files have an old one.
        ctime_ns: Time at which the disk last changed anything of it, nanoseconds; nobody can set it.
        inode: The number of the file on its disk: another one where another file took its name.
        reason: Why it cannot be read, where the name alone tells: a link that leads nowhere, or to a folder elsewhere.
    """

    path: Path
    uri: str
    size: int
    mtime_ns: int
    ctime_ns: int = 0
    inode: int = 0
    reason: Reason | None = None

    def is_as(self, known: FileState) -> bool:
        """Whether it looks just as when it was read: then it need not be read to know what is in it."""
        noted = (known.size, known.mtime_ns, known.ctime_ns, known.inode)
        return noted == (self.size, self.mtime_ns, self.ctime_ns, self.inode)

    def state(self, sha256: str, reason: Reason | None, read_ns: int) -> FileState:
        """What to note of it.

        Args:
            sha256: Of its bytes, "" where they are not known.
            reason: Why nothing, or not all, was taken from it.
            read_ns: When it was opened. Of one that was changed just before, no ctime is noted: it might be changed
                once more and look the same, so the next build compares its bytes.
        """
        tick = TICK_NS if self.ctime_ns % COARSE_NS else COARSE_TICK_NS
        ctime_ns = self.ctime_ns if read_ns - self.ctime_ns > tick else 0
        return FileState(self.uri, self.size, self.mtime_ns, sha256, reason, ctime_ns, self.inode)

    def now(self) -> "FoundFile":
        """The same file as it looks now; this very one where it cannot be looked at."""
        try:
            state = self.path.stat()
        except OSError:
            return self
        return _found(self.path, self.uri, state)


def find_files(start: Path, root: Path | None, exclude: Sequence[str] = ()) -> Iterator[FoundFile]:
    """The regular files under a folder (or the one file ``start`` is), in order of their names.

    Hidden files and folders and index folders are passed over. Links to files are read as files; folders behind links
    are not entered, so that no loop of links can hold up a build. One that leads out of ``start``, a link that leads
    nowhere, and what patterns leave out (a folder as one, its name ending with a slash) come with the reason.

    Args:
        start: A file or folder. A file, and a folder itself, is left out by no pattern: somebody named it.
        root: Files below it are called by their path relative to it, all others by their whole path; resolved.
        exclude: Patterns as in a `.sakuinignore` in ``start``.

    Raises:
        IndexFolderError: there is no ``start``, something below it cannot be looked at, or a pattern is none.
    """
    require_there(start)
    start = located(spelled(start))
    if start.is_file():
        found = look_at(start, start, root)
        if found:
            yield found
        return
    # A loop, not os.walk, which recurses in Python 3.11 and fails below a thousand folders.
    folders = [(start, *_rules_at(start, root, exclude))]
    while folders:
        folder, prefix, rules = folders.pop()
        try:
            with os.scandir(folder) as opened:
                entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in opened)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                yield unreadable(folder, root, Reason("long_path"))
                continue
            unreadable_folder(error)
        names = [name for name, _ in entries]
        if IGNORE_FILE in names:
            rules, bad = rules.with_file(folder, f"{prefix}{IGNORE_FILE}")
            if bad:
                yield unreadable(folder / IGNORE_FILE, root, bad)
        pages = pages_in(names)
        inner = []
        for name, is_folder in entries:
            called = f"{prefix}{readable(name)}"
            if reason := rules.reason(f"{called}/" if is_folder else called, pages):
                left_out = unreadable(folder / name, root, reason)
                yield replace(left_out, uri=f"{left_out.uri}/") if is_folder else left_out
            elif name.startswith("."):
                continue
            elif is_folder:
                inner.append((folder / name, f"{called}/", rules))
            elif found := look_at(folder / name, start, root):
                yield found
        folders += [one for one in reversed(inner) if not is_index(one[0])]


def _rules_at(start: Path, root: Path | None, exclude: Sequence[str]) -> tuple[str, Rules]:
    """The name of a folder, and the rules that hold in it by what stands above it."""
    if not root or start == root or not start.is_relative_to(root):
        return "", Rules.of(exclude, "")
    parts = [readable(part) for part in start.relative_to(root).parts]
    prefix = "".join(f"{part}/" for part in parts)
    own = rules = Rules.of(exclude, prefix)
    folder, name = root, ""
    for part in start.relative_to(root).parts:
        if (folder / IGNORE_FILE).is_file():
            rules, _ = rules.with_file(folder, f"{name}{IGNORE_FILE}")
        folder, name = folder / part, f"{name}{readable(part)}/"
    # Patterns above that leave out the very folder that is to be read do not count.
    return prefix, own if rules.reason(prefix, frozenset()) else rules


def require_there(start: Path) -> None:
    """Raise IndexFolderError if there is no such file or folder."""
    there = spelled(start)
    if not there.is_file() and not there.is_dir():
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
        os.lstat(spelled(path))
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
        read by its true name. Whatever it is, it is not opened.

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
    if link and not stat.S_ISDIR(state.st_mode) and (not stat.S_ISREG(state.st_mode) or _of_kernel(path)):
        return unreadable(path, root, Reason("not_a_file"))
    if not stat.S_ISREG(state.st_mode):
        return None
    return _found(path, name_of(path, root), state)


def _found(path: Path, uri: str, state: os.stat_result) -> FoundFile:
    # Windows has the time of a file's making in place of ctime.
    ctime_ns = state.st_mtime_ns if os.name == "nt" else state.st_ctime_ns
    return FoundFile(path, uri, state.st_size, state.st_mtime_ns, ctime_ns, state.st_ino)


def _of_kernel(link: Path) -> bool:
    return os.path.realpath(link).startswith(KERNEL)


def unreadable(path: Path, root: Path | None, reason: Reason) -> FoundFile:
    """A name of the corpus behind which there is no file to be read.

    Args:
        path: The name.
        root: As for `find_files`.
        reason: Why it cannot be read.
    """
    return FoundFile(path, name_of(path, root), 0, 0, reason=reason)


def name_of(path: Path, root: Path | None) -> str:
    """What the index calls a path below a folder that was located: such names need not be located one by one."""
    own = (path.relative_to(root) if root and path.is_relative_to(root) else path).as_posix()
    name = readable(own)
    # Of two names that differ only in how their letters are composed, the composed one is that.
    if name != own and name == unicodedata.normalize("NFC", own) and _is_another(Path(root or "", name), path):
        return own
    return name


def _is_another(path: Path, one: Path) -> bool:
    """Whether a name is that of another file than ``one``; False where there is nothing of that name."""
    try:
        return not os.path.samestat(os.lstat(path), os.lstat(one))
    except OSError:
        return False


def spelled(path: Path) -> Path:
    """A path as its folders spell it: に may be one character, or two as Apple's disks and archives made there have it.

    Args:
        path: As somebody typed it, or as the index calls it.

    Returns:
        The path itself where it leads somewhere as it is, or nowhere in any spelling.
    """
    if os.path.lexists(path):
        return path
    there = Path(path.anchor)
    for part in path.parts[bool(path.anchor) :]:
        if not os.path.lexists(there / part):
            try:
                part = next(name for name in os.listdir(there) if readable(name) == readable(part))
            except (OSError, StopIteration):
                return path
        there /= part
    return there


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
    """A file name as valid Unicode, its letters composed (NFC), so that it is what people type.

    Names that are not UTF-8 are usually Shift_JIS, as old archives leave them.
    """
    if name.isascii():
        return name
    try:
        name.encode()
        return unicodedata.normalize("NFC", name)
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


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 of a file, and when it was opened, in nanoseconds since 1970.

    Raises:
        ReadError: it cannot be read, or is no file.
    """
    try:
        opened_ns = time.time_ns()
        with open(path, "rb", opener=open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ReadError(Reason("not_a_file"))
            return hashlib.file_digest(file, "sha256").hexdigest(), opened_ns
    except OSError as error:
        raise ReadError(Reason("cannot_read", {"detail": error.strerror or str(error)})) from error
