"""Words of kanji by how they are read: 引っ越し for ひっこし, of the terms that an index has."""

from collections.abc import Callable, Iterator, Sequence

from sakuin.index.text import mecab
from sakuin.index.text.characters import HIRAGANA, JAPANESE, KANJI, KATAKANA
from sakuin.index.text.folding import folded
from sakuin.patterns import pattern

MOST_TERMS = 100_000
"""Of an index with more terms of kanji the commonest are read: it takes half a second."""

MOST_WRITTEN = 5
"""Words of one reading that are looked for, the commonest."""

_kana = pattern(f"(?<![{JAPANESE}])[{HIRAGANA}{KATAKANA}ー]{{2,24}}(?![{JAPANESE}])")
_written = pattern(f"(?=[^{KANJI}]*[{KANJI}])[{JAPANESE}]{{2,}}")
_PARTICLES = "のをはがにでとへも"
_TO_KATAKANA = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}

Readings = dict[str, tuple[str, ...]]
"""Words of kanji by their reading in katakana, the commonest first."""


def readings_of(terms: Sequence[str]) -> Readings:
    """How terms are read that are one word to MeCab and have kanji.

    Args:
        terms: The commonest first.
    """
    found: dict[str, list[str]] = {}
    chosen = [term for term in terms if _written.fullmatch(term)][:MOST_TERMS]
    for term in chosen:
        reading = mecab.reading(term)
        if reading and len(known := found.setdefault(reading, [])) < MOST_WRITTEN:
            known.append(term)
    return {reading: tuple(words) for reading, words in found.items()}


def written(query: str, readings: Callable[[], Readings], having: Callable[[str], int]) -> Iterator[tuple[str, str]]:
    """For stretches of a query that are all kana, the words of kanji that are read so.

    Only where all of a stretch is readings, with particles between them, and no passage has one as it is typed.

    Args:
        query: Any text.
        readings: Gives those of the index; asked for only where such a stretch stands.
        having: How many passages of the index have a term.
    """
    for run in _kana.finditer(folded(query)):
        for part in _parts(run[0], readings, having) or ():
            yield from ((part, word) for word in readings()[part.translate(_TO_KATAKANA)])


def looked_up_as_written(query: str, readings: Readings) -> Iterator[str]:
    """What `written` may ask for: to be counted at once, where that matters.

    Args:
        query: Any text.
        readings: Those of the index.
    """
    for run in _kana.finditer(folded(query)):
        yield run[0]
        for start in range(len(run[0]) - 1):
            parts = (run[0][start:end] for end in range(start + 2, len(run[0]) + 1))
            yield from (part for part in parts if part.translate(_TO_KATAKANA) in readings)


def _parts(run: str, readings: Callable[[], Readings], having: Callable[[str], int]) -> list[str] | None:
    """The words of a stretch of kana, the longest first; None where it is not all words that stand in no passage."""
    if having(run):
        return None
    rest: dict[int, list[str] | None] = {len(run): []}
    for start in range(len(run) - 1, -1, -1):
        rest[start] = None
        for end in range(len(run), start + 1, -1):
            part, behind = run[start:end], rest[end]
            if behind is not None and part.translate(_TO_KATAKANA) in readings() and not having(part):
                rest[start] = [part, *behind]
                break
        else:
            if 0 < start < len(run) - 1 and run[start] in _PARTICLES:
                rest[start] = rest[start + 1]
    return rest[0]
