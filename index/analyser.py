"""Text to the terms that the keyword index counts; queries and passages go through the same steps.

1. Folding: NFKC (which also folds widths), long-vowel marks, ヴ, old and rare forms of kanji.
2. Japanese runs (kanji and kana) give words in their dictionary form, from MeCab with the IPA dictionary, every kanji,
   and every pair of neighbouring characters that is not pure hiragana. Words alone split compounds, pairs alone miss
   inflection. A word, a kanji or a pair that look the same are one term: measured, that is better than keeping them
   apart.
3. Everything else gives its words, case-folded and with English endings taken off. Words joined by signs are
   found whole and by their parts: ``foo_bar`` gives ``foo``, ``bar`` and ``foobar``.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from threading import Lock
from typing import Any

ANALYSIS = "ja-en-1"
"""Changes with every change of this module, or of a library it rests on, that may change a term."""

MAX_TERM_CHARACTERS = 64
"""Longer terms are cut here: they are encoded data or text without spaces, and the index refuses huge ones."""

_PIECE_CHARACTERS = 2_000
"""MeCab gets no longer piece than this; its time and memory on one sentence grow with the sentence."""

_STEMS_REMEMBERED = 100_000
_WORDS_REMEMBERED = 50_000

_BASE_FORM = 6
"""Which field of an entry of the IPA dictionary holds the dictionary form."""

_HIRAGANA = "ぁ-ゖ"
_KATAKANA = "ァ-ヺㇰ-ㇿ"
_KANJI = "々〆〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_JAPANESE = f"{_HIRAGANA}{_KATAKANA}{_KANJI}ゝゞヽヾー"

# Signs that combine with the letter before them. Python's \w leaves them out, and words of Hindi or Thai would fall
# apart at every vowel sign; the Arabic and Hebrew ranges are points that are written inside words.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903"
    "\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u0a3c-\u0a4d\u0abc-\u0acd\u0b3c-\u0b4d"
    "\u0bbe-\u0bcd\u0c3e-\u0c4d\u0cbc-\u0ccd\u0d3e-\u0d4d\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc"
    "\u0ec8-\u0ecd\u102b-\u103e\u17b4-\u17d3\u200c\u200d"
)
_LETTER = rf"[^\W_{_JAPANESE}]"
_WORD = rf"{_LETTER}(?:{_LETTER}|[{_MARKS}])*+"  # possessive: one long word must not be tried at every length

_japanese_run = re.compile(f"[{_JAPANESE}]+")
# What is looked for stands before the look behind it: the engine then skips to it, which is many times faster.
_gap = re.compile(rf"\s(?<=[{_JAPANESE}]\s)(?=[{_JAPANESE}])")
_kanji = re.compile(f"[{_KANJI}]")
_pair = re.compile(rf"(?=([{_JAPANESE}]{{2}}))(?![{_HIRAGANA}][{_HIRAGANA}ー])")
_literal = re.compile(f"[{_KANJI}]|(?![{_HIRAGANA}][{_HIRAGANA}ー])[{_JAPANESE}]{{2}}")
_uninflected = re.compile(f"[{_KANJI}]|[{_KANJI}{_KATAKANA}ー]{{2,}}")
_word = re.compile(rf"{_WORD}(?:'{_WORD})*+")
_joined = re.compile(rf"(?<!{_LETTER})(?<![{_MARKS}]){_WORD}(?:[-_.,]{_WORD})++")
_joiner = re.compile("[-_.,]")
_joint = re.compile(r"(?<!\d)[-_]|[-_](?!\d)|(?<=\d),(?=\d)")
_named_with_sign = re.compile(rf"(?<!{_LETTER})[A-Za-z][A-Za-z0-9]*+(?:\+\+|#)(?!{_LETTER})")
_ending = re.compile("(?:[すず]る|くる|たい|.)$")
_doubled = re.compile(r"(.)\1")
_repeats = re.compile("[々ゝヽ]")
_iteration = re.compile(f"([{_JAPANESE}])[々ゝヽ]")
_word_end_vowel = re.compile(r"ー(?<=\S{3}ー)(?=\s|$)")
_accent = re.compile("[\u0300-\u036f]")

_stable = re.compile("[\x00-\x7fぁ-ゖァ-ヺー、。「」一-\u9fff]+")
_narrow_hyphen = re.compile("[-\u2010-\u2015\u2212](?<=[\uff66-\uff9f].)")
_wave = re.compile(f"[~\u301c](?<=[{_HIRAGANA}{_KATAKANA}ー].)(?=[{_HIRAGANA}{_KATAKANA}ー~\u301c])")
_dash = re.compile(f"[\u2010\u2212\u2500](?<=[{_KATAKANA}].)(?=[{_KATAKANA}])")
_shrinks = re.compile("ヴ[ァィェォ]|ー{2,}")
_final_vowel = re.compile(f"ー(?<=[{_KATAKANA}][{_KATAKANA}ー][{_KATAKANA}ー]ー)(?![{_KATAKANA}ー])")

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

# Dictionary forms of words that carry grammar and stand in nearly every passage, besides every single hiragana.
_GRAMMAR_WORDS = """
から まで より など だけ ほど ので のに ため こと もの よう ところ これ それ あれ どれ この その あの どの ここ
そこ する いる ある なる れる られる せる させる ない ます です として という といった による により によって
について において における に関する に対する に対して また および 及び または そして しかし なお でも たり
ながら とともに
"""
_STOP_WORDS = frozenset(_GRAMMAR_WORDS.split()) | frozenset(map(chr, range(ord("ぁ"), ord("ゖ") + 1)))


def _aligned_nfkc(text: str) -> tuple[str, list[int], list[int]]:
    """NFKC, and for each character of it where the characters it came from start and end in ``text``."""
    if unicodedata.is_normalized("NFKC", text):
        return text, list(range(len(text))), list(range(1, len(text) + 1))
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    start = 0
    while start < len(text):
        # What is its own NFKC goes in whole stretches, but for the last character, which what follows may join.
        stretch = _stable.match(text, start)
        if stretch and stretch.end() - start > 1:
            end = stretch.end() - 1
            folded.append(text[start:end])
            starts += range(start, end)
            ends += range(start + 1, end + 1)
            start = end
        end = start + 1
        while end < len(text) and _joins_what_stands_before(text[end]):
            end += 1
        part = unicodedata.normalize("NFKC", text[start:end])
        folded.append(part)
        starts += [start] * len(part)
        ends += [end] * len(part)
        start = end
    return "".join(folded), starts, ends


def _joins_what_stands_before(character: str) -> bool:
    """Whether normalising may merge or reorder the character with the one before it."""
    if character.isascii():
        return False
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first)[0] == "M" or "\u1160" <= first <= "\u11ff"


def _without(pattern: re.Pattern[str], text: str, places: list[int]) -> tuple[str, list[int]]:
    """Takes every match of the pattern out of the text, and its characters' places out of the list of places."""
    if not pattern.search(text):
        return text, places
    kept: list[int] = []
    done = 0
    for match in pattern.finditer(text):
        kept += places[done : match.start()]
        done = match.end()
    return pattern.sub("", text), kept + places[done:]


