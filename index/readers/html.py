"""Web pages: the words a reader of the page sees, with its headings.

selectolax (Lexbor) parses as browsers do and is fast. Extractors of "main content" such as trafilatura were not
taken: they guess, drop tables and lists of short pages, and lose where the headings are (docs/experiments/reading.md).
"""

import re
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

from sakuin.index.documents import Document, MetadataValue, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.dates import iso_date
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.html_elements import VOID
from sakuin.index.readers.html_hidden import hidden
from sakuin.index.readers.html_layout import Layout
from sakuin.index.readers.html_navigation import navigation
from sakuin.index.readers.html_permalinks import permalinks
from sakuin.index.readers.html_scan import Scan, scan
from sakuin.index.readers.language import declared
from sakuin.index.readers.plain import TextBuilder, one_line, require_text
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import title_of
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_PAGE_BYTES = 64 * 1024 * 1024
"""A page takes ten times its size in memory once it is parsed, one of nothing but tags a hundred times."""

_DECLARED_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]{0,1000}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_DECLARED_WITHIN = 4096
_XHTML_EMPTY = re.compile(r"<([a-zA-Z][\w:-]*+)([^<>]*)/>")
_META_NAMES = {
    "author": "author",
    "description": "description",
    "keywords": "keywords",
    "date": "created",
    "dc.date": "created",
    "dcterms.created": "created",
    "article:published_time": "created",
    "last-modified": "modified",
    "dcterms.modified": "modified",
    "article:modified_time": "modified",
    "og:updated_time": "modified",
}
_NAVIGATION = frozenset({"nav", "footer"})
_DATES = ("created", "modified")


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a web page as one document.

    Raises:
        ReadError: If it is empty, binary, too large, too deeply nested, or its encoding cannot be told for certain.
    """
    data = load_bytes(source, MAX_PAGE_BYTES)
    markup, _ = decode(data, declared_charset(data))
    if source.suffix == ".xhtml":
        markup = _XHTML_EMPTY.sub(_with_end_tag, markup)
    found = scan(markup)
    page = _parse(markup)
    page.strip_tags(["script", "style"])
    # Nothing is looked for in the tree that has no tag.
    title_node = page.css_first("head title") if "title" in found.names else None
    title = one_line(title_node.text()) if title_node else ""
    metadata = _metadata(page) if found.has_attributes else {}
    builder = TextBuilder()
    has_parts = found.has_attributes or _NAVIGATION & found.names
    left_out = navigation(page, found.unclosed, title) if has_parts else frozenset()
    _append(builder, page, found, left_out=left_out)
    if left_out and not builder.text():
        _append(builder, page, found)  # a page of nothing but links
    if not builder.text() and found.hiding:
        raise ReadError(Reason("unclosed_tag", {"tag": found.hiding}))
    text = require_text(builder.text())
    yield Document(
        id=source.uri,
        title=title_of(source.uri, stated=title, heading=builder.first_heading(), text=text),
        text=text,
        headings=builder.headings(),
        metadata=metadata,
    )
    if found.hiding:
        yield Skipped(source.uri, Reason("unclosed_tag", {"tag": found.hiding}))


def declared_charset(data: bytes) -> str | None:
    """The encoding that a page says it is in; None where it says nothing."""
    found = _DECLARED_CHARSET.search(data[:_DECLARED_WITHIN])
    return found[1].decode("ascii", "replace") if found else None


def append_markup(builder: TextBuilder, markup: str, *, line: int = 0, has_own_tags: bool = True) -> None:
    """Append the visible text of a piece of HTML to a document that is being built.

    Args:
        builder: What is appended to.
        markup: The HTML.
        line: Where it was made from another text, the number of the line that those in its tags count from; else 0.
        has_own_tags: Whether there may be tags in it that its author wrote. Those that a program made are all closed,
            nested as it allows, and hide nothing.

    Raises:
        ReadError: If its tags are nested too deeply.
    """
    if has_own_tags:
        page = _parse(markup)
        page.strip_tags(["script", "style"])
        _append(builder, page, scan(markup), line=line)
    elif (body := _parse(markup).body) is not None:
        Layout(builder, lambda _: None, hidden=set(), line=line).append(body)


def _with_end_tag(match: re.Match[str]) -> str:
    return match[0] if match[1].lower() in VOID else f"<{match[1]}{match[2]}></{match[1]}>"


def _parse(markup: str) -> "LexborHTMLParser":
    from selectolax.lexbor import LexborHTMLParser

    return LexborHTMLParser(markup)


def _metadata(page: "LexborHTMLParser") -> dict[str, MetadataValue]:
    metadata: dict[str, MetadataValue] = {}
    for node in page.css("head meta[content]"):
        name = _META_NAMES.get((node.attributes.get("name") or node.attributes.get("property") or "").lower())
        content = one_line(node.attributes.get("content") or "", 1000)
        if name in _DATES:
            content = iso_date(content)
        if name and content:
            metadata.setdefault(name, content)
    root = page.css_first("html")
    if root and (language := declared(root.attributes.get("lang") or root.attributes.get("xml:lang") or "")):
        metadata["language"] = language
    return metadata


def _append(
    builder: TextBuilder,
    page: "LexborHTMLParser",
    found: Scan,
    *,
    left_out: Set[int] = frozenset(),
    line: int = 0,
) -> None:
    pages = [page]  # kept while nodes of theirs are in use

    def inner_page(markup: str) -> "LexborNode | None":
        if not markup:
            return None
        seen = scan(markup)
        pages.append(_parse(markup))
        unseen.update(hidden(pages[-1], seen.unclosed))
        return pages[-1].body

    unseen = hidden(page, found.unclosed) | permalinks(page) if found.has_attributes else set()
    body = page.body
    if body is None:  # a page of frames
        frames = page.css_first("noframes")
        body = inner_page(frames.text() if frames else "")
    if body is not None:
        Layout(builder, inner_page, hidden=unseen, left_out=left_out, unclosed=found.unclosed, line=line).append(body)
