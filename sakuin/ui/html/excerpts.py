"""The few words of a passage that a list of hits has room for: those that tell most about why it was found."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from sakuin.search.contributions import Run

# Characters: two lines on a screen; on a phone the style sheet cuts them.
LENGTH = 180
# What two lines on a phone have room for, a wide character counted as two.
NARROW = 80
# Of the best stretch, so many characters before its first word say what it is about.
BEFORE = 24
ENDS = "。！？!?\n"
NO_BEGINNING = "、，,;；:：・)）」』】 \u3000\n"
# A word of the query counts more than the strongest share of the passage: what was asked for by name is looked for.
MARKED = 5.0


def excerpt(runs: Sequence[Run], length: int = LENGTH) -> tuple[Run, ...]:
    """The stretch of a text that says most about the query, in runs; "…" stands where something was left out.

    Args:
        runs: All of the text.
        length: At most so many characters of it.
    """
    text = "".join(run.text for run in runs)
    start = beginning(text, best_start(runs, length)) if len(text) > length else 0
    matched = first_match(runs, start)
    if matched is not None and width(text[start:matched]) > NARROW:
        start = beginning(text, max(matched - BEFORE, start))
    end = min(start + length, len(text))
    cut = list(slice_of(runs, start, end))
    before = [Run("…", 0.0, False)] if start else []
    after = [Run("…", 0.0, False)] if end < len(text) else []
    return (*before, *cut, *after)


def marked_runs(text: str, spans: Sequence[tuple[int, int]]) -> list[Run]:
    """A text in runs, with spans of it marked: sorted, disjoint."""
    borders = sorted({0, len(text), *(at for span in spans for at in span)})
    starts = {start for start, _ in spans}
    return [Run(text[start:end], 0.0, start in starts) for start, end in pairwise(borders)]


def best_start(runs: Sequence[Run], length: int) -> int:
    """Where the stretch of ``length`` characters begins whose words add most; the first of equals."""
    strongest = max((run.share for run in runs), default=0.0) or 1.0
    weights = [max(run.share, 0.0) / strongest + MARKED * run.matched for run in runs for _ in run.text]
    sums = [0.0, *accumulate(weights)]
    last = len(weights) - length
    best = max(range(last + 1), key=lambda start: (round(sums[start + length] - sums[start], 6), -start))
    if not sums[-1]:
        return 0
    # The first character that counts stands near the beginning, not at the end, of what is shown.
    while best < last and not weights[best]:
        best += 1
    return max(best - BEFORE, 0)


def first_match(runs: Sequence[Run], start: int) -> int | None:
    """Where the first word of the query stands from a character on; None where there is none."""
    at = 0
    for run in runs:
        if run.matched and at >= start:
            return at
        at += len(run.text)
    return None


def width(text: str) -> int:
    """How wide a text is, about, in letters of the Latin alphabet."""
    return len(text) + sum(not character.isascii() for character in text)


def beginning(text: str, start: int) -> int:
    """The beginning of a sentence or word shortly after a place, where there is one; the place itself otherwise."""
    if not start:
        return 0
    near = text[start : start + BEFORE]
    ends = [near.rfind(end) for end in ENDS]
    begin = max(ends) + 1 or near.find(" ") + 1
    # Nothing begins with a comma, or with the end of what is left out.
    return start + begin + len(near[begin:]) - len(near[begin:].lstrip(NO_BEGINNING))


def slice_of(runs: Sequence[Run], start: int, end: int) -> Iterator[Run]:
    """The runs of a part of a text, from one character to before another."""
    at = 0
    for run in runs:
        first, last = max(start - at, 0), min(end - at, len(run.text))
        if first < last:
            yield Run(run.text[first:last], run.share, run.matched)
        at += len(run.text)
