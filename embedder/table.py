"""The embedding table: rows of float32, float16 or scaled int8, memory-mapped from a safetensors file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.errors import ModelError

DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I8": np.dtype("i1")}
# Read whole and made float32: numpy has no bfloat16, and what sums rows reads no float64.
WIDENED = "BF16"
CONVERTED: dict[str, np.dtype[Any]] = {WIDENED: np.dtype("<u2"), "F64": np.dtype("<f8")}
# Of the rows that tokens share in model2vec's files.
INTEGERS: dict[str, np.dtype[Any]] = {
    **{f"I{8 * size}": np.dtype(f"<i{size}") for size in (2, 4, 8)},
    **{f"U{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
}
READ_DTYPES = DTYPES | CONVERTED | INTEGERS
# The first name is sentence-transformers' own, the second that of model2vec's files.
WEIGHT_NAMES = ("embedding.weight", "embeddings")
SCALE_NAME = "embedding.scale"
MAPPING_NAME, TOKEN_WEIGHTS_NAME = "mapping", "weights"
READ_NAMES = (*WEIGHT_NAMES, SCALE_NAME, MAPPING_NAME, TOKEN_WEIGHTS_NAME)
MAX_FOLDED_BYTES = 4 * 1024**3
"""Of a table that is made in memory: where tokens share rows, a file of a few megabytes may stand for any size."""

MAX_HEADER_BYTES = 100_000_000
TYPES_OF_TABLES = f"tables of {', '.join([*DTYPES, *CONVERTED])} can be read here: save the model as one of these"


class Table:
    """A (rows, dimension) matrix, read row by row as float32 without loading the rest.

    Attributes:
        values: float32, float16 or int8 (rows, dimension), usually a read-only memory map.
        scale: float32 (rows,), what int8 rows are multiplied by; None for float rows.
        file: What the table was read from; None where it is in memory alone.
    """

    def __init__(
        self, values: NDArray[Any], scale: NDArray[np.float32] | None = None, file: Path | None = None
    ) -> None:
        self.values = values
        self.scale = scale
        self.file = file

    @classmethod
    def open(cls, path: Path) -> "Table":
        """Map the table of a ``model.safetensors``; raises ModelError where it has none that can be read."""
        tensors = map_safetensors(path)
        name = next((name for name in WEIGHT_NAMES if name in tensors), None)
        if name is None:
            raise ModelError(f"{path} holds no {WEIGHT_NAMES[0]}: it is not a static embedding model.")
        values, scale = tensors[name], tensors.get(SCALE_NAME)
        if values.ndim != 2 or 0 in values.shape:
            raise ModelError(f"{path}: {name} has shape {values.shape}, a (rows, dimension) table was expected.")
        if values.dtype not in DTYPES.values():
            raise ModelError(f"{path}: {name} holds numbers of type {values.dtype}; {TYPES_OF_TABLES}.")
        if name != WEIGHT_NAMES[0]:
            values, scale = _of_model2vec(path, tensors, values)
        if (values.dtype == np.int8) != (scale is not None) or (scale is not None and len(scale) != len(values)):
            raise ModelError(f"{path}: int8 rows need one {SCALE_NAME} each, and only they do.")
        if scale is not None:
            check_finite(scale)
        return cls(values, None if scale is None else np.asarray(scale, np.float32), path)

    @property
    def dimension(self) -> int:
        """How many dimensions a row has."""
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, ids: NDArray[np.int64], dimension: int) -> NDArray[np.float32]:
        """float32 (ids, dimension): the first ``dimension`` dimensions of some rows."""
        picked = self.values[ids, :dimension].astype(np.float32)
        if self.scale is None:
            check_finite(picked)
        else:
            picked *= self.scale[ids, None]
        return picked

    def prefix(self, dimension: int) -> NDArray[np.float32]:
        """float32 (rows, dimension): the first ``dimension`` dimensions of every row."""
        table = self.values[:, :dimension].astype(np.float32)
        if self.scale is None:
            check_finite(table)
        else:
            table *= self.scale[:, None]
        return table

    def digest(self) -> bytes:
        """Hash of the stored values and their type."""
        digest = hashlib.sha256(f"{self.values.dtype.str}{self.values.shape}".encode())
        digest.update(np.ascontiguousarray(self.values).data)
        if self.scale is not None:
            digest.update(np.ascontiguousarray(self.scale).data)
        return digest.digest()

    def as_int8(self) -> "Table":
        """The same table with each row rounded to int8 times a scale of its own."""
        return Table(*int8_rows(self.prefix(self.dimension)))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Names and arrays as they stand in a safetensors file."""
        named = {WEIGHT_NAMES[0]: np.ascontiguousarray(self.values)}
        if self.scale is not None:
            named[SCALE_NAME] = self.scale
        return named


