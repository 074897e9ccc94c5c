"""Where the file that a document was read from is known to be, for `index.originals` to open."""

from dataclasses import dataclass
from pathlib import Path

from sakuin.index import store
from sakuin.index.store.contents import read_label
from sakuin.index.store.listing import reading


@dataclass(frozen=True, slots=True)
class FileLocation:
    """Where the file of a document is known to be.

    Attributes:
        file: As the index calls it; "" where a program added the document.
        corpus: Folder that the index is kept in step with; "" where there is none.
    """

    file: str
    corpus: str


def location_of(folder: Path, document_id: str) -> FileLocation | None:
    """Where the file of a document is known to be; None where there is no such document.

    Args:
        folder: Of the index.
        document_id: Of the document.

    Raises:
        IndexFolderError: the index cannot be read.
    """
    with reading(folder) as connection:
        label = read_label(connection, document_id)
        return FileLocation(label.file, store.read_manifest(connection, folder).corpus) if label else None
