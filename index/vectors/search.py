"""Searches the vectors of an index: by codes and exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sakuin.index.vectors.codes import rescored_at
from sakuin.index.vectors.rows import gathered, scored, unit_rows
from sakuin.index.vectors.segment import Segment


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Which vectors of an index a search is kept to.

    Attributes:
        coded: bool (n,), rows of each segment with codes.
        plain: bool (n,), rows of all other segments together; None where there are no such segments.
    """

    coded: tuple[NDArray[np.bool_], ...]
    plain: NDArray[np.bool_] | None


class Vectors:
    """The vectors of an index.

    Attributes:
        segments: All that are committed, oldest first.
        dim: Dimensions of each vector; 0 where there are none.
    """

    def __init__(self, folder: Path, segments: Sequence[str], removed: NDArray[np.int64]) -> None:
        """Open segments.

        Args:
            folder: Of the segments.
            segments: Their names, oldest first.
            removed: Passages that count no more, ascending.
        """
        self.segments = [Segment(folder, name, removed) for name in segments]
        self._coded = [segment for segment in self.segments if segment.codes is not None]
        plain = [segment.part() for segment in self.segments if segment.codes is None]
        self._plain = (
            (np.concatenate([ids for ids, _ in plain]), np.concatenate([rows for _, rows in plain])) if plain else None
        )
        self.dim = max((segment.rows.shape[1] for segment in self.segments), default=0)

    def __len__(self) -> int:
        """Vectors that count."""
        return sum(segment.live for segment in self.segments)

    @property
    def ids(self) -> NDArray[np.int64]:
        """int64 (n,): ids of all passages whose vectors count, ascending."""
        return np.sort(np.concatenate([np.zeros(0, np.int64), *(s.ids[~s.dead] for s in self.segments)]))

    def chosen(self, ids: NDArray[np.int64]) -> Chosen:
        """Those of the passages (m,) that have vectors that count, for `search`."""
        coded = []
        for segment in self._coded:
            indices, known = segment.locate(ids)
            rows = np.zeros(len(segment.ids), np.bool_)
            rows[indices[known]] = True
            coded.append(rows & ~segment.dead)
        return Chosen(tuple(coded), None if self._plain is None else np.isin(self._plain[0], ids))

    def search(
        self, query: NDArray[np.float32], k: int, rescored: int | None = None, within: Chosen | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The passages nearest to a query.

        Args:
            query: float32 (d,), of length 1, d <= dim.
            k: At most so many.
            rescored: How many of the coded segments' rows to compare exactly: more finds more of the true nearest, and
                takes longer; None for `rescored_at` the query's dimension.
            within: Search only these; None for all.

        Returns:
            Ids int64 (n,) and cosines float32 (n,) of passages, best first; ties by ascending id.
        """
        wanted = max(k, rescored or rescored_at(len(query), self.dim))
        rows = within.coded if within else [None] * len(self._coded)
        candidates = [
            segment.candidates(query, wanted, chosen) for segment, chosen in zip(self._coded, rows, strict=True)
        ]
        # Segments all of whose chosen rows are compared say nothing of how near those of the others must be.
        least = nth_best([cosines[np.isfinite(cosines)] for _, cosines in candidates], wanted)
        found = [
            scored(segment.ids, segment.rows, indices[cosines >= least], query)
            for segment, (indices, cosines) in zip(self._coded, candidates, strict=True)
        ]
        if self._plain is not None and len(self._plain[0]):
            compared = None if within is None else within.plain
            every = np.arange(len(self._plain[0]))
            found.append(scored(*self._plain, every if compared is None else every[compared], query))
        ids = np.concatenate([np.zeros(0, np.int64), *(ids for ids, _ in found)])
        cosines = np.concatenate([np.zeros(0, np.float32), *(cosines for _, cosines in found)])
        best = cosines >= nth_best([cosines], k)
        ids, cosines = ids[best], cosines[best]
        order = np.lexsort((ids, -cosines))[:k]
        return ids[order], cosines[order]

    def scores(self, query: NDArray[np.float32], ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosines, float32 (n,), of a query (d,), of length 1, with given passages; 0 for those without a vector."""
        scores = np.zeros(len(ids), np.float32)
        for segment, indices, known in self._located(ids):
            scores[known] = scored(segment.ids, segment.rows, indices[known], query)[1]
        return scores

    def rows(self, ids: NDArray[np.int64], d: int) -> NDArray[np.float32]:
        """float32 (n, d): the first d dimensions of passages' vectors, scaled to length 1; zero for unknown ones."""
        rows = np.zeros((len(ids), d), np.float32)
        for segment, indices, known in self._located(ids):
            rows[known] = unit_rows(segment.rows, indices[known], d)
        return rows

    def sample(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ``most`` lowest passage ids, int64 (n,), ascending, and their vectors, float32 (n, dim), of length 1.

        A passage_id is a hash, so these are a random sample, and stay in it when others are added or segments merged.
        """
        parts = []
        for segment in self.segments:
            indices = np.flatnonzero(~segment.dead)[:most]
            parts.append((segment.ids[indices], segment.rows[indices]))
        if not parts:
            return np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
        ids = np.concatenate([ids for ids, _ in parts])
        order = np.argsort(ids)[:most]
        return ids[order], unit_rows(gathered(parts, order), slice(None), parts[0][1].shape[1])

    def _located(self, ids: NDArray[np.int64]) -> Iterator[tuple[Segment, NDArray[np.int64], NDArray[np.bool_]]]:
        """Each segment with the row indices of passages, and which have a row in it."""
        for segment in self.segments:
            indices, known = segment.locate(ids)
            known[known] &= ~segment.dead[indices[known]]
            if known.any():
                yield segment, indices, known


def nth_best(lists: Sequence[NDArray[np.float32]], n: int) -> float:
    """The n-th highest of some lists together; all are higher than -inf where there are fewer."""
    together = np.concatenate([np.zeros(0, np.float32), *lists])
    return float(np.partition(together, -n)[-n]) if len(together) > n else -np.inf
