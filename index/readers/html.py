"""Web pages: the words a reader of the page sees, with its headings.

selectolax (Lexbor) parses as browsers do and is fast. Extractors of "main content" such as trafilatura were not
taken: they guess, drop tables and lists of short pages, and lose where the headings are.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sakuin.index.documents import Document, MetadataValue
from sakuin.index.errors import ReadError
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.plain import TextBuilder, join_wrapped, one_line, require_text, stem_of
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_PAGE_BYTES = 64 * 1024 * 1024
"""A page takes ten times its size in memory once it is parsed, one of nothing but tags a hundred times."""

MAX_DEPTH = 1000
"""Tags that may be open at once. The rules for repairing HTML take quadratic time and memory in this number."""

_DECLARED_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]{0,1000}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_DECLARED_WITHIN = 4096
_TAG = re.compile(r"<(?:!--|(/?)([a-zA-Z][\w:-]*)[^<>]*?(/?)>)")
_RAW_ENDS = {
    "": re.compile("-->"),  # of a comment
    **{name: re.compile(f"</{name}", re.I) for name in ("script", "style", "textarea", "title", "noscript", "iframe")},
}
_XHTML_EMPTY = re.compile(r"<(title|script|style|iframe|textarea|noscript)\b([^<>]*)/>", re.I)
# fmt: off
_NEVER_NESTED = frozenset({
    "p", "li", "td", "th", "tr", "dt", "dd", "option", "optgroup", "thead", "tbody", "tfoot", "colgroup", "rp",
    "rt", "rb", "rtc", "html", "head", "body", "br", "img", "hr", "input", "meta", "link", "col", "area", "base",
    "wbr", "source", "embed", "param", "track", "keygen", "frame",
})
_DROPPED = [
    "head", "script", "style", "noscript", "template", "nav", "footer", "iframe", "svg", "math", "canvas", "audio",
    "video", "object", "select", "button", "textarea", "datalist", "rt", "rp",
]  # rt, rp: the reading of a word would stand inside it, 漢かん字じ
_PARAGRAPHS = frozenset({
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "blockquote", "pre", "table", "figure", "section",
    "article", "header", "main", "aside", "details", "hr",
})
_LINES = frozenset({
    "div", "li", "dt", "dd", "tr", "caption", "figcaption", "summary", "form", "fieldset", "legend", "address",
    "center", "option", "thead", "tbody", "tfoot", "body", "html", "hgroup", "dir", "menu",
})
# fmt: on
_HEADING_LEVELS = {f"h{level}": level for level in range(1, 7)}
_META_NAMES = {
    "author": "author",
    "description": "description",
    "keywords": "keywords",
    "date": "date",
    "article:published_time": "date",
}
_BR = "\u2028"  # until white space is collapsed, in which real line breaks mean nothing
_CELL = " | "
_SPACES = re.compile(r"[ \t\r\n\f]+")
_SPACED_BR = re.compile(f" *{_BR}[ {_BR}]*")


def read(path: Path, uri: str) -> Iterator[Document]:
    """Read a web page as one document.

    Raises:
        ReadError: If it is empty, binary, too large, too deeply nested, or its encoding cannot be told for certain.
    """
    data = load_bytes(path, MAX_PAGE_BYTES)
    declared = _DECLARED_CHARSET.search(data[:_DECLARED_WITHIN])
    markup, _ = decode(data, declared[1].decode("ascii", "replace") if declared else None)
    if path.suffix.lower() == ".xhtml":
        markup = _XHTML_EMPTY.sub(r"<\1\2></\1>", markup)
    page = _parse(markup)
    title_node = page.css_first("head title")
    title = one_line(title_node.text()) if title_node else ""
    metadata = _metadata(page)
    builder = TextBuilder()
    _append(builder, page)
    text = require_text(builder.text())
    yield Document(
        id=uri,
        title=title or builder.first_heading() or stem_of(uri),
        text=text,
        headings=builder.headings(),
        metadata=metadata,
    )


def append_markup(builder: TextBuilder, markup: str) -> None:
    """Append the visible text of a piece of HTML to a document that is being built.

    Raises:
        ReadError: If its tags are nested too deeply.
    """
    _append(builder, _parse(markup))


def _parse(markup: str) -> "LexborHTMLParser":
    from selectolax.lexbor import LexborHTMLParser

    _refuse_deep(markup)
    return LexborHTMLParser(markup)


def _refuse_deep(markup: str) -> None:
    open_tags: Counter[str] = Counter()
    depth = position = 0
    while match := _TAG.search(markup, position):
        position = match.end()
        closing, name, empty = match[1], (match[2] or "").lower(), match[3]
        if name in _RAW_ENDS and not closing:
            # What looks like a tag in a script (i<n) is none.
            end = _RAW_ENDS[name].search(markup, position)
            if end is None:
                return
            position = end.end()
        elif name in _NEVER_NESTED or (empty and (open_tags["svg"] or open_tags["math"])):
            continue
        elif not closing:
            open_tags[name] += 1
            depth += 1
            if depth > MAX_DEPTH:
                raise ReadError(Reason("nested_html", {"limit": MAX_DEPTH}))
        elif open_tags[name]:
            open_tags[name] -= 1
            depth -= 1


def _metadata(page: "LexborHTMLParser") -> dict[str, MetadataValue]:
    metadata: dict[str, MetadataValue] = {}
    for node in page.css("head meta[content]"):
        name = _META_NAMES.get((node.attributes.get("name") or node.attributes.get("property") or "").lower())
        content = one_line(node.attributes.get("content") or "", 1000)
        if name and content:
            metadata.setdefault(name, content)
    root = page.css_first("html")
    if root and (language := one_line(root.attributes.get("lang") or "")):
        metadata["language"] = language
    return metadata


def _append(builder: TextBuilder, page: "LexborHTMLParser") -> None:
    body = page.body
    if body is None:
        return
    page.strip_tags(_DROPPED, recursive=True)
    _Blocks(builder).walk(body)


class _Blocks:
    """Turns a tree of elements into blocks of text, as a browser lays them out."""

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._inline: list[str] = []
        self._gap = "\n"
        self._level: int | None = None
        self._preformatted = 0
        self._row_begun = False

    def walk(self, root: "LexborNode") -> None:
        """Visit every node in the order of the page. A loop, not a recursion: pages can be nested deeply."""
        node = root
        while True:
            self._enter(node)
            child = node.first_child
            if child is not None:
                node = child
                continue
            while True:
                self._leave(node)
                if node.mem_id == root.mem_id:
                    self._flush()
                    return
                sibling = node.next
                if sibling is not None:
                    node = sibling
                    break
                parent = node.parent
                assert parent is not None  # the walk began at root and has not come back to it
                node = parent

    def _enter(self, node: "LexborNode") -> None:
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            self._inline.append(text)
            self._row_begun = self._row_begun or not text.isspace()
        elif tag == "br":
            self._inline.append("\n" if self._preformatted else _BR)
        elif tag in ("td", "th"):
            if self._row_begun:
                self._inline.append(_CELL)
        elif tag in _PARAGRAPHS or tag in _LINES:
            self._break(tag)
            self._level = _HEADING_LEVELS.get(tag or "", self._level)
            self._preformatted += tag == "pre"

    def _leave(self, node: "LexborNode") -> None:
        tag = node.tag
        if tag in _PARAGRAPHS or tag in _LINES:
            self._break(tag)
            if tag in _HEADING_LEVELS:
                self._level = None
            self._preformatted -= tag == "pre"

    def _break(self, tag: str | None) -> None:
        self._flush()
        if tag in _PARAGRAPHS:
            self._gap = "\n\n"

    def _flush(self) -> None:
        if self._inline and self._inline[-1] == _CELL:
            self._inline.pop()
        text = "".join(self._inline)
        self._inline.clear()
        self._row_begun = False
        if not self._preformatted:
            text = _collapse(text)
        if text and not text.isspace():
            self._builder.add(text, self._level, self._gap)
            self._gap = "\n"


def _collapse(text: str) -> str:
    """Collapse white space as browsers do, but join Japanese lines without a space."""
    text = _SPACES.sub(lambda match: "\n" if "\n" in match[0] else " ", text)
    text = join_wrapped(text).strip(" ")
    return _SPACED_BR.sub(lambda match: "\n" * min(match[0].count(_BR), 2), text).strip("\n")
