"""Numbers of an xlsx file as Excel shows them where that is another word: 15 % for 0.15, 00123 for 123."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from sakuin.index.readers.package import Package, attribute, child, children

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

Show = Callable[[float], str]

MAX_CELLS = 1_000_000
"""Of a file, those whose numbers are shown in another way."""

_BOOK = "xl/workbook.xml"
_PERCENT = {9: "0%", 10: "0.00%"}
"""The formats that need not be defined."""

_CELL = re.compile(rb"<(?:\w+:)?c\b([^<>]*)>")
_PLACE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_STYLE = re.compile(rb'\bs="(\d{1,6})"')
_PIECE = re.compile(r'"([^"]*)"|\\(.)|\[[^\]]*\]|_.|\*.|(.)', re.S)
_ZERO = "\ufdd0"  # a place that a digit fills, as no character of a text does
_PERCENT_FORM = re.compile(f"[#,]*{_ZERO}(?:\\.({_ZERO}+))?( ?)%")
_OF_CODES = frozenset("0-() ")
_LONGEST = 80


def number_formats(package: Package) -> dict[str, dict[tuple[int, int], Show]]:
    """How numbers are shown that are shown in another way than they are stored, by sheet, row and column from 0."""
    styles = _shown_styles(package.xml("xl/styles.xml"))
    if not styles:
        return {}
    related = package.related(_BOOK)
    found: dict[str, dict[tuple[int, int], Show]] = {}
    left = MAX_CELLS
    for sheet in children(child(package.xml(_BOOK), "sheets"), "sheet"):
        target = related.get(attribute(sheet, "id"))
        if target is None or target.external:
            continue
        cells = dict(_cells(package.read(target.target) or b"", styles, left))
        left -= len(cells)
        if cells:
            found[sheet.get("name") or ""] = cells
    return found


def _shown_styles(root: "Element | None") -> dict[int, Show]:
    """By the number of a style of cells how it shows a number."""
    codes = dict(_PERCENT)
    for each in children(child(root, "numFmts"), "numFmt"):
        number = attribute(each, "numFmtId")
        if number.isdecimal() and len(number) < 9:
            codes[int(number)] = attribute(each, "formatCode")
    found: dict[int, Show] = {}
    for place, each in enumerate(children(child(root, "cellXfs"), "xf")):
        written = attribute(each, "numFmtId")
        code = codes.get(int(written), "") if written.isdecimal() and len(written) < 9 else ""
        if show := show_by(code):
            found[place] = show
    return found


def _cells(sheet: bytes, styles: dict[int, Show], most: int) -> Iterator[tuple[tuple[int, int], Show]]:
    for match in _CELL.finditer(sheet):
        style, place = _STYLE.search(match[1]), _PLACE.search(match[1])
        if not style or not place or not (show := styles.get(int(style[1]))):
            continue
        if most <= 0:
            return
        most -= 1
        column = 0
        for letter in place[1]:
            column = column * 26 + letter - 64
        yield (int(place[2]) - 1, column - 1), show


def show_by(code: str) -> Show | None:
    """What a format makes of a number, where that is a share in hundreds or a code of so many digits; else None."""
    if len(code) > _LONGEST:
        return None
    text, signs = "", ""
    for literal, escaped, plain in _PIECE.findall(code):
        if plain == ";":
            break  # what follows is for negative numbers
        signs += plain
        text += literal or escaped or plain.replace("0", _ZERO)
    if "%" in signs:
        match = _PERCENT_FORM.fullmatch(text)
        return _percent(len(match[1] or ""), match[2]) if match else None
    places = text.count(_ZERO)
    # Places for digits that may be missing, decimals, dates, times: all of that calamine shows, or nobody looks for.
    if places < 2 or not set(signs) <= _OF_CODES:
        return None
    return _of_digits(text, places)


def _percent(decimals: int, gap: str) -> Show:
    return lambda value: f"{Decimal(repr(value)) * 100:.{decimals}f}{gap}%"


def _of_digits(text: str, places: int) -> Show:
    def show(value: float) -> str:
        if value < 0 or value >= 1e15:
            return f"{value:.15g}"
        digits = f"{round(value):0{places}}"
        filled = digits[: len(digits) - places + 1], *digits[len(digits) - places + 1 :]
        waiting = iter(filled)
        return "".join(next(waiting) if each == _ZERO else each for each in text)

    return show
