"""Sources of training texts: JSON Lines files, plain or Zstandard-compressed, and Hugging Face datasets."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson
import zstandard
from pydantic import ConfigDict

from sakuin.files import atomic_write
from sakuin.training.errors import TrainingError, write_errors

SUFFIXES = (".jsonl", ".jsonl.zst")
Kind = Literal["pairs", "spans", "distillation"]
# Of what stands in a recipe: no setting that is not known, and 60.5 is no number of steps.
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Source:
    """One source of a recipe and how a run uses it.

    Attributes:
        name: Name of its file without the suffix; the model card lists it.
        kind: "pairs" of query and passage; "spans" cut out of the passages of pairs, each to be found by the rest of
            its passage; "distillation" texts of pairs (``query`` and ``passage``, or ``sentence1`` and ``sentence2``),
            all of which a teacher is asked about and nothing else is learned of.
        file: Name of the file without its suffix, where it is not ``name``.
        cap: At most this many records are read, from the start.
        weight: Factor on the share of batches that come from this source.
        symmetric: Both sides are texts of a kind, so either may be the query.
        hub: A Hugging Face dataset instead of a file, with ``subset``, ``split`` and, where they are not the usual
            ones, ``columns`` (query, passage, negatives).
        origin, licence: For the model card.
    """

    name: str
    kind: Kind = "pairs"
    file: str = ""
    cap: int = 1_000_000
    weight: float = 1.0
    symmetric: bool = False
    hub: str = ""
    subset: str = ""
    split: str = "train"
    columns: tuple[str, ...] = ()
    origin: str = ""
    licence: str = ""
    __pydantic_config__ = STRICT


@dataclass
class Pairs:
    """Texts of a source, as parallel lists.

    Attributes:
        queries, passages: Row i of one belongs to row i of the other.
        negatives: For each row, passages that do not answer its query; may be empty lists.
    """

    queries: list[str] = field(default_factory=list)
    passages: list[str] = field(default_factory=list)
    negatives: list[list[str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.queries)


def read_source(source: Source, data: Path) -> Pairs:
    """The texts of a source.

    Args:
        source: What to read.
        data: Folder of the pair files.

    Returns:
        At most ``source.cap`` pairs.

    Raises:
        TrainingError: a missing file, or a record that cannot be used; the message names it.
    """
    if source.hub:
        return read_hub(source)
    return read_pairs(find_source(data, source.file or source.name), cap=source.cap, kind=source.kind)


def find_source(folder: Path, name: str) -> Path:
    """The file of source ``name`` in ``folder``; raises TrainingError naming what was looked for."""
    for suffix in SUFFIXES:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    wanted = " or ".join(f"{name}{suffix}" for suffix in SUFFIXES)
    raise TrainingError(f"No {wanted} in {folder}: correct the name, or the folder.")


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a plain or Zstandard-compressed file, as bytes."""
    try:
        with path.open("rb") as raw:
            if path.suffix == ".zst":
                yield from decompressed_lines(raw)
            else:
                yield from raw
    except zstandard.ZstdError as error:
        raise TrainingError(f"{path} is not a whole Zstandard file ({error}): fetch or make it again.") from error
    except OSError as error:
        raise TrainingError(f"Cannot read {path}: {error.strerror or error}.") from error


def decompressed_lines(raw: BinaryIO) -> Iterator[bytes]:
    """The lines of a Zstandard stream of any number of frames; raises ZstdError where the last is cut off."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    begun = b""
    while packed := raw.read(1 << 20):
        while packed:
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            *lines, begun = (begun + frame.decompress(packed)).split(b"\n")
            yield from lines
            packed = frame.unused_data
    if not frame.eof:
        raise zstandard.ZstdError("it ends in the middle")
    yield begun


def read_pairs(path: Path, *, cap: int, kind: Kind = "pairs") -> Pairs:
    """The records of a file.

    Args:
        path: JSON Lines, plain or compressed by Zstandard.
        cap: At most this many records are read, from the start.
        kind: Of source, which says what fields a record has.

    Returns:
        The pairs, in the order of the file.

    Raises:
        TrainingError: a line is not a JSON object with the fields of its kind, or a text is empty; the message names
            the line.
    """
    pairs = Pairs()
    for number, line in enumerate(read_lines(path), 1):
        if len(pairs) >= cap:
            break
        if number == 1:
            line = line.removeprefix(BOM_UTF8)
        if not line.strip():
            continue
        try:
            add_record(pairs, orjson.loads(line), kind)
        except ValueError as error:
            raise TrainingError(
                f"{path}, line {number}: not a pair ({error}). Each line must be a JSON object with the non-empty "
                f'strings "query" and "passage"; correct or remove the line.'
            ) from error
    return pairs


def add_record(pairs: Pairs, record: object, kind: Kind) -> None:
    """Append one record; raises ValueError where it is none of its kind."""
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    sentences = kind == "distillation" and "sentence1" in record
    names = ("sentence1", "sentence2") if sentences else ("query", "passage")
    query, passage = (text_of(name, record.get(name)) for name in names)
    negatives = record.get("negatives", [])
    if not isinstance(negatives, list):
        raise ValueError('"negatives" is no list')
    negatives = [text_of("negatives", text) for text in negatives]
    pairs.queries.append(query)
    pairs.passages.append(passage)
    pairs.negatives.append(negatives)


def text_of(name: str, value: object) -> str:
    """A text that a record has under a name; raises ValueError where it is none, or empty."""
    if not isinstance(value, str):
        raise ValueError(f'"{name}" is missing' if value is None else f'"{name}" is no text')
    if not value.strip():
        raise ValueError(f'"{name}" is an empty text')
    return value


def write_records(records: Iterable[Mapping[str, Any]], out: Path) -> int:
    """Write records as a source, Zstandard-compressed.

    Args:
        records: With the fields that `read_pairs` wants.
        out: The file.

    Returns:
        How many there were.

    Raises:
        TrainingError: it cannot be written.
    """
    number = 0
    packer = zstandard.ZstdCompressor(level=10)
    with write_errors(out), atomic_write(out) as part, part.open("wb") as raw, packer.stream_writer(raw) as packed:
        for record in records:
            packed.write(orjson.dumps(record) + b"\n")
            number += 1
    return number


def write_pairs(pairs: Iterable[tuple[str, str]], out: Path) -> int:
    """Write pairs of a query and a passage as a source; see `write_records`."""
    return write_records(({"query": query, "passage": passage} for query, passage in pairs), out)


def read_hub(source: Source) -> Pairs:
    """At most ``cap`` pairs of a Hugging Face dataset."""
    from sakuin.training.hub import load_rows, pairs_of

    pairs = Pairs()
    rows = load_rows(source.hub, subset=source.subset or None, split=source.split)
    found = pairs_of(rows, source.columns or None, where=f"{source.hub} {source.subset}".strip())
    for query, passage, negatives in islice(found, source.cap):
        pairs.queries.append(query)
        pairs.passages.append(passage)
        pairs.negatives.append(list(negatives))
    return pairs
