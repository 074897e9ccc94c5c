"""What a Markdown or HTML file says of the form of its text: where code, items of lists and heads of tables stand.

An index keeps the words of a document and its headings. The rest of its form is read again from the file, and found in
the words that the index has: nothing of the file itself is shown, so that its markup can do nothing on a page, and what
cannot be found there is shown as plain text.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal

Kind = Literal["code", "item", "head"]

# Ignored where the words of file and index are compared: breaks of lines, and what stands between cells.
_BETWEEN = re.compile(r"[\s|]+")
_ENDING = frozenset({"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "tr", "dl", "blockquote"})
_UNSEEN = frozenset({"script", "style"})
# A shape that is not found within so many characters of the last one is none of this text.
_FAR = 20_000


@dataclass(frozen=True, slots=True)
class Shape:
    """Words of a file that have a form.

    Attributes:
        kind: A block of code, an item of a list, or the row of a table that names its columns.
        text: The words; of an item those before lists within it.
        level: Of an item, how deep its list lies, from 1.
        mark: Of an item of a numbered list, its number and a dot; else "".
    """

    kind: Kind
    text: str
    level: int = 0
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Shaped:
    """A shape where it stands in a text: characters ``start`` to before ``end``."""

    start: int
    end: int
    shape: Shape


def shapes_of_markdown(source: str) -> list[Shape]:
    """The shapes of a Markdown file, in order; none where it is nested too deeply."""
    from markdown_it import MarkdownIt

    try:
        return shapes_of_html(MarkdownIt("commonmark").enable("table").render(source))
    except RecursionError:
        return []


def shapes_of_html(markup: str) -> list[Shape]:
    """The shapes of a page, in order."""
    collector = _Collector()
    collector.feed(markup)
    collector.close()
    collector.end()
    return collector.shapes


class _Collector(HTMLParser):
    """Collects shapes; what is nested or closed wrongly makes other shapes, which no text has."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shapes: list[Shape] = []
        self._words: list[str] | None = None
        self._kind: Kind = "item"
        self._mark = ""
        # Of each list that is open, the number of its next item; 0 where items have none.
        self._lists: list[int] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif self._kind == "code" and self._words is not None:
            return
        elif tag == "pre":
            self._begin("code")
        elif tag == "li" and self._lists:
            number = self._lists[-1]
            self._lists[-1] += bool(number)
            self._begin("item", f"{number}." if number else "")
        elif tag == "th" and self._kind != "head":
            self._begin("head")
        elif tag == "td" and self._kind == "head":
            # It names a row, not the columns.
            self._words, self._kind = None, "item"
        elif tag in _ENDING and not (tag == "p" and self._words == []):
            self.end()
        if tag in ("ul", "ol"):
            first = dict(attrs).get("start") or "1"
            self._lists.append((int(first) if first.isdecimal() and len(first) < 10 else 1) if tag == "ol" else 0)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(self._unseen - 1, 0)
        elif tag in ("pre", "li", "tr", "table", "p") and not (self._kind == "code" and tag != "pre"):
            self.end()
        if tag in ("ul", "ol") and self._lists:
            self.end()
            self._lists.pop()

    def handle_data(self, data: str) -> None:
        if self._words is not None and not self._unseen and (self._words or not data.isspace()):
            self._words.append(data)

    def end(self) -> None:
        """End the shape that is open."""
        if self._words:
            level = len(self._lists) if self._kind == "item" else 0
            self.shapes.append(Shape(self._kind, "".join(self._words), level, self._mark))
        self._words, self._kind, self._mark = None, "item", ""

    def _begin(self, kind: Kind, mark: str = "") -> None:
        self.end()
        self._words, self._kind, self._mark = [], kind, mark


def shaped(text: str, shapes: Sequence[Shape]) -> tuple[Shaped, ...]:
    """Where shapes stand in a text, those that are found, in order: each from the beginning of a line to an end."""
    stream, offsets = _without_breaks(text)
    begins = {bisect_left(offsets, match.end()) for match in re.finditer(r"\A|\n", text)}
    found = []
    after = 0
    for shape in shapes:
        wanted = _BETWEEN.sub("", shape.text)
        at = stream.find(wanted, after, after + _FAR + len(wanted)) if wanted else -1
        while at >= 0 and not (at in begins and (at + len(wanted) in begins or at + len(wanted) == len(stream))):
            at = stream.find(wanted, at + 1, after + _FAR + len(wanted))
        if at >= 0:
            after = at + len(wanted)
            found.append(Shaped(offsets[at], offsets[after - 1] + 1, shape))
    return tuple(found)


def _without_breaks(text: str) -> tuple[str, list[int]]:
    """A text without blanks and what stands between cells, and where each of its characters stood."""
    offsets: list[int] = []
    at = 0
    for match in [*_BETWEEN.finditer(text), None]:
        end = match.start() if match else len(text)
        offsets.extend(range(at, end))
        at = match.end() if match else end
    return _BETWEEN.sub("", text), offsets
