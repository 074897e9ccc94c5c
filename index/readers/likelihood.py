"""How likely bytes are, taken as a text of a language in an encoding: that is what tells one encoding from another.

A text is scored character by character, each by what it costs in that language and by what it stands beside. Of the
characters of ASCII only their number counts: they are the same in every reading, but for those that a reading takes
for halves of others.
"""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from sakuin.index.readers.languages import ENCODINGS, LANGUAGES, SYMBOLS, TYPOGRAPHIC, Language

_ASCII = {
    **dict.fromkeys(map(chr, range(128)), 6.5),
    **dict.fromkeys("abcdefghijklmnopqrstuvwxyz \n\r\t", 3.3),
    **dict.fromkeys("0123456789.,-/:;()'\"!?", 4.5),
    **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 5.0),
}
"""What characters of ASCII cost, in every language."""

_NOT_TEXT = frozenset({"Cc", "Cn", "Co", "Cs"})  # control, unassigned, private use
_IMPOSSIBLE = 30.0

# Classes of characters: "_" white space, "0" digits, "." ASCII's signs, "a" and "A" its letters, "e" and "E" other
# Latin letters, "c" and "C" letters of other alphabets, "h" those without capitals and "m" their marks, "(" and ")"
# quotation marks, "'" the apostrophe, "-" dashes, "$" symbols; "K" kanji, "H" hiragana, "T" katakana, "W" half-width
# katakana, "N" Hangul, "F" their punctuation and full-width letters, "O" their symbols; "!" what is no text.
_BESIDE = """
    (  _ 1  (. 2  - 2.5  0 4  ace 5
    a  e 0.3  ( 0.5  E 0.6  ' 0.7  - 2.5  F 3.5  $)NO 4  HKT 5
    A  ( 0.5  E 2  $- 2.5  ' 3  F 3.5  )NO 4  HKT 4.5  e 6
    e  ae 0.3  ( 0.5  AE 0.6  _ 1.5  '. 2.5  )0 5
    E  ( 0.5  AE 2  _ 2.2  . 2.5  0 5  ae 6
    c  c 0.3  ( 0.5  C 0.6  _ 1.5  . 2.5  0 5
    C  ( 0.5  C 2  _ 2.2  . 2.5  0 5  c 6
    0  $ 0.7  ( 1  - 2  FHKT 2.5  'NOW 3  ) 4  CEcehm 5
    .  ') 1  $ 1.5  W 1.7  N 2  cehm 2.2  -FHKT 2.5  (O 3  CE 3.5
    _  $')-N 1  cehm 1.5  W 1.7  FHKOT 2.5  ( 3  CE 4
    )  .aceh 1  A 1.5  ) 2  -0 3  _ 4
    -  _ 1  - 1.5  0 2  ').ace 2.5  $( 3  HK 4
    '  ae 0.7  .Ach 1  0 3.5  _ 4
    $  0 1  _ 1.5  . 2  a 3.5
    F  FHKT 1.5  _.0O 2.5  Aa 3.5  N 4
    O  O 1.5  _F 2.5  .HKT 3  0 3.5  Aa 4
    W  W 0.1  _. 5.2  0 6
    N  N 0.4  _ 1  .0 2  AFa 4  K 5
    K  K 0.6  FH 1.2  _.0O 2  T 2.5  -A 4  a 4.5  N 5
    H  H 0.4  K 1  T 1.3  F 1.5  _.0 2  O 3  -A 4  a 4.5
    T  T 0.3  F 1.8  _.0 2  O 2.5  HK 3  A 4  a 4.5
    h  hm 0.3  _ 1.5  . 2.5  0 5
    m  hm 0.3
"""
"""A class, then those that may stand before it, each with what that costs; all else is strange."""

