"""The rows of a CSV or TSV file, also where its quotation marks are not as they should be.

Python's ``csv`` reads it, strictly. Where that fails, at a quotation mark that does not end its cell or is never
closed, the row is read again: with marks inside a cell taken as they stand, or, if that does not give as many cells as
other rows have, line by line as if there were no quotation. So a stray mark costs nothing but itself: never the rows
after it, nor the end of its own.
"""

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from sakuin.index.reasons import Reason

MAX_CELL_CHARACTERS = 16 * 1024 * 1024
"""A cell, line or row of several lines larger than this is a quotation mark that was never closed."""

MAX_CELLS = 100_000
"""Of a row: six times as many as a spreadsheet can have."""

_MOST_LONG_ROWS = 3
"""Rows too long that are read again by their first line; a file of more is made of them."""


SAMPLE_CHARACTERS = 64 * 1024
SAMPLE_ROWS = 50
_DELIMITERS = ",\t;|"
_MOST_LINES_TRIED = 50
_MOST_CHARACTERS_TRIED = 1024 * 1024
"""Of a row with marks inside its cells."""

_HALF_BROKEN = 0.3

_SEPARATOR = re.compile(r'\ufeff?"?sep=([^"\r\n])"?[ \t]*(?:\r\n?|\n)', re.IGNORECASE)
_ESCAPED = re.compile(r'\\(["\\])')
_NUMBER = re.compile(r"\d+")
_WRAPPED = re.compile(r'="([^"]*)"')


@dataclass(frozen=True)
class Form:
    """How cells are written.

    Attributes:
        delimiter: What stands between them.
        backslash: Whether quotation marks within a cell are written ``\\"`` and not doubled.
        spaced: Whether a space may stand before a quoted cell.
        width: Cells of most rows; 0 where that is not known.
        skip: Characters before the first row, which say what the delimiter is.
    """

    delimiter: str
    backslash: bool = False
    spaced: bool = False
    width: int = 0
    skip: int = 0


class _Lines:
    """The lines of a file, of which some may come again: those of a row that is read in another way.

    Attributes:
        waiting: Those that come before what is left of the file.
        taken: Those that came, as they stand in the file.
        long: Whether those of the row at hand are together longer than a row may be.
    """

    def __init__(self, file: TextIO, *, backslash: bool) -> None:
        self.waiting: deque[str] = deque()
        self.taken: list[str] = []
        self.long = False
        self._held = 0
        self._read = file.readline
        self._backslash = backslash

    def __iter__(self) -> Iterator[str]:
        return self

    def begin(self) -> None:
        """Begin a row."""
        self.taken.clear()
        self._held, self.long = 0, False

    def __next__(self) -> str:
        line = self.waiting.popleft() if self.waiting else self._read(MAX_CELL_CHARACTERS)
        if not line:
            raise StopIteration
        self.taken.append(line)
        if len(line) == MAX_CELL_CHARACTERS and not line.endswith(("\n", "\r")):
            raise csv.Error("a line too long")
        self._held += len(line)
        if self._held > MAX_CELL_CHARACTERS and len(self.taken) > 1:
            self.long = True
            raise csv.Error("a row too long")
        return _ESCAPED.sub(_doubled, line) if self._backslash and "\\" in line else line


class Rows:
    """The rows of a file that are not blank, or why one is none."""

    def __init__(self, file: TextIO, form: Form) -> None:
        """Read from ``file``, from where it stands; ``broken`` counts rows that are not as they should be."""
        self._file = file
        self._form = form
        self._lines = _Lines(file, backslash=form.backslash)
        self._waiting = self._lines.waiting
        self._taken = self._lines.taken
        self.broken = 0.0
        # The limit belongs to the csv module, not to a reader, and 128 KB is less than a long article.
        if csv.field_size_limit() < MAX_CELL_CHARACTERS:
            csv.field_size_limit(MAX_CELL_CHARACTERS)

    def __iter__(self) -> Iterator[list[str] | Reason]:
        """Yield the cells of each row."""
        reader = csv.reader(
            self._lines, delimiter=self._form.delimiter, skipinitialspace=self._form.spaced, strict=True
        )
        taken = self._taken
        long_rows = 0
        while True:
            self._lines.begin()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                if len(taken[0]) == MAX_CELL_CHARACTERS and not taken[0].endswith(("\n", "\r")):
                    self._skip_line()
                    yield Reason("long_cell", {"limit": MAX_CELL_CHARACTERS})
                    continue
                long_rows += self._lines.long
                if self._lines.long and long_rows > _MOST_LONG_ROWS:
                    yield Reason("long_cell", {"limit": MAX_CELL_CHARACTERS})
                    continue
                cells = (None if self._lines.long else self._marks_inside()) or self._first_line()
            else:
                if len(taken) > 1 and self._swallowed():
                    cells = self._first_line()
            if len(cells) > MAX_CELLS:
                yield Reason("wide_row", {"limit": MAX_CELLS})
            elif any(cell and not cell.isspace() for cell in cells):
                yield cells

    def _skip_line(self) -> None:
        while (line := self._file.readline(MAX_CELL_CHARACTERS)) and not line.endswith(("\n", "\r")):
            pass

    def _first_line(self) -> list[str]:
        """The cells of the first line of a row by its delimiters alone; the other lines are read again."""
        self.broken += 1
        self._put_back(1)
        cells = self._taken[0].rstrip("\r\n").split(self._form.delimiter)
        return [_unquoted(cell, self._form) for cell in cells]

    def _put_back(self, first: int) -> None:
        self._waiting.extendleft(reversed(self._taken[first:]))
        del self._taken[first:]

    def _marks_inside(self) -> list[str] | None:
        """The cells of a row whose marks end a cell only before a delimiter; None if there are not as many as usual."""
        end = re.compile(rf'" *(?:{re.escape(self._form.delimiter)}|[\r\n]|\Z)')
        text = ""
        for lines in range(1, _MOST_LINES_TRIED):
            if (lines > len(self._taken) and not self._try_line()) or len(text) > _MOST_CHARACTERS_TRIED:
                return None
            text += self._taken[lines - 1]
            if not end.search(self._taken[lines - 1]) or (cells := _loosely(text, self._form)) is None:
                continue
            if len(cells) != self._form.width and (self._form.width or lines > 1):
                return None
            self._put_back(lines)
            self.broken += _HALF_BROKEN
            return cells
        return None

    def _try_line(self) -> bool:
        try:
            next(self._lines)
        except (csv.Error, StopIteration):
            return False
        return True

    def _swallowed(self) -> bool:
        """Tell whether a cell of several lines is several rows, the first and the last with a stray mark."""
        delimiter, width = self._form.delimiter, self._form.width
        if width < 2 or any(line.count(delimiter) != width - 1 for line in self._taken):
            return False
        # Tabs in every line of a cell are rarer than stray marks; commas are not.
        return delimiter == "\t" or all(_NUMBER.fullmatch(line.split(delimiter)[0].strip()) for line in self._taken)


