"""Characters of a PDF page, with their places, gathered to runs that are read in one direction."""

import ctypes
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pypdfium2

RIGHT, LEFT, UP, DOWN, SLANTED = "right", "left", "up", "down", "slanted"
"""Where a run goes on a page that is not turned. Vertical Japanese goes down, and so does what is turned clockwise."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in points."""

Character = tuple[str, Box, int]
"""What it is, where it stands, and its index on the page."""

GAP = 1.2
"""Times the height of a run: a wider gap in a line parts columns or cells."""

_TALL = 3.0
_ACROSS = 3
_END_HYPHEN = 2  # what pdfium makes of a hyphen at the end of a line


@dataclass(slots=True)
class Run:
    """Characters that follow one another in one size.

    Attributes:
        text: The characters.
        box: Where they stand. Of a run that was turned, as if it were read to the right and lines went down.
        ends: Where each character ends along the run.
        is_spaced: Whether a space stands before it.
        order: Its number in the order of drawing.
    """

    text: str
    box: Box
    ends: list[float]
    is_spaced: bool
    order: int
    direction: str | None = None

    @property
    def height(self) -> float:
        """Its size."""
        return self.box[3] - self.box[1]


@dataclass(slots=True)
class _Growing:
    """A run that characters are still added to."""

    characters: list[str]
    boxes: list[Box]
    is_spaced: bool
    direction: str | None = None


def needs_layout(rectangles: list[Box]) -> bool:
    """Whether the lines of a page cannot be taken as pdfium gives them: by the rectangles of its text, as drawn.

    That is a page with text that runs up or down, with columns or cells beside one another, with raised text or
    readings, or with lines that were not drawn from left to right.
    """
    if not rectangles:
        return False
    usual = median([min(r - left, top - b) for left, b, r, top in rectangles])
    steps_down = 0
    before: Box | None = None
    for box in rectangles:
        left, bottom, right, top = box
        width, height = right - left, top - bottom
        if height > 1.8 * width and height > _TALL * usual:
            return True
        if before is not None:
            overlap = min(top, before[3]) - max(bottom, before[1])
            least = min(height, before[3] - before[1])
            if overlap > 0.5 * least and not -height <= left - before[2] <= GAP * max(height, before[3] - before[1]):
                return True
            if left > before[2] + GAP * height and top > before[1]:
                return True  # beside what was drawn before it, or in a column beside that
            if (overlap > 0 and _is_small_beside(box, before)) or _is_small_above(*sorted((box, before), key=_height)):
                return True
            if abs(left + right - before[0] - before[2]) < 0.4 * width and 0 <= before[1] - bottom < 2.2 * height:
                steps_down += width < 2 * height
        before = box
    return steps_down > 0.3 * len(rectangles)


def _is_small_beside(box: Box, before: Box) -> bool:
    """Whether one is a note's mark, or a reading, of the other."""
    height, other = box[3] - box[1], before[3] - before[1]
    return (
        min(height, other) < 0.85 * max(height, other)
        and abs(box[0] - before[2]) < 0.5 * max(height, other)
        and abs(box[1] - before[1]) > 0.25 * max(height, other)
    )


def _is_small_above(small: Box, large: Box) -> bool:
    """Whether one may be the reading of a word in the other."""
    return (
        _height(small) < 0.7 * _height(large)
        and small[0] > large[0] - _height(large)
        and small[2] < large[2] + _height(large)
        and -0.3 * _height(large) < small[1] - large[3] < 0.6 * _height(small)
    )


def _height(box: Box) -> float:
    return box[3] - box[1]


def rectangles(page: "pypdfium2.PdfTextPage") -> list[Box]:
    """The rectangles of a page's text, in the order of drawing: one for each piece of a line."""
    from pypdfium2 import raw

    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    pointers = [ctypes.byref(each) for each in (left, top, right, bottom)]
    found: list[Box] = []
    for number in range(page.count_rects()):
        raw.FPDFText_GetRect(page, number, *pointers)
        found.append((left.value, bottom.value, right.value, top.value))
    return found


def characters(page: "pypdfium2.PdfTextPage") -> Iterator[Character]:
    """Each character of a page that was drawn; of spaces also those that pdfium puts into gaps."""
    from pypdfium2 import raw

    number_of = raw.FPDFText_GetUnicode
    box_of = raw.FPDFText_GetLooseCharBox
    handle = page.raw
    rectangle = raw.FS_RECTF()
    pointer = ctypes.byref(rectangle)
    for index in range(page.count_chars()):
        character = number_of(handle, index)
        if character >= 32 or character == _END_HYPHEN:
            box_of(handle, index, pointer)
            yield chr(character), (rectangle.left, rectangle.bottom, rectangle.right, rectangle.top), index


