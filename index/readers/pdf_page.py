"""One page of a PDF to its lines."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sakuin.index.readers.pdf_annotations import Annotations, annotations, runs_of
from sakuin.index.readers.pdf_layout import blocks_of
from sakuin.index.readers.pdf_lines import WHOLE, lines_in, without_end_hyphens
from sakuin.index.readers.pdf_runs import characters, is_slanted, needs_layout, rectangles, runs
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    import pypdfium2

MAX_LAID_OUT = 50_000
"""Characters of a page whose places are looked at; a page of more is taken as pdfium gives it."""

_UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff\x01-\x08\x0e-\x1f\x7f-\x9f\U000f0000-\U0010ffff\ufdd0-\ufdef]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc]")
_MOST_UNREADABLE = 0.3
_FEW_UNREADABLE = 0.05  # bullets and the like
_SAMPLES = 64
_MANY_PATHS = 200
_MOST_OF_PAGE = 0.5
_STAMP = 20
"""Characters that a scanned page may have: its number, the name of the file that it was scanned to."""


@dataclass(slots=True)
class PageText:
    """Of one page.

    Attributes:
        blocks: The lines of each block, in the order of reading.
        reason: Why there are none though there is something to see, or not all; or None.
        comments: Those of the blocks that are seen beside the page.
        by_ocr: Whether they were seen in a picture of the page.
    """

    blocks: list[list[str]]
    reason: Reason | None = None
    comments: list[list[str]] = field(default_factory=list)
    by_ocr: bool = False


def read_page(pdf: "pypdfium2.PdfDocument", index: int) -> PageText:
    """Read a page.

    Raises:
        PdfiumError: If it is damaged.
    """
    page = pdf[index]
    text_page = page.get_textpage()
    try:
        added = annotations(pdf, page)
        unnamed = _unnamed(text_page)
        blocks: list[list[str]] = []
        reason: Reason | None = None
        if unnamed <= _MOST_UNREADABLE:
            blocks = [readable for block in _blocks(page, text_page, added) if (readable := _readable(block))]
        if unnamed > _FEW_UNREADABLE:
            reason = Reason("some_unnamed_characters" if blocks else "unnamed_characters_page")
        elif sum(len(line) for block in blocks for line in block) <= _STAMP and _is_picture(page, bool(blocks)):
            reason = Reason("scanned_page")
        comments = [[f"{line}{WHOLE}" for line in lines_in("\n".join(added.comments))]] if added.comments else []
        return PageText(blocks + comments, reason, comments)
    finally:
        text_page.close()
        page.close()


def _blocks(page: "pypdfium2.PdfPage", text_page: "pypdfium2.PdfTextPage", added: Annotations) -> list[list[str]]:
    def as_given() -> list[list[str]]:
        return [lines_in("\n".join([text_page.get_text_bounded(), *(text for text, _ in added.placed)]))]

    if text_page.count_chars() > MAX_LAID_OUT:
        return as_given()
    if page.get_rotation() or added.placed or needs_layout(rectangles(text_page)):
        drawn = runs(characters(text_page), lambda index: is_slanted(text_page, index))
        if any(_RIGHT_TO_LEFT.search(run.text) for run in drawn):
            return as_given()
        laid_out = [*drawn, *runs_of(added.placed, len(drawn))]
        return [without_end_hyphens("\n".join(block)).split("\n") for block in blocks_of(laid_out)]
    return as_given()


def _readable(block: list[str]) -> list[str]:
    return [line for each in block if (line := _without_unreadable(each).strip(" "))]


def _without_unreadable(line: str) -> str:
    # What is printable has none but the sign for what could not be read.
    return line if line.isprintable() and "\ufffd" not in line else _UNREADABLE.sub("", line)


def _unnamed(text_page: "pypdfium2.PdfTextPage") -> float:
    """Of how many characters of a page, from 0 to 1, the fonts do not say which they are; judged by some."""
    from pypdfium2 import raw

    count = text_page.count_chars()
    step = max(1, count // _SAMPLES)
    sample = range(0, count, step)
    found = [index for index in sample if _is_unnamed(text_page, index)]
    if not found:
        return 0.0
    written = [index for index in sample if raw.FPDFText_IsGenerated(text_page, index) != 1]
    return len(set(found).intersection(written)) / max(1, len(written))


def _is_unnamed(text_page: "pypdfium2.PdfTextPage", index: int) -> bool:
    from pypdfium2 import raw

    number = raw.FPDFText_GetUnicode(text_page, index)
    if not 0x20 <= number < 0x7F and (number == 0 or _UNREADABLE.match(chr(number))):
        return True
    return bool(raw.FPDFText_HasUnicodeMapError(text_page, index) == 1)


def _is_picture(page: "pypdfium2.PdfPage", is_stamped: bool) -> bool:
    """Whether there is a picture on a page, or a drawing that may be of letters; beside a stamp, one of most of it."""
    from pypdfium2 import raw

    width, height = page.get_size()
    paths = 0
    for each in page.get_objects(max_depth=3):
        if each.type in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_SHADING):
            left, bottom, right, top = each.get_bounds()
            if not is_stamped or (right - left) * (top - bottom) >= _MOST_OF_PAGE * width * height:
                return True
        paths += each.type == raw.FPDF_PAGEOBJ_PATH
        if paths > _MANY_PATHS and not is_stamped:
            return True
    return False
