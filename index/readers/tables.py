"""CSV and TSV files: every row is a document. They are streamed, so a table may be larger than the memory."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sakuin.index.documents import Document, MetadataValue, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.encoding import decode, has_escapes, looks_binary
from sakuin.index.readers.fields import TEXT_NAMES, TITLE_NAMES, named
from sakuin.index.readers.files import file_size, load_bytes, os_detail
from sakuin.index.readers.plain import clean, one_line, short_first_line, stem_of
from sakuin.index.reasons import Reason

MAX_CELL_CHARACTERS = 16 * 1024 * 1024
"""A cell larger than this is a quotation mark that was never closed."""

_CHUNK = 1024 * 1024
_SAMPLE_CHARACTERS = 64 * 1024
_SAMPLE_ROWS = 50
_DELIMITERS = ",\t;|"
MAX_NAME_CHARACTERS = 40
"""The longest cell that is taken for the name of a column or of a row."""

_NUMBER = re.compile(r"[+-]?[\d０-９][\d０-９.,:/年月日%-]*")
_SENTENCE_OR_ADDRESS = re.compile(r"[。！？\n]|[.!?]\s|https?://|\S@\S+\.")


def read(path: Path, uri: str) -> Iterator[Document | Skipped]:
    """Read a table, one document a row: ``uri#row=1`` is the first row below the header.

    A column called "text" or the like is the document's text; where there is none, all columns are, as
    ``column: value`` lines. Columns other than text and title become metadata.

    Raises:
        ReadError: If the file is empty, binary, or in an encoding that cannot be told for certain.
    """
    with _open_text(path) as file:
        sample = file.read(_SAMPLE_CHARACTERS)
        file.seek(0)
        delimiter = _delimiter(sample, path.suffix.lower())
        columns = _columns(_sample_rows(sample, delimiter))
        lines = _Lines(file)
        rows = _rows(csv.reader(lines, delimiter=delimiter), lines)
        if columns.in_first_row:
            next(rows, None)
        number = 0
        for number, cells in enumerate(rows, 1):
            row_uri = f"{uri}#row={number}"
            if isinstance(cells, Reason):
                yield Skipped(row_uri, cells)
            elif document := _document(cells, columns, row_uri, f"{stem_of(uri)} row {number}"):
                yield document
            else:
                yield Skipped(row_uri, Reason("empty_row"))
    if not number:
        raise ReadError(Reason("no_rows"))


@contextmanager
def _open_text(path: Path) -> Iterator[TextIO]:
    """Open a file as text in its own encoding, without changing its line ends.

    A file in UTF-8 is streamed once all of it is known to be valid; any other is decoded in memory.
    """
    file_size(path)
    try:
        if not _is_utf8(path):
            yield io.StringIO(decode(load_bytes(path))[0], newline="")
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise ReadError(Reason("cannot_read", {"detail": os_detail(error)})) from error
    except UnicodeDecodeError as error:
        raise ReadError(Reason("changed")) from error


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    first = True
    with path.open("rb") as file:
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


class _Lines:
    """The lines of a file for ``csv.reader``, of bounded length; knows whether the reader has asked for too many."""

    def __init__(self, file: TextIO) -> None:
        """Read from ``file``, from where it stands."""
        self._file = file
        self.exhausted = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_CELL_CHARACTERS)
        if not line:
            self.exhausted = True
            raise StopIteration
        if len(line) == MAX_CELL_CHARACTERS and not line.endswith(("\n", "\r")):
            raise csv.Error("a line too long")
        return line


def _rows(reader: Iterator[list[str]], lines: _Lines) -> Iterator[list[str] | Reason]:
    """Yield each row that is not blank, or why it is none; after a reason nothing can follow."""
    # The limit belongs to the csv module, not to a reader, and 128 KB is less than a long article.
    if csv.field_size_limit() < MAX_CELL_CHARACTERS:
        csv.field_size_limit(MAX_CELL_CHARACTERS)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Reason("long_cell", {"limit": MAX_CELL_CHARACTERS})
            return
        if lines.exhausted:  # the reader wanted another line to finish the row
            yield Reason("unclosed_quote")
            return
        if any(cell and not cell.isspace() for cell in cells):
            yield cells


def _sample_rows(sample: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    lines = io.StringIO(sample, newline="")
    try:
        for cells in csv.reader(lines, delimiter=delimiter):
            if any(cell and not cell.isspace() for cell in cells):
                rows.append(cells)
            if len(rows) == _SAMPLE_ROWS:
                return rows
    except csv.Error:
        pass
    # The last row may have been cut off with the sample.
    return rows[:-1] if len(rows) > 2 and len(sample) >= _SAMPLE_CHARACTERS else rows


def _delimiter(sample: str, suffix: str) -> str:
    """Return the delimiter that gives most rows the same number of cells, and the most of them."""
    usual = "\t" if suffix == ".tsv" else ","
    best, best_score = usual, 0.0
    for delimiter in sorted(_DELIMITERS, key=lambda character: character != usual):
        rows = _sample_rows(sample, delimiter)
        if not rows:
            continue
        cells, agreeing = Counter(map(len, rows)).most_common(1)[0]
        # A delimiter that stands in every row beats one that is frequent in some, such as the commas of a text.
        score = 0.0 if cells == 1 else agreeing / len(rows) * (1 + min(cells, 10) / 100)
        if score > best_score:
            best, best_score = delimiter, score
    return best


@dataclass(frozen=True)
class _Columns:
    """The columns of a table by their number from 0; ``names`` is empty where the table has no header."""

    names: list[str]
    in_first_row: bool
    text: int | None = None
    title: int | None = None

    def name(self, number: int) -> str:
        """Return a column's name, or a made-up one where it has none."""
        return self.names[number] if number < len(self.names) else f"column {number + 1}"


