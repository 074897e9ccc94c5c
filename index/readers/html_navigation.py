"""What of a page is not its own: menus of links, and the footer of the site."""

import re
from collections.abc import Set
from typing import TYPE_CHECKING

from sakuin.index.readers.html_elements import SECTIONS

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_SENTENCE_END = re.compile(r"[。！？]|[.!?](?=\s|\Z)")
_MOST_BESIDE_LINKS = 60
"""Characters of a menu that may stand in no link: its name, signs between links, the page that is shown."""

_LANDMARKS = frozenset({"header", "main", "article", "nav"})
_SHOW_NOTHING = frozenset({"script", "style", "template", "noscript", "link", "nav", "svg", "iframe"})
_LITTLE = 200


def navigation(page: "LexborHTMLParser", unclosed: Set[str]) -> set[int]:
    """Return the `mem_id` of elements that lead to other pages or repeat on every page of a site.

    Args:
        page: The page.
        unclosed: Names of elements that are never closed: where those end is unknown, so they are never left out.
    """
    found: set[int] = set()
    if "nav" not in unclosed:
        found = {node.mem_id for node in page.css("nav") if _is_menu(node)}
    if "footer" not in unclosed and (footer := _page_footer(page)) is not None:
        found.add(footer.mem_id)
    return found


def _is_menu(nav: "LexborNode") -> bool:
    text = nav.text(separator="\n", strip=True)
    links = [link.text(separator="\n", strip=True) for link in nav.css("a, button")]
    in_links = sum(map(len, links))
    sentences = len(_SENTENCE_END.findall(text)) - sum(len(_SENTENCE_END.findall(link)) for link in links)
    return sentences <= 0 and len(text) - in_links <= max(_MOST_BESIDE_LINKS, in_links // 2)


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
