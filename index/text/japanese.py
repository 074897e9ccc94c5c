"""Terms of Japanese runs, which are kanji and kana without anything between: words, pairs of characters, kanji.

Words stand in their dictionary form, as MeCab has it. Pairs are of neighbouring characters; of two hiragana only those
that endings and particles do not make all the time. They find words in hiragana that MeCab does not know, or cuts in
one way alone and in another in a sentence: りそな, あさがお.
"""

import re
from collections.abc import Iterator, Sequence, Set
from functools import lru_cache

from sakuin.index.text import mecab
from sakuin.index.text.characters import HIRAGANA, JAPANESE, KANJI, KATAKANA
from sakuin.index.text.compiled import native
from sakuin.index.text.signs import Sign, signs
from sakuin.patterns import pattern

_WORDS_REMEMBERED = 50_000

_run = pattern(f"[{JAPANESE}]+")
# What is looked for stands before the look behind it: the engine then skips to it, which is many times faster.
_gap = pattern(rf"\s(?<=[{JAPANESE}]\s)(?=[{JAPANESE}])")
KANJI_SIGN = pattern(f"[{KANJI}]")
_pair = pattern(rf"(?=([{JAPANESE}]{{2}}))")
_repeats = pattern("[々ゝヽ]")
_iteration = pattern(f"([{JAPANESE}])[々ゝヽ]")
_word_end_vowel = pattern(r"ー(?<=\S{3}ー)(?=\s|$)")
_final_vowel = pattern(f"ー(?<=[{KATAKANA}][{KATAKANA}ー][{KATAKANA}ー]ー)(?![{KATAKANA}ー])")

# Dictionary forms of words that carry grammar and stand in nearly every passage, besides every single hiragana.
_GRAMMAR_WORDS = """
から まで より など だけ ほど ので のに ため こと もの よう ところ これ それ あれ どれ この その あの どの ここ
そこ する いる ある なる れる られる せる させる ない ます です として という といった による により によって
について において における に関する に対する に対して また および 及び または そして しかし なお でも たり
ながら とともに
"""
_STOP_WORDS = frozenset(_GRAMMAR_WORDS.split()) | frozenset(map(chr, range(ord("ぁ"), ord("ゖ") + 1)))

# The pairs of hiragana that make up three quarters of all in ordinary text, most frequent first; and stop words.
_FREQUENT_PAIRS = (
    "するしてていしたされったいるますってあることによからであですれたるととしれてるこれるではにはいたないためいてその"
    "このられなどしまよるなっありようといまたとながあよりいうできものりまのでになにおんでこれともるたなるたとあっいで"
    "たがまでそれにつすねついとをとがそうけるうにましわれしいきまかっれまとにいまへのよってはなりておでもおりるのとす"
    "とはうなたのおいたこらのさんけてとのるよなくしかのたどのすよればととてのにもにあるがはななかおけめるとかすかでの"
    "もあめにきるめのめてかしてものはのよえるだっべてもにいなくなけたえたなんまれれはえてさせとでよねょうれらるもたり"
    "たもいとんだうとうでがでしないのきたにしたはいっきなかなすべませたいせんながれにいいじてかにめたまっのもすがころ"
    "かれいくらなれをらにてきばれならかけとこでいとさがらうこだけれなときくのおよるかづくしくうちさらでしのとのがよれ"
    "はそしょせるかり"
)
COMMON_PAIRS = frozenset(
    pair
    for pair in (*map("".join, zip(_FREQUENT_PAIRS[::2], _FREQUENT_PAIRS[1::2], strict=True)), *_STOP_WORDS)
    if re.fullmatch(f"[{HIRAGANA}]{{2}}", pair)
)
"""Pairs of hiragana that are no terms."""

if native:
    native.set_up(HIRAGANA, KANJI, JAPANESE, [*_STOP_WORDS], "".join(COMMON_PAIRS))


def is_japanese(term: str) -> bool:
    """Whether a term was read from a Japanese run; terms are never mixed."""
    return _run.match(term) is not None


def terms(text: str, signs: int) -> str:
    """The terms of a folded text, as often as they occur, parted by spaces.

    Args:
        text: Folded.
        signs: Its signs.
    """
    try:
        compiled = mecab.compiled_terms(text, signs)
    except UnicodeEncodeError:  # a lone surrogate
        compiled = None
    return terms_by_patterns(text, signs) if compiled is None else compiled


