"""The text of a document as HTML, in the form that its file had."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from html import escape
from itertools import groupby

from sakuin.ui.blocks import Block, Span
from sakuin.ui.html.excerpts import marked_runs
from sakuin.ui.html.pieces import coloured_text, isolated

# The page's own title and the document's stand above its headings.
FIRST_LEVEL, LAST_LEVEL = 3, 6
DEEPEST = 6


class Marked:
    """A part of a text with words marked.

    Args:
        text: Of the part.
        start: Where in the whole text it begins.
        spans: Of the whole text, what is marked: sorted, disjoint.
    """

    def __init__(self, text: str, start: int, spans: Sequence[Span]) -> None:
        self._text, self._start, self._spans = text, start, spans
        self._ends = [end for _, end in spans]
        self._starts = [start for start, _ in spans]

    def __call__(self, span: Span) -> str:
        """The characters of a span as HTML."""
        first, end = span
        spans = self._spans[bisect_right(self._ends, first) : bisect_left(self._starts, end)]
        inside = [(max(one, first) - first, min(other, end) - first) for one, other in spans]
        return coloured_text(marked_runs(self._text[first - self._start : end - self._start], inside), 0.0)


def reading(blocks: Sequence[Block], marked: Marked, chosen: Span | None, places: Sequence[tuple[int, str]]) -> str:
    """Blocks of text, as they follow each other.

    Args:
        blocks: In order.
        marked: What draws their words.
        chosen: Blocks that begin in it are set apart; None for none.
        places: Where in the text it is said where one is, and what: the page, the sheet.
    """
    told = list(places)
    parts = []
    for is_chosen, group in groupby(blocks, lambda block: bool(chosen and chosen[0] <= block.start < chosen[1])):
        drawn = []
        for kind, alike in groupby(group, lambda block: block.kind):
            some = list(alike)
            while told and told[0][0] <= some[0].start:
                drawn.append(f'<p class="sk-place soft small">{escape(told.pop(0)[1])}</p>')
            if kind == "item":
                drawn.append(f'<ul class="sk-items">{"".join(item(block, marked) for block in some)}</ul>')
                continue
            for block in some:
                while told and told[0][0] <= block.start:
                    drawn.append(f'<p class="sk-place soft small">{escape(told.pop(0)[1])}</p>')
                drawn.append(element(block, marked))
        inside = "".join(drawn)
        parts.append(f'<div class="sk-passage chosen">{inside}</div>' if is_chosen else inside)
    return f'<article class="sk sk-reading">{"".join(parts)}</article>'


def element(block: Block, marked: Marked) -> str:
    """One block, but an item."""
    if block.kind == "table":
        return table([[marked(cell) for cell in row] for row in block.rows], head=block.head)
    words = marked(block.rows[0][0])
    if block.kind == "heading":
        level = min(block.level + FIRST_LEVEL - 1, LAST_LEVEL)
        return f'<h{level} dir="auto">{words}</h{level}>'
    if block.kind == "code":
        # By the keyboard too it can be moved sideways.
        return f'<pre class="sk-code" tabindex="0">{words}</pre>'
    return f'<p class="sk-text" dir="auto">{words}</p>'


def item(block: Block, marked: Marked) -> str:
    """An item of a list."""
    level = min(max(block.level, 1), DEEPEST)
    return f'<li class="l{level}" data-mark="{escape(block.mark or "•")}" dir="auto">{marked(block.rows[0][0])}</li>'


def table(rows: Sequence[Sequence[str]], *, head: bool, chosen: int | None = None) -> str:
    """Rows of cells that are HTML already.

    Args:
        rows: Of cells.
        head: Whether the first row names the columns.
        chosen: Number of the row that is set apart, from 0.
    """
    drawn = []
    for number, row in enumerate(rows):
        tag = "th" if head and not number else "td"
        scope = ' scope="col"' if tag == "th" else ""
        kind = ' class="sk-passage chosen"' if number == chosen else ""
        cells = "".join(f'<{tag}{scope} dir="auto">{cell}</{tag}>' for cell in row)
        drawn.append(f"<tr{kind}>{cells}</tr>")
    return f'<div class="sk-scroll" tabindex="0"><table>{"".join(drawn)}</table></div>'


def records(names: Sequence[str], rows: Sequence[Sequence[str]], chosen: int | None) -> str:
    """Rows of a table in a file, with the names of its columns, one of them set apart; cells are HTML already."""
    above = [isolated(name) for name in names]
    number = None if chosen is None else chosen + 1
    return f'<article class="sk sk-reading">{table([above, *rows], head=True, chosen=number)}</article>'