_COSTS = {
    before + row[0]: float(cost)
    for row in map(str.split, _BESIDE.strip().splitlines())
    for befores, cost in zip(row[1::2], row[2::2], strict=True)
    for before in befores
}
_ASCII_CLASSES = "_0.aA"
_STRANGE_PAIR = 7.0
_UNLIKELY = 13.0
_HOPELESS = 40.0
_DECLARED = 8.0
_IMPOSSIBLE_KANA = 8.0
_HIRAGANA = re.compile("[ぁ-ゖ]")
_FIRST_BYTES = 400
_WORDS = re.compile(rb"[a-z]+")
_WORDS_FROM = 4096
_MOST_WORDS = 10
_BEFORE = {
    **dict.fromkeys("ﾞﾟ", frozenset("ｳｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾊﾋﾌﾍﾎ")),
    **dict.fromkeys("ｬｭｮ", frozenset("ｷｼﾁﾆﾋﾐﾘﾞﾟ")),
    **dict.fromkeys("ｧｨｩｪｫ", frozenset("ﾌｳﾃﾁｼﾄﾂﾞ")),
    **dict.fromkeys("ｰｯ", frozenset(map(chr, range(0xFF66, 0xFFA0)))),
}
"""What small and voicing half-width kana stand behind."""


@dataclass(frozen=True)
class Reading:
    """A sample of a file as a text.

    Attributes:
        score: The logarithm of how likely it is, in nats, to be compared with that of another reading.
        encoding: Python's name.
        text: The sample.
        rarity: What its language costs: 0 for Japanese and English, and where the file says it itself.
        unlikely: Whether it is hardly text of any language at all.
    """

    score: float
    encoding: str
    text: str
    rarity: float
    unlikely: bool


def readings(
    sample: bytes,
    declared: str | None = None,
    *,
    whole: bool = True,
    utf8: float | None = None,
    among: Sequence[str] | None = None,
) -> list[Reading]:
    """The readings of a sample in all encodings that it may be in, the likeliest first.

    Args:
        sample: Lines of a file.
        declared: Python's name of the encoding that the file says it is in.
        whole: Whether the sample does not end inside a character.
        utf8: What it costs that the file is in UTF-8, damaged perhaps; None where it is not.
        among: Encodings, if not all that there are.
    """
    words = Counter(_WORDS.findall(sample[:_WORDS_FROM].lower()))
    bonus = [min(sum(words[word] for word in language.words), _MOST_WORDS) for language in LANGUAGES]
    if among is None and (plain := _plainly_japanese(sample, bonus, whole)):
        return [plain]
    candidates = dict(ENCODINGS) if among is None else {encoding: ENCODINGS[encoding] for encoding in among}
    if declared:
        known = candidates.get(declared, dict.fromkeys(range(len(LANGUAGES)), 0.0))
        candidates[declared] = {number: cost - _DECLARED for number, cost in known.items()}
    if utf8 is not None:
        candidates["utf-8"] = dict.fromkeys(range(len(LANGUAGES)), utf8)
    if len(sample) > 2 * _FIRST_BYTES:
        first = _ranked(sample[:_FIRST_BYTES], candidates, bonus, whole=False)
        kept = [reading.encoding for reading in first if reading.score > first[0].score - _HOPELESS]
        candidates = {encoding: candidates[encoding] for encoding in kept}
    found = _ranked(sample, candidates, bonus, whole=whole)
    return [replace(reading, rarity=0.0) if reading.encoding == declared else reading for reading in found]


def _plainly_japanese(sample: bytes, bonus: Sequence[int], whole: bool) -> Reading | None:
    """The reading as the one Japanese encoding in which there are kana in such numbers as cannot be chance."""
    candidates = {encoding: ENCODINGS[encoding] for encoding in ("cp932", "euc_jp")}
    found = _ranked(sample[:_FIRST_BYTES], candidates, bonus, whole=whole and len(sample) <= _FIRST_BYTES)
    if not found or (len(found) > 1 and found[0].score - found[1].score < _HOPELESS):
        return None
    kana = len(_HIRAGANA.findall(found[0].text))
    others = len(found[0].text) - sum(map(str.isascii, found[0].text)) - kana
    return found[0] if kana >= 10 and 3 * kana >= others and not found[0].unlikely else None


