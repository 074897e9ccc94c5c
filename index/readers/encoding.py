"""Bytes to text: which encoding a file is in.

Certain signs come first (byte order marks, NUL patterns, escape sequences, valid UTF-8); then the encoding that the
file itself declares, if any; then Shift_JIS (CP932) against EUC-JP, both decoded strictly and compared by how
Japanese the outcome looks; charset-normalizer is asked last, for everything else. What cannot be decoded without
loss is refused: a file that is reported is better than an index full of mangled words.
"""

import codecs
import re
import unicodedata
from collections import Counter
from functools import cache

from sakuin.index.errors import ReadError
from sakuin.index.readers.frequent_kanji import FREQUENT_KANJI
from sakuin.index.reasons import Reason

_SAMPLE = 64 * 1024
_NOT_TEXT = frozenset({"Cc", "Cn", "Co"})  # control, unassigned, private use
_MAX_CONTROL_SHARE = 0.01
_MAX_ODD_SHARE = 0.02
_TEXT_CONTROLS = dict.fromkeys(map(ord, "\t\n\v\f\r\x1a"))

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b")) + b"\x7f"
_ISO_2022_JP = re.compile(rb"\x1b(?:\$[@B]|\$\([DOPQ]|\([JI])")
_JIS_SEGMENTS = re.compile(rb"\x1b(\$[@B]|\([BJI])")
# Kana and ideographic punctuation, three in a row, as UTF-8 writes them. In Shift_JIS or EUC-JP the same bytes are
# the nonsense known as "mojibake", so text that has them is two encodings in one file.
_UTF8_KANA = re.compile(rb"(?:\xe3[\x80-\x83][\x80-\xbf]){3}")
_UTF8_SEQUENCES = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ASCII_RUNS = re.compile(r"[\x00-\x7f]+")
_HALF_WIDTH_WORDS = re.compile("(?:[ｳｶ-ﾄﾊ-ﾎ]ﾞ|[ﾊ-ﾎ]ﾟ|[ｦ-ﾝ]ｰ?|[｡｢｣･])+")
_HALF_WIDTH_PAIR = re.compile("[ｦ-ﾝ][ｰ-ﾟ]")

