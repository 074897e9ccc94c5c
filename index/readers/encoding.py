"""Bytes to text: which encoding a file is in.

Certain signs come first: byte order marks, NUL patterns, escape sequences, valid UTF-8. Then one decision is made for
the whole file: it is read in each encoding that it may be in, and the reading that is the likeliest text of its
language is taken (`likelihood`), if it is much likelier than any other. What the file declares of itself is evidence,
but no proof. What cannot be decoded without loss, or may be several things, is refused: a file that is reported is
better than an index full of mangled words.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sakuin.index.errors import ReadError
from sakuin.index.reasons import Reason

if TYPE_CHECKING:  # what it knows of languages takes a while to load, and most files are in UTF-8
    from sakuin.index.readers.likelihood import Reading

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
# Those that programs write for terminals are in logs and in pages of manuals.
_CONTROLS = bytes(set(range(32)) - set(b"\a\b\t\n\v\f\r\x1a\x1b")) + b"\x7f"
_ISO_2022_JP = re.compile(rb"\x1b(?:\$[@B]|\$\([DOPQ]|\([JI])")
_JIS_SEGMENTS = re.compile(rb"\x1b(\$[@B]|\([BJI])")
# Kana and ideographic punctuation, three in a row, as UTF-8 writes them. In Shift_JIS or EUC-JP the same bytes are
# the nonsense known as "mojibake", so text that has them is two encodings in one file.
_UTF8_KANA = re.compile(rb"(?:\xe3[\x80-\x83][\x80-\xbf]){3}")
_UTF8_SEQUENCES = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_THREE_BYTES = re.compile(rb"[\xe0-\xff]")
_MOST_BY_CHANCE = 16
_LONGEST_REST = 3
_FEWEST_WHOLE = 8
"""Characters beyond ASCII that are whole, for a file to be known as UTF-8 that was cut."""

_UTF8 = 5.0
"""How much likelier it is that a file is in UTF-8 than in anything else, in nats."""

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
    "iso-8859-9": "cp1254",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "big5": "cp950",
}

CERTAIN = 3.5
"""By how much the best reading must be better than any other, in nats: by odds of 33 to 1; more, the rarer
its language is here."""

_WINDOWS = 8
_WINDOW_BYTES = 2048
_ASCII_BEFORE = 100
"""What is looked at of a file: so much of each of so many parts of it, in lines that are not all ASCII."""


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """Decode bytes whose encoding is not known.

    Args:
        data: A whole file. (A part of one may end inside a character.)
        declared: The encoding that the file itself names, such as an HTML page's ``charset``.

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
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if (whole := _cut_off_utf8(data)) is not None:
            return whole, "utf-8"
        broken_at = error.start
    else:
        # Characters of two bytes alone, and few, make the file longer than its text by their number.
        few = 0 < len(data) - len(text) <= _MOST_BY_CHANCE
        return (few and _euc_in_disguise(data)) or (text, "utf-8")
    if mixed := _UTF8_KANA.search(data):
        raise ReadError(_damage(max(broken_at, mixed.start())))
    return _decode_likeliest(data, declared, broken_at)


def _cut_off_utf8(data: bytes) -> str | None:
    """The text of UTF-8 that begins or ends within a character, as a log that was cut does; else None."""
    start = next((number for number, byte in enumerate(data[:4]) if not 0x80 <= byte < 0xC0), 4)
    begin = next((number for number, byte in enumerate(data[:-4:-1], 1) if byte >= 0xC0), 0)
    end = len(data) - begin if begin and begin < _length_of(data[-begin]) else len(data)
    # Of two bytes for each character may be other encodings too.
    if start > _LONGEST_REST or (start == 0 and end == len(data)) or not _THREE_BYTES.search(data):
        return None
    try:
        text = data[start:end].decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if len(_UTF8_SEQUENCES.findall(data[start:end])) >= _FEWEST_WHOLE else None


