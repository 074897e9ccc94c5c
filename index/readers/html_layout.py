"""A tree of elements to blocks of text, as a browser lays them out."""

import re
from collections.abc import Callable, Set
from typing import TYPE_CHECKING

from sakuin.index.readers import html_hidden, ruby
from sakuin.index.readers.html_elements import HEADINGS, LINES, PARAGRAPHS, PREFORMATTED, UNSEEN
from sakuin.index.readers.plain import TextBuilder, join_wrapped
from sakuin.index.readers.superscripts import separator

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

LINE = "data-source-line"
"""The attribute that says which line of another text, from 0, an element was made from."""

_MOST_DIGITS = 10
MAX_TREES = 8
"""How deeply trees in trees are entered: those of shadow roots, and the pages of frames."""

# Signs for what can only be decided once a whole block is there. They are no characters of any text.
_BR = "\u2028"  # until white space is collapsed, in which real line breaks mean nothing
_RAISED, _NOTE, _LOWERED = "\ufdd2", "\ufdd3", "\ufdd4"  # the begin of a superscript, of a note's mark; and their end
_EDGE_END, _EDGE_BEGIN = "\ufdd5", "\ufdd6"  # the end and begin of elements that only a style sheet sets apart
_CELL = " | "

# A space alone stays as it is.
_SPACES = re.compile(r"[ \t\r\n\f]{2,}|[\t\r\n\f]")
_SPACED_BR = re.compile(f" *{_BR}[ {_BR}]*")
_SIGNS = re.compile("[\ufdd0-\ufdd6]")
_UNSEEN_OR_SIGNS = re.compile("[\u00ad\u200b\u2060\ufeff\ufdd0-\ufdd6]")
_WITHOUT_CJK = "0-9A-Za-z\u00c0-\u024f\u0370-\u1fff"
_EDGES = re.compile(f"(?<=[{_WITHOUT_CJK}]{{2}}){_EDGE_END}+{_EDGE_BEGIN}+(?=[{_WITHOUT_CJK}]{{2}})")
_SUPERSCRIPT = re.compile(f"([{_RAISED}{_NOTE}])([^{_RAISED}{_NOTE}{_LOWERED}]*){_LOWERED}")
_FILE_NAME = re.compile(r"\S+\.(?:png|jpe?g|gif|svg|webp|bmp|avif|tiff?)", re.I)
_ASKS_FOR_SCRIPTS = re.compile(r"java\s?script|スクリプト", re.I)
_TYPED_VALUES = frozenset({
    "", "text", "search", "email", "url", "tel", "number", "date", "time", "month", "week", "datetime-local",
    "submit", "reset", "button",
})  # fmt: skip
_LONGEST_REQUEST = 500
_EDGED = frozenset({"a", "span", "label", "small", "time", "data", "output"})
_SPACED = frozenset({"button", "meter", "progress", "mtd", "desc"})
_COUNTED = frozenset({"svg", "math", "code", "kbd", "samp"})
_OPERATORS = {"msup": "^", "mfrac": "/"}


