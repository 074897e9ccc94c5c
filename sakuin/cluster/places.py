"""Where a cluster lies: a folder that all its machines see, or a bucket of an object store that fsspec speaks to.

A shard's folder is written once and never changed: its name is free until `publish`, and afterwards it is read, and
deleted when nothing names it.
"""

import errno
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock, Timeout

from sakuin.cluster.errors import ClusterError
from sakuin.extras import missing
from sakuin.files import atomic_write, make_folder, sync_folder, sync_tree
from sakuin.index.errors import has_no_room
from sakuin.index.lock import LOCK, WAIT_SECONDS
from sakuin.index.store import NAME

WORK = "work"
"""Folder of what is being written, below a cluster's own folder: what is finished is moved out of it."""

BUILDING = "building"
"""Folder of what is dealt and made, below a cluster's own, until it is committed."""

LOCK_FILE = "cluster.lock"


LOOK_SECONDS = 5.0
"""How soon it is noticed that an object in a bucket was written anew."""


class Place(ABC):
    """The folder of a cluster, and what lies in it by names such as ``shards/0003/00000001``.

    Attributes:
        uri: Of the folder, without a slash at its end: an absolute path, or as ``s3://bucket/folder``.
    """

    uri: str

    @abstractmethod
    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        """The bytes of a file, or some of them; None where there is none."""

    @abstractmethod
    def version(self, name: str) -> object:
        """What is another once a file is written anew; None where there is none."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Write a file: it has the old content or the new."""

    @abstractmethod
    def workspace(self) -> "Any":
        """A context manager: a new folder on a disk of this machine, deleted in the end."""

    @abstractmethod
    def publish(self, folder: Path, name: str) -> None:
        """Move a folder of a workspace to where it stays, under a name that nothing has."""

    @abstractmethod
    def copy(self, name: str, to: Path, *, link: bool = True) -> None:
        """Copy a published index into a new folder of this machine, in which it may be changed.

        Args:
            name: Of its folder.
            to: The new folder.
            link: Whether hard links will do for files that no writer changes.

        Raises:
            ClusterError: it is not there.
        """

    @abstractmethod
    def names(self, name: str) -> list[str]:
        """What lies in a folder, in order; nothing where it is not there."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Delete a file or a folder, if it is there."""

    @abstractmethod
    def writing(self, timeout: float = WAIT_SECONDS) -> "Any":
        """A context manager for the one who changes the cluster; nothing in it raises OSError after its commit.

        Raises:
            ClusterError: another changes it, or what is done in the context raised OSError.
        """


