"""Documents that come as rows of JSON Lines and Parquet, in parts that can be read one without the other."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from sakuin.cluster.errors import ClusterError
from sakuin.cluster.places import filesystem, is_path
from sakuin.extras import missing
from sakuin.index.documents import Document
from sakuin.index.errors import DocumentError
from sakuin.index.records import documents_of

PART_BYTES = 64 << 20
"""Of a file so many bytes are read by one task."""

JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet",)
_BOM = b"\xef\xbb\xbf"
_BATCH_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a file that are read together.

    Attributes:
        uri: Of the file: an absolute path or a URI.
        start, end: Of JSON Lines, bytes: the lines that begin there. Of Parquet, row groups.
        bytes: About how much is read.
        version: What changes when the file does.
    """

    uri: str
    start: int
    end: int
    bytes: int
    version: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def parts_of(corpus: str, part_bytes: int = PART_BYTES) -> list[Part]:
    """The parts of a file of rows, or of all such files of a folder, in order of their names.

    Args:
        corpus: Path or URI.
        part_bytes: About how large a part is.

    Raises:
        ClusterError: there is none.
    """
    found = [part for file in row_files(corpus) for part in _parts_of_file(*file, part_bytes)]
    if not found:
        raise ClusterError(
            f"There are no rows in {corpus}: give a file that ends in {', '.join((*JSON_LINES, *PARQUET))}, or a "
            f"folder with such files."
        )
    return found


def row_files(corpus: str) -> list[tuple[str, int, str]]:
    """(path or URI, bytes, what changes with it) of the files of rows in a folder, or of the one that is named."""
    if is_path(corpus):
        start = Path(corpus).absolute()
        if not start.exists():
            raise ClusterError(f"There is no {corpus}: give a file of rows, or the folder that holds some.")
        paths = [start] if start.is_file() else sorted(start.rglob("*"))
        found = [(str(path), path.stat()) for path in paths if is_rows(path.name) and path.is_file()]
        return [(path, state.st_size, str(state.st_mtime_ns)) for path, state in found]
    files, root = filesystem(corpus)
    return [
        (files.unstrip_protocol(name), int(each["size"]), str(files.ukey(name)))
        for name, each in sorted(files.find(root, detail=True).items())
        if is_rows(name)
    ]


def is_rows(name: str) -> bool:
    """Whether a file holds rows, by its name."""
    return name.lower().endswith((*JSON_LINES, *PARQUET))


def documents_in(part: Part) -> Iterator[Document]:
    """The documents of a part.

    Raises:
        DocumentError: a row is no document; the message says which.
        ClusterError: the file cannot be read.
    """
    for where, record in _records_in(part):
        try:
            yield from documents_of([record])
        except DocumentError as error:
            raise DocumentError(f"{part.uri}, {where}: {error}") from error


def _parts_of_file(uri: str, size: int, version: str, part_bytes: int) -> list[Part]:
    if uri.lower().endswith(PARQUET):
        return _parts_of_parquet(uri, version, part_bytes)
    starts = range(0, size, part_bytes)
    ends = [min(start + part_bytes, size) for start in starts]
    return [Part(uri, start, end, end - start, version) for start, end in zip(starts, ends, strict=True)]


def _parts_of_parquet(uri: str, version: str, part_bytes: int) -> list[Part]:
    with opened(uri) as file:
        metadata = _parquet(uri, file).metadata
        sizes = [metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)]
    parts: list[Part] = []
    start = gathered = 0
    for number, size in enumerate(sizes):
        gathered += size
        if gathered >= part_bytes or number + 1 == len(sizes):
            parts.append(Part(uri, start, number + 1, gathered, version))
            start, gathered = number + 1, 0
    return parts


def _records_in(part: Part) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with opened(part.uri) as file:
        yield from _rows(part, file) if part.uri.lower().endswith(PARQUET) else _lines(part, file)


def _lines(part: Part, file: IO[bytes]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    # A line belongs to the part it begins in: one that begins right at the start follows a line break.
    file.seek(max(part.start - 1, 0))
    if part.start:
        file.readline()
    while (at := file.tell()) < part.end:
        line = file.readline()
        if not at:
            line = line.removeprefix(_BOM)
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DocumentError(f"{part.uri}, the line at byte {at}: it is no JSON ({error}).") from error
        yield f"the line at byte {at}", record


def _rows(part: Part, file: IO[bytes]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    table = _parquet(part.uri, file)
    number = sum(table.metadata.row_group(group).num_rows for group in range(part.start))
    groups = range(part.start, part.end)
    with _whole(part.uri):
        for batch in table.iter_batches(batch_size=_BATCH_ROWS, row_groups=list(groups)):
            for record in batch.to_pylist():
                number += 1
                yield f"row {number}", record


@contextmanager
def _whole(uri: str) -> Iterator[None]:
    """Turns what is raised in reading Parquet into our error."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise ClusterError(f"{uri} is no whole Parquet file ({error}): write it anew, or leave it out.") from error


def _parquet(uri: str, file: IO[bytes]) -> Any:
    try:
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as error:
        raise ClusterError(f"{uri} needs the extra `cluster`: {missing(error.name or 'pyarrow', 'cluster')}") from error
    with _whole(uri):
        # Those that whoever wrote it gave it.
        return ParquetFile(file, page_checksum_verification=True)


def opened(uri: str) -> AbstractContextManager[IO[bytes]]:
    """A file by its path or URI, opened for reading."""
    if is_path(uri):
        return Path(uri).open("rb")
    files, path = filesystem(uri)
    file: AbstractContextManager[IO[bytes]] = files.open(path, "rb")
    return file