# The names that web pages use for encodings that Python knows by another name or reads too strictly.
_DECLARED = {
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "big5": "big5hkscs",
}
_OTHERS = ["cp1250", "cp1251", "cp1253", "cp1254", "koi8_r", "gb18030", "big5hkscs", "cp949"]
_TWO_BYTE = ["euc_jp", "gb18030", "cp949"]
_KANA = re.compile("[\u3041-\u30fe]")
# Western letters stand in words with ASCII ones. Symbols inside a word, or many such letters in a row, mean that the
# text is Central European or Cyrillic and only looks decodable.
_NOT_WESTERN = re.compile("[^\\W\\d_][\u00a1-\u00b3\u00b5-\u00b6\u00b8-\u00bf][^\\W\\d_]|[À-ÿŒœŠšŽžŸ]{4}")


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """Decode bytes whose encoding is not known.

    Args:
        data: A whole file. (A part of one may end inside a character.)
        declared: The encoding that the file itself names, such as an HTML page's ``charset``. It is believed only
            where the data fit it and are not plainly something else.

    Returns:
        The text, and the Python name of its encoding.

    Raises:
        ReadError: If the data are binary, or cannot be decoded without loss, or only by a guess.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _decode_marked(data, mark, encoding), encoding
    if b"\0" in data[:_SAMPLE] and (utf16 := _decode_utf16(data)):
        return utf16
    _refuse_binary(data)
    if _ISO_2022_JP.search(data) and (jis := _decode_iso_2022_jp(data)) is not None:
        return jis, "iso2022_jp"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        broken_at = error.start
    if mixed := _UTF8_KANA.search(data):
        raise ReadError(_damage(max(broken_at, mixed.start())))
    if declared and (text := _decode_declared(data, declared)):
        return text
    japanese, score = _decode_japanese(data)
    if japanese and score >= 0.5:
        return _decode_listed(data, _TWO_BYTE) or japanese if _may_be_chinese(*japanese) else japanese
    high_bytes = len(data) - len(data.translate(None, bytes(range(128, 256))))
    if sum(map(len, _UTF8_SEQUENCES.findall(data))) >= high_bytes / 2:
        raise ReadError(_damage(broken_at))
    mostly_ascii = high_bytes < 0.3 * len(data)
    # "檸檬" alone: rare characters only, but nothing that speaks against Japanese.
    if japanese and score > 0 and not mostly_ascii:
        return japanese
    other = (mostly_ascii and _decode_western(data)) or _decode_listed(data, _OTHERS)
    if not other:
        raise ReadError(Reason("unknown_encoding"))
    return other


def looks_binary(sample: bytes) -> bool:
    """Tell whether the beginning of a file is not text in any encoding that extends ASCII."""
    sample = sample[:_SAMPLE]
    return len(sample) - len(sample.translate(None, _CONTROLS)) > _MAX_CONTROL_SHARE * len(sample)


def has_escapes(data: bytes) -> bool:
    """Tell whether the data have the escape sequences of ISO-2022-JP, which are valid UTF-8 at the same time."""
    return _ISO_2022_JP.search(data) is not None


def _damage(position: int) -> Reason:
    return Reason("mixed_encodings", {"byte": position})


def _decode_marked(data: bytes, mark: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        reason = Reason("wrong_byte_order_mark", {"encoding": name, "detail": error.reason, "byte": error.start})
        raise ReadError(reason) from error
    if _odd_share(text[:_SAMPLE]) > _MAX_ODD_SHARE:
        raise ReadError(Reason("binary"))
    return text


def _odd_share(text: str) -> float:
    """Return the share of characters that are not text: control, unassigned or private ones."""
    return sum(unicodedata.category(c) in _NOT_TEXT for c in text.translate(_TEXT_CONTROLS)) / max(1, len(text))


def _refuse_binary(data: bytes) -> None:
    # Looking at the beginning, the middle and the end finds an archive with a readable header.
    middle = len(data) // 2
    if any(looks_binary(data[at : at + _SAMPLE]) for at in (0, middle, max(0, len(data) - _SAMPLE))):
        raise ReadError(Reason("binary"))


def _decode_utf16(data: bytes) -> tuple[str, str] | None:
    """Decode UTF-16 without a byte order mark, or return None if it is not that."""
    best: tuple[int, str] | None = None
    sample = data[: _SAMPLE - _SAMPLE % 2]
    for encoding in ("utf-16-le", "utf-16-be"):
        text = sample.decode(encoding, "ignore")
        # Bytes taken in the wrong order become ideographs, not letters or kana: those tell the right order.
        familiar = sum(c < "\x7f" or "\u3000" <= c <= "\u30ff" for c in text)
        if _odd_share(text) <= _MAX_ODD_SHARE and (best is None or familiar > best[0]):
            best = (familiar, encoding)
    if best is None or best[0] == 0:
        return None
    try:
        return data.decode(best[1]), best[1]
    except UnicodeDecodeError:
        return None


def _decode_iso_2022_jp(data: bytes) -> str | None:
    try:
        return data.decode("iso2022_jp_ext")
    except UnicodeDecodeError:
        pass
    # Mail programs also write the vendors' characters (①, ㈱) between the standard escapes. EUC-JP has the same
    # table with the high bits set.
    parts = _JIS_SEGMENTS.split(data)
    text = [parts[0].decode("ascii", "replace")]
    for escape, body in zip(parts[1::2], parts[2::2], strict=True):
        if escape == b"(I":
            text.append(_high(body).decode("cp932", "replace"))
        elif escape.startswith(b"$"):
            text.append(_high(body).decode("euc_jis_2004", "replace"))
        else:
            text.append(body.decode("ascii", "replace"))
    joined = "".join(text)
    return None if "\ufffd" in joined else joined


def _high(body: bytes) -> bytes:
    return bytes(byte | 0x80 if byte > 0x20 else byte for byte in body)


def _decode_declared(data: bytes, declared: str) -> tuple[str, str] | None:
    name = _DECLARED.get(declared.strip().lower(), declared.strip())
    try:
        encoding = codecs.lookup(name).name
        if encoding.startswith("utf"):
            return None  # not valid UTF-8, as the caller has seen
        text = data.decode(encoding)
    except (LookupError, UnicodeError, ValueError):
        return None
    if encoding in ("cp932", "euc_jp") and _japanese_score(text) < 0:
        return None  # a template's declaration, left behind when the page was saved in another encoding
    return text, encoding


def _decode_japanese(data: bytes) -> tuple[tuple[str, str] | None, float]:
    """Return the better of CP932 and EUC-JP, or None if the data are neither, and how Japanese it looks (-3 to 1)."""
    if half_width := _decode_half_width(data):
        return (half_width, "cp932"), 1.0
    best: tuple[str, str] | None = None
    best_total = best_score = float("-inf")
    # The wider JIS X 0213 variants are asked only where the usual ones cannot decode the data.
    for family in (("cp932", "shift_jis_2004"), ("euc_jp", "euc_jis_2004")):
        decoded = _decode_first(data, family)
        if decoded is None:
            continue
        sample = _non_ascii(decoded[0])
        score = _japanese_score(sample)
        # Two half-width characters stand against one full-width one, so the sums are compared, not the means.
        total = score * len(sample)
        if total > best_total:
            best, best_total, best_score = decoded, total, score
    return best, best_score


def _decode_half_width(data: bytes) -> str | None:
    """Decode CP932 data with half-width katakana only, as old business data (bank transfers) have them.

    As EUC-JP the same bytes are a few kanji, which the comparison of scores would prefer. They are kanji in truth if
    the katakana could not be words, or if all the kanji are everyday ones.
    """
    decoded = _decode_first(data, ("cp932",))
    if decoded is None or not _HALF_WIDTH_WORDS.fullmatch(_non_ascii(decoded[0])):
        return None
    if not _HALF_WIDTH_PAIR.search(decoded[0]):
        return None  # a lone £, © or Ä in a Western text
    rival = _decode_first(data, ("euc_jp",))
    if rival and all(c in FREQUENT_KANJI or _KANA.match(c) or c in "、。「」・ー" for c in _non_ascii(rival[0])):
        return None
    return decoded[0]


def _decode_first(data: bytes, encodings: tuple[str, ...]) -> tuple[str, str] | None:
    for encoding in encodings:
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return None


def _non_ascii(text: str) -> str:
    """Return up to a sample's worth of the characters that tell encodings apart."""
    found = 0
    parts = []
    for part in _ASCII_RUNS.split(text[: 64 * _SAMPLE]):
        parts.append(part)
        found += len(part)
        if found >= _SAMPLE:
            break
    return "".join(parts)