def _before_nfkc(text: str) -> str:
    """Hyphens typed for a long vowel among half-width kana; as long as the text."""
    return _narrow_hyphen.sub("ｰ", text)


def _after_nfkc(text: str) -> str:
    """Signs that stand for a long vowel, and apostrophes; as long as the text."""
    return _dash.sub("ー", _wave.sub("ー", text.replace("’", "'")))


def _shrunk(match: re.Match[str]) -> str:
    return _SHRUNK.get(match[0], "ー")


def _folded(text: str) -> str:
    """The text that terms are read from; case is folded later, in the words that have case."""
    if text.isascii():
        return text
    folded = _after_nfkc(unicodedata.normalize("NFKC", _before_nfkc(text)))
    folded = _shrinks.sub(_shrunk, folded)
    return folded.translate(_FORM) if _form.search(folded) else folded


def _aligned(text: str) -> tuple[str, list[int], list[int]]:
    """The same text as ``_folded``, with the start and end in ``text`` of what each character came from."""
    folded, starts, ends = _aligned_nfkc(_before_nfkc(text))
    folded = _after_nfkc(folded)
    matches = list(_shrinks.finditer(folded))
    for match in reversed(matches):
        starts[match.start() : match.end()] = [starts[match.start()]]
        ends[match.start() : match.end()] = [ends[match.end() - 1]]
    folded = _shrinks.sub(_shrunk, folded) if matches else folded
    return folded.translate(_FORM) if _form.search(folded) else folded, starts, ends


