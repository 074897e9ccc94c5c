"""What a corpus is made of: documents, the passages they are cut into, and what was skipped."""

from collections.abc import Iterable, Mapping
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


PositionValues = Mapping[str, int | str]
"""Where something stands, as people say it: ``{"page": 12}``, ``{"sheet": "売上", "row": 40}``; empty if unknown."""

POSITION_NAMES = ("chapter", "page", "sheet", "row", "slide", "line")
"""What a position may be told by, in the order in which it is told."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a file the text stands from here on, until the next position.

    Attributes:
        start: Character offset in ``Document.text``.
        values: By the names of `POSITION_NAMES`; numbers count from 1.
        counts_lines: Whether the line goes up by one with each line break after ``start``.
    """

    start: int
    values: PositionValues
    counts_lines: bool = False


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
        positions: Where in the file its text stands, in order of ``start``. An index keeps them of passages only: of a
            document that is read from one they are those of its passages.
    """

    id: str
    text: str
    title: str = ""
    uri: str = ""
    headings: tuple[Heading, ...] = ()
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    positions: tuple[Position, ...] = ()

    def __post_init__(self) -> None:
        if not self.uri:
            object.__setattr__(self, "uri", self.id)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a row of one, that was left out, and why."""

    uri: str
    reason: Reason


def expected_last(skipped: Iterable[Skipped]) -> list[Skipped]:
    """What was left out, what nobody expects to be read last: a list that is cut must not hide a damaged document."""
    return sorted(skipped, key=lambda item: item.reason.expected)


@dataclass(frozen=True, slots=True)
class Passage:
    """A few sentences of a document: ``document.text[start:end]``, under ``heading`` ("" where there is none)."""

    start: int
    end: int
    heading: str
