"""Documents that say the same: those with the very same text, then pairs whose vectors are nearly alike.

A document's vector is the mean of its passages', as for `search.similar`. Up to `COMPARED_ALL` documents are compared
each with each, a block at a time. More are parted by FAISS into cells of vectors near each other (Jégou et al. 2011),
and each is compared with those in the `PROBED` cells nearest to it: of vectors as near as those of duplicates, few lie
farther apart. Memory is a byte for each dimension of each document, and some blocks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sakuin.index.where import Where
from sakuin.search.document_parts import Texts
from sakuin.search.filtering import passing
from sakuin.search.request import SearchError, is_integer
from sakuin.search.whole import Whole
from sakuin.search.whole_documents import WholeDocuments

if TYPE_CHECKING:
    import faiss

MAX_PAIRS = 100_000

NAMED = 100
"""Documents that are named of a group with the same text."""

COMPARED_ALL = 20_000
NEIGHBOURS = 20
PROBED = 16
# By which a cosine may be told too low where pairs are sought.
ROUNDING = 0.005
# Cells for the root of the number of documents, and vectors that each is learnt from.
CELLS, LEARNT_FROM = 2, 40

BLOCK = 1_024


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """A document by its id and title, which may be empty; and its index, where several were searched."""

    id: str
    title: str
    index: str = ""


@dataclass(frozen=True, slots=True)
class SameText:
    """Documents with the very same text.

    Attributes:
        count: How many they are.
        documents: The first 100 of them, in the order in which they came.
    """

    count: int
    documents: tuple[NamedDocument, ...]


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two documents that are nearly alike; of each group with the same text, only the first is compared."""

    cosine: float
    documents: tuple[NamedDocument, NamedDocument]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Documents that say the same.

    Attributes:
        above: The least cosine of a pair.
        exact: Groups with the same text, the largest first.
        near: Pairs, the nearest first.
        more: Whether there are more of either than were asked for.
    """

    above: float
    exact: tuple[SameText, ...]
    near: tuple[NearPair, ...]
    more: bool

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries and lists, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of documents, by their places in a list of documents.

    Attributes:
        first, second: int64 (n,).
        cosines: float32 (n,).
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cosines: NDArray[np.float32]

    def best(self, most: int) -> "Pairs":
        """The nearest of them, in order; ties by their places."""
        order = np.lexsort((self.second, self.first, -self.cosines))[:most]
        return Pairs(self.first[order], self.second[order], self.cosines[order])


def find_duplicates(
    whole: Whole,
    *,
    above: float = 0.95,
    most: int = 1_000,
    where: Where | None = None,
    compared_all: int = COMPARED_ALL,
) -> Duplicates:
    """The documents that say the same.

    Args:
        whole: What is searched.
        above: The least cosine of the vectors of a pair, 0 to 1.
        most: At most so many groups with the same text, and so many pairs, 1 to 100,000.
        where: Only documents that pass a filter, see `SearchRequest`.
        compared_all: Of more documents, each is compared with those near it alone.

    Raises:
        SearchError: an argument is out of range, or no document has a field that is filtered by.
    """
    if isinstance(above, bool) or not isinstance(above, int | float) or not 0 <= above <= 1:
        raise SearchError(f"Cannot look for pairs above {above!r}: give a cosine of 0 to 1.")
    if not is_integer(most) or not 1 <= most <= MAX_PAIRS:
        raise SearchError(f"Cannot give {most!r} pairs: ask for 1 to {MAX_PAIRS:,}.")
    documents = WholeDocuments(whole)
    texts = documents.texts(passing(whole, where).within.condition if where else None)
    groups = same_texts(texts)
    repeated = np.array([number for group in groups for number in group[1:]], np.int64)
    vectors = DocumentVectors(documents, np.setdiff1d(texts.numbers, repeated, assume_unique=True))
    find = each_with_each if len(vectors) <= compared_all else each_with_near
    # One more than is asked for tells that there are more.
    pairs = exactly(vectors, find(vectors, above, 2 * most), above).best(most + 1)
    first, second = vectors.numbers[pairs.first].tolist(), vectors.numbers[pairs.second].tolist()
    named = {*first, *second, *(number for group in groups[:most] for number in group[:NAMED])}
    # What was removed meanwhile has no name any more.
    names = {number: NamedDocument(*name) for number, name in documents.names(sorted(named)).items()}
    near = tuple(
        NearPair(round(cosine, 6), (names[one], names[other]))
        for one, other, cosine in zip(first, second, pairs.cosines.tolist(), strict=True)
        if one in names and other in names
    )
    exact = tuple(same for group in groups[:most] if (same := named_group(group, names)).count > 1)
    return Duplicates(float(above), exact, near[:most], len(groups) > most or len(pairs.first) > most)


def named_group(group: Sequence[int], names: Mapping[int, NamedDocument]) -> SameText:
    """A group of documents with the same text, without those that have no name.

    Args:
        group: Their numbers.
        names: By number, of the first `NAMED` of them.
    """
    known = tuple(names[number] for number in group[:NAMED] if number in names)
    return SameText(len(known) + len(group[NAMED:]), known)


def same_texts(texts: Texts) -> list[list[int]]:
    """Numbers of the documents with the same text, ascending, the largest group first."""
    order = np.argsort(texts.checksums, kind="stable")
    starts = np.flatnonzero(np.diff(texts.checksums[order])) + 1
    groups = [group.tolist() for group in np.split(texts.numbers[order], starts) if len(group) > 1]
    return sorted(groups, key=lambda group: (-len(group), group))


class DocumentVectors:
    """The mean vectors of documents, made when they are asked for."""

    def __init__(self, documents: WholeDocuments, numbers: NDArray[np.int64]) -> None:
        """Of some documents, by their numbers, int64 (n,)."""
        self._documents = documents
        self.numbers = numbers
        self.dim = documents.dim

    def __len__(self) -> int:
        return len(self.numbers)

    def of(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 (n, dim): vectors of length 1, of zeros where the model knows nothing of a document.

        Args:
            places: int64 (n,), of documents in the list of them.
        """
        rows = np.zeros((len(places), self.dim), np.float32)
        for start in range(0, len(places), BLOCK):
            some = slice(start, start + BLOCK)
            rows[some] = self._documents.means(self.numbers[places[some]])
        return rows

    def blocks(self, size: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Some vectors after the other, float32 (n, dim), each time with the place of the first."""
        for start in range(0, len(self), size):
            yield start, self.of(np.arange(start, min(start + size, len(self))))


def each_with_each(vectors: DocumentVectors, above: float, most: int) -> Pairs:
    """The nearest pairs of all; their cosines but for rounding."""
    rows = vectors.of(np.arange(len(vectors)))
    best = none()
    least = above - ROUNDING
    for start in range(0, len(rows), BLOCK):
        cosines = rows[start : start + BLOCK] @ rows[start:].T
        # Each pair once, and no document with itself.
        near = np.triu(cosines >= least, 1)
        if np.count_nonzero(near) > most:
            # Of a low bound nearly all are pairs, and the places of each take far more memory than its cosine.
            near &= cosines >= np.partition(cosines[near], -most)[-most]
        first, second = np.nonzero(near)
        found = Pairs(first + start, second + start, cosines[first, second])
        best = together(best, found).best(most)
        if len(best.first) == most:
            least = max(least, float(best.cosines[-1]))
    return best


def each_with_near(vectors: DocumentVectors, above: float, most: int) -> Pairs:
    """The nearest pairs in near cells, `NEIGHBOURS` of each document at most; their cosines but for rounding."""
    index = cells_of(vectors)
    best = none()
    for start, rows in vectors.blocks(BLOCK):
        cosines, places = index.search(rows, NEIGHBOURS + 1)
        own = np.arange(start, start + len(rows))[:, None]
        # A document that finds another is mostly found by it as well.
        kept = (cosines >= above - ROUNDING) & (places >= 0) & (places != own)
        first, second = np.minimum(own, places)[kept], np.maximum(own, places)[kept]
        found = Pairs(first.astype(np.int64), second.astype(np.int64), cosines[kept])
        best = distinct(together(best, found)).best(most)
    return best


def cells_of(vectors: DocumentVectors) -> "faiss.IndexIVFScalarQuantizer":
    """All vectors in cells, each in a byte for each dimension."""
    import faiss

    number = max(1, min(int(CELLS * len(vectors) ** 0.5), len(vectors) // LEARNT_FROM))
    learnt = min(len(vectors), LEARNT_FROM * number)
    cells = faiss.IndexFlatIP(vectors.dim)
    index = faiss.IndexIVFScalarQuantizer(
        cells, vectors.dim, number, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.seed, index.cp.spherical, index.cp.min_points_per_centroid = 1, True, 1
    index.train(vectors.of(np.linspace(0, len(vectors) - 1, learnt).astype(np.int64)))
    for _, rows in vectors.blocks(BLOCK):
        index.add(rows)
    index.nprobe = PROBED
    return index


def exactly(vectors: DocumentVectors, pairs: Pairs, above: float) -> Pairs:
    """Those of the pairs that are near enough, with their very cosines, however they were found."""
    cosines = np.zeros(len(pairs.first), np.float32)
    for start in range(0, len(cosines), BLOCK):
        part = slice(start, start + BLOCK)
        cosines[part] = np.einsum("ij,ij->i", vectors.of(pairs.first[part]), vectors.of(pairs.second[part]))
    kept = cosines >= above
    return Pairs(pairs.first[kept], pairs.second[kept], cosines[kept])


def distinct(pairs: Pairs) -> Pairs:
    """Each pair once."""
    _, kept = np.unique(np.stack([pairs.first, pairs.second]), axis=1, return_index=True)
    return Pairs(pairs.first[kept], pairs.second[kept], pairs.cosines[kept])


def together(one: Pairs, other: Pairs) -> Pairs:
    """The pairs of both."""
    return Pairs(
        np.concatenate([one.first, other.first]),
        np.concatenate([one.second, other.second]),
        np.concatenate([one.cosines, other.cosines]),
    )


def none() -> Pairs:
    """No pairs."""
    return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
