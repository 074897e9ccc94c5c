"""How much room an index takes."""

import os
from pathlib import Path


def folder_bytes(folder: Path) -> int:
    """Size of all files in an index."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            # SQLite's log goes away with its last user; a commit has put its contents into the store.
            if name.endswith(("-wal", "-shm")):
                continue
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except OSError:  # swept away meanwhile
                continue
    return total
