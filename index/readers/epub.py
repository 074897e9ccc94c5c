"""Electronic books (.epub): their pages in the order of the spine."""

import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sakuin.index.documents import Document, MetadataValue, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import html
from sakuin.index.readers.dates import iso_date
from sakuin.index.readers.language import declared
from sakuin.index.readers.nested import append_document
from sakuin.index.readers.package import Package, attribute, child, children, local, open_package
from sakuin.index.readers.pictures import Pictures
from sakuin.index.readers.plain import TextBuilder, one_line
from sakuin.index.readers.source import MEMBER, Source
from sakuin.index.readers.titles import first_paragraph, good_title, title_of
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_DATES = {"date": "created", "dcterms:created": "created", "dcterms:modified": "modified"}
_PAGES = ("application/xhtml+xml", "text/html")
_IMAGE = re.compile(
    rb"""<(?:img|image)\b[^<>]{0,2000}?\s(?:src|(?:xlink:)?href)\s*=\s*["']([^"']{1,500})["']""", re.IGNORECASE
)
_NAMES = {"creator": "author", "language": "language", "publisher": "publisher", "subject": "subject"}


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a book as one document; a page that cannot be read is left out.

    Raises:
        ReadError: If it is no EPUB file, is damaged, or would unpack to too much.
    """
    builder = TextBuilder()
    left_out: list[Skipped] = []
    with open_package(source, "EPUB", ".epub") as package:
        container = package.xml("META-INF/container.xml")
        name = attribute(child(container, "rootfiles", "rootfile"), "full-path")
        book = package.xml(name) if name else None
        if book is None:
            raise ReadError(Reason("not_office", {"type": "EPUB", "detail": "no META-INF/container.xml"}))
        pictures = Pictures(source, package)
        for number, page in enumerate(_spine(book, posixpath.dirname(name))):
            if number and (late := source.late()):
                left_out.append(Skipped(f"{source.uri}{MEMBER}{page}", late))
                break
            try:
                left_out += _append(builder, source, package, page)
            except ReadError as error:
                if error.reason.code != "no_text":
                    left_out.append(Skipped(f"{source.uri}{MEMBER}{page}", error.reason))
                for picture in _pictures(package, page):
                    builder.add(pictures.words(picture))
    title = ""
    metadata: dict[str, MetadataValue] = {}
    said = child(book, "metadata")
    for each in () if said is None else said.iterchildren():
        text = one_line(each.text or "", 1000)
        if local(each) == "title":
            title = title or good_title(text)
        elif local(each) in _DATES or attribute(each, "property") in _DATES:
            name = _DATES.get(local(each)) or _DATES[attribute(each, "property")]
            if attribute(each, "event") != "modification" and (day := iso_date(text)):
                metadata.setdefault(name, day)
        elif text and (known := _NAMES.get(local(each))):
            metadata.setdefault(known, (declared(text) or text) if known == "language" else text)
    text = pictures.require_text(builder.text())
    yield Document(
        id=source.uri,
        title=title_of(source.uri, stated=title, heading=builder.first_heading(), text=first_paragraph(text)),
        text=text,
        headings=builder.headings(),
        metadata=metadata | pictures.metadata(),
        positions=builder.positions(),
    )
    yield from left_out
    yield from pictures.left_out()


def _spine(book: "Element", folder: str) -> list[str]:
    """The names of the pages, in their order."""
    items = {each.get("id", ""): each for each in children(child(book, "manifest"), "item")}
    pages = []
    for each in children(child(book, "spine"), "itemref"):
        item = items.get(each.get("idref", ""))
        if item is not None and item.get("media-type") in _PAGES:
            pages.append(posixpath.normpath(posixpath.join(folder, unquote(item.get("href", "")))))
    return pages


def _append(builder: TextBuilder, source: Source, package: Package, page: str) -> list[Skipped]:
    left_out: list[Skipped] = []
    data = package.read(page)
    if data:
        # Pages are XHTML whatever they are called; its empty elements are none in HTML.
        for item in html.read(Source(uri=f"{source.uri}{MEMBER}{posixpath.splitext(page)[0]}.xhtml", data=data)):
            if isinstance(item, Document):
                builder.mark({"chapter": item.title})
                append_document(builder, item)
            else:
                left_out.append(item)
    return left_out


def _pictures(package: Package, page: str) -> list[str]:
    """The names of the pictures on a page, in their order; a cover says no more than the book says of itself."""
    folder = posixpath.dirname(page)
    found = _IMAGE.findall(package.read(page) or b"")
    names = [posixpath.normpath(posixpath.join(folder, unquote(link.decode("utf-8", "replace")))) for link in found]
    return [name for name in names if "cover" not in posixpath.basename(name).lower()]
