"""Spreadsheets: xlsx, xlsm, xlsb, xls and ods, through calamine; what of xlsx it does not know is read beside it.

Each row of a table is a document, ``book.xlsx#売上!40``; what stands outside of tables, in text boxes and comments is
the document of the sheet, ``book.xlsx#売上``.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sakuin.index.documents import Document, MetadataValue, Position, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import html, tables
from sakuin.index.readers.content import HEAD_BYTES, reader_by_content
from sakuin.index.readers.fields import TEXT_NAMES, TITLE_NAMES, named
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.office_properties import properties_of, properties_of_ole, properties_of_opendocument
from sakuin.index.readers.package import open_package
from sakuin.index.readers.pictures import Pictures
from sakuin.index.readers.plain import clean, one_line, stem_of
from sakuin.index.readers.sheet_extent import MAX_CELLS, refuse_wide_old, refuse_wide_package
from sakuin.index.readers.sheet_formats import Show, number_formats
from sakuin.index.readers.sheet_parts import words_beside_cells
from sakuin.index.readers.sheet_tables import Table, find_tables
from sakuin.index.readers.sheet_xml import MARK, rows_of
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import first_line, first_words
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_KIND = "Excel"
_ZIP, _OLE = b"PK\3\4", b"\xd0\xcf\x11\xe0"


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a spreadsheet: a document for each row of a table, and one for each sheet with something else.

    Raises:
        ReadError: If it is no spreadsheet, is encrypted or damaged, or has nothing in it.
    """
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    data = load_bytes(source)
    if not data.startswith((_ZIP, _OLE)):
        if MARK in data[:HEAD_BYTES]:
            yield from _read_xml(source, data)
            return
        # What web systems export as "Excel" is a table in HTML or text.
        yield from (html.read if reader_by_content(data[:HEAD_BYTES]) == "html" else tables.read)(source)
        return
    left_out: list[Skipped] = []
    metadata, beside, formats = _beside(source, data, left_out)
    found = False
    with _calamine():
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = [each for each in book.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
    for sheet in sheets:
        name = sheet.name
        said = metadata if sheet.visible == SheetVisibleEnum.Visible else {**metadata, "hidden": True}
        for item in _read_sheet(book, name, source, (said, beside.pop(name, []), formats.get(name, {}))):
            found = True
            yield item
    for name, lines in beside.items():
        found = True
        yield _sheet_document(source, name, lines, metadata)
    if not found:
        raise ReadError(left_out[0].reason if left_out else Reason("no_text"))
    yield from left_out


@contextmanager
def _calamine() -> Iterator[None]:
    """Turn what calamine raises into reasons, panics of its Rust too, which are no exceptions of the usual kind."""
    try:
        yield
    except (ReadError, MemoryError):
        raise
    except BaseException as error:
        name = type(error).__name__
        if name == "PasswordError":
            raise ReadError(Reason("encrypted_office", {"type": _KIND, "suffix": ".xlsx"})) from error
        if not isinstance(error, Exception) and name != "PanicException":
            raise
        raise ReadError(Reason("not_office", {"type": _KIND, "detail": one_line(error)})) from error


def _beside(
    source: Source, data: bytes, left_out: list[Skipped]
) -> tuple[dict[str, MetadataValue], dict[str, list[str]], dict[str, dict[tuple[int, int], Show]]]:
    """What calamine does not give.

    That is the file's properties, and by sheet the words in comments, text boxes and charts, and how numbers are shown.
    """
    if data.startswith(_OLE):
        refuse_wide_old(data)
        return properties_of_ole(data)[1], {}, {}
    with open_package(source, _KIND, ".xlsx") as package:
        package.refuse_bomb()
        refuse_wide_package(package)
        if package.has("content.xml"):
            return properties_of_opendocument(package)[1], {}, {}
        pictures = Pictures(source, package)
        beside = words_beside_cells(package, pictures)
        left_out += pictures.left_out()
        return properties_of(package)[1] | pictures.metadata(), beside, number_formats(package)


def _read_sheet(
    book: "CalamineWorkbook",
    name: str,
    source: Source,
    known: tuple[dict[str, MetadataValue], list[str], dict[tuple[int, int], Show]],
) -> Iterator[Document | Skipped]:
    metadata, beside, formats = known
    try:
        with _calamine():
            sheet = book.get_sheet_by_name(name)
            if sheet.height * sheet.width > MAX_CELLS:
                raise ReadError(Reason("sheet_too_large", {"limit": MAX_CELLS}))
            rows = list(_rows(sheet, formats))
    except ReadError as error:
        yield Skipped(f"{source.uri}#{one_line(name)}", error.reason)
        return
    yield from _items(rows, _fill_merged(rows, sheet), name, source, (metadata, beside))


def _read_xml(source: Source, data: bytes) -> Iterator[Document | Skipped]:
    found = False
    for name, rows in rows_of(data, MAX_CELLS):
        for item in _items(rows, set(), name, source, ({}, [])):
            found = True
            yield item
    if not found:
        raise ReadError(Reason("no_text"))


def _items(
    rows: list[list[str]],
    wide: set[tuple[int, int]],
    name: str,
    source: Source,
    known: tuple[dict[str, MetadataValue], list[str]],
) -> Iterator[Document | Skipped]:
    """The documents of a sheet: its rows, merged cells filled, with what is known of it and stands beside it."""
    metadata, beside = known
    found, others = find_tables(rows, wide)
    lines = [" | ".join(dict.fromkeys(filter(None, row))) for _, row in others] + beside
    if any(lines):
        yield _sheet_document(source, name, lines, metadata)
    for table in found:
        for number, cells in table.rows:
            if document := _row_document(table, cells, source, (name, number), is_hidden="hidden" in metadata):
                yield document


def _rows(sheet: "CalamineSheet", formats: dict[tuple[int, int], Show]) -> Iterator[list[str]]:
    left = sheet.start[1] if sheet.start else 0
    for number, row in enumerate(sheet.iter_rows()):
        shown = [_shown(cell) for cell in row]
        if formats:
            for column, cell in enumerate(row):
                if type(cell) in (int, float) and (show := formats.get((number, left + column))):
                    shown[column] = show(float(str(cell)))
        yield shown


def _fill_merged(rows: list[list[str]], sheet: "CalamineSheet") -> set[tuple[int, int]]:
    """Write the value of merged cells into each of them; returns the places merged over several columns."""
    wide: set[tuple[int, int]] = set()
    left = sheet.start[1] if sheet.start else 0
    budget = MAX_CELLS
    for (top, first), (bottom, last) in sheet.merged_cell_ranges or ():
        bottom, last = min(bottom, len(rows) - 1), min(last, left + sheet.width - 1)
        if not (top <= bottom and left <= first <= last):
            continue
        budget -= (bottom - top + 1) * (last - first + 1)
        if budget < 0:
            break
        value = rows[top][first - left]
        for row in range(top, bottom + 1):
            for column in range(first - left, last - left + 1):
                rows[row][column] = value
                if last > first:
                    wide.add((row, column))
    return wide


def _shown(value: object) -> str:
    """A cell as text: a date as a date, a whole number without a point."""
    if isinstance(value, str):
        return clean(value).strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, datetime):
        whole_day = value.time() == time()
        return value.date().isoformat() if whole_day else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("seconds" if value.second else "minutes")
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    return "" if value is None else str(value)


