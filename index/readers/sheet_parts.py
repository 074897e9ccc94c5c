"""Words of an xlsx file that stand beside its cells: comments, text boxes, pictures, charts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sakuin.index.readers.drawings import drawn_part, drawn_picture, words_of_part, words_of_shape
from sakuin.index.readers.package import Package, Relationship, attribute, child, children, local
from sakuin.index.readers.pictures import Pictures, area_of
from sakuin.index.readers.plain import one_line

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_BOOK = "xl/workbook.xml"
_KINDS = ("comments", "threadedComment", "drawing")


def words_beside_cells(package: Package, pictures: Pictures) -> dict[str, list[str]]:
    """Lines of words, by the name of the sheet; sheets without any are left out."""
    found: dict[str, list[str]] = {}
    book = package.xml(_BOOK)
    related = package.related(_BOOK)
    for sheet in children(child(book, "sheets"), "sheet"):
        target = related.get(attribute(sheet, "id"))
        if target is None or target.external:
            continue
        if lines := list(dict.fromkeys(_lines(package, target.target, pictures))):
            found[sheet.get("name") or ""] = lines
    return found


def _lines(package: Package, sheet: str, pictures: Pictures) -> Iterator[str]:
    related = package.related(sheet)
    for kind in _KINDS:
        for each in related.values():
            if each.kind == kind and not each.external and (root := package.xml(each.target)) is not None:
                yield from _drawn(package, root, each, pictures) if kind == "drawing" else _comments(root)


def _comments(root: "Element") -> Iterator[str]:
    for each in root.iter():
        if local(each) in ("comment", "threadedComment"):
            words = "".join(inner.text or "" for inner in each.iter() if local(inner) in ("t", "text"))
            # Excel says of a thread in its old place only that it is a thread.
            if words.strip() and not words.startswith("[Threaded comment]"):
                yield one_line(words, 10_000)


def _drawn(package: Package, root: "Element", part: Relationship, pictures: Pictures) -> Iterator[str]:
    related = package.related(part.target)
    for each in root.iter():
        name = local(each)
        if name == "p":
            if words := one_line("".join(inner.text or "" for inner in each.iter() if local(inner) == "t"), 10_000):
                yield words
        elif words := words_of_shape(each, name):
            yield words
        elif chart := drawn_part(each, name, related):
            yield from words_of_part(package, chart).split("\n")
        elif picture := drawn_picture(each, name, related):
            yield from pictures.words(picture, area_of(each)).split("\n")