class Layout:
    """Appends the text of elements to a document that is being built."""

    def __init__(
        self,
        builder: TextBuilder,
        inner_page: Callable[[str], "LexborNode | None"],
        *,
        hidden: set[int],
        left_out: Set[int] = frozenset(),
        unclosed: Set[str] = frozenset(),
        line: int = 0,
    ) -> None:
        """Begin a page.

        Args:
            builder: What is appended to.
            inner_page: Parses a page that stands in a page; returns its body, None where there is none.
            hidden: The `mem_id` of elements that are not shown; those of pages and trees in the page are added to it.
            left_out: The `mem_id` of elements that are navigation and the like.
            line: The number of the line that those in `LINE` count from; 0 where there are none.
            unclosed: Names of elements that are never closed; such an element hides nothing.
        """
        self._builder = builder
        self._inner_page = inner_page
        self._hidden = hidden
        self._left_out = left_out
        self._unclosed = unclosed
        self._line = line
        self._inline: list[str] = []
        self._gap = "\n"
        self._level: int | None = None
        self._preformatted = 0
        self._code = self._svg = self._math = 0
        self._row_begun = False
        self._last_alt = ""
        self._trees = 0

    def append(self, root: "LexborNode") -> None:
        """Append what a browser shows of an element."""
        self._walk(root)
        self._flush()

    def _walk(self, root: "LexborNode") -> None:
        """Visit every node in the order of the page. A loop, not a recursion: pages can be nested deeply."""
        node = root
        root_id = root.mem_id
        while True:
            child = node.first_child if self._enter(node) else None
            if child is not None:
                node = child
                continue
            while True:
                self._leave(node)
                if node.mem_id == root_id:
                    return
                sibling = node.next
                if sibling is not None:
                    node = sibling
                    break
                parent = node.parent
                assert parent is not None  # the walk began at root and has not come back to it
                node = parent

    def _enter(self, node: "LexborNode") -> bool:
        """Begin a node; return whether to go on with what is in it."""
        tag = node.tag or ""
        if self._hidden and node.mem_id in self._hidden:
            return False
        if tag == "-text":
            text = node.text_content or ""
            if not text.isascii():
                text = _UNSEEN_OR_SIGNS.sub("", text)
            self._inline.append(text)
            self._row_begun = self._row_begun or not text.isspace()
        elif tag in PARAGRAPHS or tag in LINES:
            return self._enter_block(node, tag)
        elif tag in _EDGED or tag.find("-") > 0:
            if not self._code:
                self._inline.append(_EDGE_BEGIN)
        elif tag in UNSEEN:
            return self._enter_unseen(node, tag)
        elif tag in ("td", "th"):
            if self._row_begun:
                self._inline.append(_CELL)
        elif tag in _COUNTED:
            self._count(tag, 1)
            if tag == "svg" and (label := node.attributes.get("aria-label")):
                self._append_words(label)
        elif enter := _ENTERED.get(tag):
            enter(self, node)
        elif self._math:
            self._append_operator(node)
        return True

    def _leave(self, node: "LexborNode") -> None:
        tag = node.tag or ""
        if tag == "-text" or (self._hidden and node.mem_id in self._hidden):
            return
        if tag in PARAGRAPHS or tag in LINES:
            self._break(tag)
            if tag in HEADINGS:
                self._level = None
            self._preformatted -= tag in PREFORMATTED
        elif tag in _EDGED or tag.find("-") > 0:
            if not self._code:
                self._inline.append(_EDGE_END)
        elif tag in _COUNTED:
            self._count(tag, -1)
        elif end := _ENDS.get(tag):
            self._inline.append(end)

    def _count(self, tag: str, step: int) -> None:
        if tag == "svg":
            self._svg += step
        elif tag == "math":
            self._math += step
        else:
            self._code += step

    def _enter_block(self, node: "LexborNode", tag: str) -> bool:
        if node.mem_id in self._left_out:
            return False
        self._break(tag)
        if self._line:
            self._mark_line(node)
        if tag in HEADINGS:
            self._level = HEADINGS[tag]
        elif tag in PARAGRAPHS:
            self._level = None  # of a heading that is never closed
        self._preformatted += tag in PREFORMATTED
        if tag == "noscript":
            text = node.text()
            return len(text) > _LONGEST_REQUEST or not _ASKS_FOR_SCRIPTS.search(text)
        if tag in ("optgroup", "option") and (label := node.attributes.get("label")):
            self._inline.append(label)
            self._flush()
            return tag == "optgroup"
        return True

    def _mark_line(self, node: "LexborNode") -> None:
        code = node.first_child if node.tag == "pre" else None  # of which a block of code has the attributes
        written = (code if code is not None and code.tag == "code" else node).attributes.get(LINE) or ""
        if written.isdecimal() and len(written) < _MOST_DIGITS:
            self._builder.mark({"line": self._line + int(written)})

    def _enter_unseen(self, node: "LexborNode", tag: str) -> bool:
        """What no browser shows, but for the pages that some of it holds, and but for what is never closed."""
        attributes = node.attributes
        if tag == "title":
            self._inline.append(" ")
            return self._svg > 0
        if tag == "template":
            if "shadowrootmode" in attributes or "shadowroot" in attributes or tag in self._unclosed:
                fragments = node.template_fragments()
                if not fragments:
                    return True  # in a drawing it is an element like others
                self._hidden |= html_hidden.hidden(fragments[0], self._unclosed)
                self._append_tree(fragments[0])
            return False
        if tag == "iframe" and (page := self._inner_page(attributes.get("srcdoc") or "")) is not None:
            self._break(tag)
            self._append_tree(page)
            self._break(tag)
        if tag in self._unclosed:
            self._break(tag)
        return tag in self._unclosed

    def _append_tree(self, tree: "LexborNode") -> None:
        """Append a tree that hangs in this one; what it shows is a part of the block that it stands in."""
        if self._trees < MAX_TREES:
            self._trees += 1
            child = tree.first_child
            while child is not None:
                self._walk(child)
                child = child.next
            self._trees -= 1

    def _append_operator(self, node: "LexborNode") -> None:
        """The sign of a power or a fraction, before what is raised or below the line."""
        parent = node.parent
        operator = _OPERATORS.get(parent.tag or "") if parent is not None else None
        before = node.prev if operator else None
        while before is not None and (before.tag or "-").startswith("-"):
            before = before.prev
        if operator and before is not None:
            self._inline.append(operator)

    def _append_input(self, node: "LexborNode") -> None:
        attributes = node.attributes
        kind = (attributes.get("type") or "").lower()
        if kind == "image":
            self._append_alt(node)
        elif kind in _TYPED_VALUES:
            self._inline += [" ", attributes.get("value") or attributes.get("placeholder") or "", " "]

    def _append_alt(self, node: "LexborNode") -> None:
        """Append the words for a picture. Pages that load them late have each twice."""
        self._append_words(node.attributes.get("alt") or "")

    def _append_words(self, words: str) -> None:
        alt = " ".join(words.split())
        if alt and alt != self._last_alt and not _FILE_NAME.fullmatch(alt):
            self._inline += [" ", _SIGNS.sub("", alt), " "]
            self._row_begun = True
            self._last_alt = alt

    def _append_span(self, node: "LexborNode") -> None:
        if not {"x", "y", "dy"}.isdisjoint(node.attributes):
            self._inline.append(" ")

    def _append_br(self, _: "LexborNode") -> None:
        self._inline.append("\n" if self._preformatted else _BR)

    def _begin_superscript(self, node: "LexborNode") -> None:
        self._inline.append(_NOTE if node.css_first("a") else _RAISED)

    def _begin_reading(self, _: "LexborNode") -> None:
        self._inline.append(ruby.BEGIN)

    def _append_space(self, _: "LexborNode") -> None:
        self._inline.append(" ")

    def _break(self, tag: str | None) -> None:
        self._flush()
        if tag in PARAGRAPHS:
            self._gap = "\n\n"

    def _flush(self) -> None:
        if not self._inline:
            return
        if self._inline[-1] == _CELL:
            self._inline.pop()
        text = "".join(self._inline)
        self._inline.clear()
        self._row_begun = False
        if text.isspace():
            return
        if not text.isascii() and _SIGNS.search(text):
            text = _decided(text)
        if not self._preformatted:
            text = _collapse(text)
        if text and not text.isspace():
            self._builder.add(text, self._level, self._gap)
            self._gap = "\n"


