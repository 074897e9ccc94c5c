"""Sources of training pairs: JSON Lines files, plain or Zstandard-compressed."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import zstandard

from training.errors import TrainingError

SUFFIXES = (".jsonl", ".jsonl.zst")


@dataclass(frozen=True)
class Source:
    """One file of pairs and how a run uses it.

    Attributes:
        name: File name without its suffix; the model card lists it.
        path: The file, ``.jsonl`` or ``.jsonl.zst``, one ``{"query", "passage"}`` object a line.
        cap: At most this many pairs are read, from the start of the file.
        weight: Factor on the share of batches that come from this source.
    """

    name: str
    path: Path
    cap: int
    weight: float = 1.0


def find_source(folder: Path, name: str) -> Path:
    """The file of source ``name`` in ``folder``; raises TrainingError naming what was looked for."""
    for suffix in SUFFIXES:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    wanted = " or ".join(f"{name}{suffix}" for suffix in SUFFIXES)
    raise TrainingError(f"No {wanted} in {folder}: correct the source's name or `data` in the recipe.")


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a plain or Zstandard-compressed file, as bytes."""
    try:
        with path.open("rb") as raw:
            if path.suffix == ".zst":
                with zstandard.ZstdDecompressor().stream_reader(raw) as stream:
                    yield from io.BufferedReader(stream, 1 << 20)
            else:
                yield from raw
    except zstandard.ZstdError as error:
        raise TrainingError(f"{path} is not a whole Zstandard file ({error}): fetch or make it again.") from error
    except OSError as error:
        raise TrainingError(f"Cannot read {path}: {error.strerror or error}.") from error


def read_pairs(path: Path, cap: int) -> tuple[list[str], list[str]]:
    """At most ``cap`` (query, passage) pairs of a file, as two lists of equal length.

    Raises:
        TrainingError: a line is not a JSON object with two non-empty strings; the message names the line.
    """
    queries: list[str] = []
    passages: list[str] = []
    for number, line in enumerate(read_lines(path), 1):
        if len(queries) >= cap:
            break
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
            query, passage = record["query"], record["passage"]
            if not (query.strip() and passage.strip()):
                raise ValueError("an empty text")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError(
                f"{path}, line {number}: not a pair ({error!r}). Each line must be a JSON object with the "
                f'non-empty strings "query" and "passage"; correct or remove the line.'
            ) from error
        queries.append(query)
        passages.append(passage)
    return queries, passages