def is_slanted(page: "pypdfium2.PdfTextPage", index: int) -> bool:
    """Whether a character is turned by other than quarters of a circle, as a watermark is."""
    from pypdfium2 import raw

    angle = raw.FPDFText_GetCharAngle(page, index) % (math.pi / 2)
    return bool(0.1 < angle < math.pi / 2 - 0.1)


def runs(found: Iterable[Character], is_slanted: Callable[[int], bool] = lambda _: False) -> list[Run]:
    """Gather characters to runs.

    Args:
        found: The characters, as they were drawn.
        is_slanted: Whether the character of that index is turned by other than quarters; asked of few.
    """
    growing: list[_Growing] = []
    spaces = 0
    for character, box, index in found:
        if character.isspace():
            spaces += 1
            continue
        current = growing[-1] if growing else None
        direction = _direction(current, box) if current else None
        if current and not direction and len(current.characters) == 1 and is_slanted(index):
            current.direction = SLANTED
        if current and current.direction == SLANTED and is_slanted(index):
            direction = SLANTED
        if current is None or direction is None:
            growing.append(_Growing([character], [box], spaces > 0))
        else:
            current.direction = direction
            if spaces:
                current.characters.append(" ")
                current.boxes.append(current.boxes[-1])
            current.characters.append(character)
            current.boxes.append(box)
        spaces = 0
    usual = Counter[str]()
    for each in growing:
        if each.direction:
            usual[each.direction] += len(each.characters)
    main = usual.most_common(1)[0][0] if usual else RIGHT
    if main == DOWN:
        _lay_across(growing)
    return [_turned(each, order, main) for order, each in enumerate(growing)]


def _lay_across(growing: list[_Growing]) -> None:
    """Take two or three digits side by side for one sign of the vertical line that they stand in."""
    for before, each in pairwise(growing):
        if each.direction == RIGHT and before.direction == DOWN and len(each.characters) <= _ACROSS:
            left, _, right, _ = before.boxes[-1]
            start, end = each.boxes[0][0], each.boxes[-1][2]
            is_in_line = abs(start + end - left - right) < right - left and end - start < 1.3 * (right - left)
            if is_in_line and abs(before.boxes[-1][1] - each.boxes[0][3]) < right - left:
                each.direction = DOWN


def _direction(current: _Growing, box: Box) -> str | None:
    """Where a run goes on with the next character, None where it does not."""
    before = current.boxes[-1]
    width, height = before[2] - before[0], before[3] - before[1]
    across = (box[0] + box[2] - before[0] - before[2]) / 2
    along = (box[1] + box[3] - before[1] - before[3]) / 2
    if current.direction in (None, RIGHT):
        same_size = abs(box[3] - box[1] - height) < 0.2 * height
        if same_size and abs(along) < 0.2 * height and across > 0 and box[0] - before[2] < GAP * height:
            return RIGHT
    if current.direction in (None, LEFT):
        same_size = abs(box[3] - box[1] - height) < 0.2 * height
        if same_size and abs(along) < 0.2 * height and across < 0 and before[0] - box[2] < GAP * height:
            return LEFT
    if (
        current.direction not in (RIGHT, LEFT)
        and abs(across) < 0.2 * width
        and abs(box[2] - box[0] - width) < 0.3 * width
    ):
        if along > 0 and current.direction != DOWN and box[1] - before[3] < GAP * width:
            return UP
        if along < 0 and current.direction != UP and before[1] - box[3] < 0.6 * width:
            return DOWN
    return None


def _turned(growing: _Growing, order: int, main: str) -> Run:
    direction = growing.direction or main
    turned = [turn(box, direction) for box in growing.boxes]
    box = (
        min(each[0] for each in turned),
        min(each[1] for each in turned),
        max(each[2] for each in turned),
        max(each[3] for each in turned),
    )
    ends = [each[2] for each in turned]
    return Run("".join(growing.characters), box, ends, growing.is_spaced, order, direction)


def turn(box: Box, direction: str) -> Box:
    """A box as if its text were read to the right."""
    left, bottom, right, top = box
    if direction == UP:
        return bottom, -right, top, -left
    if direction == DOWN:
        return -top, left, -bottom, right
    if direction == LEFT:
        return -right, -top, -left, -bottom
    return box
