"""Vectors of passages: immutable segments of int8 rows, searched at any dimension up to theirs.

Matryoshka vectors are prefixes, so the one stored matrix serves every smaller dimension: a search at d numbers compares
the first d of each row, scaled to length 1.

A small segment is searched exactly. A large one also has a short code for each row: product quantisation of the
vector's prefix, 4 bits for two or four numbers (Jégou et al. 2011; André et al. 2015 for the layout that is scanned in
CPU registers; faiss.IndexPQFastScan). A search scans the codes and compares the best of them exactly, from the int8
rows on disk. Cosines are always computed from those rows in one way, so which segment a row is in changes no score.

A row of int8 needs no scale beside it, for it is scaled to length 1 whenever it is compared.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.model import normalize_rows
from sakuin.embedder.table import int8_rows
from sakuin.index.errors import IndexFolderError

if TYPE_CHECKING:
    import faiss

CODED_FROM = 32_768
"""Rows from which a segment has codes; comparing fewer exactly takes a millisecond."""

CODED_PREFIX = 256
"""Numbers of a vector that its code covers, in 32 bytes; benchmarks.structures compares others."""

CODED_BY_TWO = 128
"""Vectors of no more numbers have 4 bits for every two of them; longer ones have 4 bits for four, see `code_order`."""

SHORTEST_CODED = 16
"""Vectors of fewer numbers are always compared exactly: that is as fast as codes, and codes of so few are coarse."""

RESCORED_BY_TWO, RESCORED_BY_FOUR = 1000, 2000
"""Rows, of all coded segments together, that are compared exactly where the numbers compared are those that codes of
two, or of four, were made for; see `rescored_at`."""

SHORT = 64
"""At fewer numbers than these codes of two say less of them."""

COMPARED_CHOSEN = 5_000
"""If a search is kept to so few rows of a coded segment, or fewer, all are compared exactly: that is as fast as looking
for them among the best codes."""

# Rows at a time: bounds the memory that writing and opening take beyond what is kept.
BLOCK = 65_536
TRAINED_ON = 32_768
MAX_DEAD_SHARE = 0.2
# FAISS indexes of exact search kept, each of another dimension.
MAX_FLAT = 3

Part = tuple[NDArray[np.int64], NDArray[np.int8]]
"""Contents (n,) and their vectors (n, dim), see `as_int8`."""


def rescored_at(dim: int, stored: int) -> int:
    """Rows of coded segments to compare exactly, so that recall@10 is 0.98 or more (benchmarks.search).

    Codes say less where only some of the numbers that they were made of are compared, or others too.

    Args:
        dim: Numbers that are compared.
        stored: Numbers of the vectors.
    """
    if stored > CODED_BY_TWO:
        # Fewer than `SHORTEST_CODED` are not worth more.
        share = max(dim, SHORTEST_CODED) / CODED_PREFIX
        return int(RESCORED_BY_FOUR * max(share, 1 / share) ** 1.25)
    return RESCORED_BY_TWO if dim >= SHORT else 5 * RESCORED_BY_TWO * SHORT // (2 * dim)


def code_shape(dim: int) -> tuple[int, int]:
    """How many numbers of vectors of ``dim`` are coded, and in how many codes of 4 bits.

    Vectors of numbers between `CODED_BY_TWO` and `CODED_PREFIX` are filled up with zeros.
    """
    return (CODED_PREFIX, CODED_PREFIX // 4) if dim > CODED_BY_TWO else (dim // 2 * 2, dim // 2)


def code_order(prefix: int, codes: int) -> NDArray[np.int64]:
    """Which number of a vector's prefix (prefix,) goes where before it is coded, int64 (prefix,).

    A code of four takes numbers that stand a quarter of the prefix apart. The first say most of a Matryoshka vector, so
    they get most of each code's bits, and a search that compares only the first numbers has something of every code.
    Codes of two are of neighbours, as all were that earlier versions wrote.
    """
    numbers = prefix // codes
    return np.arange(prefix) if numbers == 2 else np.arange(prefix).reshape(numbers, codes).T.ravel()


def segment_file(folder: Path, name: str, kind: str) -> Path:
    """A file of a segment: "ids.npy" (contents), "int8.npy" (vectors) or "codes.faiss"."""
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
    """Write one durable segment of all parts, in order of content; returns its files.

    Args:
        parts: No content may stand twice. All vectors are of one dimension.
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