def _pieces(runs: Sequence[str]) -> list[str]:
    """The runs, parted by spaces, in pieces short enough for MeCab."""
    stream = " ".join(runs)
    pieces: list[str] = []
    start = 0
    while len(stream) - start > _PIECE_CHARACTERS:
        cut = stream.rfind(" ", start + 1, start + _PIECE_CHARACTERS)
        end = cut if cut > 0 else start + _PIECE_CHARACTERS
        pieces.append(stream[start:end])
        start = end
    pieces.append(stream[start:])
    return pieces


def _wholes(text: str) -> Iterator[tuple[str, int, int]]:
    """Joined words as one: ``foo_bar`` as ``foobar``, ``1,000`` as ``1000``; ``v1.2`` stays; and C++, C#."""
    for match in _joined.finditer(text) if _joiner.search(text) else ():
        yield _joint.sub("", match[0]), match.start(), match.end()
    for match in _named_with_sign.finditer(text) if "+" in text or "#" in text else ():
        yield match[0], match.start(), match.end()


def _other_words(text: str) -> Iterator[tuple[str, int, int]]:
    """The words that are not Japanese, with their places in the text, not yet stemmed."""
    for match in _word.finditer(text):
        yield match[0], match.start(), match.end()
    yield from _wholes(text)


def _plain(word: str) -> str:
    """Case-folded, and ``café`` as ``cafe``; other scripts keep their marks, й is a letter of its own."""
    word = word.casefold()
    if word.isascii():
        return word
    bare = _accent.sub("", unicodedata.normalize("NFKD", word))
    return bare if bare.isascii() else word


def _word_folded(words: str) -> str:
    """サーバー as サーバ, 佐々木 as 佐佐木, in words parted by spaces. Short words keep their vowel: コピー, コピ."""
    if "ー" in words:
        words = _word_end_vowel.sub("", words)
    return _iteration.sub(r"\1\1", words) if _repeats.search(words) else words


@lru_cache(maxsize=_WORDS_REMEMBERED)
def _terms_of_word(base: str) -> tuple[str, ...]:
    """The terms of a word in dictionary form: itself folded, or none if it carries grammar."""
    return tuple(word for word in _word_folded(base).split() if word not in _STOP_WORDS)


def _pair_stream(text: str, places: list[int]) -> tuple[str, list[int]]:
    """The text that pairs are read from: a single space or line break does not part Japanese characters."""
    text, places = _without(_gap, text, places)
    text, places = _without(_final_vowel, text, places)
    return _iteration.sub(r"\1\1", text), places


def _with_neighbours(runs: Sequence[re.Match[str]], chosen: Sequence[bool]) -> list[re.Match[str]]:
    """The chosen runs, and those before and after them: MeCab cuts a run by what stands beside it too."""
    return [run for i, run in enumerate(runs) if any(chosen[max(0, i - 1) : i + 2])]


def _stem(word: str) -> str:
    """What a word in dictionary form begins with in all its forms, as a folded text has them; "" where that is nothing.

    走る: 走, for 走った; 要する: 要, for 要し; 騒騒しい: 騒, for 騒々しい; くる: nothing, for きた.
    """
    stem = _ending.sub("", word)
    doubled = _doubled.search(stem)
    return stem[: doubled.start() + 1] if doubled else stem


def is_japanese(term: str) -> bool:
    """Whether a term was read from a Japanese run; terms are never mixed."""
    return _japanese_run.match(term) is not None


