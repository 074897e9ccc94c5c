"""Pages of a PDF that are pictures, or whose fonts do not say what they show: drawn, and read by OCR."""

import math
from typing import TYPE_CHECKING

from sakuin.index.errors import ReadError
from sakuin.index.readers.pdf_page import PageText
from sakuin.index.readers.source import Deadline
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    import pypdfium2

UNREAD = frozenset({"scanned_page", "unnamed_characters_page", "some_unnamed_characters"})
"""The reasons of pages that are read so."""

_DOTS_PER_INCH = 300
_POINTS_PER_INCH = 72
_MOST_DOTS = 40_000_000
"""Of a page; a larger one is drawn in less detail. A3 at 300 dots per inch has 17 million."""


def read_by_ocr(pdf: "pypdfium2.PdfDocument", index: int, page: PageText, deadline: Deadline | None) -> PageText:
    """Read a page as it is seen, and its comments; what it has as text stays where nothing is seen.

    Args:
        pdf: The file.
        index: Of the page, from 0.
        page: What was read of it as text.
        deadline: When to stop.

    Raises:
        PdfiumError: If it is damaged.
    """
    from sakuin.index.readers import ocr  # few ask for it

    try:
        (blocks,) = ocr.pages_of(_drawn(pdf, index), deadline, dots_per_inch=_DOTS_PER_INCH) or [[]]
    except ReadError as error:
        return PageText(page.blocks, error.reason)
    if not blocks:
        return PageText(page.blocks, Reason("no_text_seen"))
    return PageText(blocks + page.comments, by_ocr=True)


def _drawn(pdf: "pypdfium2.PdfDocument", index: int) -> bytes:
    """A page as a picture in shades of gray, as PNM has it."""
    page = pdf[index]
    try:
        width, height = page.get_size()
        scale = _DOTS_PER_INCH / _POINTS_PER_INCH
        scale = min(scale, math.sqrt(_MOST_DOTS / max(width * height, 1.0)))
        bitmap = page.render(scale=scale, grayscale=True)
        try:
            dots = bitmap.to_numpy()
            rows, columns = dots.shape[:2]
            return b"P5 %d %d 255\n" % (columns, rows) + bytes(dots.tobytes())
        finally:
            bitmap.close()
    finally:
        page.close()
