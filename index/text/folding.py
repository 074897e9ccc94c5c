"""Folds the ways of writing the same text into one: NFKC, long-vowel marks, ヴ, old and rare forms of kanji.

Case is folded later, in the words that have case.
"""

import re
import unicodedata

from sakuin.index.text.characters import HIRAGANA, KATAKANA

_stable = re.compile("[\x00-\x7fぁ-ゖァ-ヺー、。「」一-\u9fff]+")
_narrow_hyphen = re.compile("[-\u2010-\u2015\u2212](?<=[\uff66-\uff9f].)")
_endless_marks = re.compile(
    "[\u0300-\u034e\u0350-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u065f\u0670\u06d6-\u06ed\u0730-\u074a\u07eb-\u07f3\u0816-\u082d"
    "\u08d3-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\u302a-\u302f\u3099\u309a\ufe20-\ufe2f]{31}"
)
_wave = re.compile(f"[~\u301c](?<=[{HIRAGANA}{KATAKANA}ー].)(?=[{HIRAGANA}{KATAKANA}ー~\u301c])")
_dash = re.compile(f"[\u2010\u2212\u2500](?<=[{KATAKANA}].)(?=[{KATAKANA}])")
_shrinks = re.compile("ヴ[ァィェォ]|ー{2,}")

_SHRUNK = {"ヴァ": "バ", "ヴィ": "ビ", "ヴェ": "ベ", "ヴォ": "ボ"}

# Old or rare form, then the one in use; pairs that mean the same word in a name or an older text.
_FORMS = (
    "﨑崎髙高濵浜濱浜邊辺邉辺齋斎齊斉澤沢廣広國国櫻桜學学體体鐵鉄眞真德徳惠恵榮栄瀨瀬龍竜瀧滝藏蔵條条圓円實実寫写寶宝"
    "將将專専對対縣県繪絵經経續続總総聲声聽聴舊旧藝芸藥薬號号虛虚蟲虫衞衛裝装覺覚觀観譯訳讀読變変讓譲豐豊貳弐賣売"
    "轉転輕軽辭辞遲遅郞郎鄕郷醫医釋釈鑛鉱鑄鋳關関隱隠雙双雜雑靈霊靜静顏顔顯顕飜翻餘余驛駅驗験髮髪鬪闘鷄鶏鹽塩"
    "麥麦點点黑黒默黙齡齢齒歯龜亀亂乱亞亜來来佛仏假仮傳伝價価儉倹兒児兩両冰氷凉涼剩剰劍剣劒剣劑剤勞労勳勲勵励勸勧"
    "區区卷巻卽即參参吳呉單単嚴厳團団圍囲圖図壓圧壘塁壞壊壯壮壽寿奧奥奬奨孃嬢寢寝嶽岳峯峰巖巌帶帯廢廃廳庁彈弾當当"
    "徑径從従恆恒惡悪惱悩愼慎應応懷懐戀恋戰戦戲戯戶戸拂払拔抜擇択擔担據拠擴拡攝摂收収效効敍叙敕勅數数斷断晝昼"
    "曉暁曾曽會会棧桟樓楼樂楽樞枢樣様檢検權権歐欧歡歓步歩歲歳歷歴歸帰殘残毆殴每毎氣気沒没淨浄淺浅淸清淚涙渴渇"
    "溫温滯滞滿満潛潜澁渋濕湿濟済灣湾爐炉爭争爲為犧犠狹狭獨独獵猟獸獣獻献產産畫画疊畳癡痴發発盜盗盡尽碎砕祕秘祿禄"
    "禪禅禮礼稱称稻稲穗穂穩穏竊窃竝並粹粋絲糸緣縁縱縦繩縄繼継纖繊罐缶肅粛腦脳膽胆臟臓莊荘萬万蠶蚕蠻蛮觸触證証"
    "賴頼踐践蹟跡辨弁瓣弁辯弁遙遥邨村隨随險険隸隷顚顛飮飲餠餅騷騒驅駆驒騨鬭闘鷗鴎麪麺麵麺黃黄黨党槇槙瑤瑶"
    "穰穣薰薫彌弥嶋島嶌島埜野舘館菴庵篭籠蘆芦諫諌噓嘘俠侠搔掻攢攅萠萌鶯鴬頰頬剝剥塡填瘦痩繫繋蠟蝋醬醤ヶケヵカヴブ"
)
_FORM = {ord(old): new for old, new in zip(_FORMS[::2], _FORMS[1::2], strict=True) if old != new}
_form = re.compile(f"[{''.join(map(chr, _FORM))}]")


def folded(text: str) -> str:
    """The text that terms are read from."""
    if text.isascii():
        return text
    result = _shrinks.sub(_shrunk, _after_nfkc(unicodedata.normalize("NFKC", _before_nfkc(text))))
    return result.translate(_FORM) if _form.search(result) else result


def aligned(text: str) -> tuple[str, list[int], list[int]]:
    """The same text as `folded`, with the start and end in ``text`` of what each character came from."""
    result, starts, ends = _aligned_nfkc(_before_nfkc(text))
    result = _after_nfkc(result)
    matches = list(_shrinks.finditer(result))
    for match in reversed(matches):
        starts[match.start() : match.end()] = [starts[match.start()]]
        ends[match.start() : match.end()] = [ends[match.end() - 1]]
    result = _shrinks.sub(_shrunk, result) if matches else result
    return result.translate(_FORM) if _form.search(result) else result, starts, ends


def _before_nfkc(text: str) -> str:
    """Hyphens typed for a long vowel among half-width kana, and no endless runs of marks; as long as the text.

    Normalising sorts marks that follow each other, in time that grows with the square of their number. No language
    writes more than a few; a character that they do not combine with parts them, as in Unicode's stream-safe format.
    """
    return _narrow_hyphen.sub("ｰ", _endless_marks.sub(_parted, text))


def _parted(match: re.Match[str]) -> str:
    return match[0][:-1] + "\u034f"


def _after_nfkc(text: str) -> str:
    """Signs that stand for a long vowel, and apostrophes; as long as the text."""
    return _dash.sub("ー", _wave.sub("ー", text.replace("’", "'")))


def _shrunk(match: re.Match[str]) -> str:
    return _SHRUNK.get(match[0], "ー")


def _aligned_nfkc(text: str) -> tuple[str, list[int], list[int]]:
    """NFKC, and for each character of it where the characters it came from start and end in ``text``."""
    if unicodedata.is_normalized("NFKC", text):
        return text, list(range(len(text))), list(range(1, len(text) + 1))
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    start = 0
    while start < len(text):
        # What is its own NFKC goes in whole stretches, but for the last character, which what follows may join.
        stretch = _stable.match(text, start)
        if stretch and stretch.end() - start > 1:
            end = stretch.end() - 1
            parts.append(text[start:end])
            starts += range(start, end)
            ends += range(start + 1, end + 1)
            start = end
        end = start + 1
        while end < len(text) and _joins_what_stands_before(text[end]):
            end += 1
        part = unicodedata.normalize("NFKC", text[start:end])
        parts.append(part)
        starts += [start] * len(part)
        ends += [end] * len(part)
        start = end
    return "".join(parts), starts, ends


def _joins_what_stands_before(character: str) -> bool:
    """Whether normalising may merge or reorder the character with the one before it."""
    if character.isascii():
        return False
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first)[0] == "M" or "\u1160" <= first <= "\u11ff"
