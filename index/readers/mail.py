"""Mails (.eml), mailboxes (.mbox) and web pages that are saved as mails are (.mht)."""

import email
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import BinaryIO

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import winmail
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.files import file_size, load_bytes, os_detail
from sakuin.index.readers.letters import Attachment, Letter, read_letter
from sakuin.index.readers.mail_text import text_of
from sakuin.index.readers.plain import one_line
from sakuin.index.readers.source import MEMBER, Source
from sakuin.index.reasons import Reason

MAX_MAIL_BYTES = 128 * 1024 * 1024

_SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"})
_SUFFIXES = {
    "text/calendar": ".ics", "text/csv": ".csv", "text/html": ".html", "text/plain": ".txt", "application/pdf": ".pdf",
    "message/rfc822": ".eml", "application/json": ".json", "text/xml": ".xml", "application/xml": ".xml",
}  # fmt: skip
_PAGES = (".mht", ".mhtml")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bqBQ]\?[^?]*\?=")
_CHARSETS = {"iso-2022-jp": "iso2022_jp_ext", "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932",
             "gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "euc-kr": "cp949",
             "us-ascii": "utf-8", "unknown-8bit": "utf-8", "iso-8859-1": "cp1252"}  # fmt: skip


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a mail as a document, and each of its attachments as documents of their own, ``mail.eml!/name``.

    Of a mailbox each mail is read so, as ``box.mbox#message=3``.

    Raises:
        ReadError: If it is empty, too large, or no mail.
    """
    file_size(source)
    if source.suffix in (".mbox", ".mbx"):
        yield from _read_box(source)
        return
    data = load_bytes(source, MAX_MAIL_BYTES)
    message = email.message_from_bytes(data)
    if not message.keys():
        raise ReadError(Reason("no_mail"))
    letter = letter_of(message, source.uri)
    if source.suffix in _PAGES:
        letter.sender, letter.to = "", []
    yield from read_letter(letter, source, source.uri)


def _read_box(source: Source) -> Iterator[Document | Skipped]:
    found = False
    try:
        with source.open() as file:
            for number, data in enumerate(_mails(file), 1):
                found = True
                uri = f"{source.uri}#message={number}"
                if data is None:
                    yield Skipped(uri, Reason("too_large_mail", {"limit": MAX_MAIL_BYTES // 1024 // 1024}))
                    continue
                try:
                    yield from read_letter(letter_of(email.message_from_bytes(data), uri), source, uri)
                except ReadError as error:
                    yield Skipped(uri, error.reason)
                except (MemoryError, OSError):
                    raise
                except Exception as error:  # parts nested too deeply for the library, and what else it stumbles over
                    yield Skipped(uri, Reason("damaged_part", {"detail": one_line(repr(error))}))
    except OSError as error:
        raise ReadError(Reason("cannot_read", {"detail": os_detail(error)})) from error
    if not found:
        raise ReadError(Reason("no_mail"))


def _mails(file: BinaryIO) -> Iterator[bytes | None]:
    """The mails of a mailbox, each from after its From line; None for one that is too large."""
    mail = bytearray()
    size, begun, blank = 0, False, True
    while line := file.readline(MAX_MAIL_BYTES):
        if blank and _is_from_line(line):
            if begun:
                yield _unquoted(mail, size)
            mail, size, begun = bytearray(), 0, True
        elif begun:
            size += len(line)
            if size <= MAX_MAIL_BYTES:
                mail += line
        blank = line in (b"\n", b"\r\n")
    if begun:
        yield _unquoted(mail, size)


def _is_from_line(line: bytes) -> bool:
    """Whether a line begins a mail: ``From``, somebody, and a date that ends in a year."""
    if not line.startswith(b"From "):
        return False
    rest = line[len(b"From ") :].rstrip()
    return rest[:1].strip() != b"" and len(rest) > 4 and rest[-4:].isdigit()


def _unquoted(mail: bytearray, size: int) -> bytes | None:
    return _QUOTED_FROM.sub(rb"\1", bytes(mail)) if size <= MAX_MAIL_BYTES else None


def letter_of(message: "Message[str, str]", uri: str) -> Letter:
    """What a parsed mail says, and what is attached to it."""
    letter = Letter(
        subject=_header(message, "subject"),
        sender=next(iter(_addresses(message, "from")), ""),
        to=_addresses(message, "to"),
        cc=_addresses(message, "cc"),
        date=_date(message),
    )
    _collect(message, letter, uri)
    return letter


def _inside(part: "Message[str, str]") -> "list[Message[str, str]]":
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _collect(part: "Message[str, str]", letter: Letter, uri: str) -> None:
    kind = part.get_content_type()
    if kind == "message/rfc822":
        for inner in _inside(part):
            name = _file_name(part) or f"{_header(inner, 'subject') or 'mail'}.eml"
            try:
                letter.attachments.append(Attachment(name, inner.as_bytes()))
            except Exception as error:  # headers that the library reads and cannot write
                reason = Reason("damaged_part", {"detail": one_line(error)})
                letter.left_out.append(Skipped(f"{uri}{MEMBER}{name}", reason))
    elif kind == "multipart/alternative":
        _collect_alternatives(part, letter, uri)
    elif part.is_multipart():
        for inner in _inside(part):
            _collect(inner, letter, uri)
    elif kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment":
        text = _text(part, letter, uri)
        letter.bodies.append(("", text) if kind == "text/html" else (text, ""))
    else:
        _attach(part, kind, letter, uri)


def _collect_alternatives(part: "Message[str, str]", letter: Letter, uri: str) -> None:
    """Collect several forms of one text: the plain one and the page; what else is among them or in them is attached."""
    forms = Letter()
    for inner in _inside(part):
        _collect(inner, forms, uri)
    plain = "\n".join(text for text, _ in forms.bodies if text)
    # A page that an attachment stands in the middle of comes in several parts.
    letter.bodies.append((plain, "\n".join(markup for _, markup in forms.bodies if markup)))
    letter.attachments += forms.attachments
    letter.left_out += forms.left_out


def _attach(part: "Message[str, str]", kind: str, letter: Letter, uri: str) -> None:
    if kind in _SIGNATURES:
        return
    name = _file_name(part)
    if kind.startswith("image/") and part.get_content_disposition() != "attachment":
        return  # a picture in the text, such as a logo
    data = part.get_payload(decode=True)
    if isinstance(data, bytes) and data.startswith(winmail.SIGNATURE):
        _unpack(data, name, letter, uri)
    elif isinstance(data, bytes) and data:
        letter.attachments.append(Attachment(name or f"{kind.partition('/')[0]}{_SUFFIXES.get(kind, '')}", data))


def _unpack(data: bytes, name: str, letter: Letter, uri: str) -> None:
    """Take what Outlook packed: its attachments as such of the mail, its text where the mail has none."""
    member = f"{uri}{MEMBER}{name or 'winmail.dat'}"
    try:
        packed = winmail.letter_of(data)
    except ReadError as error:
        letter.left_out.append(Skipped(member, error.reason))
        return
    letter.left_out += [Skipped(member, each.reason) for each in packed.left_out]
    letter.attachments += packed.attachments
    if not any(plain.strip() or page for plain, page in letter.bodies):
        letter.bodies += packed.bodies


def _text(part: "Message[str, str]", letter: Letter, uri: str) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    try:
        return text_of(part, data)
    except ReadError as error:
        letter.left_out.append(Skipped(uri, error.reason))
        return ""


def _header(message: "Message[str, str]", name: str) -> str:
    return one_line(decoded(next(iter(_values(message, name)), "")), 1000)


def _values(message: "Message[str, str]", name: str) -> list[str]:
    """The headers of a name as they stand: of bytes that are not ASCII `Message.get` makes question marks."""
    return [str(value) for key, value in message.raw_items() if key.lower() == name]


def _addresses(message: "Message[str, str]", name: str) -> list[str]:
    """Names and addresses of a header; decoded after they were told apart, for a name may hold a comma."""
    values = [_raw(value) for value in _values(message, name)]
    try:
        pairs = getaddresses(values)
    except RecursionError:  # thousands of names with nothing but colons between them
        pairs = [(value, "") for value in values]
    shown = []
    for person, address in pairs:
        person = one_line(decoded(person))
        shown.append(f"{person} <{address}>" if person and address else person or address)
    return [one_line(each, 500) for each in shown if each]


def _raw(value: str) -> str:
    """A header on one line, with bytes that are not ASCII as they are, as surrogates."""
    return value.replace("\r", "").replace("\n", "")


def _date(message: "Message[str, str]") -> str:
    try:
        return parsedate_to_datetime(str(message.get("date", ""))).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _file_name(part: "Message[str, str]") -> str:
    try:
        name = part.get_filename() or ""
    except (ValueError, TypeError, LookupError):
        return ""
    # Some programs put words in quotation marks that are only decoded outside of them.
    return one_line(decoded(str(name)).replace("\\", "/").rpartition("/")[2])


def decoded(value: str) -> str:
    """A header's words: encoded words, also those cut within a character, and bytes that are simply there."""
    raw = _raw(value)
    if not _ENCODED_WORD.search(raw):
        return _readable(raw.encode("utf-8", "surrogateescape"), "")
    try:
        parts = decode_header(raw)
    except (ValueError, LookupError, MessageError):  # damaged base64
        return _readable(raw.encode("utf-8", "surrogateescape"), "")
    joined: list[tuple[bytes, str]] = []
    for text, charset in parts:
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        if joined and joined[-1][1] == (charset or ""):
            joined[-1] = (joined[-1][0] + data, joined[-1][1])
        else:
            joined.append((data, charset or ""))
    return "".join(_readable(data, charset) for data, charset in joined)


def _readable(data: bytes, charset: str) -> str:
    coding = _CHARSETS.get(charset.lower(), charset) or "utf-8"
    try:
        return data.decode(coding)
    except (UnicodeError, LookupError):
        pass
    try:
        return decode(data)[0]
    except ReadError:
        return data.decode("utf-8", "replace")
