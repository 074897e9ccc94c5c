"""A document that stands in another."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.file_types import SUFFIXES
from sakuin.index.readers.package import Package, Relationship
from sakuin.index.readers.plain import TextBuilder
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import MEMBER, Source

MAX_EMBEDDED = 100
"""Files in one office file."""


def append_document(builder: TextBuilder, document: Document) -> None:
    """Append a document that stands in the middle of another, with its headings."""
    position = 0
    for heading in document.headings:
        builder.add(document.text[position : heading.start])
        builder.add(document.text[heading.start : heading.end], heading.level)
        position = heading.end
    builder.add(document.text[position:])


def embedded(source: Source, package: Package, related: Iterable[Relationship]) -> Iterator[Document | Skipped]:
    """Read the files that were put into an office file to be opened there, as documents of their own.

    Args:
        source: The office file.
        package: Its parts.
        related: What its pages refer to.
    """
    names = dict.fromkeys(each.target for each in related if each.kind == "package" and not each.external)
    for name in list(names)[:MAX_EMBEDDED]:
        if PurePosixPath(name).suffix.lower() not in SUFFIXES:
            continue
        data = package.read(name)
        if data is None:
            continue
        own = PurePosixPath(name).name
        try:
            source.take_member()
            yield from read_source(source.member(own, data))
        except ReadError as error:
            yield Skipped(f"{source.uri}{MEMBER}{own}", error.reason)
