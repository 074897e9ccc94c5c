"""Archives: zip, tar (also compressed) and single files compressed by gzip, bzip2 or xz.

Nothing is written to the disk; the names of members are names in the index and no more.
"""

import bz2
import fnmatch
import gzip
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.file_types import GENERATED
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.files import MAX_FILE_BYTES, file_size, os_detail
from sakuin.index.readers.names import FreeNames
from sakuin.index.readers.plain import one_line
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import MEMBER, Source
from sakuin.index.reasons import Reason

MAX_RATIO = 200
"""How many times larger than its file all that is in an archive may become, if that is not little anyway."""

_LITTLE = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
_UTF8_FLAG = 0x800
_ENCRYPTED = 0x1
_UNICODE_PATH = 0x7075
# What systems and programs put beside files, and nobody wrote; of a folder the same is left out (`index.excluding`).
_PASSED_OVER = frozenset({"__macosx", ".ds_store", "thumbs.db", "desktop.ini", ".git", "node_modules"})
_PASSED_OVER_BEGIN = ("~$", "._")
_GENERATED = re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in GENERATED))
_START = 512
_DAMAGE = (
    EOFError, lzma.LZMAError, zlib.error, tarfile.TarError, zipfile.BadZipFile, NotImplementedError, ValueError,
)  # fmt: skip
_COMPRESSED = {b"\x1f\x8b": gzip.GzipFile, b"BZh": bz2.BZ2File, b"\xfd7zXZ": lzma.LZMAFile}