def _columns(rows: list[list[str]]) -> _Columns:
    if not rows or not _is_header(rows):
        return _Columns([], in_first_row=False)
    first = rows[0]
    names: list[str] = []
    for number, cell in enumerate(first, 1):
        name = one_line(cell) or f"column {number}"
        names.append(name if name not in names else f"{name} {number}")
    text = named(TEXT_NAMES, names)
    title = named(TITLE_NAMES, names)
    return _Columns(
        names,
        in_first_row=True,
        text=names.index(text[0]) if text else None,
        title=names.index(title[0]) if title else None,
    )


def _is_header(rows: list[list[str]]) -> bool:
    """Tell whether the first row names the columns.

    It does if one of the names is known. Else each cell must look like a name (short, no number, no sentence, no two
    alike), and in a table of one column, where a name is hard to tell from a value, be much shorter than the rest.
    """
    first = [cell.strip() for cell in rows[0]]
    if named(TEXT_NAMES + TITLE_NAMES, first):
        return True
    filled = [cell for cell in first if cell]
    if len(rows) == 1 or len(set(filled)) < len(filled):
        return False
    if any(len(cell) > MAX_NAME_CHARACTERS for cell in filled):
        return False
    if any(_NUMBER.fullmatch(cell) or _SENTENCE_OR_ADDRESS.search(cell) for cell in filled):
        return False
    if len(filled) > 1:
        return True
    return sum(len("".join(row)) for row in rows[1:]) >= 3 * len(filled[0]) * (len(rows) - 1)


def _document(cells: list[str], columns: _Columns, uri: str, fallback_title: str) -> Document | None:
    """Make a document of a row, or return None if it has no text."""
    values = [clean(cell).strip() for cell in cells]
    if columns.text is not None:
        text = values[columns.text] if columns.text < len(values) else ""
    elif columns.in_first_row:
        text = "\n".join(f"{columns.name(number)}: {value}" for number, value in enumerate(values) if value)
    else:
        text = "\n".join(value for value in values if value)
    if not text:
        return None
    title = one_line(values[columns.title]) if columns.title is not None and columns.title < len(values) else ""
    metadata: dict[str, MetadataValue] = {}
    if columns.in_first_row:
        metadata = {
            columns.name(number): value
            for number, value in enumerate(values)
            if value and number not in (columns.text, columns.title)
        }
    title = title or (_first_words(values) if columns.text is None else short_first_line(text)) or fallback_title
    return Document(id=uri, title=title, text=text, metadata=metadata)


def _first_words(values: list[str]) -> str:
    """Return the first cell of a row that can stand for it: short, and not a number or a date."""
    for value in values:
        if len(value) <= MAX_NAME_CHARACTERS and value and not _NUMBER.fullmatch(value):
            return one_line(value)
    return ""
