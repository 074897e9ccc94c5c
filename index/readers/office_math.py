"""Equations of office files (OMML) as one line of text: a fraction as ``a/b``, a root as ``√(x)``."""

from typing import TYPE_CHECKING

from sakuin.index.readers.package import attribute, child, children, local

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_SIMPLE = 1
"""Characters of a term that needs no brackets in a fraction or a power, if it is no word."""


def linear(element: "Element") -> str:
    """The text of an equation, or of a part of one."""
    return "".join(map(_term, element.iterchildren()))


def _term(element: "Element") -> str:
    name = local(element)
    if name == "t":
        return element.text or ""
    if name.endswith("Pr"):
        return ""
    part = {local(each): each for each in element.iterchildren()}
    if name == "f":
        over, under = _text(part, "num"), _text(part, "den")
        return f"{_grouped(over)}/{_grouped(under)}"
    if name in ("sSup", "sSub", "sSubSup", "sPre"):
        below = f"_{_grouped(_text(part, 'sub'))}" if "sub" in part else ""
        above = f"^{_grouped(_text(part, 'sup'))}" if "sup" in part else ""
        return f"{_text(part, 'e')}{below}{above}"
    if name == "rad":
        return f"{_text(part, 'deg')}√({_text(part, 'e')})"
    if name == "d":
        return _delimited(element)
    if name == "nary":
        sign = attribute(child(element, "naryPr", "chr"), "val") or "∫"
        return f"{sign}{_range(_text(part, 'sub'), _text(part, 'sup'))} {_text(part, 'e')}"
    if name in ("limLow", "limUpp"):
        return f"{_text(part, 'e')}({_text(part, 'lim')})"
    if name == "func":
        return f"{_text(part, 'fName')} {_text(part, 'e')}"
    if name == "m":
        return "; ".join(", ".join(map(linear, children(row, "e"))) for row in children(element, "mr"))
    if name == "eqArr":
        return "\n".join(map(linear, children(element, "e")))
    return linear(element)


def _text(parts: "dict[str, Element]", name: str) -> str:
    return linear(parts[name]).strip() if name in parts else ""


def _grouped(text: str) -> str:
    return text if text.isalnum() or len(text) <= _SIMPLE else f"({text})"


def _range(low: str, high: str) -> str:
    return f"({', '.join(filter(None, (low, high)))})" if low or high else ""


def _delimited(element: "Element") -> str:
    properties = child(element, "dPr")
    begin, end = (child(properties, name) for name in ("begChr", "endChr"))
    inner = (attribute(child(properties, "sepChr"), "val") or "|").join(map(linear, children(element, "e")))
    return f"{'(' if begin is None else attribute(begin, 'val')}{inner}{')' if end is None else attribute(end, 'val')}"
