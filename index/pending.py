"""Vectors and terms of passages that are new in a transaction, until it is committed."""

import sqlite3
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sakuin.index import store
from sakuin.index.errors import IndexFolderError
from sakuin.index.store.schema import batched
from sakuin.index.terms import TermsWriter
from sakuin.index.text.workers import Analysers
from sakuin.index.vectors import Part, Segment, segment_files, sha256_of, to_merge, write_segment

# Vectors held in memory; more go to a file.
SPOOLED_FROM = 131_072


class PendingVectors:
    """New vectors; however many they are, memory holds only the last of them."""

    def __init__(self, folder: Path) -> None:
        """Of the segments in ``folder``; nothing is written yet."""
        self._folder = folder
        self._parts: list[Part] = []
        # So many of these are in files.
        self._spooled = 0

    def __len__(self) -> int:
        return sum(len(ids) for ids, _ in self._parts)

    def add(self, ids: NDArray[np.int64], rows: NDArray[np.int8]) -> None:
        """Add vectors.

        Args:
            ids: int64 (n,), of passages; none may come twice.
            rows: int8 (n, dim), their vectors.
        """
        self._parts.append((ids, rows))
        held = self._parts[self._spooled :]
        if sum(len(rows) for _, rows in held) >= SPOOLED_FROM:
            path = self._folder / f"spool-{self._spooled:04d}.npy"
            path.parent.mkdir(exist_ok=True)
            np.save(path, np.concatenate([rows for _, rows in held]), allow_pickle=False)
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
            self._parts[self._spooled :] = [(np.concatenate([ids for ids, _ in held]), mapped)]
            self._spooled += 1

    def clear(self) -> None:
        """Let go of all of them; the next sweep removes their files."""
        self._parts, self._spooled = [], 0

    def write(
        self,
        connection: sqlite3.Connection,
        names: Sequence[str],
        *,
        name: str,
        gone: NDArray[np.int64],
        merge_all: bool,
        checksums: Mapping[str, str],
    ) -> tuple[list[str], int, list[Path]]:
        """Write them as a segment, together with those of segments that they are merged with.

        Args:
            connection: To the database, in the transaction.
            names: Of the segments that are committed, oldest first.
            name: Of the new segment.
            gone: int64 (n,), ascending: passages that stand nowhere any more.
            merge_all: Make one segment of all.
            checksums: SHA-256 of the committed files, by their paths in the index folder.

        Returns:
            The segments that count from now on, the vectors in them that count, and the segments' files.

        Raises:
            IndexFolderError: a segment that is to be merged is not as it was written.
        """
        new = [without(part, gone) for part in self._parts]
        new_ids = np.concatenate([np.zeros(0, np.int64), *(ids for ids, _ in self._parts)])
        store.note_removed(connection, np.setdiff1d(gone, new_ids).tolist())
        removed = store.removed_passages(connection)
        segments = [Segment(self._folder, name, removed, with_codes=False) for name in names]
        added = sum(len(ids) for ids, _ in new)
        sizes = [(len(segment.ids), len(segment.ids) - segment.live) for segment in segments]
        chosen = range(len(sizes)) if merge_all else to_merge([*sizes, *([(added, 0)] if added else [])])
        old = [segments[i] for i in chosen if i < len(segments)]
        for segment in old:
            self._check(segment, checksums)
        parts = [part for part in (*(segment.part() for segment in old), *new) if len(part[0])]
        kept = [segment.name for segment in segments if segment not in old]
        if old:
            dead = np.concatenate([segment.ids[segment.dead] for segment in old])
            store.forget_removed(connection, dead.tolist())
        files = [path for name in kept for path in segment_files(self._folder, name)]
        if parts:
            files += write_segment(self._folder, name, parts)
            kept.append(name)
        return kept, sum(segment.live for segment in segments) + added, files

    def _check(self, segment: Segment, checksums: Mapping[str, str]) -> None:
        """A damaged segment would be whole again once it is merged, with what is wrong in it."""
        for path in segment_files(self._folder, segment.name):
            noted = checksums.get(f"{self._folder.name}/{path.name}")
            if noted is not None and sha256_of(path) != noted:
                raise IndexFolderError(
                    f"{path} has changed since it was written, so nothing can be merged with it. `index repair` makes "
                    f"it anew from the documents."
                )


class PendingTerms:
    """New passages on their way to a generation of terms: many are analysed by processes beside this one.

    Args:
        writer: Gives what writes the generation.
    """

    def __init__(self, writer: Callable[[], TermsWriter]) -> None:
        """Start no process yet: a few passages need none."""
        self._writer = writer
        self._analysers: Analysers | None = None
        self._analysed: deque[tuple[Sequence[int], Future[list[str]]]] = deque()

    def add(self, passage_ids: Sequence[int], texts: Sequence[str], *, many: bool) -> None:
        """Add passages by their ids; ``many`` where so many come that processes are worth their start."""
        if many and sys.executable:
            self._analysers = self._analysers or Analysers()
        if not self._analysers:
            self._writer().add(passage_ids, texts)
            return
        # The last ones, which are fewer, are shared out, or some processes would wait for one.
        size = len(texts) if many else -(-len(texts) // self._analysers.number)
        for some, their_texts in zip(batched(passage_ids, size), batched(texts, size), strict=True):
            self._analysed.append((some, self._analysers.submit(their_texts)))

    def drain(self, *, all_of_them: bool = False) -> None:
        """Take over what has been analysed, and wait where so much is under way that no process would be idle."""
        # More would only be held in memory.
        most = 0 if all_of_them or not self._analysers else 2 * self._analysers.number
        while self._analysed and (len(self._analysed) > most or self._analysed[0][1].done()):
            passage_ids, terms = self._analysed.popleft()
            self._writer().add_analysed(passage_ids, terms.result())

    def clear(self) -> None:
        """Let go of all of them."""
        self._analysed.clear()

    def close(self) -> None:
        """End the processes."""
        if self._analysers:
            self._analysers.close()


def without(part: Part, gone: NDArray[np.int64]) -> Part:
    """The vectors of a part but those of some passages; the part itself, which may be mapped, where it has none."""
    ids, rows = part
    keep = ~np.isin(ids, gone)
    return part if keep.all() else (ids[keep], rows[keep])
