"""What is on the disk for certain, of files and names of files: what was synced."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock


@contextmanager
def synced() -> Iterator["Synced"]:
    """Notes what Python makes durable meanwhile; what SQLite and tantivy do is not seen."""
    seen = Synced()
    sync = os.fsync

    def noting(number: int) -> None:
        state = os.fstat(number)
        seen.states[state.st_ino] = sorted(os.listdir(number)) if os.path.isdir(number) else state.st_size
        sync(number)

    with mock.patch("os.fsync", noting):
        yield seen


class Synced:
    """What was synced."""

    def __init__(self) -> None:
        self.states: dict[int, object] = {}

    def has(self, path: Path, *, below: Path) -> bool:
        """Whether a file, as it is now, and its name in all folders below one would outlive a power cut."""
        state = path.stat()
        if path.is_file() and self.states.get(state.st_ino) != state.st_size:
            return False
        while path != below:
            names = self.states.get(path.parent.stat().st_ino)
            if not isinstance(names, list) or path.name not in names:
                return False
            path = path.parent
        return True
