"""What lies in an index's folder and is no part of it: what people judged, and their synonyms.

Both stay where an index is made anew.
"""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sakuin.files import sync_file

if TYPE_CHECKING:
    from filelock import FileLock

JUDGEMENTS = "judgements.jsonl"
JUDGEMENTS_LOCK = "judgements.lock"
SYNONYMS = "synonyms.txt"
OUTLIVING = frozenset({JUDGEMENTS, JUDGEMENTS_LOCK, SYNONYMS})


def judging(folder: Path, timeout: float = -1) -> "FileLock":
    """The lock that whoever judges holds, to be entered; seconds to wait for others, -1 for as long as it takes."""
    # Not needed where an index is only read.
    from filelock import FileLock

    return FileLock(folder / JUDGEMENTS_LOCK, timeout=timeout)


def carry(folder: Path, to: Path) -> None:
    """Copy what was judged in an index, if anything was, and its synonyms to another, in place of those that are there.

    Raises:
        OSError: it cannot be read or written.
    """
    with suppress(FileNotFoundError):
        content = (folder / JUDGEMENTS).read_bytes()
        # What is behind the last line is being written, or was never written whole.
        (to / JUDGEMENTS).write_bytes(content[: content.rfind(b"\n") + 1])
        sync_file(to / JUDGEMENTS)
    with suppress(FileNotFoundError):
        shutil.copyfile(folder / SYNONYMS, to / SYNONYMS)
        sync_file(to / SYNONYMS)


def begin_again(folder: Path) -> str:
    """What to do where an index is of no more use, as the end of a sentence; people's work is not deleted."""
    if kept := [name for name in (JUDGEMENTS, SYNONYMS) if (folder / name).exists()]:
        return f"delete all that is in the folder but {' and '.join(kept)}, and build it again"
    return "delete the folder and build it again"
