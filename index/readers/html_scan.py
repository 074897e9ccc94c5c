"""A look at HTML before it is parsed: what would cost too much is refused, and what is never closed is noted."""

import re
from collections import Counter
from dataclasses import dataclass, field

from sakuin.index.errors import ReadError
from sakuin.index.readers.html_elements import ENDED_BY, FORMATTING, NEVER_NESTED, PREFORMATTED, RAW
from sakuin.index.reasons import Reason

MAX_DEPTH = 1000
"""Tags that may be open at once. The rules for repairing HTML take quadratic time and memory in this number."""

MAX_ATTRIBUTES = 1000
"""Attributes of one tag, each of which is compared with all before it."""

MAX_REOPENED = 2_000_000
"""Tags that a parser may have to open again: each block opens all formatting that is never closed."""

# A tag ends where a browser thinks so: not within the quotes of a value.
_ATTRIBUTE_PATTERN = r"[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+"
_ATTRIBUTE = re.compile(_ATTRIBUTE_PATTERN)
_TAG = re.compile(
    rf"<(?:(/?)([a-zA-Z][^\s/>]*+)((?:[\s/]++|{_ATTRIBUTE_PATTERN})*+)(>|\Z)|!--(?:-?>)?|!\[CDATA\[|[!?/])"
)
_COMMENT_END = re.compile("--!?>")
_BOGUS_END = re.compile(">")
_CDATA_END = re.compile(r"\]\]>")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.I) for name in RAW}
_LONG_TAG = 2 * MAX_ATTRIBUTES


@dataclass
class Scan:
    """What is never closed in a page.

    Attributes:
        unclosed: The names of elements whose end is missing.
        hiding: The name of an element, or "!--", that is never closed and hides the rest of the page; or "".
        names: Those of all elements, and of some that are none.
        has_attributes: Whether any element has some.
    """

    unclosed: set[str] = field(default_factory=set)
    hiding: str = ""
    names: set[str] = field(default_factory=set)
    has_attributes: bool = False


def scan(markup: str) -> Scan:
    """Look at the tags of a page.

    Raises:
        ReadError: If too many tags are open at once, a tag has too many attributes, or too many would be repeated.
    """
    open_tags: Counter[str] = Counter()
    depth = position = reopened = formatting = 0
    result = Scan()
    while match := _TAG.search(markup, position):
        position = match.end()
        name = (match[2] or "").lower()
        in_foreign = open_tags["svg"] or open_tags["math"]
        if not name:
            end = _end_of_comment(match[0], in_foreign=bool(in_foreign), markup=markup, position=position)
            if end is None:
                result.hiding = "!--" if markup[position:].strip() else ""
                break
            position = end
            continue
        if position - match.start() > _LONG_TAG and len(_ATTRIBUTE.findall(match[3])) > MAX_ATTRIBUTES:
            raise ReadError(Reason("html_attributes", {"limit": MAX_ATTRIBUTES}))
        if not match[4]:
            break  # a tag that never ends is none
        closing = match[1]
        if not closing:
            result.names.add(name)
            result.has_attributes = result.has_attributes or bool(match[3])
            reopened += formatting
            if reopened > MAX_REOPENED:
                raise ReadError(Reason("nested_html", {"limit": MAX_DEPTH}))
        if name in RAW and not closing and not in_foreign:
            found = _RAW_END[name].search(markup, position)
            if found is None:
                result.hiding = name if name not in PREFORMATTED and markup[position:].strip() else ""
                break
            position = found.end()
        elif name in NEVER_NESTED or (in_foreign and match[3].endswith("/")):
            continue
        elif not closing:
            open_tags[name] += 1
            depth += 1
            formatting += name in FORMATTING
            if depth > MAX_DEPTH:
                raise ReadError(Reason("nested_html", {"limit": MAX_DEPTH}))
        elif open_tags[name]:
            open_tags[name] -= 1
            depth -= 1
            formatting -= name in FORMATTING
            for implied in ENDED_BY.get(name, ()):
                depth -= open_tags[implied]
                open_tags[implied] = 0
    result.unclosed = {name for name, number in open_tags.items() if number}
    return result


def _end_of_comment(opening: str, *, in_foreign: bool, markup: str, position: int) -> int | None:
    """Where a comment or the like ends, None where it never does."""
    if opening.startswith("<!--"):
        if opening.endswith(">"):
            return position
        end = _COMMENT_END.search(markup, position)
    elif opening == "<![CDATA[" and in_foreign:
        end = _CDATA_END.search(markup, position)
    else:
        end = _BOGUS_END.search(markup, position)
    return end.end() if end else None
