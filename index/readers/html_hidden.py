"""What of a page its own markup hides: nobody who opens it sees it."""

import re
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_CANDIDATES = "[hidden], [style], svg [display], svg [visibility]"
_NEVER = frozenset({"html", "body"})
"""Pages that a program shows once it has loaded say so of all that is in them."""

_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_DECLARATION = re.compile(r"\s*(display|visibility|content-visibility)\s*:\s*([a-z-]+)\s*(!\s*important)?\s*", re.I)
_UNTIL_FOUND = "until-found"
_INVISIBLE = frozenset({"hidden", "collapse"})


def hidden(page: "LexborHTMLParser | LexborNode", unclosed: Set[str]) -> set[int]:
    """Return the `mem_id` of elements that a browser does not show.

    What waits for a click (closed details, dialogs, hidden="until-found") is there for whoever reads the page, and what
    is hidden from screen readers only is seen.

    Args:
        page: The page, or a part of it.
        unclosed: Names of elements that are never closed: where those end is unknown, so they hide nothing.
    """
    return {
        node.mem_id
        for node in page.css(_CANDIDATES)
        if node.tag not in _NEVER and node.tag not in unclosed and _is_hidden(node)
    }


def _is_hidden(node: "LexborNode") -> bool:
    attributes = node.attributes
    style = dict(_declared(attributes.get("style") or ""))
    display = style.get("display") or (attributes.get("display") or "").lower()
    if display == "none" or style.get("content-visibility") == "hidden":
        return True
    if "hidden" in attributes and not display and (attributes["hidden"] or "").lower() != _UNTIL_FOUND:
        return True
    visibility = style.get("visibility") or (attributes.get("visibility") or "").lower()
    return visibility in _INVISIBLE and not any(
        dict(_declared(inner.attributes.get("style") or "")).get("visibility") == "visible"
        for inner in node.css("[style]")
    )


def _declared(style: str) -> Iterator[tuple[str, str]]:
    """The declarations of a style that are looked at, in the order in which they win."""
    if not style:
        return
    found = [_DECLARATION.fullmatch(each) for each in _COMMENT.sub(" ", style).split(";")]
    known = [match for match in found if match]
    for important in (False, True):
        yield from ((match[1].lower(), match[2].lower()) for match in known if bool(match[3]) is important)
