"""The styles of a Word file, and the numbers that Word writes before paragraphs by itself (第3条, 1.2, ア)."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sakuin.index.readers.counting import counted
from sakuin.index.readers.package import attribute, child, children, local

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_HEADING_STYLE = re.compile(r"(?:heading|見出し)\s*([1-9])", re.IGNORECASE)
_MAX_BASE_STYLES = 20
_LEVELS = 9
_PLACE = re.compile(r"%([1-9])")


def whole(text: str, default: int | None = None) -> int | None:
    """A number written in a file, or ``default`` where it is none."""
    try:
        return int(text)
    except ValueError:
        return default


@dataclass(frozen=True, slots=True)
class Styles:
    """The paragraph styles of a file, by their ids.

    Attributes:
        headings: The heading level of those that are one; None for styles of the table of contents.
        numbers: The numbering of those that have one: (numId, level).
        superscript: The character styles that write superscripts.
        hidden: The styles of paragraphs and characters whose text is hidden.
    """

    headings: dict[str, int | None] = field(default_factory=dict)
    numbers: dict[str, tuple[str, int]] = field(default_factory=dict)
    superscript: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()


def styles_of(root: "Element | None") -> Styles:
    """The styles of ``word/styles.xml``. One made from a heading style is a heading too."""
    found = {attribute(style, "styleId"): style for style in children(root, "style")}
    styles = Styles(
        superscript=frozenset(
            name for name, each in found.items() if attribute(child(each, "rPr", "vertAlign"), "val") == "superscript"
        ),
        hidden=frozenset(name for name, each in found.items() if _is_hidden(each, found)),
    )
    for name, style in found.items():
        heading, level = False, 0
        base: Element | None = style
        for _ in range(_MAX_BASE_STYLES):
            if base is None:
                break
            properties = child(base, "pPr", "numPr")
            if name not in styles.numbers and properties is not None and child(properties, "numId") is not None:
                depth = whole(attribute(child(properties, "ilvl"), "val"), 0) or 0
                styles.numbers[name] = (attribute(child(properties, "numId"), "val"), depth)
            if not heading:
                heading, level = _heading(base)
                if heading:
                    styles.headings[name] = level or None
            base = found.get(attribute(child(base, "basedOn"), "val"))
    return styles


def is_on(element: "Element | None") -> bool:
    """Whether a property that is either on or off is there and on."""
    return element is not None and attribute(element, "val") not in ("0", "false", "off")


def _is_hidden(style: "Element", found: "dict[str, Element]") -> bool:
    base: Element | None = style
    for _ in range(_MAX_BASE_STYLES):
        if base is None:
            return False
        if (own := child(base, "rPr", "vanish")) is not None:
            return is_on(own)
        base = found.get(attribute(child(base, "basedOn"), "val"))
    return False


def _heading(style: "Element") -> tuple[bool, int]:
    """Whether a style says what it is; the level of a heading, 0 for the table of contents."""
    name = attribute(child(style, "name"), "val").lower()
    if name.startswith("toc ") or name == "toc heading":
        return True, 0
    # Its own outline level counts more than its name.
    if outline := attribute(child(style, "pPr", "outlineLvl"), "val"):
        level = (whole(outline, _LEVELS) or 0) + 1
        return level <= _LEVELS, level
    if match := _HEADING_STYLE.match(name):
        return True, int(match[1])
    return name == "title", 1


@dataclass(slots=True)
class _Level:
    """How one level of a list is numbered."""

    start: int
    style: str
    text: str
    suffix: str
    legal: bool
    restart: int | None


class Numbering:
    """Counts the numbered paragraphs of a file, which must be asked for in their order."""

    def __init__(self, root: "Element | None", styles: Styles) -> None:
        """Read ``word/numbering.xml``, if there is one."""
        self._styles = styles
        self._levels: dict[str, dict[int, _Level]] = {}
        self._by_style: dict[tuple[str, str], int] = {}
        links: dict[str, str] = {}
        for each in children(root, "abstractNum"):
            name = attribute(each, "abstractNumId")
            self._levels[name] = self._read_levels(each, name)
            if link := attribute(child(each, "numStyleLink"), "val"):
                links[name] = link
        self._lists: dict[str, str] = {}
        self._starts: dict[str, dict[int, int]] = {}
        self._own: dict[str, dict[int, _Level]] = {}
        for each in children(root, "num"):
            number = attribute(each, "numId")
            self._lists[number] = attribute(child(each, "abstractNumId"), "val")
            self._read_overrides(each, number)
        for name, link in links.items():
            target = self._lists.get(styles.numbers.get(link, ("", 0))[0], "")
            if self._levels.get(target) and not self._levels[name]:
                self._levels[name] = self._levels[target]
        self._counts: dict[str, dict[int, int]] = {}

    def _read_levels(self, element: "Element", name: str) -> dict[int, _Level]:
        levels = {}
        for each in children(element, "lvl"):
            depth = whole(attribute(each, "ilvl"), 0) or 0
            levels[depth] = _level(each)
            if style := attribute(child(each, "pStyle"), "val"):
                self._by_style[name, style] = depth
        return levels

    def _read_overrides(self, element: "Element", number: str) -> None:
        for each in children(element, "lvlOverride"):
            depth = whole(attribute(each, "ilvl"), 0) or 0
            start = whole(attribute(child(each, "startOverride"), "val"))
            if start is not None:
                self._starts.setdefault(number, {})[depth] = start
            if (own := child(each, "lvl")) is not None:
                self._own.setdefault(number, {})[depth] = _level(own)

    def label(self, properties: "Element | None", style: str) -> str:
        """What Word writes before a paragraph, with the space after it; "" for nothing, and for a mere bullet.

        Args:
            properties: The paragraph's ``w:pPr``.
            style: The id of its style.
        """
        if not self._lists:
            return ""
        own = child(properties, "numPr")
        if own is None and style not in self._styles.numbers:
            return ""
        number = attribute(child(own, "numId"), "val")
        depth = whole(attribute(child(own, "ilvl"), "val"))
        if not number and style in self._styles.numbers:
            number, inherited = self._styles.numbers[style]
            if depth is None:
                depth = self._by_style.get((self._lists.get(number, ""), style), inherited)
        name = self._lists.get(number)
        return "" if name is None else self._count(number, name, depth or 0)

    def _count(self, number: str, name: str, depth: int) -> str:
        levels = {**self._levels.get(name, {}), **self._own.get(number, {})}
        level = levels.get(depth)
        if level is None:
            return ""
        counts = self._counts.setdefault(name, {})
        start = self._starts.get(number, {}).pop(depth, None)
        if start is not None:
            counts[depth] = start
        else:
            counts[depth] = counts[depth] + 1 if depth in counts else level.start
        for deeper in [each for each in counts if each > depth]:
            restart = levels[deeper].restart if deeper in levels else None
            if restart is None or (restart and depth < restart):
                del counts[deeper]
        for above in range(depth):
            if above in levels:
                counts.setdefault(above, levels[above].start)
        if level.style == "bullet":
            return ""

        def written(match: re.Match[str]) -> str:
            place = int(match[1]) - 1
            if place > depth or place not in levels:
                return ""
            return counted(counts.get(place, levels[place].start), "decimal" if level.legal else levels[place].style)

        label = _PLACE.sub(written, level.text).strip()
        return label + ("" if level.suffix == "nothing" or not label else " ")


def _level(element: "Element") -> _Level:
    def value(name: str) -> str:
        return attribute(child(element, name), "val")

    # A format outside of the standard's first list stands beside its fallback.
    formats = [each for each in element.iter() if local(each) == "numFmt"]
    legal = child(element, "isLgl")
    return _Level(
        start=whole(value("start"), 1) or 0,
        style=attribute(formats[0], "val") if formats else "decimal",
        text=value("lvlText")[:100],
        suffix=value("suff"),
        legal=legal is not None and attribute(legal, "val") not in ("0", "false", "off"),
        restart=whole(value("lvlRestart")),
    )
