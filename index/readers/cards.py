"""Calendars (.ics) and address cards (.vcf): what they say, without the codes of programs."""

import quopri
import re
from collections.abc import Iterator

from sakuin.index.documents import Document
from sakuin.index.errors import ReadError
from sakuin.index.readers.dates import iso_date
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.plain import TextBuilder, require_text
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import title_of

# A line that goes on begins with a white space that is no part of it, be it in the middle of a character.
_FOLD = re.compile(rb"\r?\n[ \t]")
_LINE = re.compile(r"(?:[\w-]+\.)?([A-Za-z-]+)((?:;(?:\"[^\"]*\"|[^\":;])*)*):(.*)", re.S)
_ESCAPE = re.compile(r"\\(.)")
_CHARSET = re.compile(r"CHARSET=\"?([\w.:-]+)", re.IGNORECASE)
_OF_PROGRAMS = frozenset({
    "VERSION", "PRODID", "UID", "DTSTAMP", "SEQUENCE", "METHOD", "CALSCALE", "TRANSP", "CLASS", "PHOTO", "LOGO", "KEY",
    "SOUND", "REV", "TZID", "TZOFFSETFROM", "TZOFFSETTO", "TZNAME", "RRULE", "EXDATE", "TRIGGER", "ACTION", "END",
    "PRIORITY", "STATUS", "CREATED", "LAST-MODIFIED", "GEO",
})  # fmt: skip
_TIMES = frozenset({"DTSTART", "DTEND", "DUE", "COMPLETED", "BDAY", "ANNIVERSARY"})
_PARTED = re.compile(r"(?<!\\)[;,]")
_LISTS = frozenset({"N", "ADR", "ORG", "CATEGORIES", "NICKNAME"})
_TIME_ZONES = frozenset({"VTIMEZONE", "STANDARD", "DAYLIGHT"})
_NAMES = frozenset({"SUMMARY", "FN"})


def read(source: Source) -> Iterator[Document]:
    """Read a calendar or cards as one document, a block for each entry.

    Raises:
        ReadError: If there is nothing in it, or its encoding cannot be told for certain.
    """
    builder = TextBuilder()
    gap = "\n\n"
    within = [""]
    names: list[str] = []
    for line in _whole_lines(decode(_FOLD.sub(b"", load_bytes(source)))[0]):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        name, parameters, value = match[1].upper(), match[2], match[3]
        if name == "BEGIN":
            gap = "\n\n"
            within.append(value.strip().upper())
        elif name == "END":
            within = within[:-1] or [""]
        elif _is_said(name, within[-1]) and (words := _value(name, parameters, value)):
            builder.add(f"{name.capitalize()}: {words}", gap=gap)
            gap = "\n"
            names += [words] if name in _NAMES else []
    text = require_text(builder.text())
    yield Document(id=source.uri, title=title_of(source.uri, stated=names[0] if len(names) == 1 else ""), text=text)


def _is_said(name: str, within: str) -> bool:
    return name not in _OF_PROGRAMS and not name.startswith("X-") and within not in _TIME_ZONES


def _whole_lines(text: str) -> Iterator[str]:
    """The lines, those in quoted-printable with the lines that they go on in."""
    parts: list[str] = []
    for line in text.split("\n"):
        line = line.rstrip("\r")
        goes_on = line.endswith("=") and (bool(parts) or "QUOTED-PRINTABLE" in line.partition(":")[0].upper())
        parts.append(line[:-1] if goes_on else line)
        if not goes_on:
            yield "".join(parts)
            parts = []
    yield "".join(parts)


def _value(name: str, parameters: str, value: str) -> str:
    if "QUOTED-PRINTABLE" in parameters.upper():
        charset = _CHARSET.search(parameters)
        value = _readable(quopri.decodestring(value.encode()), charset[1] if charset else None)
    elif "ENCODING=B" in parameters.upper():
        return ""  # a picture
    if name in _TIMES:
        return _time(value)
    parts = _PARTED.split(value) if name in _LISTS else [value]
    words = (_ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], each).strip() for each in parts)
    return " ".join(filter(None, words))


def _readable(data: bytes, charset: str | None) -> str:
    try:
        return decode(data, charset)[0]
    except ReadError:
        return data.decode("utf-8", "replace")


def _time(value: str) -> str:
    day, _, clock = value.partition("T")
    hours = f" {clock[:2]}:{clock[2:4]}" if clock[:4].isdecimal() and len(clock) >= 4 else ""
    return f"{iso_date(day)}{hours}" if iso_date(day) else value
