"""Walks over the XML of a Word file and puts its words where a reader sees them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import ruby
from sakuin.index.readers.drawings import drawn_part, drawn_picture, words_of_part, words_of_shape
from sakuin.index.readers.nested import append_document
from sakuin.index.readers.office_math import linear
from sakuin.index.readers.package import Package, Relationship, attribute, child, children, first_child, local
from sakuin.index.readers.pictures import Pictures, area_of
from sakuin.index.readers.plain import TextBuilder, one_line
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Source
from sakuin.index.readers.superscripts import separator
from sakuin.index.readers.word_notes import Notes, is_page_number
from sakuin.index.readers.word_styles import Numbering, Styles, is_on, whole
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_DROPPED = frozenset(
    {"pPr", "rPr", "tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "sdtPr", "sdtEndPr", "moveFrom", "del"}
)
_SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_DRAWINGS = frozenset({"docPr", "cNvPr", "textpath", "shape", "rect", "oval", "roundrect", "imagedata", "blip"})
_LINKED = frozenset({"chart", "relIds"})
_ASIDE = frozenset({"txbxContent", "altChunk"})
_EQUATION = "oMath"
_BEFORE = 8
"""Pieces of text that are looked at for the word before a superscript."""


@dataclass(slots=True)
class WordParts:
    """What the body of a Word file refers to.

    Attributes:
        source: The file.
        package: Its parts.
        related: What the part at hand refers to, by id.
        styles, numbering: Of its paragraphs.
        notes: Footnotes, endnotes and comments, by the element that refers to one.
        pictures: Those in the file.
    """

    source: Source
    package: Package
    related: dict[str, Relationship]
    styles: Styles
    numbering: Numbering
    notes: dict[str, Notes]
    pictures: Pictures


class WordBody:
    """Turns elements into blocks of text. Content controls and insertions of tracked changes are walked through."""

    def __init__(self, builder: TextBuilder, parts: WordParts) -> None:
        """Append to ``builder``."""
        self._builder = builder
        self._parts = parts
        self._aside: list[str | Element] = []
        self._endnotes: list[str] = []
        self._is_hidden = False  # what the style of the paragraph at hand says of its text
        self.left_out: list[Skipped] = []

    def append(self, element: "Element") -> None:
        """Append the paragraphs and tables in an element. XML is never nested deeper than its parser allows, 256."""
        for each in element.iterchildren():
            name = local(each)
            if name == "p":
                self._append_paragraph(each)
            elif name == "tbl":
                self._append_table(each)
            elif name == "altChunk":
                self._append_chunk(each)
            elif name == "AlternateContent":
                self._append_first(each)
            elif name not in _DROPPED:
                self.append(each)

    def append_endnotes(self) -> None:
        """Append the endnotes that were referred to, as Word does at the end."""
        for note in self._endnotes:
            self._builder.add(note)
        self._endnotes.clear()

    def append_once(self, roots: "list[tuple[dict[str, Relationship], Element]]") -> None:
        """Append the lines of headers or footers, each once however many sections have it, and no page numbers."""
        builder, related = self._builder, self._parts.related
        lines: dict[str, None] = {}
        for own, root in roots:
            self._builder, self._parts.related = TextBuilder(), own
            self.append(root)
            lines |= dict.fromkeys(line.strip() for line in self._builder.text().split("\n"))
        self._builder, self._parts.related = builder, related
        builder.add("\n".join(line for line in lines if not is_page_number(line)))

    def _append_first(self, choices: "Element") -> None:
        """Append the first of several ways to say the same that says something."""
        for each in choices.iterchildren():
            before = len(self._builder.text())
            self.append(each)
            if len(self._builder.text()) > before:
                return

    def _append_paragraph(self, paragraph: "Element") -> None:
        properties = first_child(paragraph, "pPr")
        style = attribute(child(properties, "pStyle"), "val") if properties is not None else ""
        headings = self._parts.styles.headings
        if headings.get(style, 0) is None:
            return  # a table of contents repeats the headings
        label = self._parts.numbering.label(properties, style)
        words = self._words_of_paragraph(paragraph, style)
        level = headings.get(style)
        if properties is not None and (outline := attribute(child(properties, "outlineLvl"), "val")):
            own = whole(outline, 9) or 0
            level = own + 1 if own < 9 else None
        if words.strip():
            self._builder.add(label + words.lstrip() if label else words, level)
        self._append_asides()

    def _words_of_paragraph(self, paragraph: "Element", style: str) -> str:
        before, self._is_hidden = self._is_hidden, style in self._parts.styles.hidden
        words = self._words(paragraph)
        self._is_hidden = before
        return words

    def _append_table(self, table: "Element") -> None:
        gap = "\n\n"
        for row in self._inside(table, "tr"):
            if is_on(child(row, "trPr", "hidden")):
                continue
            cells = [" ".join(self._words(cell).split()) for cell in self._inside(row, "tc")]
            self._builder.add(" | ".join(cell for cell in cells if cell), gap=gap)
            gap = "\n"
        self._append_asides()

    def _append_asides(self) -> None:
        """Append what hangs on a paragraph: notes, comments, text boxes, words for pictures."""
        asides, self._aside = list(dict.fromkeys(self._aside)), []
        for aside in asides:
            if isinstance(aside, str):
                self._builder.add(aside)
            elif local(aside) == "altChunk":
                self._append_chunk(aside)
            else:
                self.append(aside)

    def _append_chunk(self, chunk: "Element") -> None:
        """Append a document of another format that Word shows in this one."""
        target = self._parts.related.get(attribute(chunk, "id"))
        data = self._parts.package.read(target.target) if target and not target.external else None
        if target is None or data is None:
            return
        try:
            for item in read_source(self._parts.source.member(target.target, data)):
                if isinstance(item, Document):
                    append_document(self._builder, item)
                else:
                    self.left_out.append(item)
        except ReadError as error:
            self.left_out.append(Skipped(f"{self._parts.source.uri}!/{target.target}", error.reason))

    def _inside(self, element: "Element", name: str) -> "Iterator[Element]":
        """Yield the rows of a table or the cells of a row, also those in content controls."""
        for each in element.iterchildren():
            own = local(each)
            if own == name:
                yield each
            elif own not in _DROPPED:
                yield from self._inside(each, name)

    def _words(self, element: "Element") -> str:
        """Return the text in an element; inner paragraphs (of a note, the cells of a table) become lines."""
        parts: list[str] = []
        self._collect(element, parts)
        words = "".join(parts)
        return ruby.place_readings(words) if ruby.BEGIN in words else words

    def _collect(self, element: "Element", parts: list[str]) -> None:
        for each in element.iterchildren():
            name = local(each)
            if name == "t":
                parts.append(each.text or "")
            elif name in _DROPPED:
                continue
            elif name == "r":
                self._collect_run(each, parts)
            elif name in _SIGNS:
                parts.append(_SIGNS[name])
            elif name in self._parts.notes:
                self._collect_note(each, name, parts)
            elif name == "ruby":
                self._collect_ruby(each, parts)
            elif name == _EQUATION:
                parts.append(linear(each))
            elif name in _DRAWINGS or name in _LINKED:
                self._collect_drawing(each, name, parts)
            elif name in _ASIDE:
                self._aside.append(each)
            elif name == "AlternateContent":
                self._collect_first(each, parts)
            elif name == "sym":
                code = whole(f"0{attribute(each, 'char')}", 0) if attribute(each, "char").isdigit() else 0
                parts.append(chr(code) if code and code < 0xE000 else "")
            elif name == "p":
                properties = first_child(each, "pPr")
                style = attribute(child(properties, "pStyle"), "val")
                label = self._parts.numbering.label(properties, style)
                words = self._words_of_paragraph(each, style)
                parts.append(f"{label}{words}\n" if words.strip() else "\n")
            else:
                self._collect(each, parts)

    def _collect_ruby(self, element: "Element", parts: list[str]) -> None:
        """Collect a word and its reading, which Word writes before it."""
        for each in children(element, "rubyBase"):
            self._collect(each, parts)
        for each in children(element, "rt"):
            parts += [ruby.BEGIN, self._words(each), ruby.END]

    def _collect_run(self, run: "Element", parts: list[str]) -> None:
        properties = first_child(run, "rPr")
        if (self._is_hidden or properties is not None) and self._hides(properties):
            return
        if properties is not None and self._is_raised(properties):
            words = self._words(run)
            parts += [separator("".join(parts[-_BEFORE:]), words), words]
        else:
            self._collect(run, parts)

    def _hides(self, properties: "Element | None") -> bool:
        """Whether the text of a run is hidden, by itself, by its style, or by that of its paragraph."""
        own = child(properties, "vanish")
        if own is not None:
            return is_on(own)
        return self._is_hidden or attribute(child(properties, "rStyle"), "val") in self._parts.styles.hidden

    def _is_raised(self, properties: "Element") -> bool:
        for each in properties.iterchildren():
            name = local(each)
            if name == "vertAlign":
                return attribute(each, "val") == "superscript"
            if name == "rStyle" and attribute(each, "val") in self._parts.styles.superscript:
                return True
        return False

    def _collect_first(self, choices: "Element", parts: list[str]) -> None:
        for each in choices.iterchildren():
            before = len(parts), len(self._aside)
            self._collect(each, parts)
            if (len(parts), len(self._aside)) != before:
                return

    def _collect_note(self, reference: "Element", name: str, parts: list[str]) -> None:
        mark, note = self._parts.notes[name].met(reference)
        words = " ".join(self._words(note).split()) if note is not None else ""
        if name == "commentReference":
            author = one_line(attribute(note, "author"))
            if words:
                self._aside.append(f"{author}: {words}" if author else words)
            return
        if mark and words:
            parts.append(f"[{mark}]")
            words = f"[{mark}] {words}"
        if words:
            (self._endnotes if name == "endnoteReference" else self._aside).append(words)

    def _collect_drawing(self, element: "Element", name: str, parts: list[str]) -> None:
        if words := words_of_shape(element, name):
            self._aside.append(words)
        if (picture := drawn_picture(element, name, self._parts.related)) and (
            words := self._parts.pictures.words(picture, area_of(element))
        ):
            self._aside.append(words)
        if part := drawn_part(element, name, self._parts.related):
            try:
                if words := words_of_part(self._parts.package, part):
                    self._aside.append(words)
            except ReadError:
                raise
            except Exception as error:  # damaged XML: the rest of the file is whole
                reason = Reason("damaged_part", {"detail": one_line(error)})
                self.left_out.append(Skipped(f"{self._parts.source.uri}!/{part}", reason))
        self._collect(element, parts)