_ENTERED: dict[str, Callable[[Layout, "LexborNode"], None]] = {
    "br": Layout._append_br,
    "img": Layout._append_alt,
    "area": Layout._append_alt,
    "input": Layout._append_input,
    "sup": Layout._begin_superscript,
    "rt": Layout._begin_reading,
    "tspan": Layout._append_span,
    **dict.fromkeys(_SPACED, Layout._append_space),
}
_ENDS = {"sup": _LOWERED, "rt": ruby.END, "title": " ", **dict.fromkeys(_SPACED, " ")}


def _decided(text: str) -> str:
    """The text of a block with readings behind their words, superscripts and what stands side by side set apart."""
    if _EDGE_END in text:
        text = _EDGES.sub(" ", text)
    text = text.replace(_EDGE_END, "").replace(_EDGE_BEGIN, "")
    if _LOWERED in text:
        text = _SUPERSCRIPT.sub(_set_apart, text)
    if ruby.BEGIN in text:
        text = ruby.place_readings(text)
    return _SIGNS.sub("", text)


def _set_apart(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 100) : match.start()]
    return separator(before, match[2], is_note=match[1] == _NOTE) + match[2]


def _collapse(text: str) -> str:
    """Collapse white space as browsers do, but join Japanese lines without a space."""
    text = _SPACES.sub(lambda match: "\n" if "\n" in match[0] else " ", text)
    text = join_wrapped(text).strip(" ")
    if _BR in text:
        text = _SPACED_BR.sub(lambda match: "\n" * min(match[0].count(_BR), 2), text)
    return text.strip("\n")
