"""Which reader a file is read by: somebody's own for its suffix, else ours for it, else that of what is in it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import cast

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.file_types import BY_OCR, READERS
from sakuin.index.readers.content import HEAD_BYTES, reader_by_content
from sakuin.index.readers.files import file_size, os_detail
from sakuin.index.readers.language import detected
from sakuin.index.readers.plain import one_line
from sakuin.index.readers.source import Source
from sakuin.index.reasons import Reason

Reader = Callable[[Source], Iterable[Document | Skipped]]

ENTRY_POINTS = "sakuin.readers"
"""The group in which an installed package names its own readers, by suffix: ``dwg = "package.module:read"``."""


def read_file(path: Path, uri: str) -> Iterator[Document | Skipped]:
    """Read the documents of one file, in the file's order.

    Args:
        path: The file. Its suffix, in any case, says how it is read; where that is not known, its first bytes do.
        uri: The file's name in the index; documents inside a table or a JSON Lines file get it with ``#...``, those
            in an archive or a mail with ``!/...``.

    Yields:
        Documents, and a ``Skipped`` for each row, line, page or member that was left out.

    Raises:
        ReadError: If the file cannot be read, is too large, or has no text. Raised while iterating.
    """
    yield from read_source(Source(uri=uri, path=path))


def read_source(source: Source, module: str | None = None) -> Iterator[Document | Skipped]:
    """Read the documents of a file or of what was unpacked from one; as `read_file`.

    Args:
        source: The file.
        module: What `module_of` says of it, where that was asked already.
    """
    reader = reader_of(source, module)
    try:
        for item in reader(source) if source.nesting else _in_time(source, reader(source)):
            yield _with_language(item) if isinstance(item, Document) and item.id == source.uri else item
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # what no reader has thought of costs that file, not the build
        raise ReadError(Reason("reader_failed", {"detail": one_line(repr(error))})) from error


def _with_language(document: Document) -> Document:
    """The document of a whole file, with its language where that is not said and is clear."""
    language = "" if "language" in document.metadata else detected(document.text)
    return replace(document, metadata={**document.metadata, "language": language}) if language else document


def _in_time(source: Source, items: Iterable[Document | Skipped]) -> Iterator[Document | Skipped]:
    """The items of a file until it has been read for as long as it may; the first in any case."""
    for number, item in enumerate(items):
        if number and (reason := source.late()):
            yield Skipped(item.uri, reason)
            return
        yield item


def require_readable(source: Source) -> None:
    """Look whether a file is of a type that is read, without reading it.

    Raises:
        ReadError: It is not, or cannot be opened.
    """
    module_of(source)


def module_of(source: Source) -> str:
    """The name of the module of `index.readers` that reads a source; "" where somebody's own reader does.

    Raises:
        ReadError: There is none, the source cannot be opened, or it is a picture and text in pictures is not asked for.
    """
    if source.suffix in own_readers():
        return ""
    module = READERS.get(source.suffix) or _module_by_content(source)
    if module == BY_OCR and not source.allowance.ocr:
        raise ReadError(Reason("picture"))
    return module


def reader_of(source: Source, module: str | None = None) -> Reader:
    """The function that reads a source, by the name of its module where that is known.

    Raises:
        ReadError: There is none, or the source cannot be opened.
    """
    module = module_of(source) if module is None else module
    if not module:
        return own_readers()[source.suffix]()
    return _own(module)


@cache
def _own(module: str) -> Reader:
    # Only the libraries of the formats at hand are imported: a folder of text files needs none of them.
    return cast(Reader, import_module(f"sakuin.index.readers.{module}").read)


@cache
def own_readers() -> dict[str, Callable[[], Reader]]:
    """What gives the readers that other installed packages bring, by suffix, in lower case and with its dot."""
    from importlib.metadata import entry_points

    return {f".{point.name.lower().lstrip('.')}": point.load for point in entry_points(group=ENTRY_POINTS)}


def _module_by_content(source: Source) -> str:
    file_size(source)
    try:
        with source.open() as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise ReadError(Reason("cannot_open", {"detail": os_detail(error)})) from error
    if module := reader_by_content(head):
        return module
    suffix = PurePosixPath(source.uri).suffix
    raise ReadError(Reason("unknown_type", {"suffix": one_line(suffix, 20)}) if suffix else Reason("no_suffix"))
