"""Where passages stand in their files: page, sheet and row, slide or line."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from sakuin.index.documents import Document, PositionValues


def positions_of(document: Document, starts: Iterable[int]) -> Iterator[PositionValues]:
    """Yield where the text stands from each offset on; fastest where the offsets go up.

    Args:
        document: With positions or without.
        starts: Character offsets in the document's text.
    """
    positions = document.positions
    offsets = [position.start for position in positions]
    seen, at, line = -1, 0, 0
    for start in starts:
        number = bisect_right(offsets, start) - 1
        if number < 0:
            yield {}
            continue
        position = positions[number]
        if not position.counts_lines:
            yield position.values
            continue
        if number != seen or start < at:
            seen, at, line = number, position.start, int(position.values["line"])
        line += document.text.count("\n", at, start)
        at = start
        yield {**position.values, "line": line}
