"""Links of a heading, or of an entry, to itself: the `¶`, `#` or `🔗` beside its words is none of them."""

from typing import TYPE_CHECKING

from sakuin.index.readers.html_elements import HEADINGS

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_TO_A_PLACE = 'a[href*="#"]'
_SIGNS = frozenset({"¶", "#", "##", "§", "🔗", "🔗\ufe0e", "🔗\ufe0f", "⚓", "∞", "\uf0c1"})
_CLASSES = frozenset({
    "anchor", "anchor-link", "anchorjs-link", "doc-anchor", "hash-link", "header-anchor", "header-link", "headerlink",
    "heading-anchor", "heading-link", "permalink",
})  # fmt: skip


def permalinks(page: "LexborHTMLParser | LexborNode") -> set[int]:
    """Return the `mem_id` of links whose whole text is a sign and that manuals put beside what they lead to.

    They are known by their class, whatever the sign; others by a usual sign in a heading or directly beside one.
    """
    return {node.mem_id for node in page.css(_TO_A_PLACE) if _is_permalink(node)}


def _is_permalink(link: "LexborNode") -> bool:
    text = link.text(strip=True)
    if not text or any(map(str.isalnum, text)):
        return False
    if not _CLASSES.isdisjoint((link.attributes.get("class") or "").split()):
        return True
    return text in _SIGNS and (_is_in_heading(link) or _is_beside_heading(link))


def _is_in_heading(link: "LexborNode") -> bool:
    parent = link.parent
    while parent is not None and parent.tag not in HEADINGS:
        parent = parent.parent
    return parent is not None


def _is_beside_heading(link: "LexborNode") -> bool:
    before, after = link.prev, link.next
    while before is not None and _is_blank(before):
        before = before.prev
    while after is not None and _is_blank(after):
        after = after.next
    return any(node is not None and node.tag in HEADINGS for node in (before, after))


def _is_blank(node: "LexborNode") -> bool:
    return (node.tag or "").startswith("-") and not (node.text_content or "").strip()
