"""What a corpus is made of: documents, the passages they are cut into, and what was skipped."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sakuin.index.reasons import Reason

Scalar = str | int | float | bool
MetadataValue = Scalar | list[Scalar] | None


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a document's text.

    Attributes:
        start, end: Character offsets of the heading's own words in ``Document.text``.
        level: 1 for the top level.
    """

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document: plain text with a name, ready to be cut into passages.

    Attributes:
        id: Its name, unique in an index. Of one that was read from a file: the file's path relative to the corpus
            folder, with ``#row=3`` (CSV, TSV) or ``#id`` / ``#line=3`` (JSON Lines) where a file holds many documents.
        text: The whole text; passages are slices of it.
        title: What it is called; may be empty.
        uri: Where it comes from, such as an address; ``id`` where none is given.
        headings: In order of ``start``.
        metadata: Whatever else is known of it (author, date, columns), by name.
    """

    id: str
    text: str
    title: str = ""
    uri: str = ""
    headings: tuple[Heading, ...] = ()
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.uri:
            object.__setattr__(self, "uri", self.id)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a row of one, that was left out, and why."""

    uri: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Passage:
    """A few sentences of a document: ``document.text[start:end]``, under ``heading`` ("" where there is none)."""

    start: int
    end: int
    heading: str
