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
from sakuin.index.readers.pdf_page import read_page
from sakuin.index.readers.pdf_properties import metadata_of, stated_title
from sakuin.index.readers.plain import clean, one_line
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import first_paragraph, title_of
from sakuin.index.reasons import Reason

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
        unnamed = any(reason.code == "unnamed_characters_page" for _, reason in found.left_out)
        raise ReadError(Reason("unnamed_characters" if unnamed else "scanned_pdf"))
    yield Document(
        id=source.uri,
        title=title_of(source.uri, stated=stated_title(found.properties), text=first_paragraph(text)),
        text=text,
        metadata=metadata_of(found.properties, found.page_count, found.language),
        positions=tuple(Position(at, {"page": number}) for at, number in zip(starts, numbers, strict=True)),
    )
    for number, reason in found.left_out:
        yield Skipped(f"{source.uri}#page={number}", reason)
    for name in found.attachments:
        yield Skipped(f"{source.uri}#{name}", Reason("pdf_attachment"))


@dataclass
class _Extract:
    """What is in a PDF: the blocks of lines of each page that was read, the pages that were not, and attached files.

    ``numbers`` are those of the pages that were read, from 1.
    """

    page_count: int
    properties: dict[str, str]
    language: str
    pages: list[list[list[str]]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    left_out: list[tuple[int, Reason]] = field(default_factory=list)
    attachments: list[str] = field(default_factory=list)


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
            # Nothing can be done about a single page that takes for ever: it is one call into pdfium.
            if number > 1 and (late := source.late()):
                found.left_out.append((number, late))
                break
            try:
                page = read_page(pdf, number - 1)
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