def _of_model2vec(
    path: Path, tensors: Mapping[str, NDArray[Any]], values: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
    """A table with a row for each token, and the scale of int8 rows, as sentence-transformers makes it.

    Token i has row ``mapping[i]``, or i where there is no mapping, times ``weights[i]`` where there are weights. The
    int8 rows of model2vec have one scale for all, which it leaves out: vectors have the direction that they should.

    Raises:
        ModelError: the parts do not fit together, or the table would be too large for the memory.
    """
    mapping, weights = tensors.get(MAPPING_NAME), tensors.get(TOKEN_WEIGHTS_NAME)
    if mapping is not None:
        if mapping.ndim != 1 or mapping.dtype.kind not in "iu" or not len(mapping):
            raise ModelError(f"{path}: {MAPPING_NAME} is no list of rows: fetch the model again.")
        if int(mapping.min()) < 0 or int(mapping.max()) >= len(values):
            raise ModelError(f"{path}: {MAPPING_NAME} names rows that are not there: fetch the model again.")
        if len(mapping) * values[0].nbytes > MAX_FOLDED_BYTES:
            raise ModelError(f"{path}: with a row for each of {len(mapping):,} tokens the table is too large.")
        values = values[mapping]
    if weights is not None and (weights.shape != (len(values),) or weights.dtype.kind != "f"):
        raise ModelError(f"{path}: {TOKEN_WEIGHTS_NAME} are not one number a token: fetch the model again.")
    if values.dtype == np.int8:
        return values, np.ones(len(values), np.float32) if weights is None else np.asarray(weights, np.float32)
    if weights is None:
        return values, tensors.get(SCALE_NAME)
    if values.nbytes > MAX_FOLDED_BYTES:
        raise ModelError(f"{path}: a table of {values.nbytes:,} bytes is too large to be weighed.")
    return (values * weights[:, None]).astype(values.dtype), None


def as_float32(path: Path, stored: NDArray[Any], dtype: str) -> NDArray[np.float32]:
    """A tensor of one of the types in `CONVERTED`, as float32 of the same shape (rows, dim), in memory.

    Raises:
        ModelError: it is too large for that.
    """
    if 4 * stored.size > MAX_FOLDED_BYTES:
        raise ModelError(f"{path}: a table of {4 * stored.size:,} bytes in float32 is too large to be made of {dtype}.")
    if dtype == WIDENED:
        # The upper half of a float32.
        widened = stored.astype("<u4")
        widened <<= 16
        return widened.view("<f4")
    with np.errstate(over="ignore"):
        return stored.astype("<f4")


def check_finite(values: NDArray[Any]) -> None:
    """Raises ModelError where a table holds what is no number: every vector, score and figure would be none either."""
    if not np.isfinite(values).all():
        raise ModelError("The model's table holds inf or NaN, as of a training that diverged: fetch or train it again.")


def int8_rows(rows: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Rows as int8 (n, d), the largest number of each 127 or -127, and what to multiply them by, float32 (n,)."""
    scale = np.abs(rows).max(axis=1) / 127
    scale[scale == 0] = 1
    return np.rint(rows / scale[:, None]).astype(np.int8), scale.astype(np.float32)


def map_safetensors(path: Path) -> Mapping[str, NDArray[Any]]:
    """Read-only memory maps of the tensors in a safetensors file that a model is read from; float32 copies of some.

    The library's own reader copies whole tensors; one query needs a dozen rows of 33 million values. The format: 8
    bytes little-endian header length, a JSON header with byte ranges, the bytes. Those of `CONVERTED` types are copied.

    Raises:
        ModelError: the file is missing, cut short, or of a type this software does not read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                raise ValueError("its header's length is impossible")
            header = json.loads(file.read(length))
        start = 8 + length
        tensors: dict[str, NDArray[Any]] = {}
        for name, entry in header.items():
            if name not in READ_NAMES:
                continue
            begin, end = entry["data_offsets"]
            shape: tuple[int, ...] = tuple(entry["shape"])
            dtype = READ_DTYPES.get(entry["dtype"])
            if dtype is None:
                raise ModelError(f"{path}: {name} holds numbers of type {entry['dtype']}; {TYPES_OF_TABLES}.")
            if not 0 <= begin <= end <= size - start or end - begin != dtype.itemsize * int(np.prod(shape)):
                raise ValueError(f"{name} does not fit into the file")
            if begin == end:
                tensors[name] = np.empty(shape, dtype)
                continue
            mapped = np.memmap(path, dtype, "r", offset=start + begin, shape=shape)
            tensors[name] = as_float32(path, mapped, entry["dtype"]) if entry["dtype"] in CONVERTED else mapped
        return tensors
    except OSError as error:
        raise ModelError(f"Cannot read {path}: {error.strerror or error}. Fetch or train the model again.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is damaged or no safetensors file ({error}): fetch the model again.") from error
