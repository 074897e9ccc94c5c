"""Marks the words of a query in the passages it found."""

from collections.abc import Sequence

from index.analyser import Analyser


def highlight(analyser: Analyser, query: str, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
    """For each text, the character spans that match terms of the query: sorted, disjoint, touching ones joined."""
    wanted = set(analyser.terms(query))
    return [joined([(start, end) for term, start, end in analyser.spans(text) if term in wanted]) for text in texts]


def joined(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans sorted, with overlapping and touching ones made one."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return tuple(result)
