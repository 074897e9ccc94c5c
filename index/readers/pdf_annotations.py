"""What was added to the pages of a PDF: the values of forms, text boxes and comments."""

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sakuin.index.readers.pdf_runs import RIGHT, Box, Run, turn

if TYPE_CHECKING:
    import pypdfium2

MAX_ANNOTATIONS = 5_000
"""Of one page."""

MAX_UNITS = 100_000
"""Of one annotation's text, in 16 bits each."""

_HIDDEN = 1 << 1
_PASSWORD = 1 << 13
_TYPICAL_SIZE = 12.0


@dataclass(slots=True)
class Annotations:
    """Of one page.

    Attributes:
        placed: What is seen on the page, with its place there.
        comments: What is seen beside it.
    """

    placed: list[tuple[str, Box]]
    comments: list[str]


def annotations(pdf: "pypdfium2.PdfDocument", page: "pypdfium2.PdfPage") -> Annotations:
    """The values of a page's form fields, its text boxes and its comments."""
    from pypdfium2 import raw

    found = Annotations([], [])
    for number in range(min(raw.FPDFPage_GetAnnotCount(page), MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        if not annotation:
            continue
        try:
            if raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                continue
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            if kind == raw.FPDF_ANNOT_WIDGET:
                text = _value(pdf, annotation)
            elif kind in (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP):
                continue
            else:
                text = _string(annotation, b"Contents")
            if not text.strip():
                continue
            rectangle = raw.FS_RECTF()
            if kind in (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT) and raw.FPDFAnnot_GetRect(
                annotation, ctypes.byref(rectangle)
            ):
                box = (rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)
                found.placed += _lines_in(text, box)
            else:
                found.comments.append(text)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    return found


def runs_of(placed: list[tuple[str, Box]], order: int) -> list[Run]:
    """What was put on a page as runs beside those that were drawn."""
    return [
        Run(text, turn(box, RIGHT), [box[2]] * len(text), True, order + number, RIGHT)
        for number, (text, box) in enumerate(placed)
    ]


def _value(pdf: "pypdfium2.PdfDocument", annotation: object) -> str:
    """What was typed or chosen in a field; of boxes to tick nothing."""
    from pypdfium2 import raw

    if pdf.formenv is None:
        return _string(annotation, b"V")
    kind = raw.FPDFAnnot_GetFormFieldType(pdf.formenv, annotation)
    if kind not in (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX):
        return ""
    if raw.FPDFAnnot_GetFormFieldFlags(pdf.formenv, annotation) & _PASSWORD and kind == raw.FPDF_FORMFIELD_TEXTFIELD:
        return ""
    return _text(lambda buffer, size: raw.FPDFAnnot_GetFormFieldValue(pdf.formenv, annotation, buffer, size))


def _string(annotation: object, key: bytes) -> str:
    from pypdfium2 import raw

    return _text(lambda buffer, size: raw.FPDFAnnot_GetStringValue(annotation, key, buffer, size))


def _text(call: "ctypes._FuncPointer | object") -> str:
    size = call(None, 0)  # type: ignore[operator]
    if not 2 < size <= 2 * MAX_UNITS:
        return ""
    buffer = ctypes.create_string_buffer(size)
    call(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)  # type: ignore[operator]
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0")


def _lines_in(text: str, box: Box) -> list[tuple[str, Box]]:
    """The lines of a field, one below the other in it."""
    left, bottom, right, top = box
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    height = (top - bottom) / len(lines)
    size = min(height, _TYPICAL_SIZE)
    found: list[tuple[str, Box]] = []
    for number, line in enumerate(lines):
        middle = top - (number + 0.5) * height
        end = min(right, left + size * len(line))
        found.append((line.strip(), (left, middle - size / 2, max(end, left + 1), middle + size / 2)))
    return found
