"""Text to the terms that the keyword index counts; queries and passages go through the same steps.

1. Folding: NFKC (which also folds widths), long-vowel marks, hyphens, ヴ, old and rare forms of kanji; what is
   invisible is left out.
2. Japanese runs (kanji and kana) give words in their dictionary form, from MeCab with the IPA dictionary, every kanji,
   and every pair of neighbouring characters but the commonest of hiragana. Words alone split compounds, pairs alone
   miss inflection. A word, a kanji or a pair that look the same are one term: measured, that is better than keeping
   them apart.
3. Everything else gives its words, case-folded and with English endings taken off. Words joined by signs are
   found whole and by their parts: ``foo_bar`` gives ``foo``, ``bar`` and ``foobar``. An emoji is a word.
"""

import re
from collections.abc import Sequence

from sakuin.index.text import japanese, mecab, other_scripts
from sakuin.index.text.folding import FORM, aligned, folded_with_signs
from sakuin.index.text.signs import set_up

set_up(FORM, other_scripts.EMOJI)

ANALYSIS = "ja-en-2"
"""Changes with every change of this package, or of a library it rests on, that may change a term."""

MAX_TERM_CHARACTERS = 64
"""Longer terms are cut here: they are encoded data or text without spaces, and the index refuses huge ones."""


class Analyser:
    """Turns text into terms; safe for use by several threads.

    It costs nothing to make one: the dictionary is loaded once for the process, when the first Japanese text comes.
    """

    @property
    def name(self) -> str:
        """Names the analysis and the dictionary; an index is searched with the analysis it was built with."""
        return f"{ANALYSIS} ipadic-{mecab.dictionary_version()}"

    def terms(self, text: str) -> list[str]:
        """The terms of a text, as often as they occur; no order is promised."""
        return self.joined([text])[0].split()

    def joined(self, texts: Sequence[str]) -> list[str]:
        """The terms of each text, parted by spaces; a term holds none."""
        return [_terms(*folded_with_signs(text)) for text in texts]

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """The same terms, each with the start and end of the characters of ``text`` that it was read from."""
        plain, starts, ends = aligned(text)
        found = [*japanese.spans(plain), *other_scripts.spans(plain)]
        return [(term[:MAX_TERM_CHARACTERS], starts[start], ends[end - 1]) for term, start, end in found]

    def words(self, text: str) -> list[tuple[str, str]]:
        """The terms that are whole words, not pairs or characters out of them, each with its form in the text."""
        plain, starts, ends = aligned(text)
        found = [*japanese.word_spans(plain), *other_scripts.word_spans(plain)]
        return [(term[:MAX_TERM_CHARACTERS], text[starts[start] : ends[end - 1]]) for term, start, end in found]

    def forms(self, term: str, text: str) -> list[str]:
        """How a term of letters, or in katakana, stands in a text wherever it does, see `words`.

        Words in katakana have no endings, so MeCab need not find them: they stand as their term, or with a long vowel.
        """
        plain, starts, ends = aligned(text)
        if japanese.is_japanese(term):
            found = [match.span() for match in re.finditer(f"{re.escape(term)}ー?", plain)]
        else:
            words = other_scripts.word_spans(plain)
            found = [(start, end) for own, start, end in words if own[:MAX_TERM_CHARACTERS] == term]
        return [text[starts[start] : ends[end - 1]] for start, end in found]


def _terms(text: str, found: int) -> str:
    """The terms of a folded text with its signs, parted by spaces."""
    # Of Japanese, MeCab makes no word of more than two dozen characters that its dictionary does not have.
    words = "" if text.isascii() else japanese.terms(text, found)
    others = other_scripts.terms(text, found)
    if not others:
        return words
    if max(map(len, others)) > MAX_TERM_CHARACTERS:
        others = [term[:MAX_TERM_CHARACTERS] for term in others]
    return f"{words} {' '.join(others)}" if words else " ".join(others)
