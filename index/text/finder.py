"""Finds where the terms of a query stand in texts, many times faster than reading all terms of each text."""

from collections.abc import Iterator, Set

from sakuin.index.text import japanese, other_scripts
from sakuin.index.text.analyser import MAX_TERM_CHARACTERS
from sakuin.index.text.characters import JAPANESE, KANJI, KATAKANA
from sakuin.index.text.folding import aligned
from sakuin.patterns import pattern

_literal = pattern(f"[{KANJI}]|[{JAPANESE}]{{2}}")
_uninflected = pattern(f"[{KANJI}]|[{KANJI}{KATAKANA}ー]{{2,}}")
_ending = pattern("(?:[すず]る|くる|たい|.)$")
_doubled = pattern(r"(.)\1")


class TermFinder:
    """Some of the terms of a query, sorted by how they are found.

    Pairs and single kanji stand in a text as they are, and so do words all of kanji and katakana, which their pairs
    find. Other Japanese words may stand in another form than that of the dictionary: where a text has the stem of one,
    MeCab reads the runs around it.
    """

    def __init__(self, query: str, terms: Set[str]) -> None:
        """Prepare the search.

        Args:
            query: What the terms are of.
            terms: Those to be found, as `Analyser.terms` gives them.
        """
        ja = {term for term in terms if japanese.is_japanese(term)}
        words = {term[:MAX_TERM_CHARACTERS] for term, _, _ in japanese.word_spans(aligned(query)[0])}
        self._literal = [term for term in ja if _literal.fullmatch(term) and term not in japanese.COMMON_PAIRS]
        self._inflected = {term for term in words & ja if not _uninflected.fullmatch(term)}
        self._stems = set(map(_stem, self._inflected))
        self._other = terms - ja

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The start and end of the characters of ``text`` that the terms were read from, in no order."""
        folded, starts, ends = aligned(text)
        found = [*self._literal_spans(folded), *self._inflected_spans(folded), *self._other_spans(folded)]
        return [(starts[start], ends[end - 1]) for start, end in found]

    def _literal_spans(self, folded: str) -> Iterator[tuple[int, int]]:
        if not self._literal:
            return
        stream, offsets = japanese.pair_stream(folded)
        for term in self._literal:
            at = stream.find(term)
            while at >= 0:
                yield offsets[at], offsets[at + len(term) - 1] + 1
                at = stream.find(term, at + 1)

    def _inflected_spans(self, folded: str) -> Iterator[tuple[int, int]]:
        # MeCab takes longer than all else here, and few stretches of Japanese have any form of a word.
        if any(stem in folded for stem in self._stems):
            for term, start, end in japanese.word_spans(folded, self._stems):
                if term in self._inflected:
                    yield start, end

    def _other_spans(self, folded: str) -> Iterator[tuple[int, int]]:
        if self._other:
            for term, start, end in other_scripts.spans(folded):
                if term[:MAX_TERM_CHARACTERS] in self._other:
                    yield start, end


def _stem(word: str) -> str:
    """What a word in dictionary form begins with in all its forms, as a folded text has them; "" where that is nothing.

    走る: 走, for 走った; 要する: 要, for 要し; 騒騒しい: 騒, for 騒々しい; くる: nothing, for きた.
    """
    stem = _ending.sub("", word)
    doubled = _doubled.search(stem)
    return stem[: doubled.start() + 1] if doubled else stem
