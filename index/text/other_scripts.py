"""Words that are not Japanese: split at what is no letter, case-folded, without English endings; and emoji."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

from sakuin.index.text.characters import JAPANESE
from sakuin.index.text.compiled import native
from sakuin.index.text.signs import ALL, Sign
from sakuin.patterns import pattern

_STEMS_REMEMBERED = 100_000

# Signs that combine with the letter before them. Python's \w leaves them out, and words of Hindi or Thai would fall
# apart at every vowel sign; the Arabic and Hebrew ranges are points that are written inside words.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903"
    "\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u0a3c-\u0a4d\u0abc-\u0acd\u0b3c-\u0b4d"
    "\u0bbe-\u0bcd\u0c3e-\u0c4d\u0cbc-\u0ccd\u0d3e-\u0d4d\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc"
    "\u0ec8-\u0ecd\u102b-\u103e\u17b4-\u17d3\u200c\u200d"
)
_LETTER = rf"[^\W_{JAPANESE}]"
_WORD = rf"{_LETTER}(?:{_LETTER}|[{_MARKS}])*+"  # possessive: one long word must not be tried at every length

_word = pattern(rf"{_WORD}(?:'{_WORD})*+")
_inside = pattern(rf"(?:{_LETTER}|[{_MARKS}])(?:{_LETTER}|[{_MARKS}])")
_joiner = pattern("[-_.,]")
_joint = pattern(r"(?<!\d)[-_]|[-_](?!\d)|(?<=\d),(?=\d)")
# Emoji and signs like them, each a word; two letters of a flag are one.
EMOJI = "\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
_emoji = pattern(f"[\U0001f1e6-\U0001f1ff]{{2}}|[{EMOJI}]")
_accent = pattern("[\u0300-\u036f]")


def terms(text: str, signs: int) -> list[str]:
    """The terms of the words of a folded text, as often as they occur.

    Args:
        text: Folded.
        signs: Its signs.
    """
    found = [_term(word) for word in _words(text, signs)] if signs & Sign.LETTER else []
    return found + _emoji.findall(text) if signs & Sign.EMOJI else found


def _words(text: str, signs: int) -> list[str]:
    if native and not signs & Sign.OTHER_LETTER:
        words: list[str] = native.words(text, signs)
    else:
        words = [*_word.findall(text), *(word for word, _, _ in _joined_words(text, signs))]
    return [*words, *(word for word, _, _ in _named_words(text))]


def spans(text: str) -> list[tuple[str, int, int]]:
    """The same terms, each with its start and end in the folded text."""
    others = (*_joined_words(text), *_named_words(text))
    return [*word_spans(text), *((_term(word), start, end) for word, start, end in others)]


def word_spans(text: str) -> list[tuple[str, int, int]]:
    """The same, without words joined by signs."""
    found = [(_term(match[0]), match.start(), match.end()) for match in _word.finditer(text)]
    return [*found, *((match[0], match.start(), match.end()) for match in _emoji.finditer(text))]


def is_inside_word(before: str, after: str) -> bool:
    """Whether two characters that follow each other belong to one word."""
    return bool(_inside.fullmatch(before + after))


@cache
def _joined() -> re.Pattern[str]:
    """Words joined by signs. Compiled when the first text comes that may have some: it takes long."""
    return re.compile(rf"(?<!{_LETTER})(?<![{_MARKS}]){_WORD}(?:[-_.,]{_WORD})++")


@cache
def _named_with_sign() -> re.Pattern[str]:
    """C++, C#; compiled as the other."""
    return re.compile(rf"(?<!{_LETTER})[A-Za-z][A-Za-z0-9]*+(?:\+\+|#)(?!{_LETTER})")


def _joined_words(text: str, signs: int = ALL) -> Iterator[tuple[str, int, int]]:
    """Joined words as one: ``foo_bar`` as ``foobar``, ``1,000`` as ``1000``; ``v1.2`` stays."""
    for match in _joined().finditer(text) if signs & Sign.JOINED and _joiner.search(text) else ():
        yield _joint.sub("", match[0]), match.start(), match.end()


def _named_words(text: str) -> Iterator[tuple[str, int, int]]:
    """C++, C#."""
    for match in _named_with_sign().finditer(text) if "+" in text or "#" in text else ():
        yield match[0], match.start(), match.end()


def _plain(word: str) -> str:
    """Case-folded, and ``café`` as ``cafe``; other scripts keep their marks, й is a letter of its own."""
    word = word.casefold()
    if word.isascii():
        return word
    bare = _accent.sub("", unicodedata.normalize("NFKD", word))
    return bare if bare.isascii() else word


@cache
def _stemmer() -> Callable[[str], list[str]]:
    """Snowball for English; it rarely touches words of other languages."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    return TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stemmer("english")).build().analyze


@lru_cache(maxsize=_STEMS_REMEMBERED)
def _term(word: str) -> str:
    """A word that is not Japanese, folded and without its English ending."""
    word = _plain(word)
    stems = _stemmer()(word)
    return stems[0] if stems and stems[0] else word
