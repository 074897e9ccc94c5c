"""Searches the vectors of an index: by codes and exactly."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sakuin.index.vectors.codes import rescored_at
from sakuin.index.vectors.rows import BLOCK, gathered, scored, unit_rows
from sakuin.index.vectors.segment import Segment

if TYPE_CHECKING:
    import faiss

MAX_KEPT = 3
"""Of the small segments' rows at one dimension each, as exact search reads them."""

FEW = 2_048
"""Rows of small segments that are compared without FAISS: importing it takes as long as a few hundred such searches."""


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
        self._flat: dict[int, faiss.Index] = {}
        self._making = Lock()

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
            found.append(self._search_plain(query, k, within.plain if within else None))
        ids = np.concatenate([np.zeros(0, np.int64), *(ids for ids, _ in found)])
        cosines = np.concatenate([np.zeros(0, np.float32), *(cosines for _, cosines in found)])
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

    def _search_plain(
        self, query: NDArray[np.float32], k: int, chosen: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Exact search of the small segments; more than k where there is a tie at the last rank."""
        assert self._plain is not None
        ids, rows = self._plain
        if len(ids) <= FEW:
            return self._search_few(query, k, chosen)
        number, only = len(ids), None
        if chosen is not None:
            number = int(np.count_nonzero(chosen))
            if not number:
                return ids[:0], np.zeros(0, np.float32)
            import faiss

            # FAISS's stubs know only the C++ signatures.
            bits = faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))  # type: ignore[call-arg, arg-type]
            only = faiss.SearchParameters(sel=bits)  # type: ignore[call-arg]
        index = self._flat_at(len(query))
        # FAISS sums in another order than `scored`: a few more are asked for, in case it takes a tie apart.
        limit = min(k + 8, number)
        while True:
            with one_core():
                approximate, indices = index.search(query[None, :], limit, params=only)
            if limit == number or approximate[0, -1] < approximate[0, min(k, limit) - 1] - 1e-6:
                return scored(ids, rows, indices[0], query)
            limit = min(limit * 4, number)

    def _search_few(
        self, query: NDArray[np.float32], k: int, chosen: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `_search_plain`, of few rows."""
        assert self._plain is not None
        ids, rows = self._plain
        ids, cosines = scored(ids, rows, np.arange(len(ids)) if chosen is None else np.flatnonzero(chosen), query)
        best = cosines >= nth_best([cosines], k)
        return ids[best], cosines[best]

    def _flat_at(self, d: int) -> "faiss.Index":
        """The FAISS index of the small segments' first d dimensions, made when asked for; the last few are kept."""
        assert self._plain is not None
        _, rows = self._plain
        with self._making:
            if d not in self._flat:
                import faiss

                index = faiss.IndexFlatIP(d)
                for start in range(0, len(rows), BLOCK):
                    index.add(unit_rows(rows, slice(start, start + BLOCK), d))
                make_room(self._flat)
                self._flat[d] = index
            return self._flat[d]


def make_room(kept: dict[int, Any]) -> None:
    """Let go of the oldest of what is kept, where there is as much as may be."""
    while len(kept) >= MAX_KEPT:
        del kept[next(iter(kept))]


@contextmanager
def one_core() -> Iterator[None]:
    """Keep FAISS to this thread: it shares even one query among all cores, and takes twice as long for it."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def nth_best(lists: Sequence[NDArray[np.float32]], n: int) -> float:
    """The n-th highest of some lists together; all are higher than -inf where there are fewer."""
    together = np.concatenate([np.zeros(0, np.float32), *lists])
    return float(np.partition(together, -n)[-n]) if len(together) > n else -np.inf
