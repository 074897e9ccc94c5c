"""Titles and headings that go on from what was typed."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from sakuin.index.text.folding import folded

MOST = 6
# Of those that match, so many are put into order.
MOST_LOOKED_AT = 500
LONGEST = 80


class Completions:
    """Texts to be found by any part of theirs that begins a word."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Of texts, the first of which are preferred; very long ones are no queries and are left out."""
        lines = [" ".join(text.split()) for text in texts]
        self._texts = [line for line in dict.fromkeys(lines) if 1 < len(line) <= LONGEST]
        plain = [_plain(text) for text in self._texts]
        self._joined = "\n".join(plain)
        self._starts = [0, *accumulate(len(line) + 1 for line in plain)]

    def of(self, typed: str, most: int = MOST) -> list[str]:
        """The texts that have all words of what was typed, those that begin with it first, then short ones.

        Args:
            typed: As it stands in the box; a single letter of the Latin alphabet is too little.
            most: So many at most.
        """
        words = _plain(typed).split()
        if not words or (len(words) == 1 and len(words[0]) == 1 and words[0].isascii()):
            return []
        found = []
        for number, rank in self._having(words):
            found.append((rank, len(self._texts[number]), number))
            if len(found) == MOST_LOOKED_AT:
                break
        return [self._texts[number] for *_, number in sorted(found)[:most]]

    def _having(self, words: list[str]) -> Iterator[tuple[int, int]]:
        """Numbers of texts that have words, and 0 where one begins with them, else 1."""
        whole, longest = " ".join(words), max(words, key=len)
        at = self._joined.find(longest)
        while at >= 0:
            number = bisect_right(self._starts, at) - 1
            end = self._starts[number + 1] - 1
            line = self._joined[self._starts[number] : end]
            if line != whole and all(_begins_word(line, word) for word in words):
                yield number, int(not line.startswith(whole))
            at = self._joined.find(longest, end)


def _plain(text: str) -> str:
    """What of a text is compared."""
    return " ".join(folded(text).casefold().split())


def _begins_word(line: str, word: str) -> bool:
    """Whether a word stands in a line, of letters that are parted by spaces from the beginning of a word on."""
    at = line.find(word)
    while at > 0 and word[0].isascii() and line[at - 1].isascii() and line[at - 1].isalnum():
        at = line.find(word, at + 1)
    return at >= 0
