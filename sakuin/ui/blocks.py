"""A part of a document's text as blocks: headings, paragraphs, items of lists, tables and code."""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from sakuin.ui.shapes import Shaped

Kind = Literal["paragraph", "heading", "item", "table", "code"]
Span = tuple[int, int]

# As readers put it between the cells of a row.
_CELLS = re.compile(r" ?\|(?: |$)")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of text.

    Attributes:
        kind: What it is.
        rows: Of a table its rows, each with its cells; of any other block one row with one cell. A cell is where its
            words stand in the text: from a character to before another.
        level: Of a heading, 1 for the top level; of an item, how deep its list lies, from 1.
        mark: What stands before an item of a numbered list.
        head: Of a table, whether its first row names the columns.
    """

    kind: Kind
    rows: tuple[tuple[Span, ...], ...]
    level: int = 0
    mark: str = ""
    head: bool = False

    @property
    def start(self) -> int:
        """Where it begins."""
        return self.rows[0][0][0]


@dataclass(frozen=True, slots=True)
class Form:
    """What is known of the form of a document.

    Attributes:
        headings: Level of each, by where it begins.
        shaped: Of its file, in order.
        code: Whether all of it is code.
        tables: Whether lines with signs between cells are rows of tables.
    """

    headings: Mapping[int, int] = field(default_factory=dict)
    shaped: Sequence[Shaped] = ()
    code: bool = False
    tables: bool = True


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    kind: Kind
    level: int = 0
    mark: str = ""
    head: bool = False


def blocks_of(text: str, start: int, form: Form, cuts: Collection[int] = ()) -> list[Block]:
    """The blocks of a part of a text, in order.

    Args:
        text: Of the part.
        start: Where in the whole text it begins; blocks are told by characters of that.
        form: Of the document.
        cuts: Where a paragraph, or a table or block of code between its lines, ends and another begins.
    """
    blocks: list[Block] = []
    group: list[_Line] = []
    for line in [*_lines(text, start, form, sorted(cuts)), None]:
        if line and group and _goes_on(group[-1], line, text, start) and line.start not in cuts:
            group.append(line)
            continue
        if group:
            blocks.append(_block(group, text, start))
        group = [line] if line else []
    return blocks


def _lines(text: str, start: int, form: Form, cuts: Sequence[int]) -> Iterator[_Line]:
    """The lines that are not blank; a line of a paragraph in pieces where it is cut."""
    begins = [each.start for each in form.shaped]
    lines = [(start + found.start(), start + found.end()) for found in re.finditer(r"[^\n]+", text)]
    lines = [(first, end) for first, end in lines if not text[first - start : end - start].isspace()]
    rows = _rows_of_tables(text, start, lines) if form.tables else set()
    for first, end in lines:
        number = bisect_right(begins, first + _indent(text[first - start : end - start])) - 1
        at = form.shaped[number] if number >= 0 and first < form.shaped[number].end else None
        shape = at.shape if at else None
        if form.code or (shape and shape.kind == "code"):
            yield _Line(first, end, "code")
        elif first in form.headings:
            yield _Line(first, end, "heading", form.headings[first])
        elif first in rows:
            yield _Line(first, end, "table", head=bool(shape and shape.kind == "head"))
        elif at and shape and shape.kind == "item" and at.start == first:
            yield _Line(first, end, "item", shape.level, shape.mark)
        else:
            places = [first, *(cut for cut in cuts if first < cut < end), end]
            yield from (_Line(*piece, "paragraph") for piece in pairwise(places))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _rows_of_tables(text: str, start: int, lines: Sequence[Span]) -> set[int]:
    """Where the lines with more than one cell begin that stand below one another: a single one may be anything."""
    parted = [span for span in lines if _CELLS.search(text, span[0] - start, span[1] - start)]
    return {one for above, below in pairwise(parted) if below[0] == above[1] + 1 for one in (above[0], below[0])}


def _goes_on(before: _Line, line: _Line, text: str, start: int) -> bool:
    """Whether a line belongs to the block of the line before it."""
    if before.kind != line.kind or line.kind in ("heading", "item"):
        return False
    between = text[before.end - start : line.start - start]
    return line.kind == "code" or between.count("\n") == 1


def _block(lines: Sequence[_Line], text: str, start: int) -> Block:
    first = lines[0]
    if first.kind == "table":
        return Block("table", tuple(tuple(_cells(line, text, start)) for line in lines), head=first.head)
    return Block(first.kind, (((first.start, lines[-1].end),),), first.level, first.mark)


def _cells(line: _Line, text: str, start: int) -> Iterator[Span]:
    at = line.start
    for sign in _CELLS.finditer(text, line.start - start, line.end - start):
        yield at, start + sign.start()
        at = start + sign.end()
    yield at, line.end
