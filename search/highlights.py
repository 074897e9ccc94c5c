"""Marks the words of a query in the passages it found."""

from collections.abc import Sequence

from sakuin.index.text import Analyser, TermFinder
from sakuin.index.text.characters import KANJI
from sakuin.patterns import pattern

_kanji = pattern(f"[{KANJI}]")


def highlight(analyser: Analyser, query: str, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
    """For each text, the character spans that match terms of the query: sorted, disjoint, touching ones merged."""
    wanted = {term for term, start, end in analyser.spans(query) if not inside_a_word(query, start, end)}
    finder = TermFinder(query, wanted)
    return [merged(finder.spans(text)) for text in texts]


def inside_a_word(query: str, start: int, end: int) -> bool:
    """Whether a span is one kanji out of several: BM25 counts those too, but marked alone they only distract."""
    around = query[max(0, start - 1) : start] + query[end : end + 1]
    return end - start == 1 and bool(_kanji.search(query[start:end]) and _kanji.search(around))


def merged(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans sorted, with overlapping and touching ones merged."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return tuple(result)
