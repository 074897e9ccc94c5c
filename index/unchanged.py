"""Whether the files that a writer goes on from are as they were written.

What tantivy finds damaged in a thread of its own ends the process.
"""

import os
from pathlib import Path
from threading import Lock

from sakuin.index.errors import IndexFolderError
from sakuin.index.integrity import derived_path
from sakuin.index.store import Manifest
from sakuin.index.vectors import sha256_of

MOST_KEPT = 4_096
"""Files that are known: some dozens of each index, and of a process that commits for days others each time."""

_compared: dict[tuple[int, int, int, int, str], None] = {}
"""Files that were found so, the last ones last, by device, number, size, time and checksum: a commit gives them other
names only."""

_noting = Lock()


def unchanged_terms(folder: Path, manifest: Manifest) -> Path:
    """The folder of the committed terms, which are as they were written; each file is read once in a process.

    Args:
        folder: Of the index.
        manifest: The committed one.

    Raises:
        IndexFolderError: a file has changed, or cannot be read.
    """
    for name in manifest.sizes:
        if not name.startswith("terms/"):
            continue
        path = folder / derived_path(name, manifest.generation)
        try:
            status = os.stat(path)
            seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, manifest.checksums[name])
            same = seen in _compared or (
                status.st_size == manifest.sizes[name] and sha256_of(path) == manifest.checksums[name]
            )
        except OSError as error:
            raise IndexFolderError(
                f"{path} cannot be read ({error.strerror or error}). If it may be read by you, the index is damaged, "
                f"and `index repair` makes it anew from the documents."
            ) from error
        if not same:
            raise IndexFolderError(
                f"{path} has changed since it was written, so nothing can be added to it. `index repair` makes it anew "
                f"from the documents."
            )
        with _noting:
            _compared.pop(seen, None)
            _compared[seen] = None
            while len(_compared) > MOST_KEPT:
                del _compared[next(iter(_compared))]
    return folder / "terms" / f"{manifest.generation:08d}"