def _sheet_document(source: Source, name: str, lines: list[str], metadata: dict[str, MetadataValue]) -> Document:
    name = one_line(name)
    return Document(
        id=f"{source.uri}#{name}",
        title=f"{stem_of(source.uri)} {name}",
        text=clean("\n".join(line for line in lines if line)),
        metadata={**metadata, "sheet": name},
        positions=(Position(0, {"sheet": name}),),
    )


def _row_document(
    table: Table, cells: list[str], source: Source, place: tuple[str, int], *, is_hidden: bool
) -> Document | None:
    """The document of a row: its text column is its text, or else all cells under their names."""
    sheet, number = one_line(place[0]), place[1]
    names = table.names
    end = table.first + len(names)
    own = cells[table.first : end]
    texts, titles = named(TEXT_NAMES, names), named(TITLE_NAMES, names)
    text_at = names.index(texts[0]) if texts else -1
    title_at = names.index(titles[0]) if titles else -1
    lone = [cell for cell in (*cells[: table.first], *cells[end:]) if cell]
    if 0 <= text_at < len(own) and own[text_at]:
        lines = [own[text_at], *lone]
    else:
        pairs = zip(names, own, strict=False)
        lines = [f"{name}: {cell}" if name else cell for name, cell in pairs if cell] + lone
    text = clean("\n".join(lines))
    if not text.strip():
        return None
    title = own[title_at] if 0 <= title_at < len(own) else ""
    title = title or (first_line(text) if text_at >= 0 else first_words(own))
    fields: dict[str, MetadataValue] = {"sheet": sheet, "row": number}
    if is_hidden:
        fields["hidden"] = True
    fields |= {
        # The place of the row is that, whatever columns are called.
        f"column {name}" if name in fields else name: cell
        for place_of, (name, cell) in enumerate(zip(names, own, strict=False))
        if name and cell and place_of not in (text_at, title_at)
    }
    return Document(
        id=f"{source.uri}#{sheet}!{number}",
        title=one_line(title) or f"{stem_of(source.uri)} {sheet} {number}",
        text=text,
        metadata=fields,
        positions=(Position(0, {"sheet": sheet, "row": number}),),
    )
