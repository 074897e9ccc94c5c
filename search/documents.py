"""What a searcher says of documents, beside searching: their text, what stands around a passage, what is like them."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sakuin.embedder import StaticEmbedder
from sakuin.index.file_location import FileLocation
from sakuin.index.model import load_model
from sakuin.index.snapshot import Snapshot
from sakuin.index.where import EVERYTHING, Where
from sakuin.search.document_parts import DocumentList
from sakuin.search.filtering import require_known
from sakuin.search.local_part import LocalPart
from sakuin.search.reading import (
    Excerpt,
    ReadablePassage,
    StoredDocument,
    UnknownDocumentError,
    read_around,
    read_document,
)
from sakuin.search.request import SearchError, filter_of, is_integer
from sakuin.search.results import Hit
from sakuin.search.whole import Whole
from sakuin.search.whole_documents import WholeDocuments

# A search needs neither: each is imported when it is first asked for something.
if TYPE_CHECKING:
    from sakuin.search.duplicates import Duplicates
    from sakuin.search.similar import SimilarDocuments

Read = TypeVar("Read", StoredDocument, Excerpt)

MOST_BYTES = 4_000_000
"""Of what one list of documents says of them."""


class DocumentReader(ABC):
    """The part of `Searcher` that reads documents."""

    _turns: threading.Semaphore
    _model: StaticEmbedder | None

    @abstractmethod
    def _current(self) -> Snapshot:
        """The last committed state."""

    @property
    @abstractmethod
    def whole(self) -> Whole:
        """What is searched, as it was last committed."""

    @property
    def model(self) -> StaticEmbedder:
        """The index's model; one of the hub that is not here yet is fetched when it is first asked for.

        Raises:
            ModelError: it cannot be fetched or loaded.
            IndexFolderError: it is another than the one that the index was made with.
        """
        if self._model is None:
            snapshot = self._current()
            self._model = load_model(snapshot.manifest, snapshot.folder)
        return self._model

    def document(self, document_id: str, *, index: str = "", start: int = 0, most: int | None = None) -> StoredDocument:
        """A document as the index holds it: text, metadata, passages with offsets, outline.

        Args:
            document_id: Of the document, as hits have it.
            index: Of several, the one in which it is, as hits name it; "" for the first that has it.
            start: The character from which to read.
            most: Characters to read; None for all.

        Raises:
            UnknownDocumentError: there is no such document.
            SearchError: no text has such a part, or no index is called so.
        """
        return self._first(index, lambda folder: read_document(folder, document_id, start=start, most=most))

    def read(
        self, passage: ReadablePassage, *, document: str | None = None, index: str = "", around: int = 2
    ) -> Excerpt:
        """A passage with those that stand around it.

        Args:
            passage: A hit, or a passage of one or of a document, or a passage_id, or a number in a document, from 1.
            document: In which to read, by its id; None for the hit's own, or the first in which the passage stands.
            index: Of several, the one in which that is, as hits name it; "" for the hit's own, or the first with it.
            around: Passages before, and as many after.

        Raises:
            UnknownDocumentError: there is no such document, or no such passage in it any more.
            SearchError: an argument makes no sense, or no index is called so.
        """
        # A single index has no name here; what was found in it among others says one.
        if isinstance(passage, Hit) and document is None and self.whole.is_named:
            index = index or passage.document.index
        return self._first(index, lambda folder: read_around(folder, passage, document_id=document, around=around))

    def _first(self, index: str, read: Callable[[Path], Read]) -> Read:
        """What is read of an index, or of the first that has what is to be read."""
        whole = self.whole
        each = zip(whole.names, whole.parts, strict=True)
        folders = [(name, part.snapshot.folder) for name, part in each if isinstance(part, LocalPart)]
        if len(folders) < len(whole.parts):
            # It says of which folders this is to be asked.
            self._current()
        require_called(whole, index)
        asked = [one for one in folders if index in ("", one[0])]
        for name, folder in asked[:-1]:
            with suppress(UnknownDocumentError):
                return replace(read(folder), index=name)
        name, folder = asked[-1]
        return replace(read(folder), index=name)

    def documents(
        self, *, where: Where | None = None, after: int = 0, most: int = 100, most_bytes: int = MOST_BYTES
    ) -> DocumentList:
        """Documents without their texts, in the order in which they came; of a cluster, shard by shard.

        Args:
            where: Only those that pass a filter, see `SearchRequest`.
            after: Go on after the document of this number; 0 to begin.
            most: At most so many, 1 or more.
            most_bytes: About as many of their ids, titles and metadata, but for a single document that has more.

        Raises:
            SearchError: an argument is out of range, or no document has a field that is filtered by.
        """
        for name, value, least in (("after", after, 0), ("most", most, 1), ("most_bytes", most_bytes, 1)):
            if not is_integer(value) or value < least:
                raise SearchError(f"Cannot list documents by {name} = {value!r}: give {least} or more.")
        condition = filter_of(where) if where else EVERYTHING
        whole = self.whole
        found = WholeDocuments(whole).listing(condition, after, most, most_bytes)
        if where and not found.documents:
            require_known(whole, condition)
        return found

    def file_location(self, document_id: str, *, index: str = "") -> FileLocation | None:
        """Where the file of a document is known to be, see `index.originals`; None where there is no such document.

        Args:
            document_id: Of the document.
            index: Of several, the one in which it is, as hits name it; "" for the first that has it.

        Raises:
            SearchError: no index is called so.
        """
        whole = self.whole
        require_called(whole, index)
        return WholeDocuments(whole).file_location(document_id, index)

    def similar(
        self, of: str | Hit, *, passage: str | int | None = None, k: int = 10, where: Where | None = None
    ) -> "SimilarDocuments":
        """The documents nearest in meaning to a document, by the means of their passages, or to one of its passages.

        Args:
            of: Id of a document; or a hit, of which the passage is meant.
            passage: Of the document, by its passage_id or its number from 1; None for the whole document.
            k: At most so many, 1 to 100.
            where: Only documents that pass a filter, see `SearchRequest`.

        Raises:
            UnknownDocumentError: there is no such document, or no such passage in it.
            SearchError: an argument is out of range, or no document has a field that is filtered by.
        """
        from sakuin.search.similar import similar_documents

        with self._turns:
            return similar_documents(self.whole, of, passage=passage, k=k, where=where)

    def duplicates(self, *, above: float = 0.95, most: int = 1_000, where: Where | None = None) -> "Duplicates":
        """Documents that say the same: those with the same text, then pairs. Takes seconds where they are many.

        Args:
            above: The least cosine of the vectors of a pair, 0 to 1.
            most: At most so many groups with the same text, and so many pairs, 1 to 100,000.
            where: Only documents that pass a filter, see `SearchRequest`.

        Raises:
            SearchError: an argument is out of range, or no document has a field that is filtered by.
        """
        from sakuin.search.duplicates import find_duplicates

        return find_duplicates(self.whole, above=above, most=most, where=where)


def require_called(whole: Whole, index: str) -> None:
    """Raise SearchError where no index is called so."""
    if index in ("", *whole.names):
        return
    if whole.is_named:
        raise SearchError(f"No index here is called {index[:200]!r}: they are {', '.join(whole.names)}.")
    raise SearchError(f"No index here is called {index[:200]!r}: there is one, which needs no name.")
