"""Words in the drawings of office files: alternative texts, word art, and the parts with charts and diagrams."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sakuin.index.readers.package import Package, Relationship, attribute, local
from sakuin.index.readers.plain import one_line

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_DRAWN = frozenset({"docPr", "cNvPr"})
_BULLET = "buBlip"
_VML = frozenset({"shape", "rect", "oval", "roundrect", "imagedata"})


def words_of_shape(element: "Element", name: str) -> str:
    """The words that stand for a drawing, or are drawn as word art, in the attributes of one element.

    Args:
        element: Any element of a drawing.
        name: Its name, of `local`.
    """
    if name in _DRAWN:
        return one_line(" ".join(filter(None, (element.get("title"), element.get("descr")))), 2000)
    if name == "textpath":
        return one_line(element.get("string") or "", 2000)
    return one_line(element.get("alt") or "", 2000) if name in _VML else ""


def drawn_part(element: "Element", name: str, related: dict[str, Relationship]) -> str:
    """The name of the part in which a chart or diagram is; "" where the element refers to none."""
    if name == "chart":
        link = attribute(element, "id")
    elif name == "relIds":
        link = attribute(element, "dm")
    else:
        return ""
    target = related.get(link)
    return target.target if target and not target.external else ""


def drawn_picture(element: "Element", name: str, related: dict[str, Relationship]) -> str:
    """The name of the part that is a picture; "" where the element refers to none."""
    if name == "blip":
        parent = element.getparent()
        link = "" if parent is not None and local(parent) == _BULLET else attribute(element, "embed")
    elif name == "imagedata":
        link = attribute(element, "id") or attribute(element, "relid")
    else:
        return ""
    target = related.get(link)
    return target.target if target and not target.external else ""


def words_of_part(package: Package, part: str) -> str:
    """The words of a chart (titles, series, categories) or of a diagram, a line each; "" where it is missing."""
    root = package.xml(part)
    return "" if root is None else "\n".join(dict.fromkeys(_lines(root)))


def _lines(root: "Element") -> Iterator[str]:
    for element in root.iter():
        name = local(element)
        if name == "p":
            if line := one_line("".join(each.text or "" for each in element.iter() if local(each) == "t"), 10_000):
                yield line
        elif name == "strCache":
            for each in element.iter():
                if local(each) == "v" and (line := one_line(each.text or "", 10_000)):
                    yield line
