"""What of a page is not its own: menus of links, and the footer of the site."""

from collections import Counter
from collections.abc import Iterable, Set
from typing import TYPE_CHECKING

from sakuin.index.readers.html_elements import LINES, PARAGRAPHS, SECTIONS
from sakuin.index.readers.html_neighbours import neighbour_rows, sentences

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_MENUS = (
    "nav, [role=navigation], .breadcrumb, .breadcrumbs, [aria-label=breadcrumb], [aria-label=breadcrumbs], "
    "[itemtype$=BreadcrumbList], div.related"
)
"""What menus stand in; `div.related` is the row of links of Sphinx."""

_MOST_BESIDE_LINKS = 60
"""Letters and digits of a menu that may stand in no link: its name, that of a field for searching."""

_LANDMARKS = frozenset({"header", "main", "article", "nav"})
_SHOW_NOTHING = frozenset({"script", "style", "template", "noscript", "link", "nav", "svg", "iframe"})
_LITTLE = 200
_BLOCKS = PARAGRAPHS | LINES


def navigation(page: "LexborHTMLParser", unclosed: Set[str], title: str = "") -> set[int]:
    """Return the `mem_id` of elements that lead to other pages or repeat on every page of a site.

    Args:
        page: The page, without scripts and styles.
        unclosed: Names of elements that are never closed: where those end is unknown, so they are never left out.
        title: Of the page: menus name it, as where the reader is.
    """
    found = {
        node.mem_id
        for node in page.css(_MENUS)
        if node.tag in _BLOCKS and node.tag not in unclosed and _is_menu(node, title)
    }
    found |= neighbour_rows(page, unclosed)
    if "footer" not in unclosed and (footer := _page_footer(page)) is not None:
        found.add(footer.mem_id)
    return found


def _is_menu(nav: "LexborNode", title: str) -> bool:
    in_links = [line for link in nav.css("a, button") for line in _lines(link)]
    if nav.tag != "nav" and not in_links:
        return False  # words that only its class or role calls a menu
    beside = [line for line in (Counter(_lines(nav)) - Counter(in_links)).elements() if not title.startswith(line)]
    if any(map(sentences, beside)):
        return False
    return _letters(beside) <= max(_MOST_BESIDE_LINKS, _letters(in_links) // 2)


def _lines(node: "LexborNode") -> list[str]:
    return node.text(separator="\n", strip=True).split("\n")


def _letters(lines: Iterable[str]) -> int:
    return sum(map(str.isalnum, "".join(lines)))


def _page_footer(page: "LexborHTMLParser") -> "LexborNode | None":
    """The footer of the whole page: of no section, beside the page's own parts, with next to nothing after it."""
    candidates = [node for node in page.css("footer") if _is_outside_sections(node)]
    if not candidates:
        return None
    footer = candidates[-1]  # those before it are of posts
    parent = footer.parent
    if parent is None or not (parent.tag == "body" or any(child.tag in _LANDMARKS for child in parent.iter())):
        return None
    if len(candidates) > 1 and any(
        node.parent is not None and node.parent.mem_id == parent.mem_id for node in candidates[:-1]
    ):
        return None  # footers of posts, one after another
    return footer if _characters_after(footer) <= _LITTLE else None


def _is_outside_sections(node: "LexborNode") -> bool:
    parent = node.parent
    while parent is not None:
        if parent.tag in SECTIONS:
            return False
        parent = parent.parent
    return True


def _characters_after(node: "LexborNode") -> int:
    characters = 0
    at: LexborNode | None = node
    while at is not None and at.tag != "body":
        sibling = at.next
        while sibling is not None:
            if sibling.tag not in _SHOW_NOTHING:
                characters += len(sibling.text(strip=True))
            sibling = sibling.next
        at = at.parent
    return characters