_OFFICE = (
    ("word/", "docx"), ("xl/", "sheets"), ("ppt/", "pptx"), ("META-INF/container.xml", "epub"),
)  # fmt: skip


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read all members, each by the reader of its own kind, as ``archive.zip!/folder/name``.

    Raises:
        ReadError: If it is no archive, or none that can be opened.
    """
    size = file_size(source)
    found = False
    try:
        for item in _read(source, size):
            yield item
            found = True
        return
    except MemoryError:
        raise
    except ReadError as error:
        reason = error.reason
    except _DAMAGE as error:
        reason = Reason("damaged_archive", {"detail": one_line(error)})
    except OSError as error:
        reason = Reason("damaged_archive", {"detail": os_detail(error)})
    if not found:
        raise ReadError(reason)
    yield Skipped(source.uri, reason)  # what was read until then stays


def _read(source: Source, size: int) -> Iterator[Document | Skipped]:
    with source.open() as file:
        start = file.read(_START)
        file.seek(0)
        if start.startswith(b"PK"):
            yield from _read_zip(file, source, size)
        elif opener := next((each for mark, each in _COMPRESSED.items() if start.startswith(mark)), None):
            # Each takes the open file under its name of its own.
            with opener(fileobj=file) if opener is gzip.GzipFile else opener(file) as inner:
                inside = inner.read(_START)
                inner.seek(0)
                read_inner = _read_tar if _is_tar(inside) else _read_single
                yield from read_inner(cast(BinaryIO, inner), source, size)
        elif _is_tar(start):
            yield from _read_tar(file, source, size)
        else:
            raise ReadError(Reason("no_archive"))


def _is_tar(start: bytes) -> bool:
    return start[257:262] == b"ustar"


def _read_zip(file: BinaryIO, source: Source, size: int) -> Iterator[Document | Skipped]:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if module := _office(members):
            from importlib import import_module

            yield from import_module(f"sakuin.index.readers.{module}").read(source)
            return
        names, free = _zip_names(members), FreeNames()
        total = 0
        for member, name in zip(members, names, strict=True):
            if member.is_dir() or _passed_over(name):
                continue
            name = free.take(name)
            if member.flag_bits & _ENCRYPTED:
                yield Skipped(f"{source.uri}{MEMBER}{name}", Reason("encrypted_member"))
                continue
            with _member(source, name) as taken:
                source.take_member()
                _require_bounded(member.file_size, total, size)
                with archive.open(member) as opened:
                    taken.data = _unpacked(cast(BinaryIO, opened), source, total, size)
                total += len(taken.data)
            yield from taken.items()


def _read_tar(file: BinaryIO, source: Source, size: int) -> Iterator[Document | Skipped]:
    total, free = 0, FreeNames()
    with tarfile.open(fileobj=file, errors="surrogateescape") as archive:
        for member in archive:
            name = _readable(member.name.encode("utf-8", "surrogateescape"))
            # Links and devices have nothing in them.
            if not member.isreg() or _passed_over(name):
                continue
            name = free.take(name)
            with _member(source, name) as taken:
                source.take_member()
                _require_bounded(member.size, total, size)
                opened = archive.extractfile(member)
                taken.data = _unpacked(cast(BinaryIO, opened), source, total, size) if opened else b""
                total += len(taken.data)
            yield from taken.items()


def _read_single(file: BinaryIO, source: Source, size: int) -> Iterator[Document | Skipped]:
    """Read what is compressed alone: ``a.log.gz`` is ``a.log``."""
    name = PurePosixPath(source.uri).stem
    with _member(source, name) as taken:
        taken.data = _unpacked(file, source, 0, size)
    yield from taken.items()


class _Taken:
    """A member on its way from an archive to its reader, and why it did not arrive."""

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._name = name
        self.data = b""
        self.reason: Reason | None = None

    def items(self) -> Iterator[Document | Skipped]:
        """The documents of the member, or why there are none."""
        uri = f"{self._source.uri}{MEMBER}{self._name}"
        if self.reason:
            yield Skipped(uri, self.reason)
            return
        try:
            yield from read_source(self._source.member(self._name, self.data))
        except ReadError as error:
            yield Skipped(uri, error.reason)


@contextmanager
def _member(source: Source, name: str) -> Iterator[_Taken]:
    """Catch what is wrong with one member; the others are whole. What is too much ends the archive."""
    taken = _Taken(source, name)
    try:
        yield taken
    except ReadError as error:
        if error.reason.code != "too_large":
            raise
        taken.reason = error.reason
    except MemoryError:
        raise
    except Exception as error:  # zlib.error, BadZipFile, RuntimeError ... whatever is damaged
        taken.reason = Reason("damaged_part", {"detail": one_line(error)})


def _require_bounded(more: int, total: int, size: int) -> None:
    if more > MAX_FILE_BYTES:
        megabytes = {"megabytes": round(more / 1024 / 1024), "limit": MAX_FILE_BYTES // 1024 // 1024}
        raise ReadError(Reason("too_large", megabytes))
    if total + more > _LITTLE and total + more > MAX_RATIO * size:
        raise ReadError(Reason("unpacks_too_large", {"megabytes": round((total + more) / 1024 / 1024)}))


def _unpacked(file: BinaryIO, source: Source, total: int, size: int) -> bytes:
    """All bytes of a member, counted as they come: what it declares may be wrong."""
    chunks: list[bytes] = []
    length = 0
    while chunk := file.read(_CHUNK):
        length += len(chunk)
        _require_bounded(length, total, size)
        source.take_bytes(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)


def _office(members: list[zipfile.ZipInfo]) -> str:
    """The reader of an office file that is not called one; "" for an archive."""
    names = [member.filename for member in members]
    if "[Content_Types].xml" in names or "META-INF/container.xml" in names:
        return next((module for start, module in _OFFICE if any(name.startswith(start) for name in names)), "")
    return "opendocument" if "content.xml" in names and "mimetype" in names else ""


def _passed_over(name: str) -> bool:
    parts = PurePosixPath(name.lower()).parts
    return not _PASSED_OVER.isdisjoint(parts) or any(
        part.startswith(_PASSED_OVER_BEGIN) or _GENERATED.fullmatch(part) for part in parts[-1:]
    )


def _zip_names(members: list[zipfile.ZipInfo]) -> list[str]:
    """The names of members: without the flag for UTF-8 they are in the encoding of whoever packed them.

    It is decided once for all names that are not in UTF-8: one alone may be too short to tell.
    """
    raw: dict[int, bytes] = {}
    names: list[str] = []
    for number, member in enumerate(members):
        name = member.orig_filename
        written = name.encode("utf-8" if member.flag_bits & _UTF8_FLAG else "cp437", "replace")
        if unicode_name := _unicode_path(member.extra, written):
            name = unicode_name
        elif not member.flag_bits & _UTF8_FLAG and not name.isascii():
            raw[number] = written
        names.append(one_line(name.replace("\\", "/"), 1000))
    try:
        text = decode(b"\n".join(raw.values()))[0].split("\n") if raw else []
    except ReadError:
        text = []
    if len(text) == len(raw):
        for number, name in zip(raw, text, strict=True):
            names[number] = one_line(name.replace("\\", "/"), 1000)
    return names


def _unicode_path(extra: bytes, name: bytes) -> str:
    """The name in UTF-8 that some programs write beside the other one.

    Args:
        extra: The extra fields of a member.
        name: The other name as it is written. A program that renames a member and does not know of the field leaves
            the old name there, with a checksum that fits no more.

    Returns:
        The name; "" where there is none that belongs to this one.
    """
    at = 0
    while at + 4 <= len(extra):
        kind, length = int.from_bytes(extra[at : at + 2], "little"), int.from_bytes(extra[at + 2 : at + 4], "little")
        field = extra[at + 4 : at + 4 + length]
        if kind == _UNICODE_PATH and length > 5 and field[0] == 1:
            if int.from_bytes(field[1:5], "little") == zlib.crc32(name):
                return field[5:].decode("utf-8", "ignore")
            return ""
        at += 4 + length
    return ""


def _readable(name: bytes) -> str:
    try:
        return one_line(decode(name)[0], 1000)
    except ReadError:
        return one_line(name.decode("utf-8", "replace"), 1000)
