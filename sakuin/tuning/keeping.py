"""What tuning found, kept in the index for every search from now on."""

from collections.abc import Callable
from pathlib import Path

from sakuin.embedder import StaticEmbedder
from sakuin.index.settings import Settings
from sakuin.index.snapshot import open_index
from sakuin.index.writer import IndexWriter


def keep_in(
    folder: Path, change: Callable[[IndexWriter], None], *, model: StaticEmbedder | None, timeout: float
) -> None:
    """Commit a change of an index's own settings.

    Args:
        folder: The index.
        change: Makes the change.
        model: Of the index, where it is loaded already.
        timeout: Seconds to wait for another writer.

    Raises:
        IndexFolderError: there is no index, or another process is writing to it.
    """
    open_index(folder).close()
    with IndexWriter(folder, Settings(model), timeout=timeout) as writer:
        change(writer)
        writer.commit()
