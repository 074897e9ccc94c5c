"""What a file is by its first bytes: asked where its suffix does not tell."""

import codecs
import re

from sakuin.index.file_types import BY_OCR
from sakuin.index.readers.encoding import looks_binary

HEAD_BYTES = 8192

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_OLE = b"\xd0\xcf\x11\xe0"
_PDF_WITHIN = 1024
_ARCHIVES = (b"PK\3\4", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
# Pictures, sound, films, programs and what is compressed: some of them begin without a byte that text cannot have.
_NO_TEXT = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"OggS", b"ID3", b"\x7fELF", b"MZ",
    b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"\xd0\xcf\x11\xe0",
)  # fmt: skip
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html\b)", re.IGNORECASE | re.DOTALL)
# The headers that a mail begins with where it was delivered.
_MAIL = re.compile(rb"(?:Return-Path|Received|Delivered-To|MIME-Version): .*\n(?:[ \t].*\n|[\w-]+: .*\n)+")


def reader_by_content(head: bytes) -> str | None:
    """The module that reads a file, or None for one that is not text and not of a kind that is known.

    Args:
        head: Its first `HEAD_BYTES` bytes.
    """
    if b"%PDF-" in head[:_PDF_WITHIN]:
        return "pdf"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(_OLE):
        return "old_office"
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":
        return "archives"
    if head.startswith(_MARKS):
        return "lines"
    if head.startswith(_PICTURES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        return BY_OCR
    if b"\0" in head or head.startswith(_NO_TEXT) or looks_binary(head):
        return None
    if _HTML.match(head):
        return "html"
    if head.lstrip().startswith(b"<?xml"):
        return "xml"
    return "mail" if _MAIL.match(head) else "lines"
