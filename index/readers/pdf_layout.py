"""Runs of text on a page to lines, in the order in which they are read: columns one by one, cells across."""

import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from sakuin.index.readers import ruby
from sakuin.index.readers.pdf_lines import WHOLE
from sakuin.index.readers.pdf_runs import GAP, Box, Run
from sakuin.index.readers.superscripts import separator

Strip = tuple[float, float]
"""A blank strip of a page, from its left to its right."""

_NOWHERE = (float("inf"), float("-inf"))
_MOST_STRIPS = 20
_MOST_READINGS = 500
_MOST_LARGE = 100

_GUTTER = 1.0
"""Times the usual height: a strip as wide, without text from top to bottom, may part columns."""

_SENTENCE_END = re.compile(r"[。．！？.!?]\W*\Z")
_FULL = 0.75
_WIDE = 15
_SMALL = 0.65
_TALL = 1.6
_NEAR = 4
_READING = re.compile("[ぁ-ゖァ-ヺー・ ]+")
_CJK = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_DEEPEST = 12


def blocks_of(page: Sequence[Run]) -> list[list[str]]:
    """The lines of a page in the order of reading, those of each column by themselves."""
    if not page:
        return []
    groups: dict[str | None, list[Run]] = {}
    for run in page:
        groups.setdefault(run.direction, []).append(run)
    # What runs another way than most is a heading above, or stands in the margin.
    main, *others = sorted(groups.values(), key=lambda group: -sum(len(run.text) for run in group))
    top = max(_page_top(run) for run in main)
    above = [group for group in others if min(_page_bottom(run) for run in group) >= top]
    parts = [*above, main, *(group for group in others if group not in above)]
    return [block for part in parts for block in _region(part, 0) if block]


def _page_top(run: Run) -> float:
    return {"up": run.box[2], "down": -run.box[0], "left": -run.box[1]}.get(run.direction or "", run.box[3])


def _page_bottom(run: Run) -> float:
    return {"up": run.box[0], "down": -run.box[2], "left": -run.box[3]}.get(run.direction or "", run.box[1])


def _region(region: Sequence[Run], depth: int) -> list[list[str]]:
    """The lines of a part of a page: down, and where columns stand side by side one column after the other."""
    if depth > _DEEPEST:
        return [_lines(region)]
    usual = median([run.height for run in region])
    result: list[list[str]] = []
    waiting: list[Run] = []
    for bands, gutters in _side_by_side(_bands(region, usual), _GUTTER * usual):
        runs = [run for band in bands for run in band]
        columns = _columns(runs, gutters)
        if len(columns) > 1 and (len(bands) > 1 or len(runs) > len(columns)):
            result.append(_lines(waiting))
            waiting = []
            for column in columns:
                result += _region(column, depth + 1)
        else:
            waiting += runs
    return [*result, _lines(waiting)]


def _bands(region: Iterable[Run], usual: float) -> list[list[Run]]:
    """Runs that stand side by side, from top to bottom; a blank strip runs between two bands."""
    bands: list[list[Run]] = []
    bottom = 0.0
    for run in sorted(region, key=lambda run: -run.box[3]):
        if bands and run.box[3] - 0.3 * min(usual, run.height) > bottom:
            bands[-1].append(run)
            bottom = min(bottom, run.box[1])
        else:
            bands.append([run])
            bottom = run.box[1]
    return bands


def _side_by_side(bands: list[list[Run]], least: float) -> Iterator[tuple[list[list[Run]], list[Strip]]]:
    """Bands one below the other that share blank strips from top to bottom, with those strips."""
    left = min(run.box[0] for band in bands for run in band) - 2 * least
    right = max(run.box[2] for band in bands for run in band) + 2 * least
    group: list[list[Run]] = []
    shared: list[Strip] = []
    extent = _NOWHERE
    for band in bands:
        blank = _blank(band, left, right, least)
        own = _extent(band)
        both = _intersection(shared, blank, least)
        together = min(extent[0], own[0]), max(extent[1], own[1])
        if group and not _inner(both, together) and (_inner(shared, extent) or _inner(blank, own)):
            yield group, _inner(shared, extent)
            group, shared, extent = [band], blank, own
        else:
            shared = both if group else blank
            group.append(band)
            extent = together
    yield group, _inner(shared, extent)


def _extent(band: list[Run]) -> Strip:
    """Where the leftmost run ends and the rightmost begins."""
    return min(run.box[2] for run in band), max(run.box[0] for run in band)


def _inner(strips: list[Strip], extent: Strip) -> list[Strip]:
    """Those of the strips that have text on both sides."""
    return [strip for strip in strips if extent[0] <= strip[0] + 0.01 and extent[1] >= strip[1] - 0.01]


def _blank(band: list[Run], left: float, right: float, least: float) -> list[Strip]:
    strips: list[Strip] = []
    at = left
    for start, end in sorted((run.box[0], run.box[2]) for run in band):
        if start - at >= least:
            strips.append((at, start))
        at = max(at, end)
    if right - at >= least:
        strips.append((at, right))
    return sorted(strips, key=lambda strip: strip[0] - strip[1])[:_MOST_STRIPS]


def _intersection(first: list[Strip], second: list[Strip], least: float) -> list[Strip]:
    found = [(max(a, c), min(b, d)) for a, b in first for c, d in second]
    return [(start, end) for start, end in found if end - start >= least]


def _columns(runs: list[Run], gutters: list[Strip]) -> list[list[Run]]:
    """The runs parted at those strips that have columns of text on both sides, not the cells of a table."""
    columns = [runs]
    for start, _ in sorted(gutters):
        left = [run for run in columns[-1] if run.box[0] < start]
        right = [run for run in columns[-1] if run.box[0] >= start]
        if left and right and _are_columns(left, right):
            columns[-1:] = [left, right]
    return columns


