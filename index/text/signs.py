"""What may stand in a text, found in one pass, so that patterns of the analysis are tried only where they may match.

A sign says that a pattern may match, no sign that it does not: so a sign too many costs time and nothing else.
"""

from collections.abc import Mapping

from sakuin.index.text.characters import HIRAGANA, JAPANESE, KATAKANA
from sakuin.index.text.compiled import native


class Sign:
    """Of characters, and of characters beside each other; the same numbers stand in ``native.c``.

    They are plain numbers: a flag of `enum` takes a microsecond to look at, and a dozen are looked at for each text.
    """

    INVISIBLE = 1 << 0
    DASH = 1 << 1
    NARROW = 1 << 2
    UNSTABLE = 1 << 3
    """A character that NFKC changes, or may join to another."""
    APOSTROPHE = 1 << 4
    FORM = 1 << 5
    REPEAT = 1 << 6
    EMOJI = 1 << 7
    LETTER = 1 << 8
    WAVE = 1 << 9
    HYPHEN = 1 << 10
    SHRINKS = 1 << 11
    GAP = 1 << 12
    VOWEL = 1 << 13
    JOINED = 1 << 14
    WIDE = 1 << 15
    """A character that NFKC changes to one of ASCII, whatever stands beside it."""
    OTHER_LETTER = 1 << 16
    """A letter that is neither Japanese nor ASCII, or a mark on one."""


ALL = (1 << 17) - 1

# Traits of characters that are no signs by themselves.
_SPACE, _KANA, _KATAKANA, _CAN_BE_HYPHEN, _WIDE = 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13

# What is the same after NFKC, whatever stands beside it. Only what is frequent: any other is looked at more closely.
STABLE = "\0-\x7fぁ-ゖァ-ヺー・、。々〆〇ゝゞヽヾ〈-】〔〕\u4e00-\u9fff"
WIDE = "\u3000\uff01-\uff5e"
# Neither letters nor digits, nor signs like emoji.
PLAIN = "\0-/:-@[-`{-\x7f\u3000-\u3004\u3008-\u3020・\u2010-\u2027\u2030-\u203e\u2190-\u22ff\u2500-\u25ff"
SPACES = "\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
BASIC = "\0-\ud7ff\ue000-\uffff"


def set_up(forms: Mapping[int, str], emoji: str) -> None:
    """Tell the compiled part what its signs are; without one there is nothing to tell.

    Args:
        forms: What folding has for some characters, by their codes.
        emoji: A class of characters.
    """
    if native is None:
        return
    native.set_up_forms("".join([chr(old) + new for old, new in forms.items()]))
    native.set_up_signs(
        [
            (BASIC, Sign.UNSTABLE | Sign.LETTER),
            (STABLE + WIDE, -Sign.UNSTABLE),
            (WIDE, _WIDE),
            (JAPANESE, -Sign.LETTER),
            (PLAIN, -Sign.LETTER),
            ("\u00ad\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff", Sign.INVISIBLE),
            ("\u2010-\u2015\u2043\u2212\u2500\u2501\uff0d\ufe58", Sign.DASH),
            ("\u2010-\u2015\u2043\u2212\u2500\ufe58ー", _CAN_BE_HYPHEN),
            ("\uff66-\uff9f", Sign.NARROW),
            ("‘’ʼ′", Sign.APOSTROPHE),
            ("々ゝヽ", Sign.REPEAT),
            ("".join(map(chr, forms)), Sign.FORM),
            (emoji, Sign.EMOJI),
            (SPACES, _SPACE),
            (f"{HIRAGANA}{KATAKANA}ー", _KANA),
            (KATAKANA, _KATAKANA),
        ]
    )


def signs(text: str) -> int:
    """The signs of a text, all of them where nobody has looked."""
    if native is None:
        return ALL
    try:
        found: int = native.signs(text)
    except UnicodeEncodeError:  # a lone surrogate
        return ALL
    return found