def _doubled(match: re.Match[str]) -> str:
    return '""' if match[1] == '"' else "\\"


def _unquoted(cell: str, form: Form) -> str:
    bare = cell.strip(" ") if form.spaced else cell
    if len(bare) >= 2 and bare[0] == bare[-1] == '"':
        return bare[1:-1].replace('\\"' if form.backslash else '""', '"')
    return cell


def _loosely(text: str, form: Form) -> list[str] | None:
    """The cells of a row whose marks end a cell only before a delimiter or the end; None if one is not ended."""
    stop = re.escape(form.delimiter)
    plain = re.compile(rf"([^{stop}\r\n]*)({stop}|\r?\n|\r|\Z)")
    quoted = re.compile(rf' *"((?:[^"]|""|"(?! *(?:{stop}|[\r\n]|\Z)))*+)" *({stop}|\r?\n|\r|\Z)')
    cells: list[str] = []
    at = 0
    while True:
        if re.compile(' *"').match(text, at):
            found = quoted.match(text, at)
            if not found:
                return None
            cells.append(found[1].replace('\\"' if form.backslash else '""', '"'))
        else:
            found = plain.match(text, at)
            if not found:
                return None
            cells.append(found[1])
        at = found.end()
        if found[2] != form.delimiter:
            return cells


def form_of(sample: str, suffix: str) -> Form:
    """Tell how the cells of a file are written.

    Args:
        sample: Its beginning, at most `SAMPLE_CHARACTERS`.
        suffix: Of its name, in lower case.
    """
    skip = 0
    if said := _SEPARATOR.match(sample):
        skip = said.end()
        sample = sample[skip:]
    usual = said[1] if said else "\t" if suffix == ".tsv" else ","
    best, best_score = Form(usual, width=1, skip=skip), 0.0
    for form in _forms(sample, usual, only=bool(said)):
        rows, broken = sample_rows(sample, form)
        if not rows:
            continue
        cells, agreeing = Counter(map(len, rows)).most_common(1)[0]
        # A delimiter that stands in every row beats one that is frequent in some, such as the commas of a text.
        score = 0.0 if cells == 1 else (agreeing - broken) / len(rows) * (1 + min(cells, 10) / 100)
        if score > best_score:
            best, best_score = Form(form.delimiter, form.backslash, form.spaced, cells, skip), score
    return best


def _forms(sample: str, usual: str, only: bool) -> Iterator[Form]:
    """Yield the forms that a file may have, the usual ones first."""
    for delimiter in [usual] if only else sorted(_DELIMITERS, key=lambda character: character != usual):
        if delimiter not in sample:
            continue  # a single cell in each row: what is taken where nothing is better
        yield Form(delimiter)
        if '\\"' in sample:
            yield Form(delimiter, backslash=True)
        if delimiter + ' "' in sample:
            yield Form(delimiter, spaced=True)


def sample_rows(sample: str, form: Form) -> tuple[list[list[str]], float]:
    """Return the rows of a sample that are not blank, at most `SAMPLE_ROWS`, and how many of them are broken."""
    found: list[list[str]] = []
    rows = Rows(io.StringIO(sample, newline=""), form)
    for cells in rows:
        if isinstance(cells, list):
            found.append(cells)
        if len(found) == SAMPLE_ROWS:
            return found, rows.broken
    # The last row may have been cut off with the sample.
    return found[:-1] if len(found) > 2 and len(sample) >= SAMPLE_CHARACTERS - form.skip else found, rows.broken


def bare(cell: str) -> str:
    """Return a cell without what spreadsheets write around a number that is to stay a text: ``="0012"``."""
    if not cell.startswith('="'):
        return cell
    wrapped = _WRAPPED.fullmatch(cell)
    return wrapped[1] if wrapped else cell
