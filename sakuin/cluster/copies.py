"""Copies of shards on a disk of this machine, which all its processes share.

Who has copies open notes them in a file, and keeps another one locked for as long as it lives: of one that was killed
the system lets the lock go. So it is known what nobody has open, and whoever comes next deletes it.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from filelock import FileLock, Timeout

from sakuin.cluster.errors import ClusterError
from sakuin.cluster.places import Place
from sakuin.files import atomic_write, sync_file, sync_tree

USERS, LOCK = "users", "lock"
PART = ".part"

KEPT_BYTES = 20 << 30
"""Of copies that nobody has open so much is kept at most, what was used last: it may be asked for again."""


class Claims:
    """Which of the folders below one are in use, and by which processes. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        """Claim nothing yet.

        Args:
            root: The folder above.
        """
        self._root = root
        self.own = token_hex(8)
        self._held: FileLock | None = None
        self._names: set[str] = set()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While nobody else claims or deletes anything."""
        self._root.mkdir(parents=True, exist_ok=True)
        # Another one each time: threads of one process would share it.
        with FileLock(self._root / LOCK):
            yield

    def change(self, *, more: Iterable[str] = (), less: Iterable[str] = ()) -> None:
        """Claim some, and let go of others, within `alone`."""
        users = self._root / USERS
        users.mkdir(parents=True, exist_ok=True)
        if self._held is None:
            held = FileLock(users / f"{self.own}.{LOCK}", thread_local=False)
            held.acquire()
            self._held = held
        self._names = (self._names - {*less}) | {*more}
        with atomic_write(users / f"{self.own}.json") as path:
            path.write_text(json.dumps(sorted(self._names)))

    def names(self) -> frozenset[str]:
        """What is claimed here."""
        return frozenset(self._names)

    def living(self) -> dict[str, Collection[str]]:
        """What each process that lives has claimed, within `alone`; those that were killed are forgotten."""
        found: dict[str, Collection[str]] = {}
        for lock in (self._root / USERS).glob(f"*.{LOCK}"):
            noted = lock.with_suffix(".json")
            if lock.stem == self.own or not _free(lock):
                with suppress(FileNotFoundError):
                    found[lock.stem] = json.loads(noted.read_text())
            else:
                noted.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
        return found

    def close(self) -> None:
        """Let go of everything."""
        if self._held is None:
            return
        with self.alone():
            self._held.release()
            for ending in ("json", LOCK):
                (self._root / USERS / f"{self.own}.{ending}").unlink(missing_ok=True)
        self._held, self._names = None, set()


class Copies:
    """Copies of the shards of clusters at one place. Safe to use from several threads."""

    def __init__(self, place: Place, root: Path) -> None:
        """Copy nothing yet.

        Args:
            place: Of the clusters.
            root: A folder on a disk of this machine, for copies of any cluster.
        """
        self._place = place
        self._root = root
        self._claims = Claims(root)

    def claim(self, cluster: str, folders: Iterable[str]) -> None:
        """Say that copies are needed, so that nobody deletes those that are there.

        Args:
            cluster: `ClusterManifest.id`.
            folders: Of shards.
        """
        with self._claims.alone():
            self._claims.change(more=[self._name(cluster, folder) for folder in folders])

    def path(self, cluster: str, folder: str) -> Path:
        """A copy, made if there is none; one that another process made is taken.

        Raises:
            ClusterError: it cannot be made, or its shard is missing.
        """
        copy = self._root / self._name(cluster, folder)
        part = self._root / f"{self._claims.own}-{token_hex(4)}{PART}"
        try:
            self.claim(cluster, [folder])
            if not copy.exists():
                self._place.copy(folder, part)
                _sync(part)
                copy.parent.mkdir(parents=True, exist_ok=True)
                os.rename(part, copy)
            os.utime(copy)
        except OSError as error:
            # Where it is there, another process was faster.
            if not copy.exists():
                raise ClusterError(
                    f"The shard in {self._place.uri}/{folder} cannot be copied to {self._root} ({error}): see that "
                    f"there is room, and run the same command again if the cluster was changed just now."
                ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return copy

    def keep_only(self, cluster: str, folders: Iterable[str]) -> None:
        """Let go of all but some copies, and delete what nobody needs: older ones of the same shards, and see `sweep`.

        Args:
            cluster: `ClusterManifest.id`.
            folders: Of shards.
        """
        kept = {self._name(cluster, folder) for folder in folders}
        # What cannot be deleted now, the next one deletes.
        with suppress(OSError):
            with self._claims.alone():
                for name in (gone := self._claims.names() - kept):
                    with suppress(FileNotFoundError):
                        os.utime(self._root / name)
                self._claims.change(less=gone)
            self.sweep({name.rpartition("/")[0] for name in kept})

    def sweep(self, shards: Collection[str] = ()) -> None:
        """Delete what no living process has open: all that was not finished, and copies beyond `KEPT_BYTES`.

        Args:
            shards: Folders of which nothing is to be kept that is not open.
        """
        with self._claims.alone():
            living = self._claims.living()
            held = {name for names in living.values() for name in names}
            gone = [part for part in self._root.glob(f"*{PART}") if part.name.partition("-")[0] not in living]
            free = [
                path for path in self._root.glob("*/shards/*/*") if path.relative_to(self._root).as_posix() not in held
            ]
            room = KEPT_BYTES
            for path in sorted(free, key=lambda one: one.stat().st_mtime, reverse=True):
                room -= _bytes_of(path)
                if room < 0 or path.parent.relative_to(self._root).as_posix() in shards:
                    # Out of sight at once; who is killed now leaves it to the next one.
                    aside = self._root / f"{self._claims.own}-{token_hex(4)}{PART}"
                    os.rename(path, aside)
                    gone.append(aside)
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Let go of everything; copies stay, for who comes next."""
        with suppress(OSError):
            self._claims.close()

    def _name(self, cluster: str, folder: str) -> str:
        """Of a copy, below the folder of all."""
        known = f"{self._place.uri}\0{cluster}"
        return f"{sha256(known.encode()).hexdigest()[:16]}/{folder}"


def _free(lock: Path) -> bool:
    """Whether nobody has a file locked."""
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _sync(folder: Path) -> None:
    """Have a new folder on the disk before it gets its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            sync_file(path)
    sync_tree(folder)
