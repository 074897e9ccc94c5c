"""Plain text with the numbers of its lines in the file: cleaning takes blank lines away."""

import re

from sakuin.index.documents import Position
from sakuin.index.readers.plain import clean, has_other_newlines

# What clean() makes an end of a line; an editor counts only the first three.
_ENDS = re.compile("(\r\n|\r|\n)|[\v\f\x85\u2028\u2029]")
_ODD_ENDS = re.compile("\r(?!\n)|[\v\f\x85\u2028\u2029]")


def with_lines(raw: str) -> tuple[str, tuple[Position, ...]]:
    """Clean a text; returns it with the places where the count of its lines begins, and where it jumps."""
    text = clean(raw)
    is_usual = not has_other_newlines(raw) or not _ODD_ENDS.search(raw)
    if is_usual and raw.rstrip().count("\n") == text.count("\n"):
        return text, (Position(0, {"line": 1}, counts_lines=True),) if text else ()
    positions: list[Position] = []
    parts = _ENDS.split(raw)
    number, offset, expected, was_blank = 1, 0, 0, True
    for line, end in zip(parts[::2], [*parts[1::2], None], strict=True):
        kept = line.rstrip()
        if kept or not was_blank:
            if number != expected:
                positions.append(Position(offset, {"line": number}, counts_lines=True))
            offset += len(kept) + 1
            expected, was_blank = number + 1, not kept
        number += end is not None
    return text, tuple(position for position in positions if position.start < len(text))
