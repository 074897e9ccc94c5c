"""Spreadsheets in the XML that Excel 2003 wrote, and that many systems still export as .xls."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sakuin.index.errors import ReadError
from sakuin.index.readers.package import attribute, child, children, local, parse_xml
from sakuin.index.readers.plain import clean
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MAX_COLUMNS = 16_384
MAX_ROWS = 1_048_576
MARK = b"urn:schemas-microsoft-com:office:spreadsheet"


def rows_of(data: bytes, most_cells: int) -> Iterator[tuple[str, list[list[str]]]]:
    """The name of each sheet, and its rows.

    Args:
        data: The file.
        most_cells: Of a sheet, blank ones too.

    Raises:
        ReadError: If it is damaged, or a sheet spans too many cells.
    """
    try:
        root = parse_xml(data)
    except Exception as error:
        raise ReadError(Reason("damaged_office", {"type": "Excel", "detail": str(error)[:200]})) from error
    for sheet in children(root, "Worksheet"):
        rows: list[list[str]] = []
        cells = 0
        for row in children(child(sheet, "Table"), "Row"):
            place = _place(row, len(rows), MAX_ROWS)
            cells += place - len(rows)
            rows += [[] for _ in range(place - len(rows))]
            rows.append(_cells(row))
            cells += len(rows[-1]) + 1
            if cells > most_cells:
                raise ReadError(Reason("sheet_too_large", {"limit": most_cells}))
        width = max(map(len, rows), default=0)
        if width * len(rows) > most_cells:
            raise ReadError(Reason("sheet_too_large", {"limit": most_cells}))
        yield attribute(sheet, "Name"), [row + [""] * (width - len(row)) for row in rows]


def _cells(row: "Element") -> list[str]:
    cells: list[str] = []
    for cell in children(row, "Cell"):
        cells += [""] * (_place(cell, len(cells), MAX_COLUMNS) - len(cells))
        words = ("".join(each.itertext()) for each in cell if local(each) == "Data")
        cells.append(clean("\n".join(words)).strip())
    return cells


def _place(element: "Element", following: int, most: int) -> int:
    """Where a row or cell stands, from 0: after the one before it, or further on if it says so."""
    written = attribute(element, "Index")
    place = int(written) - 1 if written.isdecimal() and len(written) < 9 else following
    return min(max(place, following), max(most, following))
