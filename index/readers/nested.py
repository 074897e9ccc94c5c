"""A document that stands in another."""

from sakuin.index.documents import Document
from sakuin.index.readers.plain import TextBuilder


def append_document(builder: TextBuilder, document: Document) -> None:
    """Append a document that stands in the middle of another, with its headings."""
    position = 0
    for heading in document.headings:
        builder.add(document.text[position : heading.start])
        builder.add(document.text[heading.start : heading.end], heading.level)
        position = heading.end
    builder.add(document.text[position:])
