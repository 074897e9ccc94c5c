"""CSV and TSV files: every row is a document. They are streamed, so a table may be larger than the memory."""

import codecs
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TextIO

from sakuin.index.documents import Document, MetadataValue, Position, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.encoding import decode, has_escapes, looks_binary
from sakuin.index.readers.files import file_size, load_bytes, os_detail
from sakuin.index.readers.plain import clean, one_line, stem_of
from sakuin.index.readers.source import Source
from sakuin.index.readers.table_header import NUMBER, Columns, columns_of
from sakuin.index.readers.table_rows import SAMPLE_CHARACTERS, Rows, bare, form_of, sample_rows
from sakuin.index.readers.titles import first_line, first_words, title_of
from sakuin.index.reasons import Reason

_CHUNK = 1024 * 1024


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a table, one document a row: ``uri#row=1`` is the first row below the header.

    A column called "text" or the like is the document's text; where there is none, all columns are, as
    ``column: value`` lines. Columns other than text and title become metadata. What stands above the header is a
    document of its own, ``uri#row=0``.

    Raises:
        ReadError: If the file is empty, binary, or in an encoding that cannot be told for certain.
    """
    uri = source.uri
    with _open_text(source) as file:
        sample = file.read(SAMPLE_CHARACTERS)
        form = form_of(sample, source.suffix)
        columns = columns_of(sample_rows(sample[form.skip :], form)[0])
        file.seek(0)
        if form.skip:
            file.readline()
        rows = iter(Rows(file, form))
        if columns.names:
            if document := _above([next(rows) for _ in range(columns.above)], uri):
                yield document
            next(rows, None)
        stem = stem_of(uri)
        number = 0
        for number, cells in enumerate(rows, 1):
            row_uri = f"{uri}#row={number}"
            if isinstance(cells, Reason):
                yield Skipped(row_uri, cells)
            elif document := _document(cells, columns, form.delimiter, row_uri, f"{stem} row {number}"):
                yield replace(document, positions=(Position(0, {"row": number}),))
            else:
                yield Skipped(row_uri, Reason("empty_row"))
    if not number:
        raise ReadError(Reason("no_rows"))


@contextmanager
def _open_text(source: Source) -> Iterator[TextIO]:
    """Open a file as text in its own encoding, without changing its line ends.

    A file in UTF-8 is streamed once all of it is known to be valid; any other is decoded in memory.
    """
    file_size(source)
    try:
        if not _is_utf8(source):
            yield io.StringIO(decode(load_bytes(source))[0], newline="")
            return
        with io.TextIOWrapper(source.open(), encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise ReadError(Reason("cannot_read", {"detail": os_detail(error)})) from error
    except UnicodeDecodeError as error:
        raise ReadError(Reason("changed")) from error


def _is_utf8(source: Source) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    first = True
    with source.open() as file:
        while chunk := file.read(_CHUNK):
            # ISO-2022-JP and UTF-16 without a mark are valid UTF-8 as bytes go; decode() knows them.
            if has_escapes(chunk) or (first and (b"\0" in chunk or looks_binary(chunk))):
                return False
            first = False
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                return False
    return not decoder.getstate()[0]  # nothing begun and not finished at the end


def _above(rows: Sequence[list[str] | Reason], uri: str) -> Document | None:
    """Make a document of what stands above the header."""
    lines = [" ".join(clean(cell).strip() for cell in cells if cell) for cells in rows if isinstance(cells, list)]
    text = "\n".join(line for line in lines if line)
    if not text:
        return None
    return Document(id=f"{uri}#row=0", title=title_of(uri, text=text), text=text)


def _document(cells: list[str], columns: Columns, delimiter: str, uri: str, fallback_title: str) -> Document | None:
    """Make a document of a row, or return None if it has no text."""
    if columns.text is not None and len(cells) > len(columns.names):
        cells = _aligned(cells, columns, delimiter)
    values = [clean(cell).strip() for cell in cells]
    values = [bare(value) if value[:2] == '="' else value for value in values]
    text = _text(values, columns)
    if not text:
        return None
    title = one_line(values[columns.title]) if columns.title is not None and columns.title < len(values) else ""
    metadata: dict[str, MetadataValue] = {}
    if columns.names:
        metadata = {
            columns.name(number): value
            for number, value in enumerate(values if columns.text is None else values[: len(columns.names)])
            if value and number not in (columns.text, columns.title)
        }
    title = title or (first_words(values) if columns.text is None else first_line(text)) or fallback_title
    return Document(id=uri, title=title, text=text, metadata=metadata)


def _text(values: list[str], columns: Columns) -> str:
    """Return the text of a row."""
    if columns.text is None and columns.names:
        return "\n".join([f"{columns.name(number)}: {value}" for number, value in enumerate(values) if value])
    if columns.text is None or columns.text >= len(values):  # a row that ends before its text has words elsewhere
        return "\n".join([value for value in values if value])
    if len(values) <= len(columns.names):
        return values[columns.text]
    # So has one that goes on behind the last column.
    return "\n".join([value for value in (values[columns.text], *values[len(columns.names) :]) if value])


def _aligned(cells: list[str], columns: Columns, delimiter: str) -> list[str]:
    """Return the cells of a row, with a text that was cut at delimiters of its own in one piece again.

    Only if that leaves in columns of numbers what may stand there.
    """
    width, start = len(columns.names), columns.text or 0
    cells = cells[:]
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    end = start + 1 + len(cells) - width
    whole = [*cells[:start], delimiter.join(cells[start:end]), *cells[end:]]
    after = [number for number in columns.numbers if number > start]
    return (
        whole
        if all(not whole[number].strip() or NUMBER.fullmatch(whole[number].strip()) for number in after)
        else cells
    )
