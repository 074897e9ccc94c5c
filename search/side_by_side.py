"""What each way of searching finds by itself, and what becomes of it in the fused list."""

from dataclasses import dataclass

from sakuin.index.where import Where
from sakuin.search.candidates import CANDIDATES
from sakuin.search.results import Hit, Notice
from sakuin.search.searcher import Searcher


@dataclass(frozen=True, slots=True)
class Listed:
    """A hit in one of the lists.

    Attributes:
        hit: As that list's search found it.
        dense, bm25, hybrid: Its rank in each list, from 1; None where it is not among the list's first hundred.
    """

    hit: Hit
    dense: int | None
    bm25: int | None
    hybrid: int | None


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The best of each list, best first, and what the searches had to say."""

    dense: tuple[Listed, ...]
    hybrid: tuple[Listed, ...]
    bm25: tuple[Listed, ...]
    notices: tuple[Notice, ...]


def side_by_side(
    searcher: Searcher, query: str, *, k: int = 10, dim: int | None = None, where: Where | None = None
) -> SideBySide:
    """Search in all three ways.

    Args:
        searcher: Of the index.
        query: As for `Searcher.search`.
        k: How many of each list are given, at most 100.
        dim: Dimensions of the vectors that are compared; None for all.
        where: As for `Searcher.search`.

    Raises:
        SearchError: an argument is out of range.
    """
    # So many that a leg's hit which falls far behind in the fused list still has its rank there.
    found = {
        mode: searcher.search(query, k=CANDIDATES, mode=mode, dim=dim, where=where, group="passage", rerank=False)
        for mode in ("dense", "hybrid", "bm25")
    }
    ranks = {mode: {hit.passage_id: hit.rank for hit in result.hits} for mode, result in found.items()}

    def first(mode: str) -> tuple[Listed, ...]:
        return tuple(
            Listed(hit, **{name: of_list.get(hit.passage_id) for name, of_list in ranks.items()})
            for hit in found[mode].hits[:k]
        )

    return SideBySide(first("dense"), first("hybrid"), first("bm25"), found["hybrid"].notices)