def terms_by_patterns(text: str, signs: int) -> str:
    """What `terms` gives where nothing was compiled."""
    runs = runs_of(text)
    words = _word_folded(mecab.bases(runs)) if runs else ""
    stream = _stream(text, signs)
    found = [word for word in words.split(" ") if word and word not in _STOP_WORDS]
    found += [pair for pair in _pair.findall(stream) if pair not in COMMON_PAIRS]
    found += KANJI_SIGN.findall(stream)
    return " ".join(found)


def runs_of(text: str) -> str:
    """The stretches of Japanese characters in a folded text, parted by spaces."""
    return " ".join(_run.findall(text))


def _stream(text: str, signs: int) -> str:
    """What pairs and kanji are read from, see `pair_stream`."""
    if signs & (Sign.GAP | Sign.VOWEL):
        text = _final_vowel.sub("", without_gaps(text))
    return _iteration.sub(r"\1\1", text) if signs & Sign.REPEAT else text


def without_gaps(text: str) -> str:
    """A folded text without the single spaces and line breaks that stand between Japanese characters."""
    return _gap.sub("", text)


def spans(text: str) -> list[tuple[str, int, int]]:
    """The same terms, each with its start and end in the folded text."""
    stream, offsets = pair_stream(text)
    return [
        *word_spans(text),
        *(
            (match[1], offsets[match.start()], offsets[match.start() + 1] + 1)
            for match in _pair.finditer(stream)
            if match[1] not in COMMON_PAIRS
        ),
        *((match[0], offsets[match.start()], offsets[match.start()] + 1) for match in KANJI_SIGN.finditer(stream)),
    ]


def word_spans(text: str, near: Set[str] | None = None) -> Iterator[tuple[str, int, int]]:
    """Japanese words in dictionary form with their starts and ends in the folded text.

    Args:
        text: Folded.
        near: Only words of runs that hold one of these strings, and of the runs beside them.
    """
    runs = list(_run.finditer(text))
    if near is not None:
        runs = _with_neighbours(runs, [any(part in run[0] for part in near) for run in runs])
    offsets: list[int] = []
    for run in runs:
        offsets += range(run.start(), run.end() + 1)
    done = 0
    for piece in mecab.pieces(" ".join([run[0] for run in runs])):
        at = 0
        for surface, base in mecab.words_and_bases(piece):
            if piece[at] == " ":
                at += 1
            start = done + at
            at += len(surface)
            for word in _terms_of_word(base):
                yield word, offsets[start], offsets[done + at - 1] + 1
        done += len(piece)


def pair_stream(text: str) -> tuple[str, Sequence[int]]:
    """The text that pairs are read from, and where each of its characters stands in the folded text.

    A single space or line break does not part Japanese characters.
    """
    found = signs(text)
    offsets: Sequence[int] = range(len(text))
    if found & (Sign.GAP | Sign.VOWEL):
        text, offsets = _without(_gap, text, offsets)
        text, offsets = _without(_final_vowel, text, offsets)
    return _iteration.sub(r"\1\1", text) if found & Sign.REPEAT else text, offsets


def _without(pattern: re.Pattern[str], text: str, offsets: Sequence[int]) -> tuple[str, Sequence[int]]:
    """Takes every match of the pattern out of the text, and the offsets of its characters out of the list."""
    if not pattern.search(text):
        return text, offsets
    kept: list[int] = []
    done = 0
    for match in pattern.finditer(text):
        kept += offsets[done : match.start()]
        done = match.end()
    return pattern.sub("", text), [*kept, *offsets[done:]]


def _word_folded(words: str) -> str:
    """サーバー as サーバ, 佐々木 as 佐佐木, in words parted by spaces. Short words keep their vowel: コピー, コピ."""
    if "ー" in words:
        words = _word_end_vowel.sub("", words)
    return _iteration.sub(r"\1\1", words) if _repeats.search(words) else words


@lru_cache(maxsize=_WORDS_REMEMBERED)
def _terms_of_word(base: str) -> tuple[str, ...]:
    """The terms of a word in dictionary form: itself folded, or none if it carries grammar."""
    return tuple(word for word in _word_folded(base).split() if word not in _STOP_WORDS)


def _with_neighbours(runs: Sequence[re.Match[str]], chosen: Sequence[bool]) -> list[re.Match[str]]:
    """The chosen runs, and those before and after them: MeCab cuts a run by what stands beside it too."""
    return [run for i, run in enumerate(runs) if any(chosen[max(0, i - 1) : i + 2])]
