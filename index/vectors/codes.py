"""Short codes of vectors: product quantisation of their prefixes, 4 bits for two or four dimensions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from sakuin.index.vectors.rows import BLOCK, synced, unit_rows

if TYPE_CHECKING:
    import faiss

CODED_PREFIX = 256
"""Dimensions of a vector that its code covers, in 32 bytes; benchmarks.structures compares others."""

CODED_BY_TWO = 128
"""Vectors of no more dimensions have 4 bits for every two; longer ones have 4 bits for four, see `code_order`."""

SHORTEST_CODED = 16
"""Vectors of fewer dimensions are always compared exactly: that is as fast as codes, and codes of so few are coarse."""

RESCORED_BY_TWO, RESCORED_BY_FOUR = 1000, 2000
"""Rows, of all coded segments together, that are compared exactly where the dimensions compared are those that codes of
two, or of four, were made for; see `rescored_at`."""

SHORT = 64
"""At fewer dimensions than these codes of two say less of them."""

TRAINED_ON = 32_768


def rescored_at(dim: int, stored: int) -> int:
    """Rows of coded segments to compare exactly, so that recall@10 is 0.98 or more (benchmarks.search).

    Codes say less where only some of the dimensions that they were made of are compared, or others too.

    Args:
        dim: Dimensions that are compared.
        stored: Dimensions of the vectors.
    """
    if stored > CODED_BY_TWO:
        # Fewer than `SHORTEST_CODED` are not worth more.
        share = max(dim, SHORTEST_CODED) / CODED_PREFIX
        return int(RESCORED_BY_FOUR * max(share, 1 / share) ** 1.25)
    return RESCORED_BY_TWO if dim >= SHORT else 5 * RESCORED_BY_TWO * SHORT // (2 * dim)


def code_shape(dim: int) -> tuple[int, int]:
    """How many dimensions of vectors of ``dim`` are coded, and in how many codes of 4 bits.

    Vectors of a size between `CODED_BY_TWO` and `CODED_PREFIX` are filled up with zeros.
    """
    return (CODED_PREFIX, CODED_PREFIX // 4) if dim > CODED_BY_TWO else (dim // 2 * 2, dim // 2)


def code_order(prefix: int, codes: int) -> NDArray[np.int64]:
    """Which dimension of a vector's prefix (prefix,) goes where before it is coded, int64 (prefix,).

    A code of four takes dimensions that stand a quarter of the prefix apart. The first say most of a Matryoshka vector,
    so they get most of each code's bits, and a search that compares only the first has something of every code.
    Codes of two are of neighbours, as all were that earlier versions wrote.
    """
    each = prefix // codes
    return np.arange(prefix) if each == 2 else np.arange(prefix).reshape(each, codes).T.ravel()


def write_codes(path: Path, rows: NDArray[np.int8]) -> None:
    """Write the codes of a segment's rows, which are in no order of meaning, so that any stretch is a sample."""
    import faiss

    dim = rows.shape[1]
    codes = faiss.IndexPQFastScan(*code_shape(dim), 4, faiss.METRIC_INNER_PRODUCT)
    with _a_core_left_over():
        codes.train(as_coded(unit_rows(rows, slice(TRAINED_ON), dim), codes))
        for start in range(0, len(rows), BLOCK):
            codes.add(as_coded(unit_rows(rows, slice(start, start + BLOCK), dim), codes))
    with path.open("wb") as file:
        file.write(faiss.serialize_index(codes).tobytes())
        synced(file)


@contextmanager
def _a_core_left_over() -> Iterator[None]:
    """FAISS with a thread less than it would take: terms are written beside it.

    Its threads wait for each other by spinning: of as many as cores one is always kept from its work by what else runs,
    and the others burn their cores until it comes.
    """
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(max(1, threads - 1))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def as_coded(vectors: NDArray[np.float32], codes: "faiss.IndexPQFastScan") -> NDArray[np.float32]:
    """The prefixes of vectors (n, any) that ``codes`` are of, float32 (n, prefix), in `code_order`."""
    shared = min(vectors.shape[1], codes.d)
    prefixes = np.zeros((len(vectors), codes.d), np.float32)
    prefixes[:, :shared] = vectors[:, :shared]
    return prefixes.take(code_order(codes.d, codes.M), axis=1)


def read_codes(path: Path) -> "faiss.IndexPQFastScan":
    """The codes of a segment.

    Raises:
        OSError: they cannot be read.
        ValueError: they are damaged.
    """
    import faiss

    try:
        # Read piece by piece: the whole file beside the index made of it would stay with the process.
        with path.open("rb") as file:
            read = faiss.read_index(faiss.PyCallbackIOReader(file.read))  # type: ignore[attr-defined]
            return cast("faiss.IndexPQFastScan", read)
    except RuntimeError as error:
        raise ValueError(f"{path.name}: {str(error)[:200]}") from error
