"""Which language a document is in: as its file declares it, or as its characters tell beyond doubt."""

import re

_SAMPLE = 1500
_FEWEST_LETTERS = 40
_TAG = re.compile(r"\s*([a-zA-Z]{2,3})(?:[-_].*)?\s*", re.S)
# Runs of them: those of a text are far fewer than its characters.
_KANA = re.compile("[ぁ-ゖァ-ヺー]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_LATIN = re.compile("[a-zA-Z]+")
_WORD = re.compile("[a-z]+")
# Of a text in English they are every fifth word; other languages that use the same letters have but some of them.
_ENGLISH = frozenset({
    "the", "of", "and", "to", "in", "is", "that", "for", "it", "with", "as", "are", "be", "this", "was", "by", "on",
    "not", "or", "from", "have",
})  # fmt: skip
_ENGLISH_SHARE = 0.12
_ENGLISH_WORDS = 4
"""So many different ones: programs are full of `for` and `in`."""

_KANA_SHARE = 0.15
_LATIN_SHARE = 0.98


def declared(value: str) -> str:
    """The language of a tag: ``ja`` of ``ja-JP``; "" of what is none."""
    match = _TAG.fullmatch(value)
    return match[1].lower() if match else ""


def detected(text: str) -> str:
    """``ja`` or ``en`` where the beginning of a text is clearly that; "" for anything else, and where it is short."""
    sample = text[:_SAMPLE]
    letters = _number(_LETTERS, sample)
    if letters < _FEWEST_LETTERS:
        return ""
    if _number(_KANA, sample) >= _KANA_SHARE * letters:
        return "ja"
    if _number(_LATIN, sample) < _LATIN_SHARE * letters:
        return ""
    words = _WORD.findall(sample.lower())
    english = [word for word in words if word in _ENGLISH]
    return "en" if len(english) >= _ENGLISH_SHARE * len(words) and len(set(english)) >= _ENGLISH_WORDS else ""


def _number(runs: re.Pattern[str], text: str) -> int:
    """The characters in all the runs of a text."""
    return sum(map(len, runs.findall(text)))
