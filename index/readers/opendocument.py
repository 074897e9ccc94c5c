"""OpenDocument texts and presentations (.odt, .odp), each where a reader sees it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sakuin.index.documents import Document, Scalar, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import ruby
from sakuin.index.readers.counting import counted
from sakuin.index.readers.office_properties import properties_of_opendocument
from sakuin.index.readers.package import Package, attribute, child, children, local, open_package
from sakuin.index.readers.pictures import Pictures, area_of
from sakuin.index.readers.plain import TextBuilder, one_line
from sakuin.index.readers.source import Source
from sakuin.index.readers.superscripts import separator
from sakuin.index.readers.titles import first_paragraph, title_of
from sakuin.index.readers.word_notes import is_page_number
from sakuin.index.readers.word_styles import whole
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

# Deleted text, a table of contents, and what says how lists count.
_DROPPED = frozenset(
    {
        "tracked-changes",
        "table-of-content",
        "sequence-decls",
        "forms",
        "variable-decls",
        "user-field-decls",
    }
)
_ASIDE = frozenset({"note", "annotation", "text-box", "title", "desc", "object", "image"})
_MAY_BE_HIDDEN = frozenset({"section", "hidden-text", "hidden-paragraph"})
_FURNITURE = frozenset({"page-number", "date-time", "header", "footer", "page"})
_FORMATS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman",
            "一, 二, 三, ...": "japaneseCounting", "１, ２, ３, ...": "decimalFullWidth",
            "ア, イ, ウ, ...": "aiueoFullWidth",
            "①, ②, ③, ...": "decimalEnclosedCircle", "イ, ロ, ハ, ...": "irohaFullWidth"}  # fmt: skip
_MAX_SPACES = 1000
_BEFORE = 8
"""Pieces of text that are looked at for the word before a superscript."""
_OBJECT = re.compile(r"(?:\./)?([^/#]+)/?")


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a text or a presentation as one document; of a presentation each page is a section.

    Raises:
        ReadError: If it is no OpenDocument file, is encrypted or damaged, or would unpack to too much.
    """
    builder = TextBuilder()
    with open_package(source, "OpenDocument", ".odt") as package:
        # A flat file (.fodt) is not a package; what is called .odt and is none was refused above.
        root = package.xml("content.xml")
        body = child(root, "body")
        if root is None or body is None:
            raise ReadError(Reason("not_office", {"type": "OpenDocument", "detail": "no content.xml"}))
        styles = package.xml("styles.xml")
        pictures = Pictures(source, package)
        walker = _Walker(builder, package, _list_styles(root, styles), pictures)
        walker.raised, walker.hidden = _raised_styles(root, styles), _hidden_styles(root, styles)
        walker.append_furniture(styles, "header")
        for kind in body.iterchildren():
            walker.append(kind)
        walker.end_slides()
        walker.append_furniture(styles, "footer")
        title, metadata = properties_of_opendocument(package)
    text = pictures.require_text(builder.text())
    yield Document(
        id=source.uri,
        title=title_of(source.uri, stated=title, heading=builder.first_heading(), text=first_paragraph(text)),
        text=text,
        headings=builder.headings(),
        metadata={
            **metadata,
            **({"hidden_slides": walker.hidden_slides} if walker.hidden_slides else {}),
            **pictures.metadata(),
        },
        positions=builder.positions(),
    )
    yield from pictures.left_out()


def _list_styles(*roots: "Element | None") -> "dict[str, dict[int, Element]]":
    """How lists and headings are numbered: the definitions of levels, by the names of styles; "" for headings."""
    found: dict[str, dict[int, Element]] = {}
    for root in roots:
        for each in () if root is None else root.iter("{*}list-style", "{*}outline-style"):
            name = attribute(each, "name") if local(each) == "list-style" else ""
            found[name] = {whole(attribute(level, "level"), 1) or 1: level for level in each.iterchildren()}
    return found


def _raised_styles(*roots: "Element | None") -> set[str]:
    """The names of styles that set text above the line."""
    found = set()
    for root in roots:
        for each in () if root is None else root.iter("{*}text-properties"):
            style = each.getparent()
            if style is not None and attribute(each, "text-position").startswith(("super", "3", "4", "5")):
                found.add(attribute(style, "name"))
    return found


