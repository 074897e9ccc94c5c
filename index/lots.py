"""Documents in lots that are stored together, in less time than one after the other."""

from sakuin.index.documents import Document

DOCUMENTS_AT_ONCE = 256
CHARACTERS_AT_ONCE = 262_144
"""A lot is full with so many documents, or so many characters of them."""


class Lot:
    """The documents that wait to be stored together.

    Attributes:
        documents: In the order in which they came.
        characters: Of all of them.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.documents: list[Document] = []
        self.characters = 0

    def add(self, document: Document) -> None:
        """Add a document."""
        self.documents.append(document)
        self.characters += len(document.text)

    @property
    def is_full(self) -> bool:
        """Whether it is to be stored."""
        return len(self.documents) >= DOCUMENTS_AT_ONCE or self.characters >= CHARACTERS_AT_ONCE
