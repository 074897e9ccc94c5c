"""Mails that Outlook saved (.msg): an OLE file with a stream for each property (MS-OXMSG)."""

import io
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.letters import Attachment, Letter, read_letter
from sakuin.index.readers.plain import one_line
from sakuin.index.readers.rtf import text_of
from sakuin.index.readers.source import MAX_NESTING, Source
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from olefile import OleFileIO

MAX_BYTES = 128 * 1024 * 1024

_SUBJECT, _BODY, _HTML, _RTF = 0x0037, 0x1000, 0x1013, 0x1009
_SENDER, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_TO, _CC = 0x0E04, 0x0E03
_SENT, _RECEIVED, _CODE_PAGE = 0x0039, 0x0E06, 0x3FFD
_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME, _DATA = 0x3707, 0x3704, 0x3001, 0x3701
_UNICODE, _ANSI, _BINARY, _STORAGE = "001F", "001E", "0102", "000D"
_PROPERTIES = "__properties_version1.0"
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
# The text that every compressed RTF may refer to before any of its own (MS-OXRTFCP).
_PRIMED = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_WINDOW = 4096
_COMPRESSED = 0x75465A4C


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a mail as a document, and each of its attachments as documents of their own, ``mail.msg!/name``.

    Raises:
        ReadError: If it is too large, damaged, or no mail.
    """
    import olefile

    data = load_bytes(source, MAX_BYTES)
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            letter = _Message(file, "").letter()
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # a damaged file shows in many ways
        raise ReadError(Reason("not_office", {"type": "Outlook", "detail": one_line(error)})) from error
    yield from read_letter(letter, source, source.uri)


class _Message:
    """A message in an OLE file: the file itself, or one attached to it."""

    def __init__(self, file: "OleFileIO", folder: str, nesting: int = 0) -> None:
        self._file = file
        self._folder = folder
        self._nesting = nesting
        self._fixed = self._read_fixed()
        page = self._fixed.get(_CODE_PAGE, b"\0\0\0\0")
        number = int.from_bytes(page[:4], "little")
        self._coding = "utf-8" if number in (0, 65001) else f"cp{number}"

    def letter(self) -> Letter:
        """What the message says, and what is attached to it."""
        letter = Letter(
            subject=one_line(self._text(_SUBJECT), 1000),
            sender=self._sender(),
            to=self._people(_TO),
            cc=self._people(_CC),
            date=self._date(),
        )
        markup = self._bytes(f"{_HTML:04X}{_BINARY}")
        page = decode(markup, self._coding)[0] if markup else self._text(_HTML)
        plain = self._text(_BODY)
        if not plain.strip() and not page and (packed := self._bytes(f"{_RTF:04X}{_BINARY}")):
            plain = text_of(unpacked(packed))[2]
        letter.bodies.append((plain, page))
        self._attach(letter)
        if not (letter.subject or letter.sender or plain or page or letter.attachments):
            raise ReadError(Reason("no_mail"))
        return letter

    def _sender(self) -> str:
        name = one_line(self._text(_SENDER))
        address = one_line(self._text(_SENDER_SMTP) or self._text(_SENDER_ADDRESS))
        if "@" not in address:  # the name of an account within an organisation
            return name or address
        return f"{name} <{address}>" if name and name != address else address

    def _people(self, name: int) -> list[str]:
        return [one_line(each) for each in self._text(name).split(";") if each.strip()]

    def _date(self) -> str:
        for name in (_SENT, _RECEIVED):
            if ticks := int.from_bytes(self._fixed.get(name, b""), "little"):
                try:
                    return (_EPOCH + timedelta(microseconds=ticks // 10)).isoformat(timespec="seconds")
                except OverflowError:
                    continue
        return ""

    def _attach(self, letter: Letter) -> None:
        here = [each for each in self._folder.split("/") if each]
        folders = {entry[len(here)] for entry in self._file.listdir() if entry[: len(here)] == here}
        for folder in sorted(each for each in folders if each.startswith("__attach_version1.0_")):
            part = _Message(self._file, f"{self._folder}{folder}/", self._nesting)
            part._coding = self._coding
            name = part._text(_LONG_NAME) or part._text(_SHORT_NAME) or part._text(_DISPLAY_NAME)
            inner = f"{part._folder}__substg1.0_{_DATA:04X}{_STORAGE}"
            if data := part._bytes(f"{_DATA:04X}{_BINARY}"):
                letter.attachments.append(Attachment(name, data))
            elif self._file.exists(inner) and self._nesting < MAX_NESTING:
                forwarded = _Message(self._file, f"{inner}/", self._nesting + 1).letter()
                letter.attachments.append(Attachment(f"{name or forwarded.subject}.eml", as_mail(forwarded)))

    def _text(self, name: int) -> str:
        if data := self._bytes(f"{name:04X}{_UNICODE}"):
            return data.decode("utf-16-le", "replace").rstrip("\0")
        data = self._bytes(f"{name:04X}{_ANSI}")
        try:
            return data.decode(self._coding).rstrip("\0")
        except (UnicodeError, LookupError):
            return decode(data)[0]

    def _bytes(self, name: str) -> bytes:
        path = f"{self._folder}__substg1.0_{name}"
        if not self._file.exists(path) or self._file.get_type(path) != 2:
            return b""
        return bytes(self._file.openstream(path).read())

    def _read_fixed(self) -> dict[int, bytes]:
        """Properties of eight bytes and less, which stand together after a header."""
        path = f"{self._folder}{_PROPERTIES}"
        if not self._file.exists(path):
            return {}
        data: Any = self._file.openstream(path).read()
        header = 32 if not self._folder else 24 if self._folder.endswith(f"{_STORAGE}/") else 8
        rows = (data[at : at + 16] for at in range(header, len(data) - 15, 16))
        return {struct.unpack_from("<HH", row)[1]: bytes(row[8:16]) for row in rows}


def as_mail(letter: Letter) -> bytes:
    """A message within a message as a mail, for the reader of mails."""
    from email.message import EmailMessage
    from email.utils import format_datetime

    mail = EmailMessage()
    date = format_datetime(datetime.fromisoformat(letter.date)) if letter.date else ""
    for name, value in (("Subject", letter.subject), ("From", letter.sender), ("To", ", ".join(letter.to)),
                        ("Cc", ", ".join(letter.cc)), ("Date", date)):  # fmt: skip
        if value:
            mail[name] = value.replace("\n", " ")
    mail.make_mixed()
    for plain, page in letter.bodies:
        body = EmailMessage()
        body.set_content(plain)
        if page:
            body.add_alternative(page, subtype="html")
        mail.attach(body)
    for each in letter.attachments:
        mail.add_attachment(each.data, maintype="application", subtype="octet-stream", filename=each.name)
    return mail.as_bytes()


def unpacked(data: bytes) -> bytes:
    """Rich text that was compressed as Outlook does.

    Raises:
        ReadError: If it is damaged.
    """
    if len(data) < 16:
        raise ReadError(Reason("damaged_office", {"type": "Outlook", "detail": "RTF"}))
    _, size, kind, _ = struct.unpack_from("<IIII", data)
    if kind != _COMPRESSED:
        return data[16 : 16 + size]
    out = bytearray(_PRIMED)
    begun, at = len(out), 16
    while at < len(data):
        flags = data[at]
        at += 1
        for bit in range(8):
            if at >= len(data):
                break
            if not flags >> bit & 1:
                out.append(data[at])
                at += 1
                continue
            reference = int.from_bytes(data[at : at + 2], "big")
            at += 2
            offset, length = reference >> 4, (reference & 15) + 2
            place = len(out) % _WINDOW
            if offset == place:
                return bytes(out[begun:])
            back = (place - offset) % _WINDOW
            for _ in range(length):
                out.append(out[len(out) - back] if back <= len(out) else 0)
    return bytes(out[begun:])
