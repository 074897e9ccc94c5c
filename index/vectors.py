"""Vectors of passages: immutable segments of float16 rows, searched exactly by FAISS at any dimension up to theirs.

Matryoshka vectors are prefixes, so the one stored matrix serves every smaller dimension: a search at d numbers compares
the first d of each row, scaled to length 1.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedder.model import normalize_rows
from index.errors import IndexFolderError

if TYPE_CHECKING:
    import faiss

# Rows turned to float32 at a time: bounds the memory that opening an index takes beyond the FAISS index itself.
ROWS_AT_A_TIME = 65_536
# FAISS indexes kept, each of another dimension.
MAX_FAISS = 3


def segment_files(folder: Path, name: str) -> tuple[Path, Path]:
    """The files of a segment: passage numbers and vectors."""
    return folder / f"{name}.ids.npy", folder / f"{name}.f16.npy"


def write_segment(folder: Path, name: str, ids: NDArray[np.int64], vectors: NDArray[np.float16]) -> dict[str, str]:
    """Write a segment durably; returns the SHA-256 of each file by name.

    Args:
        ids: Passage numbers (n,), ascending.
        vectors: (n, dim), of length 1 or zero.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checksums = {}
    arrays: tuple[NDArray[Any], NDArray[Any]] = (ids, vectors)
    for path, array in zip(segment_files(folder, name), arrays, strict=True):
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        checksums[path.name] = sha256_of(path)
    return checksums


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_segment(folder: Path, name: str) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
    """A segment's passage numbers and vectors, memory-mapped; raises IndexFolderError where it is damaged."""
    try:
        ids, vectors = (np.load(path, mmap_mode="r", allow_pickle=False) for path in segment_files(folder, name))
        if ids.dtype != np.int64 or vectors.dtype != np.float16 or ids.shape != vectors.shape[:1]:
            raise ValueError("its arrays do not fit together")
        return ids, vectors
    except (OSError, ValueError) as error:
        raise IndexFolderError(
            f"Vector segment {name} in {folder} is missing or damaged ({error}): delete the index folder and build it "
            f"again."
        ) from error


class Vectors:
    """The live vectors of an index.

    Attributes:
        ids: int64 (n,), passage numbers, ascending.
        rows: float16 (n, dim).
    """

    def __init__(self, folder: Path, segments: Sequence[str], removed: NDArray[np.int64], dim: int) -> None:
        """Open segments, leaving out removed passages.

        Args:
            folder: Of the segments.
            segments: Their names, oldest first.
            removed: Passage numbers whose rows no longer count.
            dim: Numbers stored of each vector.
        """
        parts = [read_segment(folder, name) for name in segments]
        if len(parts) == 1 and not len(removed):
            self.ids, self.rows = parts[0]
        else:
            kept = [~np.isin(ids, removed) for ids, _ in parts]
            self.ids = np.concatenate([np.zeros(0, np.int64), *(p[0][k] for p, k in zip(parts, kept, strict=True))])
            self.rows = np.concatenate(
                [np.zeros((0, dim), np.float16), *(p[1][k] for p, k in zip(parts, kept, strict=True))]
            )
        self.dim = dim
        self._faiss: dict[int, faiss.Index] = {}
        self._making = Lock()

    def search(self, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The passages nearest to a query.

        Args:
            query: float32 (d,), of length 1, d <= dim.
            k: At most so many.

        Returns:
            Passage numbers and cosines, best first; ties by ascending number.
        """
        if not len(self.ids):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        scores, places = self._faiss_at(len(query)).search(query[None, :], min(k, len(self.ids)))
        found = places[0] >= 0
        ids, cosines = self.ids[places[0][found]], scores[0][found]
        order = np.lexsort((ids, -cosines))
        return ids[order], cosines[order]

    def scores(self, query: NDArray[np.float32], ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosines (n,) of a query (d,), of length 1, with given passages; 0 for passages without a vector."""
        places = np.minimum(np.searchsorted(self.ids, ids), max(len(self.ids) - 1, 0))
        known = self.ids[places] == ids if len(self.ids) else np.zeros(len(ids), bool)
        rows = self.cut(places[known], len(query))
        scores = np.zeros(len(ids), np.float32)
        scores[known] = rows @ query
        return scores

    def cut(self, places: NDArray[np.int64] | slice, d: int) -> NDArray[np.float32]:
        """float32 (n, d): the first d numbers of some rows, scaled to length 1."""
        rows = self.rows[places, :d].astype(np.float32)
        normalize_rows(rows)
        return rows

    def _faiss_at(self, d: int) -> "faiss.Index":
        """The FAISS index over the first d numbers, made when first asked for; the last few are kept."""
        with self._making:
            if d not in self._faiss:
                import faiss

                index = faiss.IndexFlatIP(d)
                for start in range(0, len(self.ids), ROWS_AT_A_TIME):
                    index.add(self.cut(slice(start, start + ROWS_AT_A_TIME), d))
                while len(self._faiss) >= MAX_FAISS:
                    del self._faiss[next(iter(self._faiss))]
                self._faiss[d] = index
            return self._faiss[d]
