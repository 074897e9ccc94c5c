"""Text from pictures, by an installed tesseract: a program of its own, within the time and memory of its file.

Japanese and English are looked for together; where that gives little sense, columns of vertical Japanese are.
"""

import math
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from sakuin.index.errors import ReadError
from sakuin.index.readers.memory import leave_the_rest
from sakuin.index.readers.source import Deadline
from sakuin.index.reasons import Reason

_PROGRAMS = (
    "tesseract",
    # Where installers put it without naming it to the shell.
    "/opt/homebrew/bin/tesseract",
    r"C:\Program Files\Tesseract-OCR\tesseract.exe",
)
_WANTED = ("jpn", "eng")
_VERTICAL = "jpn_vert"
_DIRECTIONS = "osd"
_UPRIGHT, _COLUMN, _ANY_WAY = "3", "5", "1"
"""How tesseract takes a page apart: as it stands, as one block of vertical lines, and turned as it has to be."""

_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"BM", b"P5 ")
_RIFF, _WEBP = b"RIFF", b"WEBP"

_DOUBTFUL = 75.0
"""Tesseract's confidence, of 100, below which a page may be in vertical lines."""

_SURE = 50.0
"""That below which a line is no text: what is seen in photographs and shades."""

_SENSE = 40.0
"""That below which there is no text on a page at all."""

_WORD = "5"
"""The level of a row of tesseract's table that is a word."""

_CJK = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
_SPACE_IN_CJK = re.compile(f"(?<=[{_CJK}]) +(?=[{_CJK}])")


@dataclass(slots=True)
class Seen:
    """What is read on one page of a picture: its paragraphs, of lines, and how sure that is, from 0 to 100."""

    blocks: list[list[str]] = field(default_factory=list)
    sure: float = 0.0


def program() -> str | None:
    """Where tesseract is; None where it is not installed."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def pages_of(picture: bytes, deadline: Deadline | None = None, *, dots_per_inch: int = 0) -> list[list[list[str]]]:
    """Read a picture: of each of its pages the paragraphs, and of each paragraph its lines.

    Args:
        picture: A file as tesseract reads it: PNG, JPEG, TIFF, WebP, BMP or PNM.
        deadline: When to stop; None for never.
        dots_per_inch: In which it was made; 0 for what it says itself.

    Raises:
        ReadError: Tesseract or its languages are not installed, it takes too long, or cannot read the picture.
    """
    if not _is_picture(picture):
        raise ReadError(Reason("ocr_failed"))
    path = program()
    if path is None:
        raise ReadError(Reason("needs_tesseract"))
    known = _languages(path)
    languages = [each for each in _WANTED if each in known]
    if not languages:
        raise ReadError(Reason("needs_tesseract"))
    way = _ANY_WAY if _DIRECTIONS in known else _UPRIGHT
    pages = _recognised(path, picture, "+".join(languages), way, deadline=deadline, dots_per_inch=dots_per_inch)
    if _VERTICAL in known and any(0 < page.sure < _DOUBTFUL for page in pages):
        others = _recognised(path, picture, _VERTICAL, _COLUMN, deadline=deadline, dots_per_inch=dots_per_inch)
        pages = [max(pair, key=lambda page: page.sure) for pair in zip(pages, others, strict=False)]
    return [page.blocks for page in pages]


def _is_picture(data: bytes) -> bool:
    """Whether a file begins as a picture: what does not, tesseract takes for the names of pictures, and reads those."""
    return data.startswith(_PICTURES) or (data.startswith(_RIFF) and data[8:12] == _WEBP)


@cache
def _languages(path: str) -> frozenset[str]:
    try:
        listed = subprocess.run([path, "--list-langs"], capture_output=True, timeout=60, check=True, text=True).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return frozenset()
    return frozenset(listed.split())


def _recognised(
    path: str, picture: bytes, languages: str, way: str, *, deadline: Deadline | None, dots_per_inch: int
) -> list[Seen]:
    command = [path, "stdin", "stdout", "-l", languages, "--psm", way, "-c", "preserve_interword_spaces=1"]
    command += ["--dpi", str(dots_per_inch)] if dots_per_inch else []
    left = max(deadline.at - time.monotonic(), 0.0) if deadline else None
    try:
        with subprocess.Popen(
            [*command, "tsv"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Its threads wait for each other more than they work.
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        ) as process:
            megabytes = leave_the_rest(process.pid)
            try:
                table, _ = process.communicate(picture, timeout=left)
            except BaseException:
                process.kill()
                raise
    except subprocess.TimeoutExpired as error:
        assert deadline is not None
        raise ReadError(deadline.reason()) from error
    except OSError as error:
        raise ReadError(Reason("ocr_failed")) from error
    if process.returncode:
        # It ends itself where it gets no memory, and says no more of it.
        ended = process.returncode < 0 and megabytes
        raise ReadError(Reason("ocr_lacks_memory", {"megabytes": megabytes}) if ended else Reason("ocr_failed"))
    return list(_pages(table.decode("utf-8", "replace")))


def _pages(table: str) -> Iterator[Seen]:
    """The pages of tesseract's table: a row for each page, block, paragraph, line and word."""
    rows = [row.split("\t", 11) for row in table.split("\n")[1:]]
    pages: dict[str, dict[tuple[str, ...], list[tuple[str, float]]]] = {}
    for row in rows:
        if len(row) != 12:
            continue
        page = pages.setdefault(row[1], {})
        if row[0] == _WORD and row[11].strip():
            page.setdefault(tuple(row[2:5]), []).append((row[11], _number(row[10])))
    for lines in pages.values():
        yield _seen(lines)


def _number(written: str) -> float:
    try:
        value = float(written)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def _seen(lines: dict[tuple[str, ...], list[tuple[str, float]]]) -> Seen:
    page = Seen()
    paragraphs: dict[tuple[str, ...], list[str]] = {}
    sum_of_all = characters = 0.0
    for place, words in lines.items():
        length = sum(len(word) for word, _ in words)
        sure = sum(len(word) * confidence for word, confidence in words)
        sum_of_all += sure
        characters += length
        if sure >= _SURE * length:
            paragraphs.setdefault(place[:2], []).append(_joined([word for word, _ in words]))
    page.sure = sum_of_all / characters if characters else 0.0
    page.blocks = list(paragraphs.values()) if page.sure >= _SENSE else []
    return page


def _joined(words: list[str]) -> str:
    """The words of a line with spaces between them, but not between those of Japanese."""
    return _SPACE_IN_CJK.sub("", " ".join(word.strip() for word in words))
