"""Which language a document is in: as its file declares it, or as its characters tell beyond doubt."""

import re

_SAMPLE = 1500
_FEWEST_LETTERS = 40
_TAG = re.compile(r"\s*([a-zA-Z]{2,3})(?:[-_].*)?\s*", re.S)
# Counted in UTF-8, where the first byte or two tell, and counting takes hardly any time.
_KANA = (b"\xe3\x81", b"\xe3\x82", b"\xe3\x83")
_MIDDLE_DOT = "・".encode()
_NO_LETTERS = (b"\xc2", b"\xe2", b"\xe3\x80", b"\xef\xbc", b"\xef\xbd", b"\xef\xbe", b"\xef\xbf", b"\xf0")
"""Signs and punctuation, in all widths, and emoji: what is no letter in any number beyond ASCII."""

_LATIN = bytes(range(ord("A"), ord("Z") + 1)) + bytes(range(ord("a"), ord("z") + 1))
_BEYOND_ASCII = bytes(range(0xC2, 0xF5))
"""What begins a character."""

_NOT_LATIN = bytes(set(range(256)) - set(_LATIN))
_NOT_BEYOND = bytes(set(range(256)) - set(_BEYOND_ASCII))
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
    data = sample.encode("utf-8", "replace")
    latin = len(data.translate(None, _NOT_LATIN))
    letters = latin
    if len(data) > len(sample):
        letters += len(data.translate(None, _NOT_BEYOND)) - sum(map(data.count, _NO_LETTERS))
    if letters < _FEWEST_LETTERS:
        return ""
    kana = sum(map(data.count, _KANA)) - data.count(_MIDDLE_DOT)
    if kana >= _KANA_SHARE * letters:
        return "ja"
    if latin < _LATIN_SHARE * letters:
        return ""
    words = _WORD.findall(sample.lower())
    english = [word for word in words if word in _ENGLISH]
    return "en" if len(english) >= _ENGLISH_SHARE * len(words) and len(set(english)) >= _ENGLISH_WORDS else ""