def _ranked(
    sample: bytes, candidates: Mapping[str, Mapping[int, float]], bonus: Sequence[int], *, whole: bool
) -> list[Reading]:
    found: list[Reading] = []
    costs: dict[str, tuple[float, Counter[str]]] = {}
    for encoding, languages in candidates.items():
        try:
            errors = "surrogateescape" if encoding == "utf-8" else "strict"
            text = codecs.getincrementaldecoder(encoding)(errors).decode(sample, whole)
        except UnicodeDecodeError:
            continue
        if text not in costs:
            costs[text] = _common_cost(text)
        common, characters = costs[text]
        score, number = max(
            (bonus[number] - LANGUAGES[number].cost - cost - _cost_of(characters, LANGUAGES[number]), number)
            for number, cost in languages.items()
        )
        unlikely = -score > _UNLIKELY * characters.total() + _HOPELESS
        found.append(Reading(score - common, encoding, text, LANGUAGES[number].cost, unlikely))
    return sorted(found, key=lambda reading: -reading.score)


def _common_cost(text: str) -> tuple[float, "Counter[str]"]:
    """What a text costs in any language, and its characters outside ASCII."""
    counts = Counter(text)
    characters = Counter({character: count for character, count in counts.items() if character > "\x7f"})
    cost = sum([_ASCII[character] * count for character, count in counts.items() if character <= "\x7f"])
    for (before, character), count in Counter(zip(f" {text}", f"{text} ", strict=True)).items():
        if character > "\x7f" or before > "\x7f":
            cost += count * _beside(_class(before), _class(character))
            if before not in _BEFORE.get(character, before):
                cost += count * _IMPOSSIBLE_KANA
    return cost, characters


def _cost_of(characters: "Counter[str]", language: Language) -> float:
    letters = language.letters
    return sum(
        [
            count * (letters[character] if character in letters else _rare(character, language))
            for character, count in characters.items()
        ]
    )


@cache
def _beside(before: str, class_: str) -> float:
    """What it costs that a character of a class stands behind one of another."""
    if "!" in (before, class_) or (before in _ASCII_CLASSES and class_ in _ASCII_CLASSES):
        return 0.0
    return _COSTS.get(before + class_, _STRANGE_PAIR)


@cache
def _class(character: str) -> str:
    if character in "\n\r\t\f\v\x1a \xa0\u2028":
        return "_"
    if character.isascii():
        return (
            "0"
            if character.isdigit()
            else "!"
            if character < " "
            else ("A" if character.isupper() else "a")
            if character.isalpha()
            else "."
        )
    for first, last, class_ in _RANGES:
        if first <= character <= last:
            return class_
    category = unicodedata.category(character)
    if category in _NOT_TEXT:
        return "!"
    if character == "’":
        return "'"
    if character in TYPOGRAPHIC:
        return "(" if category in ("Pi", "Ps") else ")" if category in ("Pf", "Pe") else "-"
    if category[0] in "LM":
        latin = character < "\u0250" or "\u1e00" <= character < "\u1f00"
        if not latin and category in ("Lo", "Mc", "Lm"):
            return "h"
        if category[0] == "M":
            return "m"
        return ("E" if latin else "C") if category == "Lu" else ("e" if latin else "c")
    return "$"


_RANGES = (
    ("\u3041", "\u3096", "H"),
    ("\u30a1", "\u30fe", "T"),
    ("\u3400", "\u9fff", "K"),
    ("々", "〇", "K"),
    ("\uac00", "\ud7a3", "N"),
    ("\u3000", "\u3020", "F"),
    ("\uff01", "\uff5e", "F"),
    ("\uff61", "\uff9f", "W"),
    ("\u2190", "\u2bff", "O"),
    ("\u3021", "\u33ff", "O"),
    ("\uf900", "\ufaff", "K"),
    ("\U00020000", "\U0003ffff", "K"),
)


@lru_cache(maxsize=50_000)
def _rare(character: str, language: Language) -> float:
    """What a character costs that is not one of a language's letters."""
    class_ = _class(character)
    if class_ == "!":
        return _IMPOSSIBLE
    if class_ in "EC" and (known := language.letters.get(character.lower())) is not None:
        return known + 1.0
    if language.ideographs:
        return _IDEOGRAPHIC.get(class_, 11.0)
    if class_ == "_":
        return 5.0
    return TYPOGRAPHIC.get(character) or SYMBOLS.get(character, 13.0)


_IDEOGRAPHIC = {"K": 14.0, "H": 9.0, "T": 8.0, "F": 6.0, "O": 7.0, "W": 4.0, "N": 14.0, "(": 7.0, ")": 7.0, "-": 6.0}
"""What a rare character costs in languages of ideographs, by its class."""
