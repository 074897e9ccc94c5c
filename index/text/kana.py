"""Words in the other kana, as パスワード for ぱすわーど: which of them an index has, its dictionary says."""

from collections.abc import Callable, Iterator

from sakuin.index.text.characters import HIRAGANA, KATAKANA
from sakuin.index.text.folding import folded
from sakuin.patterns import pattern

SHORTEST, LONGEST = 4, 20
"""Characters of a stretch of hiragana that is looked up in katakana; shorter ones are endings and particles."""

_hiragana = pattern(f"[{HIRAGANA}ー]{{{SHORTEST},}}")
_katakana = pattern(f"[{KATAKANA}ー]{{2,{LONGEST}}}")
_final_vowel = pattern("(?<=...)ー$")
_OTHER = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
_OTHER_BACK = {other: code for code, other in _OTHER.items()}

_NO_BEGINNING = "ーぁぃぅぇぉっゃゅょゎん"
"""What begins with a small letter or a long vowel is the rest of a word."""

Having = Callable[[str], int]
"""How many passages have a term."""


def in_other_kana(query: str, having: Having) -> Iterator[tuple[str, str]]:
    """For the kana of a query that no passage has as a word: it, and the term of the other kana that some have.

    Of a stretch of hiragana, which may have particles in it, the longest parts are taken.

    Args:
        query: Any text.
        having: Of the index.
    """
    text = folded(query)
    for run in _hiragana.finditer(text):
        yield from _katakana_of(run[0], having)
    for run in _katakana.finditer(text):
        other = _final_vowel.sub("", run[0]).translate(_OTHER_BACK)
        if not having(_final_vowel.sub("", run[0])) and having(other):
            yield run[0], other


def looked_up_in_other_kana(query: str) -> Iterator[str]:
    """What `in_other_kana` may ask for, but for what hangs on an answer: to be counted at once, where that matters."""
    text = folded(query)
    for run in _hiragana.finditer(text):
        for start in range(len(run[0]) - SHORTEST + 1):
            if run[0][start] not in _NO_BEGINNING:
                for end in range(start + SHORTEST, min(len(run[0]), start + LONGEST) + 1):
                    yield _in_katakana(run[0][start:end])
    for run in _katakana.finditer(text):
        word = _final_vowel.sub("", run[0])
        yield from (word, word.translate(_OTHER_BACK))


def _in_katakana(part: str) -> str:
    return _final_vowel.sub("", part).translate(_OTHER)


def _katakana_of(run: str, having: Having) -> Iterator[tuple[str, str]]:
    """The parts of a stretch of hiragana that are words in katakana."""
    start = 0
    while start + SHORTEST <= len(run):
        for end in range(min(len(run), start + LONGEST), start + SHORTEST - 1, -1):
            part = run[start:end]
            term = _in_katakana(part)
            if part[0] not in _NO_BEGINNING and having(term) and not having(part):
                yield part, term
                start = end
                break
        else:
            start += 1
