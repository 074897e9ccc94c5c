"""PDF files with text in them."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sakuin.index.documents import Document, Position, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.files import file_size, os_detail, require_loadable
from sakuin.index.readers.language import declared
from sakuin.index.readers.pdf_lines import joined, without_marks, without_running_lines
from sakuin.index.readers.pdf_ocr import UNREAD, read_by_ocr
from sakuin.index.readers.pdf_page import read_page
from sakuin.index.readers.pdf_properties import metadata_of, stated_title
from sakuin.index.readers.plain import clean, one_line
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import first_paragraph, title_of
from sakuin.index.reasons import PARTS_KEPT, Reason

if TYPE_CHECKING:
    import pypdfium2

MAX_PAGES = 20_000
MAX_ATTACHMENTS = 1000
_MAX_LANGUAGE_BYTES = 200
MAX_CHARACTERS = 64 * 1024 * 1024
"""A file of a few kilobytes can unfold to any amount of text."""


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a PDF as one document, its lines joined to paragraphs; pages that there is no time for are left out.

    Raises:
        ReadError: If it is broken, encrypted or too large, or has no text that could be taken out.
    """
    require_loadable(file_size(source))
    found = _extract(source)
    pages = without_running_lines(found.pages)
    text, starts = without_marks(clean(joined(pages)))
    numbers = [number for number, blocks in zip(found.numbers, pages, strict=True) if blocks]
    if not text.strip():
        raise ReadError(_whole(found))
    yield Document(
        id=source.uri,
        title=title_of(source.uri, stated=stated_title(found.properties), text=first_paragraph(text)),
        text=text,
        metadata=metadata_of(found.properties, found.page_count, found.language) | ({"ocr": True} if found.ocr else {}),
        positions=tuple(Position(at, {"page": number}) for at, number in zip(starts, numbers, strict=True)),
    )
    yield from _skipped(found, source.uri)
    for name in found.attachments:
        yield Skipped(f"{source.uri}#{name}", Reason("pdf_attachment"))


@dataclass
class _Extract:
    """What is in a PDF: the blocks of lines of each page that was read, the pages that were not, and attached files.

    ``numbers`` are those of the pages that were read, from 1; ``ocr`` tells whether there is text of pictures in it.
    """

    page_count: int
    properties: dict[str, str]
    language: str
    pages: list[list[list[str]]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    left_out: list[tuple[int, Reason]] = field(default_factory=list)
    attachments: list[str] = field(default_factory=list)
    ocr: bool = False


def _whole(found: _Extract) -> Reason:
    """Why there is no text in a PDF."""
    codes = {reason.code: reason for _, reason in found.left_out}
    for code in ("needs_tesseract", "ocr_failed", "no_text_seen", "stopped"):
        if code in codes:
            return codes[code]
    return Reason("unnamed_characters" if "unnamed_characters_page" in codes else "scanned_pdf")


def _skipped(found: _Extract, uri: str) -> Iterator[Skipped]:
    """The pages that were left out: pictures of pages as one, where there are many."""
    scanned = [number for number, reason in found.left_out if reason.code == "scanned_page"]
    if len(scanned) > PARTS_KEPT:
        yield Skipped(uri, Reason("scanned_pages", {"pages": _ranges(scanned), "number": len(scanned)}))
    for number, reason in found.left_out:
        if reason.code != "scanned_page" or len(scanned) <= PARTS_KEPT:
            yield Skipped(f"{uri}#page={number}", reason)


def _ranges(numbers: list[int]) -> str:
    """Numbers in their order as people write them: ``2-5, 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return one_line(", ".join("-".join(map(str, run)) for run in runs))


def _language(pdf: "pypdfium2.PdfDocument") -> str:
    """The language that the file declares of itself; "" where it does not."""
    from pypdfium2 import raw

    units = raw.FPDFCatalog_GetLanguage(pdf, None, 0)
    if not 0 < units <= _MAX_LANGUAGE_BYTES:
        return ""
    written = ctypes.create_string_buffer(units)
    raw.FPDFCatalog_GetLanguage(pdf, ctypes.cast(written, ctypes.POINTER(ctypes.c_ushort)), units)
    return declared(written.raw.decode("utf-16-le", "ignore").rstrip("\0"))


def _extract(source: Source) -> _Extract:
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(source.path or source.data)
    except OSError as error:
        raise ReadError(Reason("cannot_read", {"detail": os_detail(error)})) from error
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise ReadError(Reason("encrypted_pdf")) from error
        raise ReadError(Reason("broken_pdf")) from error
    try:
        if pdf.get_formtype() != pypdfium2.raw.FORMTYPE_NONE:
            pdf.init_forms()
        found = _Extract(len(pdf), pdf.get_metadata_dict(), _language(pdf))
        numbers = range(min(pdf.count_attachments(), MAX_ATTACHMENTS))
        found.attachments = [one_line(pdf.get_attachment(number).get_name()) for number in numbers]
        characters = 0
        for number in range(1, found.page_count + 1):
            if number > MAX_PAGES or characters > MAX_CHARACTERS:
                found.left_out.append((number, Reason("too_many_pages")))
                break
            if number > 1 and (late := source.late()):
                found.left_out.append((number, late))
                break
            # A single page that takes for ever, or all memory, is one call into pdfium: it ends the process.
            if not source.begins(number):
                continue
            try:
                page = read_page(pdf, number - 1)
                if source.allowance.ocr and page.reason and page.reason.code in UNREAD:
                    page = read_by_ocr(pdf, number - 1, page, source.allowance.deadline)
                    found.ocr = found.ocr or page.by_ocr
                found.pages.append(page.blocks)
                found.numbers.append(number)
                characters += sum(len(line) for block in page.blocks for line in block)
                if page.reason:
                    found.left_out.append((number, page.reason))
            except pypdfium2.PdfiumError as error:
                found.left_out.append((number, Reason("damaged_page", {"detail": one_line(error)})))
    finally:
        pdf.close()
    if not found.pages:
        raise ReadError(Reason("no_pages"))
    return found