class Disk(Place):
    """A folder that is there under the same path on every machine of the cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = str(folder)

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        """See `Place`."""
        try:
            with (self.folder / name).open("rb") as file:
                file.seek(start)
                return file.read() if end is None else file.read(end - start)
        except FileNotFoundError:
            return None

    def version(self, name: str) -> object:
        """See `Place`."""
        try:
            status = os.stat(self.folder / name)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def write(self, name: str, content: bytes) -> None:
        """See `Place`."""
        path = self.folder / name
        make_folder(path.parent)
        with atomic_write(path) as part:
            part.write_bytes(content)
        sync_folder(path.parent)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """See `Place`; on the disk of the cluster, so that what is finished is moved and not copied."""
        folder = self.folder / WORK / token_hex(8)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, folder: Path, name: str) -> None:
        """See `Place`."""
        target = self.folder / name
        make_folder(target.parent)
        sync_tree(folder)
        os.replace(folder, target)
        sync_folder(target.parent)

    def copy(self, name: str, to: Path, *, link: bool = True) -> None:
        """See `Place`."""
        source = self.folder / name
        if not source.is_dir():
            raise gone(self, name)
        for path in files_of(source):
            target = to / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(path, target, link=link and path.parent != source)

    def names(self, name: str) -> list[str]:
        """See `Place`."""
        try:
            return sorted(os.listdir(self.folder / name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove(self, name: str) -> None:
        """See `Place`."""
        path = self.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    @contextmanager
    def writing(self, timeout: float = WAIT_SECONDS) -> Iterator[None]:
        """See `Place`."""
        try:
            make_folder(self.folder)
            with FileLock(self.folder / LOCK_FILE, timeout=timeout):
                yield
        except Timeout as error:
            raise ClusterError(
                f"Somebody is changing the cluster in {self.uri}, and has not finished within {timeout:g} seconds: "
                f"wait until they have and try again."
            ) from error
        except OSError as error:
            raise not_written(self, error, has_no_room(self.folder, error)) from error


class Bucket(Place):
    """A folder in an object store, or whatever else fsspec speaks to.

    Nothing locks it: that one at a time changes the cluster is for its users to see to.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self._files, self._root = filesystem(self.uri)
        self._versions: dict[str, tuple[float, object]] = {}

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        """See `Place`."""
        try:
            content: bytes = self._files.cat_file(f"{self._root}/{name}", start=start or None, end=end)
            return content
        except FileNotFoundError:
            return None

    def version(self, name: str) -> object:
        """See `Place`; asked of the store now and then, for that takes its time."""
        now = time.monotonic()
        known = self._versions.get(name)
        if known is None or now - known[0] > LOOK_SECONDS:
            try:
                known = (now, self._files.ukey(f"{self._root}/{name}"))
            except FileNotFoundError:
                known = (now, None)
            self._versions[name] = known
        return known[1]

    def write(self, name: str, content: bytes) -> None:
        """See `Place`: an object is put whole."""
        self._files.makedirs(f"{self._root}/{name}".rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(f"{self._root}/{name}", content)
        # Whoever writes looks anew.
        self._versions.pop(name, None)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """See `Place`; in the folder for temporary files, ``TMPDIR``."""
        with TemporaryDirectory(prefix="sakuin-shard-") as folder:
            yield Path(folder)

    def publish(self, folder: Path, name: str) -> None:
        """See `Place`."""
        for path in files_of(folder):
            target = f"{self._root}/{name}/{path.relative_to(folder).as_posix()}"
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._files.put_file(str(path), target)

    def copy(self, name: str, to: Path, *, link: bool = True) -> None:
        """See `Place`; nothing can be linked."""
        start = f"{self._root}/{name}/"
        files = self._files.find(start)
        if not files:
            raise gone(self, name)
        for found in files:
            # Some file systems have a slash before the names they give.
            target = to / found[found.index(start.strip("/")) + len(start.strip("/")) + 1 :]
            target.parent.mkdir(parents=True, exist_ok=True)
            self._files.get_file(found, str(target))

    def names(self, name: str) -> list[str]:
        """See `Place`."""
        try:
            found = self._files.ls(f"{self._root}/{name}", detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def remove(self, name: str) -> None:
        """See `Place`."""
        if self._files.exists(f"{self._root}/{name}"):
            self._files.rm(f"{self._root}/{name}", recursive=True)

    @contextmanager
    def writing(self, timeout: float = WAIT_SECONDS) -> Iterator[None]:
        """See `Place`."""
        try:
            yield
        except OSError as error:
            raise not_written(self, error, is_full=error.errno == errno.ENOSPC) from error


def tidy(place: Place) -> None:
    """Delete what only a change needed that is committed; what cannot be deleted is left to the next one."""
    for name in (BUILDING, WORK):
        with suppress(OSError):
            place.remove(name)


def not_written(place: Place, error: OSError, is_full: bool) -> ClusterError:
    """What to raise where a change of a cluster fails, before its commit, for what the system says."""
    what = "The disk is full" if is_full else f"The cluster in {place.uri} cannot be written, or what goes into it read"
    remedy = "Make room on it" if is_full else "See that it may be read and written"
    return ClusterError(
        f"{what} ({error}). Nothing was committed: {place.uri} is as it was. {remedy}, then run the same command again."
    )


def gone(place: Place, name: str) -> ClusterError:
    """What to raise where a shard is not where cluster.json says."""
    return ClusterError(
        f"The shard in {place.uri}/{name} is missing: run the same command again if the cluster was changed just now, "
        f"else put a backup in its place (`index cluster restore`)."
    )


def place_of(uri: str) -> Place:
    """The place that a path or URI names; a path becomes absolute, for other machines have other working folders."""
    if is_path(uri):
        return Disk(Path(uri).absolute())
    return Bucket(uri)


def is_path(uri: str) -> bool:
    """Whether a place is a path, not a URI."""
    return "://" not in uri


def filesystem(uri: str) -> tuple[Any, str]:
    """The file system of a URI as fsspec has it, and the path in it.

    Raises:
        ClusterError: fsspec, or what it needs for that kind of URI, is not installed.
    """
    try:
        from fsspec.core import url_to_fs

        files, path = url_to_fs(uri, use_listings_cache=False)
    except ModuleNotFoundError as error:
        raise ClusterError(f"{uri} needs the extra `cluster`: {missing(error.name or 'fsspec', 'cluster')}") from error
    except (ImportError, ValueError) as error:
        raise ClusterError(
            f"{uri} cannot be reached ({error}): see the address, and what fsspec needs for it."
        ) from error
    return files, path.rstrip("/")


def files_of(folder: Path) -> list[Path]:
    """The files of an index that nobody has open for writing, but what only its process needs."""
    left_out = {LOCK, f"{NAME}-wal", f"{NAME}-shm"}
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in left_out)


def link_or_copy(source: Path, target: Path, *, link: bool) -> None:
    """Make a file under another name.

    Args:
        source: The file.
        target: The new name.
        link: Whether a hard link will do, as for a file that is never changed; across disks it is copied all the same.
    """
    if link:
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    with source.open("rb") as read, target.open("wb") as written:
        # Where the disk can share blocks between files, nothing is copied.
        if hasattr(os, "copy_file_range"):
            try:
                while os.copy_file_range(read.fileno(), written.fileno(), 1 << 30):
                    pass
                os.fsync(written.fileno())
                return
            except OSError:
                read.seek(0)
                written.seek(0)
        shutil.copyfileobj(read, written, 1 << 20)
        written.flush()
        os.fsync(written.fileno())
