"""Rows of links to the pages before, after and above, as manuals have them at the top and bottom of each page."""

import re
from collections.abc import Iterator, Set
from itertools import islice
from typing import TYPE_CHECKING

from sakuin.index.readers.html_elements import HEADINGS, LINES, PARAGRAPHS

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_CANDIDATES = "a[rel], a[accesskey]"
_DOCBOOK = ".navheader, .navfooter"
_RELATIONS = frozenset({"prev", "previous", "next", "up", "home"})
_ACCESS_KEYS = frozenset({"p", "n", "u", "h"})
_MOST_IN_DOCBOOK = 400
"""Characters of a row of DocBook in no link: the titles of the page, of its part, and of the pages beside it."""

_MOST_BESIDE = 60
_FEWEST = 2
_MOST_LINKS = 100
"""More of them are no rows: a page has a few, and each costs a look at what it stands in."""

_MOST_ABOVE = 6
_SENTENCE_END = re.compile(r"[。！？]|[.!?](?=\s|\Z)")
_BLOCKS = PARAGRAPHS | LINES
_NO_PART = ", ".join([*HEADINGS, "pre", "textarea", "article", "main", "section", "blockquote"])


def neighbour_rows(page: "LexborHTMLParser", unclosed: Set[str]) -> set[int]:
    """Return the `mem_id` of blocks in which nearly everything is links to neighbours of the page.

    A link to a neighbour says so by its `rel`, or by the keys p, n, u and h that DocBook and Texinfo give it.

    Args:
        page: The page.
        unclosed: Names of elements that are never closed: where those end is unknown, so they are never left out.
    """
    links = [link for link in page.css(_CANDIDATES) if _leads_to_neighbour(link)]
    if not links or len(links) > _MOST_LINKS:
        return set()
    found = {
        row.mem_id
        for row in page.css(_DOCBOOK)
        if row.tag in _BLOCKS and row.tag not in unclosed and _neighbours(row) and _beside(row) <= _MOST_IN_DOCBOOK
    }
    refused: set[int] = set()
    for link in links:
        row = None if any(each.mem_id in found for each in _above(link)) else _row_of(link, unclosed, refused)
        if row is not None:
            found.add(row.mem_id)
    return found


def sentences(text: str) -> int:
    """How many sentences end in a text."""
    return len(_SENTENCE_END.findall(text))


def _leads_to_neighbour(link: "LexborNode") -> bool:
    attributes = link.attributes
    relations = (attributes.get("rel") or "").lower().split()
    return (attributes.get("accesskey") or "").lower() in _ACCESS_KEYS or not _RELATIONS.isdisjoint(relations)


def _row_of(link: "LexborNode", unclosed: Set[str], refused: set[int]) -> "LexborNode | None":
    """The block that a link shares with another such link and with next to nothing else; None where it has none.

    Args:
        link: The link.
        unclosed: Names of elements that are never closed.
        refused: The `mem_id` of blocks that are no rows; those that are found to be none are added.
    """
    row: LexborNode | None = None
    most = _MOST_BESIDE
    for block in islice(_above(link), _MOST_ABOVE):
        if block.mem_id in refused:
            break
        if block.tag in unclosed or block.tag in HEADINGS or block.css_first(_NO_PART) is not None:
            refused.add(block.mem_id)
            break
        if len(_neighbours(block)) < _FEWEST:
            continue
        beside = _beside(block)
        if beside > most or _has_words_of_its_own(block):
            refused.add(block.mem_id)
            break
        row, most = block, beside  # what is above it is a part of the row where it has no words beside
    return row


def _above(node: "LexborNode") -> "Iterator[LexborNode]":
    """The blocks that a node stands in, from within, up to the page."""
    parent = node.parent
    while parent is not None and parent.tag != "body":
        if parent.tag in _BLOCKS:
            yield parent
        parent = parent.parent


def _neighbours(block: "LexborNode") -> "list[LexborNode]":
    return [link for link in block.css(_CANDIDATES) if _leads_to_neighbour(link)]


def _beside(block: "LexborNode") -> int:
    """How many characters of a block, but for white space, stand in no link to a neighbour."""
    return _letters(block) - sum(map(_letters, _neighbours(block)))


def _letters(node: "LexborNode") -> int:
    return len("".join(node.text().split()))


def _has_words_of_its_own(block: "LexborNode") -> bool:
    """Whether there is a paragraph in it without a link, or the end of a sentence outside of links."""
    if any(_letters(each) and each.css_first("a") is None for each in block.css("p, dd, li")):
        return True
    in_links = sum(sentences(link.text(separator="\n", strip=True)) for link in _neighbours(block))
    return sentences(block.text(separator="\n", strip=True)) > in_links
