"""What stands around the body of a Word file: footnotes, endnotes, comments, headers and footers."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sakuin.index.readers.counting import counted
from sakuin.index.readers.package import Package, Relationship, attribute, child, children, local
from sakuin.index.readers.word_styles import is_on

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_PAGE_NUMBER = re.compile(r"(?:[\s\d０-９()（）/／|.\-‐-―－ー~〜]|page|of|p\.|ページ|頁|全)*", re.IGNORECASE)
_KINDS = {"footnotes": "footnoteReference", "endnotes": "endnoteReference", "comments": "commentReference"}
_SEPARATORS = frozenset({"separator", "continuationSeparator", "continuationNotice"})


@dataclass(slots=True)
class Notes:
    """The notes of one kind, and how those that were met so far were marked.

    Attributes:
        notes: By their ids.
        style: How their marks are counted; "" for comments, which have none.
    """

    style: str = "decimal"
    notes: "dict[str, Element]" = field(default_factory=dict)
    count: int = 0

    def met(self, reference: "Element") -> "tuple[str, Element | None]":
        """The mark in the text of a note that is referred to, and the note.

        A mark of somebody's own choice stands in the text already.
        """
        note = self.notes.pop(attribute(reference, "id"), None)
        if attribute(reference, "customMarkFollows") in ("1", "true", "on"):
            return "", note
        self.count += 1
        return counted(self.count, self.style), note


def notes_of(part: "Callable[[str], Element | None]", settings: "Element | None") -> dict[str, Notes]:
    """The footnotes, endnotes and comments of a file, by the name of the element that refers to one.

    Args:
        part: Gives the root of a part by its kind, None where there is none.
        settings: The settings of the file.
    """
    found = {}
    for kind, reference in _KINDS.items():
        style = attribute(child(settings, f"{kind[:-1]}Pr", "numFmt"), "val")
        notes = Notes(style or ("lowerRoman" if kind == "endnotes" else "decimal"))
        for note in children(part(kind), kind[:-1]):
            if attribute(note, "type") not in _SEPARATORS:
                notes.notes[attribute(note, "id")] = note
        found[reference] = notes
    return found


def page_furniture(
    package: Package, body: "Element", related: dict[str, Relationship], settings: "Element | None"
) -> "dict[str, list[tuple[str, Element]]]":
    """The headers and the footers that are shown, each part once: its name and root, under "header" and "footer"."""
    found: dict[str, dict[str, Element]] = {"header": {}, "footer": {}}
    even = is_on(child(settings, "evenAndOddHeaders"))
    for section in body.iter("{*}sectPr"):
        for reference in section.iterchildren():
            kind = local(reference).removesuffix("Reference")
            if kind not in found:
                continue
            which = attribute(reference, "type")
            shown = {"first": is_on(child(section, "titlePg")), "even": even}.get(which, True)
            target = related.get(attribute(reference, "id"))
            if shown and target and target.target not in found[kind]:
                root = package.xml(target.target)
                if root is not None:
                    found[kind][target.target] = root
    return {kind: list(parts.items()) for kind, parts in found.items()}


def is_page_number(line: str) -> bool:
    """Whether a line of a header or footer holds nothing but the number of its page."""
    return _PAGE_NUMBER.fullmatch(line) is not None
