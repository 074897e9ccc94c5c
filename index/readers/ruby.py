"""The readings of words (ruby): they stand behind their word in parentheses, and never in it."""

import re

BEGIN, END = "\ufdd0", "\ufdd1"
"""What encloses a reading in a text whose readings are still to be placed."""

_KANJI = "々〆〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_READING = re.compile(f"{BEGIN}([^{BEGIN}{END}]*){END}")
# Kanji go on a word, and so do hiragana that are no particle: 食べる, 走って. After a particle no word goes on.
_PARTICLE = "に(?!る)|[のはがをへと]|で(?![るてたま])|も(?![るっりれらろ])|から|まで|より|や(?![しすせそ])"
# Kanji go on a word, and so do hiragana that are no particle: 食べる, 食べ物. After a particle no word goes on.
_REST_OF_WORD = re.compile(rf"[{_KANJI}]*(?:(?!{_PARTICLE})[ぁ-ゖー][{_KANJI}]+)*(?:(?!{_PARTICLE})[ぁ-ゖー]{{1,6}})?")


def place_readings(text: str) -> str:
    """Return a text whose readings, enclosed in ``BEGIN`` and ``END`` where they came, stand behind their words.

    Readings that follow one another closely are of one word and come as one: 東京（とうきょう）.
    """
    parts: list[str] = []
    waiting: list[str] = []
    at = 0
    for match in _READING.finditer(text):
        _append(parts, waiting, text[at : match.start()], is_last=False)
        if reading := " ".join(match[1].split()):
            waiting.append(reading)
        at = match.end()
    _append(parts, waiting, text[at:], is_last=True)
    return "".join(parts).replace(BEGIN, "").replace(END, "")


def _append(parts: list[str], waiting: list[str], text: str, *, is_last: bool) -> None:
    """Append what follows the readings that wait for the end of their word, and them where it ends."""
    if not waiting:
        parts.append(text)
        return
    rest = _REST_OF_WORD.match(text)
    end = rest.end() if rest else 0
    if end == len(text) and not is_last:
        parts.append(text)  # the base of the next reading, in the same word
        return
    parts += [text[:end], "（", *waiting, "）", text[end:]]
    waiting.clear()
