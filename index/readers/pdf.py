"""PDF files with text in them."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sakuin.index.documents import Document, MetadataValue, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.passages import text_width
from sakuin.index.readers.files import file_size, os_detail, require_loadable, seconds_allowed, took_too_long
from sakuin.index.readers.plain import clean, join_wrapped, one_line, stem_of
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    import pypdfium2

MAX_PAGES = 20_000
MAX_CHARACTERS = 64 * 1024 * 1024
"""A file of a few kilobytes can unfold to any amount of text."""

# At the end of a line pdfium writes a hyphen as U+0002 or U+FFFE and goes on with the next line.
_LINE_END_HYPHENS = re.compile("[\u0002\ufffe\u00ad]\n?")
_HYPHEN = re.compile(r"(?<=[a-z])[-\u2010]\n(?=[a-z])")
_UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff\x01-\x08\x0e-\x1f]")
_PAGE_NUMBER = re.compile(
    r"[-–—\s(]*(?:[Pp](?:age|\.)?\s*)?[0-9０-９]{1,5}(?:\s*(?:/|of|／)\s*[0-9０-９]{1,5})?\s*(?:ページ|頁)?[-–—\s)]*"
)
_SENTENCE_ENDS = ("。", "．", ".", "！", "？", "!", "?", ":", "：")
_LIST_ITEM = re.compile(
    r"[-*•・●○■□◆◇▪▶※①-⑳]|[0-9０-９]{1,3}[.)．）、](?![0-9０-９])|第[0-9０-９一二三四五六七八九十百]+[条章節編項]"
)
_CONTENTS_LINE = re.compile(r"(?:[.．…・]\s?){3,}\s*\w{1,5}\Z")
_FULL_LINE = 0.75
"""A line this wide, measured by the wide lines of its page, was broken because it was full."""

_NO_TITLE = re.compile(
    r"^Microsoft \w+ - |\.(?:docx?|pptx?|xlsx?|indd|tex|dvi|pdf)$|^(?:untitled|無題).*$", re.IGNORECASE
)


def read(path: Path, uri: str, *, seconds: float | None = None) -> Iterator[Document | Skipped]:
    """Read a PDF as one document, its lines joined to paragraphs.

    Args:
        path: The file.
        uri: Its name in the index.
        seconds: How long taking out its text may take; then the pages after it are left out. None for what its size
            allows.

    Raises:
        ReadError: If it is broken, encrypted or too large, or has no text that could be taken out.
    """
    size = file_size(path)
    require_loadable(size)
    found = _extract(path, seconds_allowed(size) if seconds is None else seconds)
    text = clean(_join_lines(found.pages))
    if not text.strip():
        raise ReadError(Reason("scanned_pdf"))
    if len(_UNREADABLE.findall(text)) > 0.3 * len(text):
        raise ReadError(Reason("unnamed_characters"))
    yield Document(id=uri, title=_title(found.properties) or stem_of(uri), text=text, metadata=_metadata(found))
    for number, reason in found.left_out:
        yield Skipped(f"{uri}#page={number}", reason)


@dataclass
class _Extract:
    """What is in a PDF: the text of each page that was read, and the pages that were not."""

    page_count: int
    properties: dict[str, str]
    pages: list[str] = field(default_factory=list)
    left_out: list[tuple[int, Reason]] = field(default_factory=list)


def _extract(path: Path, seconds: float) -> _Extract:
    import pypdfium2

    started = time.monotonic()
    try:
        pdf = pypdfium2.PdfDocument(path)
    except OSError as error:
        raise ReadError(Reason("cannot_read", {"detail": os_detail(error)})) from error
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise ReadError(Reason("encrypted_pdf")) from error
        raise ReadError(Reason("broken_pdf")) from error
    try:
        found = _Extract(len(pdf), pdf.get_metadata_dict())
        characters = 0
        for number in range(1, found.page_count + 1):
            if number > MAX_PAGES or characters > MAX_CHARACTERS:
                found.left_out.append((number, Reason("too_many_pages")))
                break
            # Nothing can be done about a single page that takes for ever: it is one call into pdfium.
            if number > 1 and time.monotonic() - started > seconds:
                found.left_out.append((number, took_too_long(seconds)))
                break
            try:
                found.pages.append(_page_text(pdf, number - 1))
                characters += len(found.pages[-1])
            except pypdfium2.PdfiumError as error:
                found.left_out.append((number, Reason("damaged_page", {"detail": one_line(error)})))
    finally:
        pdf.close()
    if not found.pages:
        raise ReadError(Reason("no_pages"))
    return found


def _page_text(pdf: "pypdfium2.PdfDocument", index: int) -> str:
    page = pdf[index]
    text_page = page.get_textpage()
    try:
        return str(text_page.get_text_bounded())
    finally:
        text_page.close()
        page.close()


def _join_lines(pages: list[str]) -> str:
    """Put pages together: lines that were only full are joined, paragraphs and pages are set apart."""
    parts: list[str] = []
    for page in pages:
        lines = _lines(page)
        widths = [text_width(line) for line in lines]
        full = _FULL_LINE * sorted(widths)[len(widths) * 9 // 10] if lines else 0.0
        if parts and lines:
            # The last line of the page before was left open if its sentence may go on here.
            parts.append("\n" if parts[-1] == "" and not _LIST_ITEM.match(lines[0]) else "\n\n")
        for number, line in enumerate(lines, 1):
            parts.append(line)
            ended = line.endswith(_SENTENCE_ENDS)
            # Only the end of the line matters, and a line of nothing but dots would take quadratic time.
            alone = _CONTENTS_LINE.search(line[-100:]) is not None
            wide = widths[number - 1] >= full
            if number == len(lines):
                if wide and not ended and not alone and len(lines) > 1:
                    parts.append("")
            elif ended:
                parts.append("\u2029" if wide else "\n\n")
            else:
                parts.append("\n" if wide and not alone and not _LIST_ITEM.match(lines[number]) else "\u2029")
    # A paragraph separator stands for a line break to keep; clean() turns it into one.
    blocks = [join_wrapped(_HYPHEN.sub("", block)) for block in "".join(parts).split("\n\n")]
    return "\n\n".join(blocks)


def _lines(page: str) -> list[str]:
    lines = [line.strip() for line in _LINE_END_HYPHENS.sub("", clean(page)).split("\n")]
    lines = [line for line in lines if line]
    if len(lines) > 1 and _PAGE_NUMBER.fullmatch(lines[-1]):
        lines.pop()
    elif len(lines) > 1 and _PAGE_NUMBER.fullmatch(lines[0]):
        lines.pop(0)
    return lines


def _title(properties: dict[str, str]) -> str:
    """Return the title of a PDF, unless it is one that a word processor made up from a file's name."""
    return one_line(_NO_TITLE.sub("", one_line(properties.get("Title", ""))))


def _metadata(found: _Extract) -> dict[str, MetadataValue]:
    metadata: dict[str, MetadataValue] = {"pages": found.page_count}
    for name in ("Author", "Subject", "Keywords"):
        value = one_line(found.properties.get(name, ""), 1000)
        if value and value != "(unspecified)":
            metadata[name.lower()] = value
    if date := re.match(r"D:(\d{4})(\d{2})(\d{2})", found.properties.get("CreationDate", "")):
        metadata["date"] = "-".join(date.groups())
    return metadata
