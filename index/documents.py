"""What a corpus is made of: documents, the passages they are cut into, and what was skipped."""

from dataclasses import dataclass, field

from sakuin.index.reasons import Reason

MetadataValue = str | int | float | bool | None


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


@dataclass(frozen=True, slots=True)
class Document:
    """One document as a reader gives it: plain text, ready to be cut into passages.

    Attributes:
        uri: Name, unique in an index: the file's path relative to the corpus folder, with ``#row=3`` (CSV, TSV)
            or ``#id`` / ``#line=3`` (JSON Lines) where a file holds many documents.
        title: Never empty.
        text: The whole text; passages are slices of it.
        headings: In order of ``start``.
        metadata: Whatever else the file says of the document (author, date, columns).
    """

    uri: str
    title: str
    text: str
    headings: tuple[Heading, ...] = ()
    metadata: dict[str, MetadataValue] = field(default_factory=dict)


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