def as_int8(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Vectors (n, dim) of any length as they are stored; docs/experiments/vectors.md has what that does to rankings."""
    return int8_rows(vectors)[0]


def gathered(parts: Sequence[Part], places: NDArray[np.int64]) -> NDArray[np.int8]:
    """Rows of the parts as if they stood one after the other."""
    rows = np.empty((len(places), parts[0][1].shape[1]), np.int8)
    start = 0
    for ids, vectors in parts:
        here = (places >= start) & (places < start + len(ids))
        rows[here] = vectors[places[here] - start]
        start += len(ids)
    return rows


def write_codes(path: Path, rows: NDArray[np.int8]) -> None:
    """Write the codes of a segment's rows, which are in no order of meaning, so that any stretch is a sample."""
    import faiss

    dim = rows.shape[1]
    codes = faiss.IndexPQFastScan(*code_shape(dim), 4, faiss.METRIC_INNER_PRODUCT)
    codes.train(as_coded(cut(rows, slice(TRAINED_ON), dim), codes))
    for start in range(0, len(rows), BLOCK):
        codes.add(as_coded(cut(rows, slice(start, start + BLOCK), dim), codes))
    with path.open("wb") as file:
        file.write(faiss.serialize_index(codes).tobytes())
        synced(file)


def as_coded(vectors: NDArray[np.float32], codes: "faiss.IndexPQFastScan") -> NDArray[np.float32]:
    """The prefixes of vectors (n, any) that ``codes`` are of, float32 (n, prefix), in `code_order`."""
    shared = min(vectors.shape[1], codes.d)
    prefixes = np.zeros((len(vectors), codes.d), np.float32)
    prefixes[:, :shared] = vectors[:, :shared]
    return prefixes.take(code_order(codes.d, codes.M), axis=1)


def synced(file: Any) -> None:
    """Make an open file's bytes durable."""
    file.flush()
    os.fsync(file.fileno())


def read_rows(path: Path) -> NDArray[Any]:
    """An array of a segment, memory-mapped; a plain view of it, for numpy's own class takes longer at every step."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


class Segment:
    """A segment, open for reading.

    Attributes:
        folder, name: Of its files.
        ids: int64 (n,), contents, ascending.
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
        places, known = self.places(removed)
        self.dead[places[known]] = True

    def _read_codes(self, path: Path) -> "faiss.IndexPQFastScan | None":
        if len(self.ids) < CODED_FROM or self.rows.shape[1] < SHORTEST_CODED:
            return None
        import faiss

        try:
            # Read piece by piece: the whole file beside the index made of it would stay with the process.
            with path.open("rb") as file:
                read = faiss.read_index(faiss.PyCallbackIOReader(file.read))  # type: ignore[attr-defined]
                codes = cast("faiss.IndexPQFastScan", read)
        except RuntimeError as error:
            raise ValueError(f"{path.name}: {str(error)[:200]}") from error
        if codes.ntotal != len(self.ids):
            raise ValueError(f"{path.name} holds {codes.ntotal} rows, not {len(self.ids)}")
        return codes

    @property
    def live(self) -> int:
        """Rows that count."""
        return len(self.ids) - int(np.count_nonzero(self.dead))

    def part(self) -> Part:
        """The rows that count, with their contents; a copy only where some do not."""
        return (self.ids[~self.dead], self.rows[~self.dead]) if self.dead.any() else (self.ids, self.rows)

    def places(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where contents (m,) stand, and whether they stand here at all."""
        if not len(self.ids):
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return places, self.ids[places] == ids

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
            Their places, and their cosines by their codes; infinite where all are returned.
        """
        assert self.codes is not None
        asked = wanted
        if chosen is not None:
            number = int(np.count_nonzero(chosen))
            if number <= max(wanted, COMPARED_CHOSEN):
                places = np.flatnonzero(chosen)
                return places, np.full(len(places), np.inf, np.float32)
            # Would do if they were no rarer among the nearest than elsewhere, and a quarter for chance.
            asked = wanted * len(self.ids) * 5 // (4 * number)
        coded = as_coded(query[None, :], self.codes)
        while True:
            asked = min(asked, len(self.ids))
            (rough,), (places,) = self.codes.search(coded, asked)
            known = places >= 0
            known[known] = ~self.dead[places[known]] if chosen is None else chosen[places[known]]
            if np.count_nonzero(known) >= wanted or asked == len(self.ids):
                return places[known], rough[known]
            asked *= 4


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
        dim: Numbers of each vector; 0 where there are none.
    """

    def __init__(self, folder: Path, segments: Sequence[str], removed: NDArray[np.int64]) -> None:
        """Open segments.

        Args:
            folder: Of the segments.
            segments: Their names, oldest first.
            removed: Contents that count no more, ascending.
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
        """int64 (n,): contents of all vectors that count, ascending."""
        return np.sort(np.concatenate([np.zeros(0, np.int64), *(s.ids[~s.dead] for s in self.segments)]))

    def chosen(self, ids: NDArray[np.int64]) -> Chosen:
        """Those of the contents (m,) that have vectors that count, for `search`."""
        coded = []
        for segment in self._coded:
            places, known = segment.places(ids)
            rows = np.zeros(len(segment.ids), np.bool_)
            rows[places[known]] = True
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
            Contents and cosines, best first; ties by ascending content.
        """
        wanted = max(k, rescored or rescored_at(len(query), self.dim))
        rows = within.coded if within else [None] * len(self._coded)
        rough = [segment.candidates(query, wanted, chosen) for segment, chosen in zip(self._coded, rows, strict=True)]
        # Segments all of whose chosen rows are compared say nothing of how near those of the others must be.
        least = nth_best([cosines[np.isfinite(cosines)] for _, cosines in rough], wanted)
        found = [
            scored(segment.ids, segment.rows, places[cosines >= least], query)
            for segment, (places, cosines) in zip(self._coded, rough, strict=True)
        ]
        if self._plain is not None and len(self._plain[0]):
            found.append(self._search_plain(query, k, within.plain if within else None))
        ids = np.concatenate([np.zeros(0, np.int64), *(ids for ids, _ in found)])
        cosines = np.concatenate([np.zeros(0, np.float32), *(cosines for _, cosines in found)])
        order = np.lexsort((ids, -cosines))[:k]
        return ids[order], cosines[order]

    def scores(self, query: NDArray[np.float32], ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosines (n,) of a query (d,), of length 1, with given passages; 0 for passages without a vector."""
        scores = np.zeros(len(ids), np.float32)
        for segment, places, known in self._located(ids):
            scores[known] = scored(segment.ids, segment.rows, places[known], query)[1]
        return scores

    def rows(self, ids: NDArray[np.int64], d: int) -> NDArray[np.float32]:
        """float32 (n, d): the first d numbers of given passages' vectors, scaled to length 1; zero for unknown ones."""
        rows = np.zeros((len(ids), d), np.float32)
        for segment, places, known in self._located(ids):
            rows[known] = cut(segment.rows, places[known], d)
        return rows

    def sample(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The lowest contents (n,), ascending, ``most`` of them at most, and their vectors (n, dim) of length 1.

        A content is a hash, so these are a random sample, and stay in it when others are added or segments merged.
        """
        parts = []
        for segment in self.segments:
            places = np.flatnonzero(~segment.dead)[:most]
            parts.append((segment.ids[places], segment.rows[places]))
        if not parts:
            return np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
        ids = np.concatenate([ids for ids, _ in parts])
        order = np.argsort(ids)[:most]
        return ids[order], cut(gathered(parts, order), slice(None), parts[0][1].shape[1])

    def _located(self, ids: NDArray[np.int64]) -> Iterator[tuple[Segment, NDArray[np.int64], NDArray[np.bool_]]]:
        """Each segment with the places of those contents that stand in it, and which these are."""
        for segment in self.segments:
            places, known = segment.places(ids)
            known[known] &= ~segment.dead[places[known]]
            if known.any():
                yield segment, places, known

    def _search_plain(
        self, query: NDArray[np.float32], k: int, chosen: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Exact search of the small segments; more than k where there is a tie at the last place."""
        assert self._plain is not None
        ids, rows = self._plain
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
                rough, places = index.search(query[None, :], limit, params=only)
            if limit == number or rough[0, -1] < rough[0, min(k, limit) - 1] - 1e-6:
                return scored(ids, rows, places[0], query)
            limit = min(limit * 4, number)

    def _flat_at(self, d: int) -> "faiss.Index":
        """The FAISS index of the small segments' first d numbers, made when first asked for; the last few are kept."""
        assert self._plain is not None
        _, rows = self._plain
        with self._making:
            if d not in self._flat:
                import faiss

                index = faiss.IndexFlatIP(d)
                for start in range(0, len(rows), BLOCK):
                    index.add(cut(rows, slice(start, start + BLOCK), d))
                while len(self._flat) >= MAX_FLAT:
                    del self._flat[next(iter(self._flat))]
                self._flat[d] = index
            return self._flat[d]


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


def cut(rows: NDArray[np.int8], places: NDArray[np.int64] | slice, d: int) -> NDArray[np.float32]:
    """float32 (n, d): the first d numbers of some rows, scaled to length 1."""
    # Whole rows are taken in half the time of parts of them.
    some = rows[places, :d] if isinstance(places, slice) else rows.take(places, axis=0)[:, :d]
    chosen = some.astype(np.float32)
    normalize_rows(chosen, chosen)
    return chosen


def nth_best(lists: Sequence[NDArray[np.float32]], n: int) -> float:
    """The n-th highest of some lists' numbers together; all are higher than -inf where there are fewer."""
    together = np.concatenate([np.zeros(0, np.float32), *lists])
    return float(np.partition(together, -n)[-n]) if len(together) > n else -np.inf


def scored(
    ids: NDArray[np.int64], rows: NDArray[np.int8], places: NDArray[np.int64], query: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Contents and cosines of some rows. einsum sums each row alike whatever stands beside it; BLAS does not."""
    return ids[places], np.einsum("ij,j->i", cut(rows, places, len(query)), query)


def to_merge(sizes: Sequence[tuple[int, int]]) -> list[int]:
    """Which segments should become one, by their numbers in ``sizes``.

    Every segment should be as large as all smaller ones together: then there are few, about log2 of the rows at most,
    and an addition rewrites only small ones. One of which a fifth is dead is rewritten, and takes smaller ones with it.

    Args:
        sizes: Rows of each segment, and how many of them are dead.
    """
    by_size = sorted(range(len(sizes)), key=lambda i: (-sizes[i][0], i))
    for place, i in enumerate(by_size):
        rows, dead = sizes[i]
        if rows < sum(sizes[j][0] for j in by_size[place + 1 :]) or dead > MAX_DEAD_SHARE * rows:
            return by_size[place:]
    return []
