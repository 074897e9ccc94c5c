"""Whether a text has certain words: a phrase as it stands, or a word, of English in any of its forms.

Case, widths, old forms of kanji, accents, line breaks and what is invisible make no difference, as in the terms that
the keyword index counts.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from sakuin.index.text import japanese, other_scripts
from sakuin.index.text.characters import KATAKANA
from sakuin.index.text.folding import folded
from sakuin.patterns import pattern

_space = pattern(r"\s+")
_accented = pattern("[\u00c0-\u024f\u1e00-\u1eff]")
_accent = pattern("[\u0300-\u036f]")
# Such a pair may stand in a passage and not be counted there: the last vowel mark of a word is left out, and signs of
# repetition become what they repeat.
_uncounted = pattern(f"[々ゝヽ]|ー(?![{KATAKANA}])")


def plain(text: str) -> str:
    """A text in the form in which words are looked for."""
    text = folded(text)
    if not text.isascii():
        text = _accented.sub(_bare, japanese.without_gaps(text))
    return _space.sub(" ", text.casefold())


def _bare(match: re.Match[str]) -> str:
    return _accent.sub("", unicodedata.normalize("NFKD", match[0]))


@dataclass(frozen=True)
class Wording:
    """Words that a text is to have.

    Attributes:
        value: The words.
        exact: As they stand. Otherwise a single word of letters may have any English ending.
    """

    value: str
    exact: bool

    @cached_property
    def _plain(self) -> str:
        return plain(self.value).strip()

    @cached_property
    def _term(self) -> str | None:
        """What a word is counted by that is looked for in all its forms."""
        words = other_scripts.word_spans(self._plain)
        whole = not self.exact and len(words) == 1 and words[0][1:] == (0, len(self._plain))
        return words[0][0] if whole else None

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """Terms that the keyword index counts in every text that has these words; none where it counts none of them."""
        if self._term is not None:
            return (self._term,)
        found = [term for term, _, _ in other_scripts.word_spans(self._plain)]
        for run in japanese.runs_of(self._plain).split():
            uncounted = {match.start() for match in _uncounted.finditer(run)}
            for at, character in enumerate(run):
                pair = run[at : at + 2]
                if at in uncounted:
                    continue
                if japanese.KANJI_SIGN.match(character):
                    found.append(character)
                if len(pair) == 2 and at + 1 not in uncounted and pair not in japanese.COMMON_PAIRS:
                    found.append(pair)
        return tuple(dict.fromkeys(found))

    def stands_in(self, text: str) -> bool:
        """Whether a text, see `plain`, has these words."""
        if self._term is not None:
            return any(term == self._term for term, _, _ in other_scripts.word_spans(text))
        sought = self._plain
        at = text.find(sought) if sought else -1
        while at >= 0:
            if _parted(text, at) and _parted(text, at + len(sought)):
                return True
            at = text.find(sought, at + 1)
        return False


def _parted(text: str, at: int) -> bool:
    """Whether no word of letters goes on across a place in a text, as "don't" does on both sides of its apostrophe."""
    if not 0 < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if before == "'" and at > 1:
        before = text[at - 2]
    elif after == "'" and at + 1 < len(text):
        after = text[at + 1]
    return not other_scripts.is_inside_word(before, after)
