"""What an index holds, at one commit, for an export: documents with their passages, vectors, and BM25's statistics."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from sakuin.index import store
from sakuin.index.background import vectors_of
from sakuin.index.documents import Document
from sakuin.index.errors import IndexFolderError
from sakuin.index.snapshot import Snapshot, open_index
from sakuin.index.store.checksums import indexed_text
from sakuin.index.store.contents import passages_between, read_label
from sakuin.index.store.manifest import Manifest
from sakuin.index.store.streaming import all_labels, fingerprints
from sakuin.integrations.engines.errors import ExportError

ATTEMPTS = 5
"""Someone may commit between the opening of vectors and that of documents."""


@dataclass(frozen=True, slots=True)
class ExportedPassage:
    """A passage as it stands in one document.

    Attributes:
        passage_id: See `sakuin.index.store.passage_id_of`.
        number: In the document, from 1.
        start, end: Character offsets in the document's text.
        heading: The heading it stands under; "" for none.
        position: Where in the file it begins; empty where that is not known.
        text: Of the passage.
        indexed: What is encoded and analysed: title, heading and text.
    """

    passage_id: int
    number: int
    start: int
    end: int
    heading: str
    position: Mapping[str, int | str]
    text: str
    indexed: str


@dataclass(frozen=True, slots=True)
class ExportedDocument:
    """A document with its passages, in their order.

    Attributes:
        number: The index's own, which others may have later.
        file: Its name in the index, by which filters know type and folders; "" for none.
        document: Itself.
        passages: Of it.
    """

    number: int
    file: str
    document: Document
    passages: tuple[ExportedPassage, ...]


class Contents:
    """One committed state of an index; not safe for use by several threads.

    Attributes:
        snapshot: Vectors, terms and manifest.
    """

    def __init__(self, snapshot: Snapshot, connection: sqlite3.Connection) -> None:
        """Prefer `opened`."""
        self.snapshot = snapshot
        self._connection = connection

    @property
    def manifest(self) -> Manifest:
        """What is committed."""
        return self.snapshot.manifest

    def documents(self, numbers: Sequence[int] | None = None) -> Iterator[ExportedDocument]:
        """Documents one by one, all or those of some numbers, in the order in which they came.

        Raises:
            IndexFolderError: one is not what was written.
        """
        for document in store.stored_documents(self._connection, numbers):
            label = read_label(self._connection, document.id)
            assert label is not None
            rows = passages_between(self._connection, label, 0, len(document.text) + 1)
            passages = []
            for number, row in enumerate(rows, 1):
                text = document.text[row.start : row.end]
                indexed = indexed_text(document.title, row.heading, text)
                passages.append(
                    ExportedPassage(
                        row.passage_id, number, row.start, row.end, row.heading, row.position, text, indexed
                    )
                )
            yield ExportedDocument(label.number, label.file, document, tuple(passages))

    def fingerprints(self) -> Iterator[tuple[int, str, int]]:
        """(number, id, fingerprint) of each document; see `sakuin.index.store.streaming.fingerprints`."""
        return fingerprints(self._connection)

    def metadata(self) -> Iterator[Mapping[str, object]]:
        """The metadata of each document."""
        return (label.metadata for label in all_labels(self._connection))

    def vectors(self, passage_ids: Sequence[int]) -> NDArray[np.int8]:
        """int8 (n, dim): vectors as they are stored, of no fixed length; zero where the model knows nothing."""
        if not passage_ids or not self.snapshot.vectors.segments:
            return np.zeros((len(passage_ids), self.manifest.dim), np.int8)
        return vectors_of(self.snapshot.vectors.segments, np.array(passage_ids, np.int64))

    def mean_length(self) -> float:
        """Terms of a passage on average, as BM25 counts here; 1 where no passage has any."""
        for exported in self.documents():
            for passage in exported.passages:
                if scores := self.snapshot.terms.explained(passage.indexed, passage.passage_id):
                    return scores[0].mean_length
        return 1.0


@contextmanager
def opened(folder: Path) -> Iterator[Contents]:
    """The last commit of an index.

    Raises:
        IndexFolderError: there is no index, it is damaged, or others commit all the time.
    """
    for _ in range(ATTEMPTS):
        snapshot = open_index(folder)
        with closing(store.connect(folder, read_only=True)) as connection, closing(snapshot):
            store.begin(connection, writing=False)
            if store.read_manifest(connection, folder) == snapshot.manifest:
                yield Contents(snapshot, connection)
                return
    raise IndexFolderError(f"The index in {folder} is written to all the time: export it when that has ended.")


def dimension(manifest: Manifest, dim: int | None) -> int:
    """How many dimensions are exported; raises ExportError where the index has fewer."""
    if dim is None:
        return manifest.dim
    if not 1 <= dim <= manifest.dim:
        raise ExportError(
            f"Cannot export {dim} dimensions: this index stores {manifest.dim} a vector, so give 1 to {manifest.dim}."
        )
    return dim


def as_json(values: Mapping[str, object]) -> str:
    """Values as JSON that any reader takes: a number that is none is null."""
    return orjson.dumps(values).decode()
