"""Numbers as lists of office files write them: 3, iii, C, 三, 丙, ウ, ③."""

from collections.abc import Callable

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
_KANJI = str.maketrans("0123456789", "〇一二三四五六七八九")
_LEGAL = str.maketrans("一二三四五六七八九十百千", "壱弐参四伍六七八九拾百阡")
_AIUEO = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
_IROHA = "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_NOTE_MARKS = "*†‡§"
_MOST = 1_000_000


def roman(number: int) -> str:
    """A number in lower-case Roman numerals."""
    parts = []
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        parts.append(letters * count)
    return "".join(parts)


def kanji(number: int) -> str:
    """A number as it is said in Japanese: 二十一."""
    if number >= 10_000:
        thousands, rest = divmod(number, 10_000)
        return f"{kanji(thousands)}万{kanji(rest) if rest else ''}"
    parts = []
    for value, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, value)
        if digit:
            parts.append((str(digit).translate(_KANJI) if digit > 1 or value == 1 else "") + name)
    return "".join(parts)


def _letters(number: int) -> str:
    return chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)


def _circled(number: int) -> str:
    for first, last, code in ((1, 20, 0x2460), (21, 35, 0x3251), (36, 50, 0x32B1)):
        if first <= number <= last:
            return chr(code + number - first)
    return str(number)


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _of(row: str) -> Callable[[int], str]:
    return lambda number: row[(number - 1) % len(row)]


_FORMATS: dict[str, Callable[[int], str]] = {
    "decimalZero": lambda number: f"{number:02}",
    "upperRoman": lambda number: roman(number).upper(),
    "lowerRoman": roman,
    "upperLetter": lambda number: _letters(number).upper(),
    "lowerLetter": _letters,
    "ordinal": _ordinal,
    "decimalFullWidth": lambda number: str(number).translate(_FULL_WIDTH),
    "decimalFullWidth2": lambda number: str(number).translate(_FULL_WIDTH),
    "decimalEnclosedCircle": _circled,
    "decimalEnclosedCircleChinese": _circled,
    "decimalEnclosedFullstop": lambda number: f"{number}.",
    "decimalEnclosedParen": lambda number: f"({number})",
    "numberInDash": lambda number: f"- {number} -",
    "japaneseCounting": kanji,
    "chineseCounting": kanji,
    "chineseCountingThousand": kanji,
    "taiwaneseCounting": kanji,
    "taiwaneseCountingThousand": kanji,
    "japaneseDigitalTenThousand": lambda number: str(number).translate(_KANJI),
    "ideographDigital": lambda number: str(number).translate(_KANJI),
    "taiwaneseDigital": lambda number: str(number).translate(_KANJI),
    "japaneseLegal": lambda number: kanji(number).translate(_LEGAL),
    "ideographLegalTraditional": lambda number: kanji(number).translate(_LEGAL),
    "ideographTraditional": _of(_STEMS),
    "ideographZodiac": _of(_BRANCHES),
    "aiueo": _of(_AIUEO),
    "aiueoFullWidth": _of(_AIUEO),
    "iroha": _of(_IROHA),
    "irohaFullWidth": _of(_IROHA),
    "chicago": lambda number: _NOTE_MARKS[(number - 1) % 4] * ((number - 1) // 4 + 1),
    "none": lambda number: "",
    "bullet": lambda number: "",
}


def counted(number: int, style: str) -> str:
    """A number from 1 as it is written in a style, by its name in WordprocessingML; in digits where it is not known."""
    if not 0 < number < _MOST:
        return "" if style in ("none", "bullet") else str(number)
    return _FORMATS.get(style, str)(number)
