"""Deletes files of an index's making: what a killed writer left, and an index that came to nothing."""

import shutil
from contextlib import suppress
from pathlib import Path

from sakuin.index import store
from sakuin.index.lock import LOCK
from sakuin.index.store import Manifest
from sakuin.patterns import pattern

SEGMENT_FILE = pattern(r"\d{8}\.(ids\.npy|int8\.npy|codes\.faiss)|spool-\d{4}\.npy")
GENERATION = pattern(r"\d{8}")


def sweep(folder: Path, committed: Manifest | None) -> None:
    """Remove files of a writer's making that the committed manifest does not name."""
    keep = {folder / name for name in committed.checksums} if committed else set()
    for path in (folder / "vectors").glob("*"):
        if path not in keep and SEGMENT_FILE.fullmatch(path.name):
            _remove(path)
    for path in (folder / "terms").glob("*"):
        if GENERATION.fullmatch(path.name) and not (committed and int(path.name) == committed.generation):
            _remove(path)


def _remove(path: Path) -> None:
    """Delete a file or a folder: either may stand in the place of the other, where something went wrong."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        # Windows deletes nothing that a reader has mapped: the next writer will.
        with suppress(OSError):
            path.unlink(missing_ok=True)


def unmake(folder: Path, *, made_folder: bool) -> None:
    """Delete an index to which nothing was ever committed, while its lock is held and its database is closed.

    Args:
        folder: Of the index.
        made_folder: Whether the folder was made for it, and goes with it.
    """
    for path in folder.glob(f"{store.NAME}*"):
        path.unlink()
    for name in ("vectors", "terms"):
        shutil.rmtree(folder / name, ignore_errors=True)
    # The lock last, so that nobody begins to write here meanwhile.
    with suppress(OSError):
        (folder / LOCK).unlink()
        if made_folder:
            folder.rmdir()