def _length_of(first: int) -> int:
    """The bytes of a character of UTF-8 by its first one."""
    return 2 if first < 0xE0 else 3 if first < 0xF0 else 4


def _euc_in_disguise(data: bytes) -> tuple[str, str] | None:
    """Decode what is valid UTF-8 by chance: 年 in EUC-JP are the two bytes of ǯ in UTF-8."""
    if _THREE_BYTES.search(data) or (text := _strictly(data, "euc_jp")) is None:
        return None
    from sakuin.index.readers.likelihood import readings

    sample = b"\n".join(_telling_lines(data))
    best = readings(sample, utf8=-_UTF8, among=["euc_jp"])[0]
    return (text, "euc_jp") if best.encoding == "euc_jp" else None


def _decode_likeliest(data: bytes, declared: str | None, broken_at: int) -> tuple[str, str]:
    """Decode what is not UTF-8 in the encoding in which it is the likeliest text."""
    from sakuin.index.readers.likelihood import readings

    lines = list(_telling_lines(data))
    sample = b"\n".join(lines)
    utf8 = 0.0 if _may_be_utf8(sample) else None
    found: list[tuple[Reading, str]] = []
    for reading in readings(sample, _codec_of(declared), whole=len(lines[-1]) < _SAMPLE, utf8=utf8):
        if found and reading.text == found[0][0].text:
            continue
        text = "" if reading.encoding == "utf-8" else _strictly(data, reading.encoding)
        if text is not None:
            found.append((reading, text))
        if len(found) == 2:
            break
    best, text = found[0] if found else (None, "")
    if best and best.encoding == "utf-8":
        raise ReadError(_damage(broken_at))
    if not best or best.unlikely or any(best.score - rival.score < CERTAIN + best.rarity / 3 for rival, _ in found[1:]):
        raise ReadError(Reason("unknown_encoding"))
    return text, best.encoding


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _telling_lines(data: bytes) -> Iterator[bytes]:
    """Yield lines of all parts of a file that are not all ASCII; only the last may end inside a character."""
    step = max(len(data) // _WINDOWS + 1, 2 * _WINDOW_BYTES)
    at = 0  # never inside a character
    for window_end in range(step, len(data) + step, step):
        taken = 0
        while taken < _WINDOW_BYTES:
            if not (high := _HIGH.search(data, at, window_end)):
                at = max(at, window_end)
                break
            start = max(data.rfind(b"\n", at, high.start()) + 1, at, high.start() - _ASCII_BEFORE)
            end = data.find(b"\n", high.start())
            end = end if end >= 0 else len(data)
            if end - start > _SAMPLE:
                yield data[start : start + _SAMPLE]
                return
            yield data[start:end]
            taken += end - start
            at = end
        else:
            at = max(at, data.find(b"\n", window_end))
            if at < window_end:
                return


def _may_be_utf8(sample: bytes) -> bool:
    """Tell whether most of the bytes outside ASCII are as in UTF-8."""
    return 2 * sum(map(len, _UTF8_SEQUENCES.findall(sample))) >= len(_HIGH.findall(sample))


def _codec_of(declared: str | None) -> str | None:
    """Return Python's name of a declared encoding, None where it has none or the encoding is known not to be it."""
    if not declared:
        return None
    try:
        encoding = codecs.lookup(_DECLARED.get(declared.strip().lower(), declared.strip())).name
        b"a".decode(encoding)
    except (LookupError, ValueError, TypeError):
        return None
    encoding = encoding.replace("-", "_")
    return None if encoding.startswith("utf") else encoding


def encoding_of(part: bytes) -> str:
    """Tell the encoding of a file by a part of it; "utf-8" also where a little of that is damaged.

    Raises:
        ReadError: As `decode`.
    """
    try:
        return decode(part)[1].removesuffix("-sig")
    except ReadError as error:
        if error.reason.code == "mixed_encodings":
            return "utf-8"
        raise


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
    if len(data) <= _SAMPLE:
        if looks_binary(data):
            raise ReadError(Reason("binary"))
        return
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
