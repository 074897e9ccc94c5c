"""Titles of plain texts that do not begin with one: behind headers, directives and comments."""

import re

from sakuin.index.readers.plain import MAX_TITLE_CHARACTERS, one_line
from sakuin.index.readers.titles import first_line

_SUBJECTS = frozenset({"subject", "title", "件名", "題名", "表題"})
_HEADERS = _SUBJECTS | frozenset({
    "from", "to", "cc", "date", "sent", "author", "reply-to", "message-id", "content-type", "mime-version",
    "差出人", "送信者", "宛先", "日付", "日時", "送信日時",
})  # fmt: skip
_HEADER = re.compile(r"([^\W\d_][\w-]{0,30})[ \t]*[:：][ \t　]*(\S.*)?")
_WITHIN = 64 * 1024

_MARKUP = re.compile(r"\.\. (?:_[^:]*:|\|[^|]*\||[\w:+.-]+::)|:[\w-]+:(?:\s|\Z)")
_LINE = re.compile(r"([=\-`:.'\"~^_*+#<>!$%&,;?@/|\\])\1{2,}")
_LITERAL = re.compile(r"``(.+?)``")
_ROLE = re.compile(r"(?::[\w:+.-]+:)?`~?([^`<]+?)(?:\s*<[^`>]*>)?`_{0,2}")

_COMMENT = re.compile(r"(?:[ \t]*(?://|\.\\\"|'\\\"|\.\.[ \t]|\.\.$).*\n|[ \t]*/\*(?s:.*?)\*/|\s*\n)+", re.M)
_LICENCE = re.compile(r"(?:copyright\b|©|\(c\)\s|spdx-license|licen[cs]ed (?:under|to)\b)", re.I)
_MANUAL = re.compile(r"([\w.+-]+\(\d\w{0,3}\))\s{2,}.*\s\1")


def title_in(text: str, *, is_restructured: bool) -> str:
    """The title that a plain text has where a reader of it sees one, or "".

    Args:
        text: The text, as `clean` leaves it.
        is_restructured: Whether it is known to be reStructuredText; one that begins with markup of it is too.
    """
    head = text[:_WITHIN]
    if is_restructured or _MARKUP.match(head):
        return _underlined(head)
    subject, start = _headers(head)
    return subject or _first_line(head[start:])


def _underlined(text: str) -> str:
    """The first line with a line of signs below it, as reStructuredText has its titles."""
    lines = ["", *text.split("\n")]
    for above, line, below in zip(lines, lines[1:], lines[2:], strict=False):
        words = line.strip()
        is_overlined = bool(_LINE.fullmatch(above))
        if not 0 < len(words) <= MAX_TITLE_CHARACTERS or not _LINE.fullmatch(below) or _LINE.fullmatch(line):
            continue
        if is_overlined or (line == words and (not above or _MARKUP.match(above))):
            return one_line(_ROLE.sub(r"\1", _LITERAL.sub(r"\1", words)))
    return ""


def _headers(text: str) -> tuple[str, int]:
    """The subject that headers as of a mail give, "" where they give none, and where they end; 0 without any."""
    subject, at, is_first = "", 0, True
    for line in text.splitlines(keepends=True):
        found = _HEADER.fullmatch(line.rstrip())
        name = found[1].lower() if found else ""
        if is_first and name not in _HEADERS:
            break
        if not found and not (line[:1].isspace() and line.strip()):
            break
        if found and name in _SUBJECTS and not subject:
            subject = one_line(found[2] or "")
        at += len(line)
        is_first = False
    return subject, at


def _first_line(text: str) -> str:
    comment = _COMMENT.match(text)
    title = first_line(text[comment.end() :] if comment else text)
    if _LICENCE.match(title):
        return ""
    manual = _MANUAL.fullmatch(text.lstrip()[:MAX_TITLE_CHARACTERS].partition("\n")[0].rstrip())
    return manual[1] if manual else title