def _are_columns(left: list[Run], right: list[Run]) -> bool:
    rows = min(len(_rows(left)), len(_rows(right)))
    if rows < 2:
        return False
    if max(run.order for run in left) < min(run.order for run in right):
        return True  # drawn one after the other
    return _is_prose(left) and _is_prose(right)


def _is_prose(column: list[Run]) -> bool:
    """Whether sentences go on from line to line: cells of a table do not."""
    rows = _rows(column)
    texts = [_joined(row).rstrip(WHOLE) for row in rows]
    goes_on = any(not _SENTENCE_END.search(text) and len(text) > 3 and not text[-1].isdigit() for text in texts[:-1])
    if not goes_on or not any(_SENTENCE_END.search(text) for text in texts):
        widths = [_width(row) for row in rows]
        full = sum(width >= _FULL * max(widths) for width in widths)
        return len(rows) >= 5 and full >= 0.6 * len(rows) and max(widths) > _WIDE * rows[0][0].height
    return True


def _width(row: list[Run]) -> float:
    return max(run.box[2] for run in row) - min(run.box[0] for run in row)


def _rows(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of one line, lines from top to bottom, runs from left to right."""
    if not runs:
        return []
    most = _TALL * _usual_height(runs)
    rows: list[tuple[Box, list[Run]]] = []
    for run in sorted(runs, key=lambda run: -(run.box[1] + run.box[3])):
        if run.height <= most:
            near = [row for row in rows[-_NEAR:] if _overlap(row[0], run.box) >= 0.5 * min(_height(row[0]), run.height)]
            if near:
                near[-1][1].append(run)
            else:
                rows.append((run.box, [run]))
    # A large sign, such as a bracket or an initial, stands beside several lines and belongs to one.
    large = [run for run in runs if run.height > most]
    for number, run in enumerate(large):
        if number < _MOST_LARGE:
            row = max(rows, key=lambda row: _overlap(row[0], run.box) / _height(row[0]), default=None)
            if row is not None and _overlap(row[0], run.box) >= 0.5 * _height(row[0]):
                row[1].append(run)
                continue
        rows.append((run.box, [run]))
    rows.sort(key=lambda row: -(row[0][1] + row[0][3]))
    return [sorted(row, key=lambda run: run.box[0]) for _, row in rows]


def _usual_height(runs: Sequence[Run]) -> float:
    """The height of most characters."""
    ordered = sorted(runs, key=lambda run: run.height)
    half = sum(len(run.text) for run in ordered) / 2
    for run in ordered:
        half -= len(run.text)
        if half <= 0:
            return run.height
    return ordered[-1].height


def _overlap(first: Box, second: Box) -> float:
    return min(first[3], second[3]) - max(first[1], second[1])


def _height(box: Box) -> float:
    return max(box[3] - box[1], 0.01)


def _lines(runs: Sequence[Run]) -> list[str]:
    rows = _rows(runs)
    texts: list[str] = []
    readings: list[Run] = []
    for number, row in enumerate(rows):
        below = rows[number + 1] if number + 1 < len(rows) else []
        if below and len(row) <= _MOST_READINGS and all(_is_reading(run, below) for run in row):
            readings = row
            continue
        texts.append(_with_readings(row, readings) if readings else _joined(row))
        readings = []
    return texts


def _is_reading(run: Run, below: list[Run]) -> bool:
    """Whether a run is the reading of a word in the line below it."""
    return _READING.fullmatch(run.text) is not None and any(
        run.height <= _SMALL * base.height
        and run.box[1] < base.box[3] + 0.5 * run.height
        and base.box[0] - run.height <= (run.box[0] + run.box[2]) / 2 <= base.box[2] + run.height
        for base in below
    )


def _with_readings(row: list[Run], readings: list[Run]) -> str:
    """A line with its readings where their words end."""
    changed = list(row)
    for reading in sorted(readings, key=lambda run: -run.box[0]):
        middle = (reading.box[0] + reading.box[2]) / 2
        number = min(range(len(row)), key=lambda n: abs(middle - (row[n].box[0] + row[n].box[2]) / 2))
        number = next((n for n, run in enumerate(row) if run.box[0] <= middle <= run.box[2]), number)
        base = changed[number]
        at = sum(end <= reading.box[2] + 0.3 * reading.height for end in base.ends[: len(row[number].text)])
        at = max(at, 1)
        text = f"{base.text[:at]}{ruby.BEGIN}{reading.text}{ruby.END}{base.text[at:]}"
        changed[number] = Run(text, base.box, base.ends, base.is_spaced, base.order, base.direction)
    return ruby.place_readings(_joined(changed))


def _joined(row: list[Run]) -> str:
    """The text of a line, ``WHOLE`` if it is a row of cells."""
    parts: list[str] = []
    before: Run | None = None
    is_row = False
    for run in row:
        if before is not None:
            parts.append(_between(before, run, "".join(parts[-4:])))
            is_row = is_row or run.box[0] - before.box[2] > GAP * max(before.height, run.height)
        parts.append(run.text)
        before = run
    return "".join(parts) + (WHOLE if is_row else "")


def _between(before: Run, run: Run, text: str) -> str:
    gap = run.box[0] - before.box[2]
    size = max(before.height, run.height)
    if gap < 0.3 * size and run.height < 0.8 * before.height and run.box[1] > before.box[1] + 0.15 * size:
        return separator(text, run.text)
    are_cjk = bool(_CJK.match(before.text[-1]) and _CJK.match(run.text[0]))
    if gap > (0.6 if are_cjk else 0.2) * size or (run.is_spaced and not are_cjk):
        return " "
    return ""
