"""Pictures within office files and books: the text in them by OCR, where that is asked for, else their number."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sakuin.index.documents import MetadataValue, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.package import Package, attribute, child, local
from sakuin.index.readers.plain import clean
from sakuin.index.readers.source import MEMBER, Source
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MAX_PICTURES = 200
"""Of one file."""

MAX_PICTURE_BYTES = 32 * 1024 * 1024
MAX_BYTES = 96 * 1024 * 1024
"""Of all pictures of one file together."""

SMALLEST = 20.0
"""Square centimetres on the page: below are logos, icons and signs."""

_EMU_PER_CM = 360_000
_CM = {"cm": 1.0, "mm": 0.1, "in": 2.54, "pt": 2.54 / 72, "pc": 2.54 / 6, "px": 2.54 / 96}
_LENGTH = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)(cm|mm|in|pt|pc|px)\s*")
_STYLE = re.compile(r"(?:^|;)\s*(width|height)\s*:\s*([\d.]+[a-z]+)", re.IGNORECASE)
_READABLE = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
"""What OCR can read; drawings of lines and curves are none of them."""

_HOLDERS = frozenset({"inline", "anchor", "pic", "shape", "rect", "frame", "oneCellAnchor", "twoCellAnchor"})


class Pictures:
    """Reads the pictures of one file, each once, however often it stands there.

    Attributes:
        read: Whether text of a picture was found.
    """

    def __init__(self, source: Source, package: Package) -> None:
        """Begin with none."""
        self.read = False
        self._source = source
        self._package = package
        self._seen: set[str] = set()
        self._unread = self._taken = self._bytes = 0
        self._reason: Reason | None = None
        self._failed: list[Skipped] = []

    def words(self, part: str, area: float | None = None) -> str:
        """The text in a picture, or "".

        Args:
            part: Its name in the package.
            area: How large it is shown, in square centimetres; None where that is not known.
        """
        name = part.lower()
        small = area is not None and area < SMALLEST
        if small or name in self._seen or not name.endswith(_READABLE) or not self._package.has(part):
            return ""
        self._seen.add(name)
        size = self._package.size(part)
        if not self._source.allowance.ocr or self._reason or self._taken >= MAX_PICTURES:
            self._unread += 1
            return ""
        if size > MAX_PICTURE_BYTES or self._bytes + size > MAX_BYTES:
            self._unread += 1
            return ""
        if late := self._source.late():
            self._reason, self._unread = late, 1
            return ""
        self._taken += 1
        self._bytes += size
        return self._recognised(part)

    def _recognised(self, part: str) -> str:
        from sakuin.index.readers import ocr
        from sakuin.index.readers.pdf_lines import joined, without_marks

        try:
            pages = ocr.pages_of(self._package.read(part) or b"", self._source.allowance.deadline)
        except ReadError as error:
            if error.reason.code == "ocr_failed":
                self._failed.append(Skipped(f"{self._source.uri}{MEMBER}{part}", error.reason))
            else:  # it is not installed, or there is no time left: as for all that follow
                self._reason, self._unread = error.reason, self._unread + 1
            return ""
        text = without_marks(clean(joined(pages)))[0]
        self.read = self.read or bool(text)
        return text

    def metadata(self) -> dict[str, MetadataValue]:
        """What documents with text of pictures in them are known by."""
        return {"ocr": True} if self.read else {}

    def left_out(self) -> Iterator[Skipped]:
        """The pictures whose text, if there is any, was not read: one reason for all of them."""
        yield from self._failed
        if self._reason:
            yield Skipped(self._source.uri, self._reason)
        elif self._unread:
            code = "too_many_pictures" if self._source.allowance.ocr else "pictures"
            yield Skipped(self._source.uri, Reason(code, {"number": self._unread}))

    def require_text(self, text: str) -> str:
        """The text of the whole file.

        Raises:
            ReadError: There is none; the reason is that of its pictures, where it has some.
        """
        if text and not text.isspace():
            return text
        raise ReadError(next((each.reason for each in self.left_out()), Reason("no_text")))


def area_of(element: "Element") -> float | None:
    """How large the drawing that an element stands in is shown, in square centimetres; None where it is not said."""
    for holder in (element, *element.iterancestors()):
        if local(holder) in _HOLDERS and (area := _own_area(holder)) is not None:
            return area
    return None


def _own_area(holder: "Element") -> float | None:
    for path in (("extent",), ("ext",), ("spPr", "xfrm", "ext")):
        extent = child(holder, *path)
        if extent is not None:
            return _product(*(_emu(attribute(extent, name)) for name in ("cx", "cy")))
    if (width := attribute(holder, "width")) and (height := attribute(holder, "height")):
        return _product(_length(width), _length(height))
    style = dict(_STYLE.findall(attribute(holder, "style")))
    return _product(*(_length(style.get(name, "")) for name in ("width", "height"))) if style else None


def _emu(written: str) -> float | None:
    return int(written) / _EMU_PER_CM if written.isdecimal() and len(written) < 12 else None


def _length(written: str) -> float | None:
    match = _LENGTH.fullmatch(written.lower())
    return float(match[1]) * _CM[match[2]] if match else None


def _product(width: float | None, height: float | None) -> float | None:
    # A picture of no extent is one that the program sizes itself.
    return width * height if width and height else None
