"""JSON Lines files: every line is a document. They are streamed, so a file may be larger than the memory."""

import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from sakuin.index.documents import Document, Position, Scalar, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.encoding import decode, encoding_of, has_escapes, looks_binary
from sakuin.index.readers.fields import ID_NAMES, TEXT_NAMES, TITLE_NAMES, metadata_of, named
from sakuin.index.readers.files import file_size, os_detail
from sakuin.index.readers.plain import clean, one_line, stem_of
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import first_line
from sakuin.index.reasons import Part, Reason, position_in

MAX_LINE_BYTES = 64 * 1024 * 1024
MAX_ID_CHARACTERS = 500
MAX_BAD_LINES = 100
"""After so many lines without a single good one the file is something else, such as one indented JSON value."""

_CHUNK = 1024 * 1024
_LIKE_A_LINE = re.compile(r"line=\d+")
_MAX_STORED_INTEGER = 2**63


class _LineError(ReadError):
    """Why a line is not a document."""


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a JSON Lines file: ``uri#ID`` is the object with that ID, ``uri#line=3`` the one without on line 3.

    The text is in the field "text" (or body, content, passage), scalar fields other than text, title and ID are
    metadata. Of several objects with the same ID the first counts.

    Raises:
        ReadError: If the file is empty, cannot be opened, or there is nothing in it but blank lines.
    """
    file_size(source)
    uri = source.uri
    stem = stem_of(uri)
    seen: set[str] = set()
    # The reasons wait for the first good line: of a file that is no JSON Lines at all one reason is enough.
    held: list[Skipped] = []
    good = False
    try:
        with source.open() as file:
            lines, names = _Lines(file), _Names()
            for number, line in enumerate(lines, 1):
                if line is not None and not line.strip():
                    continue
                try:
                    name, document = _document(lines.in_utf8(line), names, uri, number, stem)
                    if name in seen:
                        raise _LineError(Reason("repeated_id", {"id": name}))
                except _LineError as error:
                    held.append(Skipped(f"{uri}#line={number}", error.reason))
                    if good:
                        yield held.pop()
                    elif len(held) == MAX_BAD_LINES:
                        first = Part(position_in(uri, held[0].uri), held[0].reason)
                        raise ReadError(Reason("no_good_line", {"lines": number}, (first,))) from error
                    continue
                good = True
                yield from held
                held.clear()
                if name is not None:
                    seen.add(name)
                yield document
    except OSError as error:
        raise ReadError(Reason("cannot_read", {"detail": os_detail(error)})) from error
    if not good and not held:
        raise ReadError(Reason("no_text"))
    yield from held


class _Names:
    """What the fields of a line are for, by their names: those of the line before, mostly.

    Attributes:
        texts, titles, ids: Names of fields that may hold these, best first.
    """

    def __init__(self) -> None:
        """Of no fields."""
        self._keys: list[str] = []
        self.texts: list[str] = []
        self.titles: list[str] = []
        self.ids: list[str] = []

    def look_at(self, fields: dict[str, object]) -> None:
        """Find the names among those of a line's fields."""
        keys = list(fields)
        if keys != self._keys:
            self._keys = keys
            self.texts, self.titles, self.ids = (named(names, keys) for names in (TEXT_NAMES, TITLE_NAMES, ID_NAMES))


