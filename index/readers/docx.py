"""Word files (.docx)."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sakuin.index.documents import Document, MetadataValue
from sakuin.index.errors import ReadError
from sakuin.index.readers.files import file_size, os_detail, require_loadable
from sakuin.index.readers.plain import TextBuilder, one_line, require_text, stem_of
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

MAX_UNPACKED_BYTES = 200 * 1024 * 1024
MAX_RATIO = 200
"""How many times larger than its file a Word file may become when unpacked, if that is not little anyway."""

_LITTLE = 20 * 1024 * 1024
_CHUNK = 1024 * 1024
_OLE = b"\xd0\xcf\x11\xe0"
_HEADING_STYLE = re.compile(r"(?:heading|見出し)\s*([1-9])", re.IGNORECASE)
_MAX_BASE_STYLES = 20


def read(path: Path, uri: str) -> Iterator[Document]:
    """Read a Word file as one document: its paragraphs, headings and tables.

    Raises:
        ReadError: If it is not a Word file, is encrypted or damaged, or would unpack to too much.
    """
    size = file_size(path)
    require_loadable(size)
    _refuse_bomb(path, size)
    word = _open(path)
    builder = TextBuilder()
    try:
        _Body(builder, _headings_by_style(word)).append(word.element.body)
        properties = word.core_properties
        title = one_line(properties.title or "")
        metadata: dict[str, MetadataValue] = {}
        for name in ("author", "subject", "keywords"):
            if value := one_line(getattr(properties, name) or "", 1000):
                metadata[name] = value
        if properties.created:
            metadata["date"] = properties.created.date().isoformat()
    except Exception as error:  # damaged XML shows in many ways
        raise ReadError(Reason("damaged_docx", {"detail": one_line(error)})) from error
    text = require_text(builder.text())
    yield Document(
        id=uri,
        title=title or builder.first_heading() or stem_of(uri),
        text=text,
        headings=builder.headings(),
        metadata=metadata,
    )


def _refuse_bomb(path: Path, size: int) -> None:
    """Unpack every member once, keeping nothing, before a library unpacks them all into memory.

    Raises:
        ReadError: If the file is no archive, or its members are larger than allowed, as declared or in truth.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _refuse_size(sum(member.file_size for member in members), size)
            total = 0
            for member in members:
                with archive.open(member) as file:
                    while chunk := file.read(_CHUNK):
                        total += len(chunk)
                        _refuse_size(total, size)
    except ReadError:
        raise
    except OSError as error:
        raise ReadError(Reason("cannot_read", {"detail": os_detail(error)})) from error
    except Exception as error:  # a damaged archive shows in many ways
        with path.open("rb") as file:
            if file.read(4) == _OLE:
                raise ReadError(Reason("encrypted_docx")) from error
        raise ReadError(Reason("no_docx", {"detail": one_line(error)})) from error


def _refuse_size(unpacked: int, size: int) -> None:
    if unpacked > MAX_UNPACKED_BYTES or (unpacked > _LITTLE and unpacked > MAX_RATIO * size):
        raise ReadError(Reason("unpacks_too_large", {"megabytes": round(unpacked / 1024 / 1024)}))


def _open(path: Path) -> "WordDocument":
    import docx

    try:
        return docx.Document(str(path))
    except Exception as error:  # KeyError, ValueError, XMLSyntaxError ... whatever is missing or damaged
        raise ReadError(Reason("broken_docx", {"detail": one_line(error)})) from error


def _headings_by_style(word: "WordDocument") -> dict[str, int | None]:
    """Return the heading level of each paragraph style that is one; None for styles of the table of contents.

    A style made from a heading style is one too. Its own outline level counts more than its name.
    """
    levels: dict[str, int | None] = {}
    for style in word.styles.element.style_lst:
        base: Any = style
        for _ in range(_MAX_BASE_STYLES):
            if base is None:
                break
            name = (base.name_val or "").lower()
            if name.startswith("toc ") or name == "toc heading":
                levels[style.styleId] = None
                break
            level = _style_level(base, name)
            if level:
                levels[style.styleId] = level
                break
            base = base.base_style
    return levels


def _style_level(style: Any, name: str) -> int | None:
    if outline := style.xpath("w:pPr/w:outlineLvl/@w:val"):
        level = int(outline[0]) + 1
        return level if level <= 9 else None
    if match := _HEADING_STYLE.match(name):
        return int(match[1])
    return 1 if name == "title" else None


class _Body:
    """Walks over the XML of a document.

    python-docx passes over content controls and text that was inserted while changes were tracked.
    """

    def __init__(self, builder: TextBuilder, levels: dict[str, int | None]) -> None:
        """Append to ``builder``; ``levels`` are the heading styles."""
        from docx.oxml.ns import qn

        self._builder = builder
        self._levels = levels
        self._paragraph, self._table = qn("w:p"), qn("w:tbl")
        self._row, self._cell = qn("w:tr"), qn("w:tc")
        self._text, self._tab = qn("w:t"), qn("w:tab")
        self._breaks = {qn("w:br"), qn("w:cr")}
        self._hyphen = qn("w:noBreakHyphen")
        # The reading of a ruby would stand inside the word; a fallback repeats what stands beside it.
        self._dropped = {
            qn("w:rt"),
            qn("w:pPr"),
            qn("w:rPr"),
            qn("w:moveFrom"),
            "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
        }

    def append(self, element: Any) -> None:
        """Append the paragraphs and tables in an element. XML is never nested deeper than its parser allows, 256."""
        for child in element.iterchildren():
            if child.tag == self._paragraph:
                self._append_paragraph(child)
            elif child.tag == self._table:
                self._append_table(child)
            elif child.tag not in self._dropped:
                self.append(child)

    def _append_paragraph(self, paragraph: Any) -> None:
        style = paragraph.style or ""
        if style in self._levels and self._levels[style] is None:
            return  # a table of contents repeats the headings
        self._builder.add(self._words(paragraph), self._levels.get(style))

    def _append_table(self, table: Any) -> None:
        gap = "\n\n"
        for row in self._inside(table, self._row):
            cells = [" ".join(self._words(cell).split()) for cell in self._inside(row, self._cell)]
            self._builder.add(" | ".join(cell for cell in cells if cell), gap=gap)
            gap = "\n"

    def _inside(self, element: Any, tag: str) -> Iterator[Any]:
        """Yield the rows of a table or the cells of a row, also those in content controls."""
        for child in element.iterchildren():
            if child.tag == tag:
                yield child
            elif child.tag not in self._dropped:
                yield from self._inside(child, tag)

    def _words(self, element: Any) -> str:
        """Return the text in an element; inner paragraphs (a text box, the cells of a table) become lines."""
        parts: list[str] = []
        self._collect(element, parts)
        return "".join(parts)

    def _collect(self, element: Any, parts: list[str]) -> None:
        for child in element.iterchildren():
            tag = child.tag
            if tag == self._text:
                parts.append(child.text or "")
            elif tag == self._tab:
                parts.append("\t")
            elif tag in self._breaks:
                parts.append("\n")
            elif tag == self._hyphen:
                parts.append("-")
            elif tag not in self._dropped:
                self._collect(child, parts)
                if tag == self._paragraph:
                    parts.append("\n")
