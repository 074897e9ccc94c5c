"""What every reader does to text: light cleaning, joining wrapped lines, titles, building a text from blocks.

The cleaning is small on purpose. Offsets of passages refer to the cleaned text and people see it as it is, so
characters keep their width and form; folding them is the business of the tokenizer and of the word index.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from sakuin.index.documents import Heading, Position, PositionValues
from sakuin.index.errors import ReadError
from sakuin.index.reasons import Reason

MAX_TITLE_CHARACTERS = 200
MAX_HEADING_CHARACTERS = 200
"""A "heading" longer than this is a paragraph that someone made large."""

_BLOCK = 1024 * 1024
_OTHER_NEWLINES = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_NEWLINE = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BLANK_LINES = re.compile("\n{3,}")

_CJK = "\u3000-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003fffd"
_CJK_BEFORE_WRAP = re.compile(f"(?<=[{_CJK}])\n|\n(?=[{_CJK}])")


def clean(text: str) -> str:
    r"""Return the text with ``\n`` newlines, no trailing spaces and never more than one blank line in a row.

    NUL characters and lone surrogates, which no store can hold, are removed. All other characters stay.
    """
    if text.isprintable():  # nothing of all this but spaces, on one line
        return text.rstrip()
    if len(text) <= _BLOCK:
        return _cleaned(text).strip("\n")
    blocks: list[str] = []
    ends = 2  # newlines at the end of what is cleaned so far
    for block in map(_cleaned, _blocks(text)):
        bare = block.lstrip("\n")
        block = "\n" * min(len(block) - len(bare), 2 - ends) + bare
        ends = len(block) - len(block.rstrip("\n")) + (0 if bare else ends)
        blocks.append(block)
    return "".join(blocks).rstrip("\n")


def _cleaned(text: str) -> str:
    # Looking for single characters is many times as fast as for any of a class, and most texts have none of these.
    if has_other_newlines(text):
        text = _OTHER_NEWLINES.sub("\n", text)
    if not _is_storable(text):
        text = _UNSTORABLE.sub("", text)
    text = "\n".join([line.rstrip() for line in text.split("\n")])
    return _BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text


def has_other_newlines(text: str) -> bool:
    r"""Whether there are ends of lines other than ``\n`` in a text."""
    if "\r" in text or "\v" in text or "\f" in text:
        return True
    return not text.isascii() and ("\x85" in text or "\u2028" in text or "\u2029" in text)


def _is_storable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _blocks(text: str) -> Iterator[str]:
    """Cut a text behind newlines: as lines of a few characters each it takes thirty times its memory."""
    start = 0
    while start < len(text):
        newline = _NEWLINE.search(text, start + _BLOCK)
        end = newline.end() if newline else len(text)
        yield text[start:end]
        start = end


def join_wrapped(text: str) -> str:
    r"""Join lines that were broken only to fit a page: nothing between Japanese characters, else a space.

    Args:
        text: Lines separated by single ``\n`` without spaces around them.
    """
    return _CJK_BEFORE_WRAP.sub("", text).replace("\n", " ") if "\n" in text else text


def one_line(text: object, limit: int = MAX_TITLE_CHARACTERS) -> str:
    """Return a title-like text on one line, cut to ``limit`` characters."""
    line = " ".join(clean(str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def stem_of(uri: str) -> str:
    """Return the file's name without folder and suffix: from its uri, since a path need not be valid Unicode."""
    return PurePosixPath(uri).stem


def require_text(text: str) -> str:
    """Return the text.

    Raises:
        ReadError: If there is nothing but white space in it.
    """
    if not text or text.isspace():
        raise ReadError(Reason("no_text"))
    return text


class TextBuilder:
    """Puts a document's text together from blocks, and remembers where its headings are."""

    def __init__(self) -> None:
        """Begin with an empty text."""
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._positions: list[Position] = []
        self._next_position: PositionValues | None = None

    def mark(self, values: PositionValues) -> None:
        """Note where in the file the next block stands, and those after it; ``{}`` for nowhere in particular."""
        self._next_position = values

    def add(self, text: str, level: int | None = None, gap: str = "\n\n") -> None:
        """Append a block.

        Args:
            text: The block; cleaned here, and ignored if blank.
            level: The heading's level, if it is a heading.
            gap: What separates it from the block before.
        """
        text = clean(text)
        if not text or text.isspace():
            return
        if level is not None:
            text = join_wrapped(text).strip()
        if self._parts:
            self._parts.append(gap)
            self._length += len(gap)
        if self._next_position is not None:
            self._positions.append(Position(self._length, self._next_position))
            self._next_position = None
        if level is not None and len(text) <= MAX_HEADING_CHARACTERS:
            self._headings.append(Heading(self._length, self._length + len(text), level))
        self._parts.append(text)
        self._length += len(text)

    def text(self) -> str:
        """Return the whole text."""
        return "".join(self._parts)

    def headings(self) -> tuple[Heading, ...]:
        """Return the headings, in order, as offsets into :meth:`text`."""
        return tuple(self._headings)

    def positions(self) -> tuple[Position, ...]:
        """Return where the marked blocks begin, as offsets into :meth:`text`."""
        return tuple(self._positions)

    def first_heading(self) -> str:
        """Return the words of the first heading, or ""."""
        if not self._headings:
            return ""
        heading = self._headings[0]
        return one_line(self.text()[heading.start : heading.end])
