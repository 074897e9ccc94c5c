"""Vectors that a transformer gave to passages, kept in the index's folder so that each is computed once.

A file for each model, of records of equal length: passage id, vector in float16, checksum. It is written to at its end,
under a lock that nobody waits for, and read from its start: who finds half a record or one that changed passes it over.
All of it can be made again, so it may be deleted at any time, and where it cannot be written memory does.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.files import atomic_write

FOLDER = "rerank"
MOST_BYTES = 32_000_000
"""Of a file: 40,000 vectors of 384 dimensions. A fuller one keeps the newer half."""

Halves = NDArray[np.float16]


class PassageVectors:
    """The vectors of one model. The caller sees to it that threads take turns."""

    def __init__(self, folder: Path, fingerprint: str, dimension: int, *, most_bytes: int = MOST_BYTES) -> None:
        """Read what is there.

        Args:
            folder: Of the index.
            fingerprint: Of the model.
            dimension: Of its vectors.
            most_bytes: Of the file.
        """
        name = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
        self.path = folder / FOLDER / f"{name}.vectors"
        self._record = np.dtype([("id", "<i8"), ("row", "<f2", (dimension,)), ("check", "<u4")])
        self._most = max(1, most_bytes // self._record.itemsize)
        found = self._read()
        self._known: dict[int, Halves] = dict(zip(found["id"].tolist(), found["row"], strict=True))

    def get(self, passage_ids: Sequence[int]) -> dict[int, Halves]:
        """Vectors, float16 (dimension,) each, of those that are known, by passage id."""
        return {passage_id: self._known[passage_id] for passage_id in passage_ids if passage_id in self._known}

    def add(self, vectors: Mapping[int, Halves]) -> None:
        """Keep vectors, float16 (dimension,) each, by passage id."""
        self._known |= vectors
        for oldest in list(self._known)[: max(0, len(self._known) - self._most)]:
            del self._known[oldest]
        records = np.zeros(len(vectors), self._record)
        records["id"], records["row"] = list(vectors), np.array(list(vectors.values())).reshape(records["row"].shape)
        records["check"] = checksums(records)
        # Loading it takes as long as a search.
        from filelock import FileLock, Timeout

        # Another is writing, the folder is for reading only, the disk is full: then they are computed again some day.
        with suppress(OSError, Timeout):
            self.path.parent.mkdir(exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=0):
                self._write(records)

    def _read(self) -> NDArray[Any]:
        """The records that are whole and as they were written, oldest first."""
        try:
            content = self.path.read_bytes()
        except OSError:
            content = b""
        records = np.frombuffer(content, self._record, len(content) // self._record.itemsize)
        whole: NDArray[Any] = records[checksums(records) == records["check"]]
        return whole[-self._most :]

    def _write(self, records: NDArray[Any]) -> None:
        size = self.path.stat().st_size if self.path.exists() else 0
        number, torn = divmod(size, self._record.itemsize)
        if torn or number + len(records) > self._most:
            kept = np.concatenate([self._read()[-(self._most // 2) :], records])[-self._most :]
            with atomic_write(self.path) as part:
                part.write_bytes(kept.tobytes())
        else:
            with self.path.open("ab") as file:
                file.write(records.tobytes())


def checksums(records: NDArray[Any]) -> NDArray[np.uint32]:
    """Sums, uint32 (n,), over the 16-bit words of records' ids and vectors, each times another odd number."""
    words = np.frombuffer(records.tobytes(), "<u2").reshape(len(records), records.itemsize // 2)[:, :-2]
    return 1 + words.astype(np.uint32) @ np.arange(1, 2 * words.shape[1], 2, dtype=np.uint32)
