"""Segments: immutable files of vectors in ascending order of passage_id."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sakuin.index.errors import IndexFolderError
from sakuin.index.vectors.codes import SHORTEST_CODED, as_coded, read_codes, write_codes
from sakuin.index.vectors.rows import BLOCK, Part, gathered, synced

if TYPE_CHECKING:
    import faiss

CODED_FROM = 32_768
"""Rows from which a segment has codes; comparing fewer exactly takes a millisecond."""

COMPARED_CHOSEN = 25_000
"""If a search is kept to so few rows of a coded segment, or fewer, all are compared exactly: that is as fast as looking
for them among the best codes, or faster."""


def segment_file(folder: Path, name: str, kind: str) -> Path:
    """A file of a segment: "ids.npy" (passage ids), "int8.npy" (vectors) or "codes.faiss"."""
    return folder / f"{name}.{kind}"


def segment_files(folder: Path, name: str) -> list[Path]:
    """The files that a segment has."""
    paths = [segment_file(folder, name, kind) for kind in ("ids.npy", "int8.npy", "codes.faiss")]
    return [path for path in paths if path.exists()]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_segment(folder: Path, name: str, parts: Sequence[Part]) -> list[Path]:
    """Write one durable segment of all parts, in ascending order of passage_id; returns its files.

    Args:
        folder: Of the segments.
        name: Of this one.
        parts: No passage_id may stand twice. All vectors are of one dimension.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = np.concatenate([ids for ids, _ in parts])
    order = np.argsort(ids, kind="stable")
    dim = parts[0][1].shape[1]
    paths = [segment_file(folder, name, kind) for kind in ("ids.npy", "int8.npy")]
    with paths[0].open("wb") as file:
        np.save(file, ids[order], allow_pickle=False)
        synced(file)
    with paths[1].open("wb") as file:
        header = {"descr": "|i1", "fortran_order": False, "shape": (len(ids), dim)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(ids), BLOCK):
            file.write(gathered(parts, order[start : start + BLOCK]).tobytes())
        synced(file)
    if len(ids) >= CODED_FROM and dim >= SHORTEST_CODED:
        paths.append(segment_file(folder, name, "codes.faiss"))
        write_codes(paths[-1], read_rows(paths[1]))
    return paths


def read_rows(path: Path) -> NDArray[Any]:
    """An array of a segment, memory-mapped, in its file's shape and dtype.

    It is a plain view, for numpy's own class takes longer at every step.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (EOFError, TokenError, SyntaxError, OverflowError, TypeError) as error:
        # Of what Python's own parser finds in its head.
        raise ValueError(f"{path.name} is no array: {error}") from error


class Segment:
    """A segment, open for reading.

    Attributes:
        folder, name: Of its files.
        ids: int64 (n,), ids of passages, ascending.
        rows: int8 (n, dim), memory-mapped.
        dead: bool (n,), rows that count no more.
        codes: FAISS index of the codes, None where the segment is small.
    """

    def __init__(self, folder: Path, name: str, removed: NDArray[np.int64], with_codes: bool = True) -> None:
        """Open it, with its codes if it is to be searched; raises IndexFolderError where it is missing or damaged."""
        self.folder, self.name = folder, name
        try:
            self.ids: NDArray[np.int64] = read_rows(segment_file(folder, name, "ids.npy"))
            self.rows: NDArray[np.int8] = read_rows(segment_file(folder, name, "int8.npy"))
            if self.ids.dtype != np.int64 or self.rows.dtype != np.int8 or self.ids.shape != self.rows.shape[:1]:
                raise ValueError("its arrays do not fit together")
            self.codes = self._read_codes(segment_file(folder, name, "codes.faiss")) if with_codes else None
        except (OSError, ValueError) as error:
            raise IndexFolderError(
                f"Vector segment {name} in {folder} is missing or damaged ({error}). `index repair` makes it anew from "
                f"the documents."
            ) from error
        self.dead = np.zeros(len(self.ids), np.bool_)
        indices, known = self.locate(removed)
        self.dead[indices[known]] = True

    def _read_codes(self, path: Path) -> "faiss.IndexPQFastScan | None":
        if len(self.ids) < CODED_FROM or self.rows.shape[1] < SHORTEST_CODED:
            return None
        codes = read_codes(path)
        if codes.ntotal != len(self.ids):
            raise ValueError(f"{path.name} holds {codes.ntotal} rows, not {len(self.ids)}")
        return codes

    @property
    def live(self) -> int:
        """Rows that count."""
        return len(self.ids) - int(np.count_nonzero(self.dead))

    def part(self) -> Part:
        """The rows that count, with their ids; a copy only where some do not."""
        return (self.ids[~self.dead], self.rows[~self.dead]) if self.dead.any() else (self.ids, self.rows)

    def locate(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The row indices of passages (m,), int64 (m,), and whether they have a row here at all, bool (m,)."""
        if not len(self.ids):
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        indices = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return indices, self.ids[indices] == ids

    def candidates(
        self, query: NDArray[np.float32], wanted: int, chosen: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """At least ``wanted`` rows that count, if there are so many, whose codes are nearest the query.

        Args:
            query: As in `Vectors.search`.
            wanted: How many.
            chosen: bool (n,), the rows that count; where they are few, all of them are returned. None for all that are
                not dead.

        Returns:
            Their indices int64 (m,), and cosines by their codes float32 (m,); infinite where all are returned.
        """
        assert self.codes is not None
        asked = wanted
        if chosen is not None:
            number = int(np.count_nonzero(chosen))
            if number <= max(wanted, COMPARED_CHOSEN):
                indices = np.flatnonzero(chosen)
                return indices, np.full(len(indices), np.inf, np.float32)
            # Would do if they were no rarer among the nearest than elsewhere, and a quarter for chance.
            asked = wanted * len(self.ids) * 5 // (4 * number)
        coded = as_coded(query[None, :], self.codes)
        while True:
            asked = min(asked, len(self.ids))
            (approximate,), (indices,) = self.codes.search(coded, asked)
            known = indices >= 0
            known[known] = ~self.dead[indices[known]] if chosen is None else chosen[indices[known]]
            if np.count_nonzero(known) >= wanted or asked == len(self.ids):
                return indices[known], approximate[known]
            asked *= 4
