"""Which segments are merged, so that there are few and most additions rewrite only small ones."""

from collections.abc import Sequence

MAX_DEAD_SHARE = 0.2
"""Of its rows; a segment of which more are dead is rewritten."""

SMALLEST_SHARE = 0.8
"""Of all smaller ones together, rows that a segment has; one that has fewer is merged with them. A long build leaves
segments of equal size, which the first addition must not make one of."""


def to_merge(sizes: Sequence[tuple[int, int]]) -> list[int]:
    """Which segments should become one, by their positions in ``sizes``.

    Every segment should be nearly as large as all smaller ones together: then there are few, about log of the rows to
    the base of 1.8 at most, and an addition rewrites only small ones. One of which a fifth is dead is rewritten, and
    takes smaller ones with it.

    Args:
        sizes: Rows of each segment, and how many of them are dead.
    """
    by_size = sorted(range(len(sizes)), key=lambda i: (-sizes[i][0], i))
    for rank, i in enumerate(by_size):
        rows, dead = sizes[i]
        if rows < SMALLEST_SHARE * sum(sizes[j][0] for j in by_size[rank + 1 :]) or dead > MAX_DEAD_SHARE * rows:
            return by_size[rank:]
    return []
