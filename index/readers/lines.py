"""Plain text of any kind: source code, logs, configuration."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from sakuin.index.documents import Document
from sakuin.index.errors import ReadError
from sakuin.index.file_types import MINIFIED
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.line_numbers import with_lines
from sakuin.index.readers.plain import one_line, require_text
from sakuin.index.readers.source import Source
from sakuin.index.readers.terminal import without_sequences
from sakuin.index.reasons import Reason

LONG_LINES = 500
"""Characters of a line on average, from which on a program was not written so by anybody."""


def read(source: Source) -> Iterator[Document]:
    """Read a file as one document under its name: the first line of a program is no title.

    Raises:
        ReadError: If it is empty, binary, too large, minified, or its encoding cannot be told for certain.
    """
    text, positions = with_lines(without_sequences(decode(load_bytes(source))[0]))
    require_text(text)
    if source.suffix in MINIFIED and (mean := len(text) // (text.count("\n") + 1)) >= LONG_LINES:
        raise ReadError(Reason("minified", {"characters": mean}))
    yield Document(id=source.uri, title=one_line(PurePosixPath(source.uri).name), text=text, positions=positions)