_BASES = f'-F "%f[{_BASE_FORM}] " -U "%m " -E ""'
"""Has MeCab print dictionary forms parted by spaces; unknown words as they stand."""

_WORDS_AND_BASES = f'-F "%m\\t%f[{_BASE_FORM}]\\n" -U "%m\\t%m\\n" -E ""'
"""Has MeCab print each word, a tab, and its dictionary form on a line."""

_parsing = Lock()
if hasattr(os, "register_at_fork"):
    # A process that is forked while another thread parses would wait for that thread for ever.
    os.register_at_fork(before=_parsing.acquire, after_in_parent=_parsing.release, after_in_child=_parsing.release)


@cache
def _tagger(form: str) -> Any:
    """MeCab with the IPA dictionary, printing in a form.

    One of each form serves the process: fugashi never frees one, which takes 2 MB and grows to 9, and more of them
    would not be faster, for it holds Python's lock while it parses.
    """
    from fugashi import GenericTagger
    from ipadic import DICDIR

    return GenericTagger(f'-r "{os.devnull}" -d "{DICDIR}" {form}')


def _parse(form: str, piece: str) -> str:
    with _parsing:
        return str(_tagger(form).parse(piece))


@cache
def _stemmer() -> Callable[[str], list[str]]:
    """Snowball for English; it rarely touches words of other languages."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    return TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stemmer("english")).build().analyze


@lru_cache(maxsize=_STEMS_REMEMBERED)
def _term_of_word(word: str) -> str:
    """A word that is not Japanese, folded and without its English ending."""
    word = _plain(word)
    stems = _stemmer()(word)
    return stems[0] if stems and stems[0] else word


def _terms_of_words(words: Sequence[str]) -> list[str]:
    return [_term_of_word(word) for word in words]


def _words_and_bases(piece: str) -> list[list[str]]:
    """Japanese words as they stand, each with its dictionary form."""
    return [line.split("\t") for line in _parse(_WORDS_AND_BASES, piece).splitlines()]


@dataclass(frozen=True, slots=True)
class Sought:
    """Terms to look for in passages, by how they are found.

    Attributes:
        literal: Pairs and single kanji: they stand in a passage as they are.
        inflected: Words that may stand in another form than that of the dictionary. Words all of kanji and katakana are
            not among them: their pairs find them.
        stems: What a passage must have, one of them at least, to hold any of ``inflected``.
        other: Terms that are not Japanese.
    """

    literal: tuple[str, ...]
    inflected: frozenset[str]
    stems: frozenset[str]
    other: frozenset[str]


class Analyser:
    """Turns text into terms; safe for use by several threads.

    It costs nothing to make one: the dictionary is loaded once for the process, when the first Japanese text comes.
    """

    @property
    def name(self) -> str:
        """Names the analysis and the dictionary; an index is searched with the analysis it was built with."""
        return f"{ANALYSIS} ipadic-{version('ipadic')}"

    def terms(self, text: str) -> list[str]:
        """The terms of a text, as often as they occur; no order is promised."""
        text = _folded(text)
        terms: list[str] = []
        if not text.isascii():
            runs = _japanese_run.findall(text)
            if runs:
                words = " ".join([_parse(_BASES, piece) for piece in _pieces(runs)])
                terms = [word for word in _word_folded(words).split() if word not in _STOP_WORDS]
                stream = _final_vowel.sub("", _gap.sub("", text))
                if _repeats.search(stream):
                    stream = _iteration.sub(r"\1\1", stream)
                terms += _pair.findall(stream)
                terms += _kanji.findall(stream)
        others = _word.findall(text)
        if others:
            others += [word for word, _, _ in _wholes(text)]
            terms += _terms_of_words(others)
        if max(map(len, terms), default=0) > MAX_TERM_CHARACTERS:
            terms = [term[:MAX_TERM_CHARACTERS] for term in terms]
        return terms

    def joined(self, texts: Sequence[str]) -> list[str]:
        """The terms of each text, parted by spaces; a term holds none."""
        return [" ".join(self.terms(text)) for text in texts]

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """The same terms, each with the start and end of the characters of ``text`` that it was read from."""
        folded, starts, ends = _aligned(text)
        found = list(self._word_places(folded))
        stream, places = _pair_stream(folded, list(range(len(folded))))
        found += [(m[1], places[m.start()], places[m.start() + 1] + 1) for m in _pair.finditer(stream)]
        found += [(m[0], places[m.start()], places[m.start()] + 1) for m in _kanji.finditer(stream)]
        others = list(_other_words(folded))
        stems = _terms_of_words([word for word, _, _ in others])
        found += [(stem, start, end) for stem, (_, start, end) in zip(stems, others, strict=True)]
        return [(term[:MAX_TERM_CHARACTERS], starts[start], ends[end - 1]) for term, start, end in found]

    def words(self, text: str) -> list[tuple[str, str]]:
        """The terms that are whole words, not pairs or characters out of them, each with its form in the text."""
        folded, starts, ends = _aligned(text)
        found = list(self._word_places(folded))
        others = [(match[0], match.start(), match.end()) for match in _word.finditer(folded)]
        stems = _terms_of_words([word for word, _, _ in others])
        found += [(stem, start, end) for stem, (_, start, end) in zip(stems, others, strict=True)]
        return [(term[:MAX_TERM_CHARACTERS], text[starts[start] : ends[end - 1]]) for term, start, end in found]

    def sought(self, query: str, terms: Set[str]) -> Sought:
        """What to look for in passages, of the terms of a query."""
        japanese = {term for term in terms if is_japanese(term)}
        words = {term[:MAX_TERM_CHARACTERS] for term, _, _ in self._word_places(_aligned(query)[0])}
        inflected = frozenset(term for term in words & japanese if not _uninflected.fullmatch(term))
        return Sought(
            literal=tuple(term for term in japanese if _literal.fullmatch(term)),
            inflected=inflected,
            stems=frozenset(map(_stem, inflected)),
            other=frozenset(terms - japanese),
        )

    def places(self, text: str, sought: Sought) -> list[tuple[int, int]]:
        """The start and end of the characters of ``text`` that terms were read from, in no order; `spans` of all takes
        several times as long."""
        folded, starts, ends = _aligned(text)
        found: list[tuple[int, int]] = []
        if sought.literal:
            stream, places = _pair_stream(folded, list(range(len(folded))))
            for term in sought.literal:
                at = stream.find(term)
                while at >= 0:
                    found.append((places[at], places[at + len(term) - 1] + 1))
                    at = stream.find(term, at + 1)
        # MeCab takes longer than all else here, and few stretches of Japanese have any form of a word.
        if any(stem in folded for stem in sought.stems):
            words = self._word_places(folded, sought.stems)
            found += [(start, end) for term, start, end in words if term in sought.inflected]
        if sought.other:
            others = list(_other_words(folded))
            stems = _terms_of_words([word for word, _, _ in others])
            found += [
                (start, end)
                for stem, (_, start, end) in zip(stems, others, strict=True)
                if stem[:MAX_TERM_CHARACTERS] in sought.other
            ]
        return [(starts[start], ends[end - 1]) for start, end in found]

    def _word_places(self, text: str, near: Set[str] | None = None) -> Iterator[tuple[str, int, int]]:
        """Japanese words in dictionary form with their places in the folded text.

        Args:
            text: Folded.
            near: Only words of runs that hold one of these strings, and of the runs beside them.
        """
        runs = list(_japanese_run.finditer(text))
        if near is not None:
            runs = _with_neighbours(runs, [any(part in run[0] for part in near) for run in runs])
        places: list[int] = []
        for run in runs:
            places += range(run.start(), run.end() + 1)
        offset = 0
        for piece in _pieces([run[0] for run in runs]):
            at = 0
            for surface, base in _words_and_bases(piece):
                if piece[at] == " ":
                    at += 1
                start = offset + at
                at += len(surface)
                for word in _terms_of_word(base):
                    yield word, places[start], places[offset + at - 1] + 1
            offset += len(piece)
