"""XML of any kind: the texts in it, under the names of their elements."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sakuin.index.documents import Document, Skipped
from sakuin.index.readers import html, lines
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.package import local, parse_xml
from sakuin.index.readers.plain import TextBuilder, clean, one_line, require_text
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import title_of

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MAX_BYTES = 64 * 1024 * 1024
"""Parsed, XML takes ten times its size."""

_MAX_VALUE = 1000
_DRAWN = frozenset({"text", "title", "desc", "foreignObject"})
"""Elements of a drawing (SVG) that hold words."""


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read an XML file as one document, a line for each text; one that cannot be parsed as it stands.

    Raises:
        ReadError: If it is empty, too large, or in an encoding that cannot be told for certain.
    """
    data = load_bytes(source, MAX_BYTES)
    try:
        root = parse_xml(data)
    except Exception:  # an encoding that lxml does not know, or a mistake in the mark-up: the words are there
        yield from lines.read(source)
        return
    kind = local(root)
    if kind == "html":
        yield from html.read(source)
        return
    found = list(_drawn(root) if kind == "svg" else _lines(root))
    title = next((one_line("".join(each.itertext())) for each in root.iter() if local(each) == "title"), "")
    yield Document(id=source.uri, title=title_of(source.uri, stated=title), text=require_text(clean("\n".join(found))))


def _drawn(root: "Element") -> Iterator[str]:
    waiting = [root]
    while waiting:
        element = waiting.pop()
        name = local(element)
        if name == "switch":  # several ways to draw the same, the best one first
            waiting += [each for each in element if any(map(str.strip, each.itertext()))][:1]
            continue
        if name not in _DRAWN:
            waiting += list(element)[::-1]
            continue
        if name == "foreignObject":  # a piece of a page
            yield from _of_page(element)
            continue
        inside: list[Element] = []
        yield " ".join("".join(_words(element, inside)).split())
        waiting += inside[::-1]


def _of_page(element: "Element") -> Iterator[str]:
    from lxml import etree

    builder = TextBuilder()
    for each in element:
        html.append_markup(builder, etree.tostring(each, encoding="unicode", with_tail=False))
    words = builder.text() or " ".join("".join(element.itertext()).split())
    if words:
        yield words


def _words(element: "Element", inside: "list[Element]") -> Iterator[str]:
    """The words of a text, without those of the titles and descriptions in it, which are added to ``inside``."""
    yield element.text or ""
    for each in element:
        if local(each) in ("title", "desc"):
            inside.append(each)
        else:
            yield from _words(each, inside)
        yield each.tail or ""


def _lines(root: "Element") -> Iterator[str]:
    waiting = [root]
    while waiting:
        element = waiting.pop()
        name = local(element)
        for key, value in element.items():
            if len(value) <= _MAX_VALUE and any(map(str.isalpha, value)):
                yield f"{key.rpartition('}')[2]}: {' '.join(value.split())}"
        if _is_mixed(element):
            # Words with mark-up in them are one text: cut at its elements they would fall apart.
            yield " ".join("".join(element.itertext()).split())
        elif len(element):
            waiting += list(element)[::-1]
        elif text := (element.text or "").strip():
            yield f"{name}: {text}" if "\n" not in text else text


def _is_mixed(element: "Element") -> bool:
    if not len(element):
        return False
    return bool((element.text or "").strip()) or any((each.tail or "").strip() for each in element)
