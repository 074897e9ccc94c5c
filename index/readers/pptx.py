"""PowerPoint files (.pptx): slides with their titles, tables, charts, alternative texts, comments and notes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sakuin.index.documents import Document, Scalar, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.drawings import drawn_part, drawn_picture, words_of_part, words_of_shape
from sakuin.index.readers.nested import embedded
from sakuin.index.readers.office_math import linear
from sakuin.index.readers.office_properties import properties_of
from sakuin.index.readers.package import Package, Relationship, attribute, child, children, local, open_package
from sakuin.index.readers.pictures import Pictures, area_of
from sakuin.index.readers.plain import TextBuilder, one_line
from sakuin.index.readers.source import Source
from sakuin.index.readers.superscripts import separator
from sakuin.index.readers.titles import title_of
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_BEFORE = 8
"""Pieces of text that are looked at for the word before a superscript."""

_USUAL_PART = "ppt/presentation.xml"
_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"sldNum", "dt", "hdr", "ftr", "sldImg"})
"""Placeholders of what stands on every slide: number, date, header and footer; and a slide's picture in notes."""


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a presentation as one document; the title of a slide is a heading, with its number where it has none.

    Raises:
        ReadError: If it is not a PowerPoint file, is encrypted or damaged, or would unpack to too much.
    """
    builder = TextBuilder()
    others: list[Document | Skipped] = []
    with open_package(source, "PowerPoint", ".pptx") as package:
        main = package.main_part(_USUAL_PART)
        slides = child(package.xml(main), "sldIdLst")
        if slides is None:
            raise ReadError(Reason("not_office", {"type": "PowerPoint", "detail": f"no slides in {main}"}))
        related = package.related(main)
        footers: dict[str, None] = {}
        pictures = Pictures(source, package)
        titles: list[str] = []
        hidden: list[Scalar] = []
        parts: list[Relationship] = []
        for number, slide in enumerate(slides.iterchildren(), 1):
            target = related.get(_relation(slide))
            if target is None or not package.has(target.target):
                continue
            try:
                shown = _Slide(builder, package, target.target, footers, pictures)
                titles.append(shown.append(number))
                parts += shown.related.values()
                if shown.is_hidden:
                    hidden.append(number)
            except ReadError:
                raise
            except Exception as error:  # damaged XML: the other slides are whole
                reason = Reason("damaged_part", {"detail": one_line(error)})
                others.append(Skipped(f"{source.uri}#slide={number}", reason))
        others += embedded(source, package, parts)
        builder.mark({})
        for footer in footers:
            builder.add(footer)
        title, metadata = properties_of(package)
    text = pictures.require_text(builder.text())
    yield Document(
        id=source.uri,
        title=title_of(source.uri, stated=title, heading=next(filter(None, titles), "")),
        text=text,
        headings=builder.headings(),
        metadata={
            **metadata,
            "slides": len(slides),
            **({"hidden_slides": hidden} if hidden else {}),
            **pictures.metadata(),
        },
        positions=builder.positions(),
    )
    yield from others
    yield from pictures.left_out()


def _relation(slide: "Element") -> str:
    """The id of a relationship, not of the slide itself, which has the same name in no namespace."""
    return next((str(value) for key, value in slide.items() if key.endswith("}id")), "")


class _Slide:
    """Puts the words of one slide into a document, in the order of its shapes."""

    def __init__(
        self, builder: TextBuilder, package: Package, part: str, footers: dict[str, None], pictures: Pictures
    ) -> None:
        self._builder = builder
        self._pictures = pictures
        self._package = package
        self._part = part
        self._footers = footers
        self.related: dict[str, Relationship] = package.related(part)
        self.is_hidden = False

    def append(self, number: int) -> str:
        """Append the slide, its comments and its notes; returns its title."""
        root = self._package.xml(self._part)
        if root is None:
            return ""
        self.is_hidden = root.get("show") in ("0", "false")
        self._builder.mark({"slide": number})
        shapes = list(_shapes(child(root, "cSld", "spTree")))
        titles = [shape for shape in shapes if _placeholder(shape) in _TITLES]
        title = next(filter(None, map(_line, titles)), "")
        self._builder.add(title or f"#{number}", 1)
        for shape in shapes:
            if shape not in titles[:1]:
                self._append_shape(shape)
        for each in self.related.values():
            if each.kind in ("notesSlide", "comments") and not each.external:
                self._append_beside(each)
        return title

    def _append_beside(self, target: Relationship) -> None:
        root = self._package.xml(target.target)
        if root is None:
            return
        if target.kind == "comments":
            for each in root.iter():
                if local(each) in ("text", "txBody") and (words := _line(each) or one_line(each.text or "", 10_000)):
                    self._builder.add(words)
            return
        for shape in _shapes(child(root, "cSld", "spTree")):
            if _placeholder(shape) not in _FURNITURE:
                self._builder.add(_paragraphs(shape))

    def _append_shape(self, shape: "Element") -> None:
        kind = _placeholder(shape)
        if kind in _FURNITURE:
            # A footer is told once, numbers and dates of slides not at all.
            if kind == "ftr" and (words := _line(shape)):
                self._footers[words] = None
            return
        for element in shape.iter():
            name = local(element)
            if words := words_of_shape(element, name):
                self._builder.add(words)
            elif part := drawn_part(element, name, self.related):
                self._builder.add(words_of_part(self._package, part))
            elif picture := drawn_picture(element, name, self.related):
                self._builder.add(self._pictures.words(picture, area_of(element)))
            elif name == "txBody" and not _within_table(element):
                self._builder.add(_paragraphs(element))
            elif name == "tbl":
                rows = (" | ".join(filter(None, map(_line, children(row, "tc")))) for row in children(element, "tr"))
                self._builder.add("\n".join(filter(None, rows)))


def _shapes(tree: "Element | None") -> "Iterator[Element]":
    """The shapes of a slide, also those in groups; of several ways to draw the same the first."""
    for each in () if tree is None else tree.iterchildren():
        name = local(each)
        if name == "grpSp":
            yield from _shapes(each)
        elif name == "AlternateContent":
            for choice in each.iterchildren():
                if found := list(_shapes(choice)):
                    yield from found
                    break
        elif name in ("sp", "pic", "graphicFrame", "cxnSp", "contentPart") or name == "nvGrpSpPr":
            yield each


def _placeholder(shape: "Element") -> str:
    for each in shape.iterchildren():
        if local(each).startswith("nv"):
            return attribute(child(each, "nvPr", "ph"), "type")
    return ""


def _within_table(element: "Element") -> bool:
    parent = element.getparent()
    return parent is not None and local(parent) == "tc"


def _paragraphs(element: "Element") -> str:
    """The paragraphs in an element, a line each."""
    return "\n".join(filter(None, (_words(each).strip() for each in element.iter() if local(each) == "p")))


def _line(element: "Element") -> str:
    return " ".join(_paragraphs(element).split())


def _words(paragraph: "Element") -> str:
    parts: list[str] = []
    waiting = list(paragraph.iterchildren())[::-1]
    while waiting:
        element = waiting.pop()
        name = local(element)
        if name == "t":
            words = element.text or ""
            if _is_raised(element.getparent()):
                parts.append(separator("".join(parts[-_BEFORE:]), words))
            parts.append(words)
        elif name in ("br", "tab"):
            parts.append("\n" if name == "br" else "\t")
        elif name == "oMath":
            parts.append(linear(element))
        elif name == "AlternateContent":
            waiting += list(element.iterchildren())[:1]
        elif not name.endswith("Pr"):
            waiting += list(element.iterchildren())[::-1]
    return "".join(parts)


def _is_raised(run: "Element | None") -> bool:
    baseline = attribute(child(run, "rPr"), "baseline")
    return bool(baseline) and not baseline.startswith(("-", "0"))
