"""What is asked of the documents of a part: which are like another, and which say the same.

As for a search (`search.parts`), all parts are asked the same and their answers put together, see
`search.whole_documents`. A document lies in one part with all its passages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sakuin.index.file_location import FileLocation
from sakuin.index.store.paging import LabelledDocument
from sakuin.index.where import Condition
from sakuin.search.parts import Part, Within
from sakuin.search.reading import ReadablePassage


@dataclass(frozen=True, slots=True, eq=False)
class Meant:
    """A document, or a passage of it, whose neighbours are sought.

    Attributes:
        id: Of the document.
        number: Of the document.
        vector: float32 (dim,), of length 1: the mean of the document's passages, or the passage; None where the model
            knows nothing of them.
        alone: int64 (n,), passages that stand only in that document, which need not be looked at; none where it has
            few passages.
    """

    id: str
    number: int
    vector: NDArray[np.float32] | None
    alone: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """The passages nearest to a vector.

    Attributes:
        ids: int64 (n,), nearest first; ties by ascending id.
        cosines: float32 (n,).
        standing: Numbers of the documents of each passage's places, by passage id.
    """

    ids: NDArray[np.int64]
    cosines: NDArray[np.float32]
    standing: Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Documents, and what tells whether two have the same text.

    Attributes:
        numbers: int64 (n,), of the documents, ascending.
        checksums: int64 (n,), of their texts.
    """

    numbers: NDArray[np.int64]
    checksums: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DocumentList:
    """Some documents, in the order in which they came.

    Attributes:
        documents: Without their texts.
        more: Whether others follow.
    """

    documents: tuple[LabelledDocument, ...]
    more: bool


class DocumentPart(Part, Protocol):
    """A part of which such things are asked."""

    def meant(self, document_id: str, passage: ReadablePassage | None, dim: int) -> Meant | None:
        """A document, or a passage of it; None where it is not here.

        Raises:
            UnknownDocumentError: it has no such passage.
        """

    def near(self, vector: NDArray[np.float32], depth: int, within: Within | None, alone: NDArray[np.int64]) -> Near:
        """The ``depth`` passages nearest to a vector (d,), but for some."""

    def means(self, documents: Sequence[int], dim: int) -> NDArray[np.float32]:
        """float32 (n, dim): the means of documents' passages, of length 1; zero where nothing is known of them."""

    def texts(self, condition: Condition | None) -> Texts:
        """The documents that pass a filter; all, where there is none."""

    def listing(self, condition: Condition, after: int, most: int, room: int) -> DocumentList:
        """Documents that pass a filter and came after that of a number, some of them.

        Args:
            condition: The filter.
            after: The number; 0 to begin.
            most: At most so many.
            room: Bytes that they have at most, as JSON, but for a single one that alone has more.
        """

    def file_location(self, document_id: str) -> FileLocation | None:
        """Where the file of a document is known to be; None where there is no such document."""

    def names(self, documents: Sequence[int]) -> dict[int, tuple[str, str]]:
        """(id, title) of documents by number."""
