"""Plain text files."""

from collections.abc import Iterator

from sakuin.index.documents import Document
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.line_numbers import with_lines
from sakuin.index.readers.plain import require_text
from sakuin.index.readers.source import Source
from sakuin.index.readers.terminal import without_sequences
from sakuin.index.readers.text_titles import title_in
from sakuin.index.readers.titles import title_of

_RESTRUCTURED = (".rst", ".rst.txt")
"""The second is what Sphinx calls the sources that it puts beside its pages."""


def read(source: Source) -> Iterator[Document]:
    """Read a text file as one document; its title is what looks like one at its beginning.

    Raises:
        ReadError: If it is empty, binary, too large, or its encoding cannot be told for certain.
    """
    text, positions = with_lines(without_sequences(decode(load_bytes(source))[0]))
    require_text(text)
    title = title_in(text, is_restructured=source.uri.lower().endswith(_RESTRUCTURED))
    yield Document(id=source.uri, title=title_of(source.uri, heading=title), text=text, positions=positions)
