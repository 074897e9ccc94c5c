"""Whether a second opinion is worth asking for in an index, by judged queries of its owner."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sakuin.embedder import StaticEmbedder
from sakuin.index.lock import WAIT_SECONDS
from sakuin.search import Searcher
from sakuin.tuning.judged import JudgedQuery, databases, judgements_of
from sakuin.tuning.keeping import keep_in
from sakuin.tuning.metrics import CUTOFF
from sakuin.tuning.settings import Setting, measure_setting
from sakuin.tuning.significance import Difference, Estimate, estimate, randomisation_test

Progress = Callable[[str, int, int], None]
"""Called with a query, the number of queries done, and of all."""


@dataclass(frozen=True)
class OpinionComparison:
    """Hybrid search of judged queries without and with a second opinion.

    Attributes:
        name: Of the transformer.
        without, with_it: nDCG@10.
        difference: Of nDCG@10, with it less without.
    """

    name: str
    without: Estimate
    with_it: Estimate
    difference: Difference

    @property
    def better(self) -> bool:
        """Whether the opinion makes search better beyond chance."""
        return self.difference.low > 0

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return {**asdict(self), "better": self.better}


def compare_opinion(
    searcher: Searcher,
    judged: Sequence[JudgedQuery],
    name: str,
    *,
    dim: int | None = None,
    progress: Progress = lambda query, done, total: None,
) -> OpinionComparison:
    """Search for judged queries without and with a second opinion, the legs fused as they are in the index.

    Its weight is the same everywhere, so nothing is fitted here and no query needs to be held out.

    Args:
        searcher: Of the index.
        judged: Each query once; those of which nothing is in the index are left out.
        name: Of the transformer.
        dim: Compare only the first so many dimensions of the vectors; None for all that are stored.
        progress: Told of queries searched for.

    Raises:
        OpinionError: the transformer cannot be had.
    """
    with databases(searcher) as connections:
        queries = judgements_of(judged, *connections).queries
    total = 2 * len(queries)
    found = [
        measure_setting(
            searcher,
            queries,
            setting=Setting("hybrid", dim, rerank),
            k=CUTOFF,
            progress=lambda done, _, before=before: progress(queries[done - 1].query, before + done, total),  # type: ignore[misc]
        ).ndcg
        for rerank, before in (("", 0), (name, len(queries)))
    ]
    return OpinionComparison(name, estimate(found[0]), estimate(found[1]), randomisation_test(found[1], found[0]))


def keep_opinion(
    folder: Path, name: str, *, model: StaticEmbedder | None = None, timeout: float = WAIT_SECONDS
) -> None:
    """Ask a transformer for a second opinion in every hybrid search of an index from now on; "" for none.

    Args:
        folder: The index.
        name: Of the transformer.
        model: Of the index, where it is loaded already.
        timeout: Seconds to wait for another writer.

    Raises:
        IndexFolderError: there is no index, or another process is writing to it.
    """
    keep_in(folder, lambda writer: writer.set_rerank(name), model=model, timeout=timeout)
