"""How many cells the sheets of a spreadsheet span, before calamine makes room for all of them, empty ones too.

A file of some hundred bytes can name a cell in the last row and column: the room for the rectangle up to it would end
the process.
"""

import io
import re
import struct
from collections.abc import Iterator

from sakuin.index.errors import ReadError
from sakuin.index.readers.package import Package
from sakuin.index.readers.plain import one_line
from sakuin.index.reasons import Reason

MAX_CELLS = 10_000_000
"""Of a sheet, those in the rectangle that is filled."""

_CELL = re.compile(rb'<(?:\w+:)?c\b[^<>]*?\br="([A-Z]{1,10})(\d{1,18})"')
# No tag has another one's beginning in it: so each byte is looked at once, also where a tag never ends.
_ROW_EDGE = re.compile(rb"<table:table-row\b([^<>]*)>|</table:table-row>")
_ODS_CELL = re.compile(rb"<table:(?:covered-)?table-cell\b([^<>]*)")
_ROWS_REPEATED = re.compile(rb'number-rows-repeated="(\d{1,18})"')
_COLUMNS_REPEATED = re.compile(rb'number-columns-repeated="(\d{1,18})"')
# The records of cells in an old workbook: all begin with row and column.
_BIFF_CELLS = frozenset({0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x00BD, 0x00D6, 0x00FD, 0x0201, 0x0203, 0x0204,
                         0x0205, 0x0206, 0x027E, 0x0406})  # fmt: skip
_BIFF_BEGIN = frozenset({0x0009, 0x0209, 0x0409, 0x0809})
_LAST_COLUMN = 255


def refuse_wide_package(package: Package) -> None:
    """Look at the sheets of an xlsx or ods file.

    Raises:
        ReadError: If one of them spans too many cells.
    """
    for name in package.names():
        if re.fullmatch(r"/?xl[/\\]worksheets[/\\][^/\\]+\.xml", name, re.IGNORECASE):
            _refuse(_span((int(row), _column(column)) for column, row in _cells(package.read(name) or b"")))
    content = package.read("content.xml")
    if content:
        _refuse_broken(content)
        _refuse(_repeated(content))


def refuse_wide_old(data: bytes) -> None:
    """Look at the sheets of an xls file; as `refuse_wide_package`. One that is damaged is left to calamine."""
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            name = next(name for name in ("Workbook", "Book") if file.exists(name))
            stream = file.openstream(name).read()
    except Exception as error:  # a damaged file shows in many ways
        raise ReadError(Reason("not_office", {"type": "Excel", "detail": one_line(error)})) from error
    at, cells = 0, []
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        if kind in _BIFF_CELLS and length >= 4 and at + 8 <= len(stream):
            row, column = struct.unpack_from("<HH", stream, at + 4)
            if column > _LAST_COLUMN:
                raise ReadError(Reason("not_office", {"type": "Excel", "detail": f"column {column}"}))
            cells.append((row, column))
        elif kind in _BIFF_BEGIN:
            _refuse(_span(iter(cells)))
            cells = []
        at += 4 + length
    _refuse(_span(iter(cells)))


class _Nothing:
    """Takes what a parser finds, and keeps none of it."""

    def close(self) -> None:
        """End without anything."""


def _refuse_broken(content: bytes) -> None:
    """Refuse XML whose elements are not all closed: calamine waits for their ends for ever."""
    from lxml import etree

    try:
        etree.fromstring(content, etree.XMLParser(target=_Nothing(), resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise ReadError(Reason("damaged_office", {"type": "Excel", "detail": one_line(error)})) from error


def _refuse(cells: int) -> None:
    if cells > MAX_CELLS:
        raise ReadError(Reason("sheet_too_large", {"limit": MAX_CELLS}))


def _cells(sheet: bytes) -> Iterator[tuple[bytes, bytes]]:
    return (match.groups() for match in _CELL.finditer(sheet))  # type: ignore[misc]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _span(cells: Iterator[tuple[int, int]]) -> int:
    """The size of the smallest rectangle around cells."""
    top = left = 1 << 62
    bottom = right = -1
    for row, column in cells:
        top, bottom = min(top, row), max(bottom, row)
        left, right = min(left, column), max(right, column)
    return (bottom - top + 1) * (right - left + 1) if bottom >= 0 else 0


def _repeated(content: bytes) -> int:
    """The cells of an ods file, those that are written once and stand often counted as often."""
    total = 0
    for attributes, inner in _rows(content):
        if b"office:value-type" not in inner and b"<text:" not in inner:
            continue
        rows = _ROWS_REPEATED.search(attributes)
        columns = 0
        for cell in _ODS_CELL.finditer(inner):
            repeated = _COLUMNS_REPEATED.search(cell[1])
            columns += int(repeated[1]) if repeated and b"value-type" in cell[1] else 1
        total += columns * (int(rows[1]) if rows else 1)
    return total


def _rows(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The attributes of each row of an ods file, and what is in it."""
    opened: re.Match[bytes] | None = None
    for edge in _ROW_EDGE.finditer(content):
        if edge[1] is not None:
            opened = None if edge[1].endswith(b"/") else edge
        elif opened:
            yield opened[1], content[opened.end() : edge.start()]
            opened = None