def _hidden_styles(*roots: "Element | None") -> set[str]:
    """The names of styles that hide text, or a page of a presentation."""
    found = set()
    for root in roots:
        for each in () if root is None else root.iter("{*}text-properties", "{*}drawing-page-properties"):
            style = each.getparent()
            if style is not None and "hidden" in (
                "hidden" if attribute(each, "display") == "none" else "",
                attribute(each, "visibility"),
            ):
                found.add(attribute(style, "name"))
    return found


class _Walker:
    """Turns elements into blocks of text."""

    def __init__(
        self,
        builder: TextBuilder,
        package: Package,
        styles: "dict[str, dict[int, Element]]",
        pictures: Pictures,
    ) -> None:
        self._builder = builder
        self._pictures = pictures
        self._package = package
        self._styles = styles
        self.raised: set[str] = set()
        self.hidden: set[str] = set()
        self.hidden_slides: list[Scalar] = []
        self._counts: dict[tuple[str, int], int] = {}
        self._aside: list[Element] = []
        self._slides = 0

    def end_slides(self) -> None:
        """What is appended from here on stands on no slide."""
        if self._slides:
            self._builder.mark({})

    def append_furniture(self, styles: "Element | None", kind: str) -> None:
        """Append the lines of the headers, or of the footers, each once and without page numbers."""
        lines: dict[str, None] = {}
        for page in () if styles is None else styles.iter("{*}master-page"):
            for each in page.iterchildren():
                if local(each) in (kind, f"{kind}-left", f"{kind}-first"):
                    lines |= dict.fromkeys(self._words(p).strip() for p in each.iter("{*}p"))
        self._aside.clear()
        self._builder.add("\n".join(line for line in lines if not is_page_number(line)))

    def append(self, element: "Element", style: str = "", depth: int = 0) -> None:
        """Append what is in an element.

        Args:
            element: Any.
            style: The list style of the list it is in.
            depth: In how many lists it is.
        """
        for each in element.iterchildren():
            name = local(each)
            if name == "h":
                level = whole(attribute(each, "outline-level"), 1) or 1
                self._add(each, label=self._label("", level), level=min(level, 9))
            elif name == "p":
                self._add(each)
            elif name == "list":
                self._append_list(each, attribute(each, "style-name") or style, depth + 1)
            elif name == "table":
                self._append_table(each)
            elif name == "page":
                self._append_page(each)
            elif name in _ASIDE:
                self._append_aside(each)
            elif name not in _DROPPED and not _is_hidden(each, name):
                self.append(each, style, depth)

    def _add(self, paragraph: "Element", *, label: str = "", level: int | None = None) -> None:
        hides = attribute(paragraph, "style-name") in self.hidden or any(
            _is_hidden(each, "hidden-paragraph") for each in children(paragraph, "hidden-paragraph")
        )
        words = "" if hides else self._words(paragraph)
        if words.strip():
            self._builder.add(label + words.lstrip() if label else words, level)
        self._append_asides()

    def _append_list(self, element: "Element", style: str, depth: int) -> None:
        if attribute(element, "continue-numbering") != "true" and not attribute(element, "continue-list"):
            self._counts.pop((style, depth), None)
        for item in element.iterchildren():
            label = self._label(style, depth) if local(item) == "list-item" else ""
            for each in item.iterchildren():
                if local(each) in ("p", "h"):
                    self._add(each, label=label)
                    label = ""
                elif local(each) == "list":
                    self._append_list(each, attribute(each, "style-name") or style, depth + 1)

    def _label(self, style: str, depth: int) -> str:
        """What stands before an item or heading by itself; "" for nothing, and for a mere bullet."""
        level = self._styles.get(style, {}).get(depth)
        if (
            level is None
            or not attribute(level, "num-format")
            or "number" not in local(level) + "-number" * (not style)
        ):
            return ""
        for key in [key for key in self._counts if key[0] == style and key[1] > depth]:
            del self._counts[key]
        start = whole(attribute(level, "start-value"), 1) or 1
        self._counts[style, depth] = self._counts.get((style, depth), start - 1) + 1
        shown = whole(attribute(level, "display-levels"), 1) or 1
        numbers = [
            counted(self._counts.get((style, each), 1), _FORMATS.get(self._format(style, each), "decimal"))
            for each in range(max(1, depth - shown + 1), depth + 1)
        ]
        return f"{attribute(level, 'num-prefix')}{'.'.join(numbers)}{attribute(level, 'num-suffix')} ".lstrip()

    def _format(self, style: str, depth: int) -> str:
        return attribute(self._styles[style].get(depth), "num-format")

    def _append_table(self, table: "Element") -> None:
        lines = []
        for row in table.iter("{*}table-row"):
            cells = [" ".join(self._words(cell).split()) for cell in children(row, "table-cell")]
            lines.append(" | ".join(filter(None, cells)))
        self._builder.add("\n".join(filter(None, lines)))
        self._append_asides()

    def _append_page(self, page: "Element") -> None:
        """Append a page of a presentation under its title."""
        self._slides += 1
        self._builder.mark({"slide": self._slides})
        if attribute(page, "style-name") in self.hidden:
            self.hidden_slides.append(self._slides)
        title = ""
        for frame in children(page, "frame"):
            if attribute(frame, "class") == "title":
                title = title or " ".join(self._words(child(frame, "text-box")).split())
        self._aside.clear()
        if title:
            self._builder.add(title, 1)
        for each in page.iterchildren():
            if attribute(each, "class") not in ("title", *_FURNITURE):
                holder = page.makeelement(page.tag)
                holder.append(each)
                self.append(holder)

    def _append_asides(self) -> None:
        asides, self._aside = self._aside, []
        for each in asides:
            self._append_aside(each)

    def _append_aside(self, element: "Element") -> None:
        """Append what hangs on a paragraph: a note, a comment, a text box, words for a picture, an equation."""
        name = local(element)
        if name == "text-box":
            self.append(element)
        elif name == "note":
            mark = _text_in(element, "note-citation")
            words = " ".join(self._words(child(element, "note-body")).split())
            self._builder.add(f"[{mark}] {words}" if mark else words)
        elif name == "annotation":
            author = _text_in(element, "creator")
            words = "\n".join(self._words(each) for each in children(element, "p"))
            self._builder.add(f"{author}: {words}" if author else words)
        elif name == "object":
            self._builder.add(self._equation(attribute(element, "href")))
        elif name == "image":
            self._builder.add(self._pictures.words(attribute(element, "href").removeprefix("./"), area_of(element)))
        else:
            self._builder.add("".join(element.itertext()))

    def _equation(self, link: str) -> str:
        """The text of an equation in a part of its own, as its author wrote it."""
        match = _OBJECT.fullmatch(link)
        root = self._package.xml(f"{match[1]}/content.xml") if match else None
        if root is None or local(root) != "math":
            return ""
        written = next((each.text for each in root.iter("{*}annotation")), None)
        return written or "".join("".join(root.itertext()).split())

    def _words(self, element: "Element | None") -> str:
        """The text in an element; inner paragraphs become lines."""
        parts: list[str] = []
        if element is not None:
            self._collect(element, parts)
        words = "".join(parts)
        return ruby.place_readings(words) if ruby.BEGIN in words else words

    def _collect(self, element: "Element", parts: list[str]) -> None:
        parts.append(element.text or "")
        for each in element.iterchildren():
            name = local(each)
            if name == "s":
                parts.append(" " * min(whole(attribute(each, "c"), 1) or 1, _MAX_SPACES))
            elif name in ("tab", "line-break"):
                parts.append("\t" if name == "tab" else "\n")
            elif name == "note":
                mark = _text_in(each, "note-citation")
                parts.append(f"[{mark}]" if mark else "")
                self._aside.append(each)
            elif name == "ruby-text":
                parts += [ruby.BEGIN, self._words(each), ruby.END]
            elif name == "span" and attribute(each, "style-name") in self.raised:
                words = self._words(each)
                parts += [separator("".join(parts[-_BEFORE:]), words), words]
            elif name in _ASIDE:
                self._aside.append(each)
            elif name == "span" and attribute(each, "style-name") in self.hidden:
                pass
            elif name not in _DROPPED and not _is_hidden(each, name):
                self._collect(each, parts)
                if name in ("p", "h"):
                    parts.append("\n")
            parts.append(each.tail or "")


def _is_hidden(element: "Element", name: str) -> bool:
    """Whether what an element holds is hidden, always or as its condition stands."""
    if name not in _MAY_BE_HIDDEN:
        return False
    return attribute(element, "display") == "none" or attribute(element, "is-hidden") == "true"


def _text_in(element: "Element", name: str) -> str:
    found = child(element, name)
    return "" if found is None else one_line("".join(found.itertext()))
