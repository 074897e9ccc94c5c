"""Finds the tables of a sheet: which row names the columns, which rows are of a table, and what stands around them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sakuin.index.readers.names import unlike
from sakuin.index.readers.plain import one_line
from sakuin.index.readers.table_header import is_header_in_sheet, is_name

Row = Sequence[str]

_LOOKED_AT = 50
_HEADER_WITHIN = 10
"""Rows of a block among which the header is sought: titles and dates stand above it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a sheet.

    Attributes:
        names: Of its columns, "" of those without one.
        first: The number of the first column, from 0.
        rows: Its rows below the header: their numbers in the sheet, from 1, and their cells.
    """

    names: list[str]
    first: int
    rows: list[tuple[int, list[str]]] = field(default_factory=list)


def find_tables(rows: Sequence[Row], wide: "set[tuple[int, int]]") -> tuple[list[Table], list[tuple[int, Row]]]:
    """Take a sheet apart.

    Args:
        rows: All its rows, with the values of merged cells in each of them.
        wide: The places (row and column from 0) in cells that are merged over several columns.

    Returns:
        The tables, and the other rows that are not blank, with their numbers from 1.
    """
    tables: list[Table] = []
    others: list[tuple[int, Row]] = []
    for start, end in _blocks(rows):
        found = _header(rows[start:end], sure=bool(tables), wide={(row - start, column) for row, column in wide})
        if found is None:
            _place_rest(rows, (start, end), tables, others)
            continue
        above, first, names, below = found
        others += [(start + number + 1, rows[start + number]) for number in range(above)]
        body = [(number + 1, list(rows[number])) for number in range(start + below, end)]
        tables.append(Table(names, first, body))
    return tables, others


def _blocks(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """The runs of rows that are not blank, as (first, after the last)."""
    blocks, begun = [], -1
    for number, row in enumerate(rows):
        if any(row):
            begun = number if begun < 0 else begun
        elif begun >= 0:
            blocks.append((begun, number))
            begun = -1
    return [*blocks, (begun, len(rows))] if begun >= 0 else blocks


def _place_rest(
    rows: Sequence[Row], block: tuple[int, int], tables: list[Table], others: list[tuple[int, Row]]
) -> None:
    """Put a block without a header to the table above it, if its rows fill the same columns, else to the rest."""
    for number in range(*block):
        row = rows[number]
        filled = [column for column, cell in enumerate(row) if cell]
        last = tables[-1] if tables else None
        if last and len(filled) > 1 and last.first <= filled[0] and filled[-1] < last.first + len(last.names):
            last.rows.append((number + 1, list(row)))
        else:
            others.append((number + 1, row))


def _header(rows: Sequence[Row], *, sure: bool, wide: "set[tuple[int, int]]") -> tuple[int, int, list[str], int] | None:
    """The header of a block: its row, first column, the names, and the row after it; None where there is none.

    Args:
        rows: Of the block.
        sure: Whether only a header counts that its columns prove: names above numbers or dates, or known names.
        wide: As of `find_tables`, in the block.
    """
    for number in range(min(len(rows) - 1, _HEADER_WITHIN)):
        filled = [column for column, cell in enumerate(rows[number]) if cell]
        if len(filled) < 2:
            continue
        first, last = filled[0], filled[-1]
        names = [cell.strip() for cell in rows[number][first : last + 1]]
        after = number + 1
        if any((number, column) in wide for column in range(first, last + 1)) and _are_names(rows[after]):
            # Two rows of names: 2024年度 over 上期 and 下期.
            lower = [cell.strip() for cell in rows[after][first : last + 1]]
            names = [" ".join(dict.fromkeys(filter(None, pair))) for pair in zip(names, lower, strict=True)]
            after += 1
        below = [row[first : last + 1] for row in rows[after : after + _LOOKED_AT]]
        if is_header_in_sheet([names, *below], sure=sure):
            return number, first, unlike(list(map(one_line, names))), after
    return None


def _are_names(row: Row) -> bool:
    cells = [cell for cell in row if cell]
    return bool(cells) and all(map(is_name, cells))
