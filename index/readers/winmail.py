"""winmail.dat: what Outlook packs a mail's attachments and its formatted text into (MS-OXTNEF)."""

import struct
from collections.abc import Iterator

from sakuin.index.documents import Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.letters import Attachment, Letter
from sakuin.index.readers.outlook import as_mail, unpacked
from sakuin.index.readers.plain import one_line
from sakuin.index.readers.rtf import text_of
from sakuin.index.readers.source import MAX_NESTING
from sakuin.index.reasons import Reason

SIGNATURE = b"\x78\x9f\x3e\x22"

_MAX_PROPERTIES = 10_000
_SUBJECT, _BODY, _PROPERTIES = 0x8004, 0x800C, 0x9003
_BEGIN, _TITLE, _DATA, _OF_ATTACHMENT = 0x9002, 0x8010, 0x800F, 0x9005
_CODE_PAGE = 0x9007
_HTML, _RTF, _LONG_NAME, _INNER = 0x1013, 0x1009, 0x3707, 0x3701
_SIZES = {0x2: 4, 0x3: 4, 0x4: 4, 0x5: 8, 0x6: 8, 0x7: 8, 0xA: 4, 0xB: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_UNICODE, _OBJECT = 0x1F, 0xD
_NAMED, _SEVERAL = 0x8000, 0x1000
_INTERFACE = 16
"""Bytes before what an object holds."""


def letter_of(data: bytes, nesting: int = 0) -> Letter:
    """The attachments, and the text with its formatting where it has one; where it is damaged what stands before that.

    Raises:
        ReadError: If there is nothing before that.
    """
    letter = Letter()
    coding = "utf-8"
    name, content = "", b""
    inner: Letter | None = None
    plain = page = ""

    def end_attachment() -> None:
        if inner is not None:
            letter.attachments.append(Attachment(f"{name or inner.subject or 'mail'}.eml", as_mail(inner)))
        elif content:
            letter.attachments.append(Attachment(name, content))

    try:
        for kind, value in _attributes(data):
            if kind == _CODE_PAGE:
                coding = f"cp{int.from_bytes(value[:4], 'little')}"
            elif kind == _SUBJECT:
                letter.subject = one_line(_words(value, coding), 1000)
            elif kind == _BODY:
                plain = _words(value, coding)
            elif kind == _PROPERTIES:
                said = dict(_properties(value))
                page = decode(said[_HTML][1], coding)[0] if _HTML in said else ""
                plain = plain or (text_of(unpacked(said[_RTF][1]))[2] if _RTF in said else "")
            elif kind == _BEGIN:
                end_attachment()
                name, content, inner = "", b"", None
            elif kind == _TITLE:
                name = name or _words(value, coding)
            elif kind == _DATA:
                content = value
            elif kind == _OF_ATTACHMENT:
                said = dict(_properties(value))
                if _LONG_NAME in said:
                    name = _text(*said[_LONG_NAME], coding)
                if said.get(_INNER, (0, b""))[0] == _OBJECT and nesting < MAX_NESTING:
                    object_data = said[_INNER][1][_INTERFACE:]
                    inner = letter_of(object_data, nesting + 1) if object_data.startswith(SIGNATURE) else None
        end_attachment()
    except struct.error as error:
        reason = Reason("damaged_part", {"detail": one_line(error)})
        if not letter.attachments:
            raise ReadError(reason) from error
        letter.left_out.append(Skipped("", reason))
    if plain or page:
        letter.bodies.append((plain, page))
    return letter


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes of a stream: their numbers, without their types, and values."""
    at = len(SIGNATURE) + 2
    while at + 9 <= len(data):
        _, kind, length = struct.unpack_from("<BII", data, at)
        at += 9
        if at + length > len(data):
            raise struct.error("it is cut off")
        yield kind & 0xFFFF, data[at : at + length]
        at += length + 2


def _properties(data: bytes) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """The properties in an attribute: their ids, types and values, of several values the first."""
    (count,) = struct.unpack_from("<I", data)
    at = 4
    for _ in range(min(count, _MAX_PROPERTIES)):
        kind, name = struct.unpack_from("<HH", data, at)
        at += 4
        if name >= _NAMED:
            (named_by,) = struct.unpack_from("<I", data, at + 16)
            at += 20
            (length,) = struct.unpack_from("<I", data, at)
            at += 4 + (_padded(length) if named_by else 0)
        single = kind & ~_SEVERAL
        values: list[bytes] = []
        if single in _SIZES:
            number = 1
            if kind & _SEVERAL:
                (number,) = struct.unpack_from("<I", data, at)
                at += 4
            at += _SIZES[single] * number
            if at > len(data):
                raise struct.error("a property that is cut off")
            continue
        (number,) = struct.unpack_from("<I", data, at)
        at += 4
        for _ in range(min(number, _MAX_PROPERTIES)):
            (length,) = struct.unpack_from("<I", data, at)
            values.append(data[at + 4 : at + 4 + length])
            at += 4 + _padded(length)
        if values:
            yield name, (single, values[0])


def _padded(length: int) -> int:
    return length + -length % 4


def _text(kind: int, value: bytes, coding: str) -> str:
    if kind == _UNICODE:
        return one_line(value.decode("utf-16-le", "replace").rstrip("\0"))
    return one_line(_words(value, coding))


def _words(value: bytes, coding: str) -> str:
    value = value.rstrip(b"\0")
    try:
        return value.decode(coding)
    except (UnicodeError, LookupError):
        return decode(value)[0]