class _Lines:
    """The lines of a file, and the encoding of all of them.

    It is decided by the first part of the file that is not all ASCII: a later line that does not fit is damaged.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Look at the beginning of a file.

        Raises:
            ReadError: It is not JSON Lines, or in an encoding that cannot be told for certain.
        """
        self._file = file
        start = file.read(_CHUNK)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise ReadError(Reason("utf16_json_lines"))
        if b"\0" in start or looks_binary(start):
            raise ReadError(Reason("binary"))
        file.seek(3 if start.startswith(b"\xef\xbb\xbf") else 0)
        self._encoding = self._encoding_of(start)

    def __iter__(self) -> Iterator[bytes | None]:
        """Yield each line, or None for one that is too long to be taken into memory."""
        while line := self._file.readline(MAX_LINE_BYTES):
            if len(line) < MAX_LINE_BYTES or line.endswith(b"\n"):
                yield line
                continue
            while line and not line.endswith(b"\n"):
                line = self._file.readline(_CHUNK)
            yield None

    def in_utf8(self, line: bytes | None) -> bytes | None:
        """A line in UTF-8, whatever the file is in.

        Raises:
            _LineError: It is not in the encoding of the file.
            ReadError: The encoding cannot be told for certain.
        """
        if self._encoding == "utf-8" or line is None or (line.isascii() and b"\x1b" not in line):
            return line
        if self._encoding is None:
            at = self._file.tell()
            self._encoding = self._encoding_of(line + self._file.read(_CHUNK))
            self._file.seek(at)
            return self.in_utf8(line)
        try:
            # Vendors write more into ISO-2022-JP than Python's decoder takes.
            text = decode(line)[0] if self._encoding == "iso2022_jp" else line.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise _LineError(Reason("mixed_encodings", {"byte": error.start})) from error
        except ReadError as error:
            raise _LineError(error.reason) from error
        return text.encode()

    @staticmethod
    def _encoding_of(part: bytes) -> str | None:
        """The encoding of a part of the file, None where all of it is ASCII."""
        if part.isascii() and not has_escapes(part):
            return None
        # The last line may have been cut off with the part.
        return encoding_of(part[: part.rfind(b"\n") + 1] or part)


def _document(line: bytes | None, names: _Names, uri: str, number: int, stem: str) -> tuple[str | None, Document]:
    """Return a line's ID, if it has one, and its document."""
    if line is None:
        raise _LineError(Reason("long_line", {"limit": MAX_LINE_BYTES // 1024 // 1024}))
    fields = _parse(line)
    names.look_at(fields)
    text_key, text = _text(fields, names.texts)
    title_keys = [key for key in names.titles if isinstance(fields[key], str | int | float)][:1]
    title = one_line(fields[title_keys[0]]) if title_keys else ""
    name, id_key = _identity(fields, names.ids)
    used = {text_key, *title_keys, id_key}
    others = {clean(key): value for key, value in fields.items() if key not in used}
    if isinstance(inner := others.get("metadata"), dict):
        del others["metadata"]
        others = {**inner, **others}
    metadata = metadata_of(others, _stored) if others else {}
    fragment = name if name is not None else f"line={number}"
    title = title or first_line(text) or f"{stem} {fragment}"
    positions = (Position(0, {"line": number}),)
    return name, Document(id=f"{uri}#{fragment}", title=title, text=text, metadata=metadata, positions=positions)


def _parse(line: bytes) -> dict[str, object]:
    import orjson

    line = line.strip()
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        value = _parse_loosely(line, error)
    if not isinstance(value, dict):
        raise _LineError(Reason("no_object"))
    return value


def _parse_loosely(line: bytes, reason: json.JSONDecodeError) -> object:
    """Parse what orjson refuses but others write: NaN, halves of surrogate pairs."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _LineError(Reason("mixed_encodings", {"byte": error.start})) from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _LineError(Reason("bad_json", {"detail": reason.msg, "column": reason.colno})) from reason


def _text(fields: dict[str, object], keys: list[str]) -> tuple[str, str]:
    """Return which of the fields ``keys`` holds the text, and the text."""
    for key in keys:
        value = fields[key]
        if isinstance(value, str) and (text := clean(value)) and not text.isspace():
            return key, text
    if keys:
        raise _LineError(Reason("empty_field", {"field": one_line(keys[0])}))
    raise _LineError(Reason("no_text_field", {"fields": ", ".join(TEXT_NAMES)}))


def _identity(fields: dict[str, object], keys: list[str]) -> tuple[str | None, str | None]:
    """Return a line's ID and which of the fields ``keys`` it is in."""
    for key in keys:
        value = fields[key]
        if isinstance(value, str | int) and not isinstance(value, bool):
            name = one_line(value, MAX_ID_CHARACTERS + 1)
            # "line=3" would be mistaken for a line's number.
            if name and len(name) <= MAX_ID_CHARACTERS and not _LIKE_A_LINE.fullmatch(name):
                return name, key
    return None, None


def _stored(value: object) -> Scalar | None:
    """Return a value as the index can hold it, None for nothing."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not -_MAX_STORED_INTEGER <= value < _MAX_STORED_INTEGER:
        return str(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value if isinstance(value, int | float) else None
