"""What texts of a language are made of, and the encodings they come in: facts for `likelihood`.

Costs are negative logarithms of probabilities, in nats. They need not be exact: the wrong reading of a dozen bytes is
unlikelier than the right one by a factor of many thousands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sakuin.index.readers.frequent_characters import HANGUL, KANJI, SIMPLIFIED, TRADITIONAL


@dataclass(frozen=True, eq=False)
class Language:
    """A language, or several that are written in the same letters.

    Attributes:
        encodings: That its texts come in, and what each costs.
        cost: Of meeting this language at all.
        letters: Besides ASCII's, those in use and what each costs. Capitals follow from them.
        words: All of ASCII letters; they tell languages of the same alphabet apart.
        ideographs: Whether its texts are of kanji, kana or Hangul.
    """

    encodings: Mapping[str, float]
    cost: float
    letters: Mapping[str, float] = field(repr=False)
    words: frozenset[bytes] = frozenset()
    ideographs: bool = False


def _by_rank(letters: str, first: float, slope: float, power: float = 1.0) -> dict[str, float]:
    """Costs that grow with the rank."""
    return {letter: first + slope * rank**power for rank, letter in enumerate(letters)}


def _table(encoding: str, first: int, last: int, cost: float) -> dict[str, float]:
    """The characters of some rows of a table of 94 by 94, all of a cost."""
    cells = bytes(byte for row in range(first, last) for cell in range(0xA1, 0xFF) for byte in (row, cell))
    return dict.fromkeys(cells.decode(encoding, "ignore"), cost)


_HIRAGANA = (
    "のいてなにたしでるとはがかっをすもらうんれまだこりくあよさけきそやおどえわちめつねじせみゃろばずょごほへぶげ"
    "びべゆぐざひぼむぎふゅぜづぱぬぴぽぷぺぁぃぅぇぉぞ"
)
_KATAKANA = (
    "ーンスイトルッラリクアタドレロシカマジフプコメバムテチキグサブャオニデパィナウビセミハダノボポホゲモワエソピ"
    "ギケガツヘゴベァュネズヒョペヤェゼユヨォザヌヴゾヂヅヲゥ"
)
_HALF_WIDTH = "ﾝｲｽﾄﾙﾗﾘｸｱﾀﾚﾛｼｶﾏﾌｺﾒﾑﾃﾁｷｻｵﾆﾅｳﾐｾﾊﾉﾎﾓﾜｴｿｹﾂﾍﾈﾋﾖﾔﾕﾞｰｯﾟｭｮｬﾇ"
_CJK_MARKS = {
    "、": 2.5,
    "。": 2.7,
    "\u3000": 3.5,
    "「": 4.0,
    "」": 4.0,
    "・": 4.5,
    "（": 4.5,
    "）": 4.5,
    "，": 4.5,
    "〜": 6.0,
}

_JAPANESE = (
    _table("euc_jp", 0xD0, 0xF5, 12.5)
    | _table("euc_jp", 0xB0, 0xD0, 11.0)
    | _by_rank(KANJI, 4.6, 0.13, 0.5)
    | _by_rank(_HIRAGANA, 2.9, 0.05)
    | _by_rank(_KATAKANA, 3.4, 0.04)
    | _by_rank(_HALF_WIDTH, 3.1, 0.03)
    | _CJK_MARKS
)
_CHINESE_MARKS = _CJK_MARKS | {"，": 2.7, "、": 4.5}
_SIMPLIFIED = _table("gb2312", 0xB0, 0xD8, 11.0) | _by_rank(SIMPLIFIED, 4.2, 0.14, 0.5) | _CHINESE_MARKS
_TRADITIONAL = _table("cp950", 0xA4, 0xC7, 11.5) | _by_rank(TRADITIONAL, 4.2, 0.14, 0.5) | _CHINESE_MARKS
_KOREAN = _table("euc_kr", 0xB0, 0xC9, 11.0) | _by_rank(HANGUL, 3.3, 0.25, 0.5) | _CJK_MARKS

# Russian's letters by frequency, then those of its neighbours.
_CYRILLIC = _by_rank("оеаинтсрвлкмдпуяызьбгчйхжшюцщэфъё", 2.4, 0.11)
_UKRAINIAN = _CYRILLIC | dict.fromkeys("іїєґ", 4.0) | dict.fromkeys("ыэъё", 9.0)
_SERBIAN = _by_rank("аиоенсрјтудвкмлпзгбчшцжхћљњђфџ", 2.4, 0.11)
_GREEK = _by_rank("αοιετσνηυρπκμλςίόάδγέωήχθύφβώξζψϊΐϋΰ", 2.4, 0.1)
_HEBREW = _by_rank("יוהלארתבשמנכםדקעחפטגצזסןךץףײװױ", 2.4, 0.1) | {chr(c): 6.0 for c in range(0x5B0, 0x5C3)}
_ARABIC = _by_rank("اليمتنرعبدوهسةفقحكجشأصخطىضذئثإزغءظآؤپچژگ،؟", 2.3, 0.09) | {chr(c): 6.0 for c in range(0x64B, 0x653)}
_THAI = _by_rank("านรอกเง่มยลว้ดัทสตะิปบคี์แจหพขไใ็โชุูำืซณึผธภศษฐถฉญฟฮฝฏฆ๊ฎฌ๋ฤฑฒฯๆ", 2.3, 0.06)

_WESTERN = {"cp1252": 0.0, "mac_roman": 4.0, "cp850": 4.0, "iso8859_15": 7.0}
_CENTRAL = {"cp1250": 0.0, "iso8859_2": 1.0, "cp852": 5.0, "iso8859_16": 9.0}
_BALTIC = {"cp1257": 0.0, "iso8859_13": 3.0}
_RUSSIAN = {"cp1251": 0.0, "koi8_r": 1.0, "cp866": 1.5, "iso8859_5": 2.0, "mac_cyrillic": 8.0}
_ENGLISH = "the of and to is that it for with was you are this not be"
# The cost of a language, its encodings, its letters, and words that most of its texts have;
# those of other alphabets quote English.
_ALPHABETS = (
    (0.0, _WESTERN, _by_rank("éèüöïçñêóáä", 6.0, 0.3), _ENGLISH),
    (2.0, _WESTERN, _by_rank("éèàêçùôîâûëïœüæ", 3.5, 0.25), "de la le les et des un une est pour que du en par sur"),
    (2.0, _WESTERN, _by_rank("üäöß", 4.4, 0.2), "der die und das ist den mit von ein eine nicht zu auf im sich"),
    (3.0, _WESTERN, _by_rank("óíáéñú¿¡ü", 4.2, 0.2), "de la el los que en las del se por un una con no es"),
    (2.0, _WESTERN, _by_rank("ãçéáíóêõúâôàü", 4.2, 0.15), "de que do da em um os no uma para com se na por"),
    (2.0, _WESTERN, _by_rank("àèéùòìî", 4.2, 0.2), "di che il la per un del non una della sono in si con"),
    (3.0, _WESTERN, _by_rank("éàóèíçòúïü", 4.2, 0.2), "de la que el els les amb per una del no és"),
    (3.0, _WESTERN, _by_rank("ëéïèöü", 5.5, 0.3), "de het een van en niet op dat te voor met zijn is"),
    (2.0, _WESTERN, _by_rank("äåöéüàè", 3.5, 0.3), "och att det som en av den med till inte ja on ei se oli"),
    (2.0, _WESTERN, _by_rank("åøæéöä", 3.8, 0.25), "og det er av en til som at ikke med den for de et"),
    (3.0, _WESTERN, _by_rank("áðíéóúþæöý", 3.3, 0.2), "og er sem til um ekki en af eru fyrir"),
    (6.0, _CENTRAL, _by_rank("ąęłóśżćńź", 3.8, 0.2), "nie jest na do to w z i lub jako od dla po"),
    (6.0, _CENTRAL, _by_rank("íáéýěžčšřůúťďňó", 3.2, 0.15), "je na se a v s z pro nebo jako to do by"),
    (6.0, _CENTRAL, _by_rank("áíéýžčšľťúóďôňäĺŕ", 3.2, 0.15), "je na sa a v s z pre alebo ako to do by"),
    (6.0, _CENTRAL, _by_rank("áéöóőíüűú", 3.0, 0.2), "a az egy hogy nem van ez meg vagy is"),
    (6.0, _CENTRAL, _by_rank("ăîţşâșț", 3.2, 0.2), "de nu este un cu la o din pentru care sau nici"),
    (6.0, _CENTRAL, _by_rank("čšžćđ", 4.2, 0.2), "je na u za se i ne od da su in ni ali"),
    (5.0, {"cp1254": 0.0}, _by_rank("ıüşöçğâîû", 2.5, 0.25), "ve bir bu ile olarak de da en"),
    (5.0, _BALTIC, _by_rank("ėųšžąčūęį", 2.6, 0.2), "ir yra kad ar su ne iki turi"),
    (5.0, _BALTIC, _by_rank("āēīšūķļņžģč", 2.6, 0.2), "ir un no ar uz par nav vai tas"),
    (5.0, _BALTIC | _WESTERN, _by_rank("äõüöšž", 2.6, 0.3), "ja on ei see ole et oli kui"),
    (7.0, {"cp1258": 0.0}, _by_rank("đàáảãạăâêôơưéèíìóòúùý", 2.6, 0.15), "cho trong khi theo tin"),
    (4.0, _RUSSIAN, _CYRILLIC, ""),
    (5.0, {"cp1251": 0.0, "koi8_u": 1.0, "iso8859_5": 2.0, "mac_cyrillic": 8.0}, _UKRAINIAN, ""),
    (6.0, {"cp1251": 0.0, "iso8859_5": 1.0}, _SERBIAN, ""),
    (6.0, {"cp1253": 0.0, "iso8859_7": 1.0}, _GREEK, ""),
    (6.0, {"cp1255": 0.0, "iso8859_8": 2.0}, _HEBREW, ""),
    (6.0, {"cp1256": 0.0, "iso8859_6": 2.0}, _ARABIC, ""),
    (7.0, {"cp874": 0.0}, _THAI, ""),
)
_IDEOGRAPHS = (
    # The wider JIS X 0213, and UTF-16 in which no character is ASCII's, are rare.
    (
        0.0,
        {"cp932": 0.0, "euc_jp": 0.0, "shift_jis_2004": 4.0, "euc_jis_2004": 4.0, "utf-16-le": 9.0, "utf-16-be": 9.0},
        _JAPANESE,
    ),
    (5.0, {"gb18030": 0.0}, _SIMPLIFIED),
    (5.0, {"cp950": 0.0, "big5hkscs": 0.5}, _TRADITIONAL),
    (5.0, {"cp949": 0.0}, _KOREAN),
)

LANGUAGES = (
    *(
        Language(encodings, cost, letters, frozenset((words or _ENGLISH).encode().split()))
        for cost, encodings, letters, words in _ALPHABETS
    ),
    *(
        Language(encodings, cost, letters, frozenset(_ENGLISH.encode().split()), ideographs=True)
        for cost, encodings, letters in _IDEOGRAPHS
    ),
)

ENCODINGS: dict[str, dict[int, float]] = {}
"""For each encoding the languages that come in it, by their place in `LANGUAGES`, and what it costs in them."""

for _number, _language in enumerate(LANGUAGES):
    for _encoding, _cost in _language.encodings.items():
        ENCODINGS.setdefault(_encoding, {})[_number] = _cost

TYPOGRAPHIC = {
    **{"’": 3.0, "”": 4.5, "»": 5.0, "›": 9.0},
    **{"‘": 4.5, "“": 4.5, "«": 5.0, "„": 6.0, "‚": 9.0, "‹": 9.0},
    **{"–": 4.5, "—": 5.0, "…": 5.0, "•": 5.0, "―": 7.0},
}
"""Quotation marks and dashes of alphabets."""

SYMBOLS = {
    **{"£": 5.0, "€": 5.0, "°": 5.5, "©": 5.5, "®": 5.5, "™": 6.5, "§": 6.0, "×": 6.0, "¥": 6.0, "·": 6.5},
    **{
        "½": 6.0,
        "±": 6.5,
        "²": 6.5,
        "³": 7.0,
        "µ": 7.5,
        "º": 7.0,
        "ª": 7.5,
        "¿": 9.0,
        "¡": 9.0,
        "№": 6.0,
        "¼": 7.0,
        "¾": 7.5,
    },
}
"""Other signs that stand in texts of alphabets."""