def _japanese_score(text: str) -> float:
    """Return how much the characters outside ASCII look like Japanese, from -3 to 1 (0 if there are none)."""
    sample = _non_ascii(text)
    if not sample:
        return 0.0
    counts = Counter(sample)
    return sum(_likeness(character) * count for character, count in counts.items()) / len(sample)


@cache
def _likeness(character: str) -> float:
    if "\u3041" <= character <= "\u30fe" or "\u3000" <= character <= "\u3015" or "\uff01" <= character <= "\uff5e":
        return 1.0  # kana, punctuation, full-width letters
    if character in _common_kanji():
        return 1.0
    if "\u2160" <= character <= "\u25ff" or "\u3200" <= character <= "\u33ff":
        return 0.5  # circled numbers, arrows, lines, ㈱, ㎏
    if "\uff61" <= character <= "\uff9f":
        return -0.5  # half-width katakana: what EUC-JP and UTF-8 look like when read as Shift_JIS
    if unicodedata.category(character) in _NOT_TEXT:
        return -3.0
    return 0.3 if "\u4e00" <= character <= "\u9fff" else 0.0


@cache
def _common_kanji() -> frozenset[str]:
    """Return the 2,965 kanji of JIS level 1, which make up nearly all of ordinary text."""
    rows = bytes(byte for row in range(0xB0, 0xD0) for cell in range(0xA1, 0xFF) for byte in (row, cell))
    return frozenset(rows.decode("euc_jp", "ignore"))


def _may_be_chinese(text: str, encoding: str) -> bool:
    """Tell whether a text read as EUC-JP may be Chinese or Korean: the three share their bytes, but not kana."""
    sample = _non_ascii(text)
    return encoding.startswith("euc") and len(sample) >= 8 and len(_KANA.findall(sample)) < 0.03 * len(sample)


def _decode_western(data: bytes) -> tuple[str, str] | None:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    return None if _NOT_WESTERN.search(text) else (text, "cp1252")


def _decode_listed(data: bytes, encodings: list[str]) -> tuple[str, str] | None:
    from charset_normalizer import from_bytes

    best = from_bytes(data[: 16 * _SAMPLE], cp_isolation=encodings, preemptive_behaviour=False).best()
    decoded = best and _decode_first(data, (best.encoding,))
    if not decoded or any(unicodedata.category(c) in _NOT_TEXT for c in set(_non_ascii(decoded[0]))):
        return None
    return decoded
