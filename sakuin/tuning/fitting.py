"""How the two legs are best fused in an index, by judged queries of its owner.

Every setting of `search.fusion.Fusion` on a grid is scored by nDCG@10 from one retrieval of both legs' candidates. What
tuning is worth is told by k-fold cross-validation, repeated with other folds: each query is scored by the setting that
is best for the queries of the other folds (Stone 1974), so no query has a say in how it is ranked itself. The setting
that is best for all queries is kept only if the 95 % interval of the cross-validated difference to the default lies
above 0: on a few dozen queries some setting of a grid always looks better by chance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.facts import Fact
from sakuin.index.lock import WAIT_SECONDS
from sakuin.search import Searcher
from sakuin.search.fusion import BM25_WEIGHT, Fusion
from sakuin.search.request import checked_dim
from sakuin.tuning.candidate_table import QueryFigures, fetch
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.judged import JudgedQuery, Judgements, databases, judgements_of
from sakuin.tuning.keeping import keep_in
from sakuin.tuning.significance import SEED, Difference, Estimate, estimate, randomisation_test

# With fewer, intervals of nDCG@10 are some 20 points wide and tell nothing of settings that differ by one or two.
MIN_QUERIES = 20
FOLDS = 5
REPEATS = 10
WEIGHTS = tuple(round(0.1 * step, 1) for step in range(11))
COVERED = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

Progress = Callable[[str, int, int], None]
"""Called with a query, the number of queries done, and of all."""


class Way(Fact):
    """A way of ranking."""

    __slots__ = ()

    SENTENCES: ClassVar[Mapping[str, str]] = {
        "dense": "dense",
        "bm25": "BM25",
        "rrf": "RRF",
        "fixed": "fixed weight {weight}",
        "default": "adaptive (default)",
        "in_use": "in use now",
        "tuned": "tuned (cross-validated)",
    }


DENSE, BM25, RRF = Way("dense"), Way("bm25"), Way("rrf")
FIXED, ADAPTIVE, IN_USE = Way("fixed", {"weight": BM25_WEIGHT}), Way("default"), Way("in_use")
TUNED = Way("tuned")


@dataclass(frozen=True)
class Row:
    """One way of ranking: which, and means of nDCG@10, reciprocal rank among the first 10, and recall@10."""

    way: Way
    ndcg: Estimate
    mrr: Estimate
    recall: Estimate


@dataclass(frozen=True)
class FusionComparison:
    """Ways of ranking on judged queries of an index, and what tuning on them is worth.

    Attributes:
        judgements: What was ranked for.
        dim: Dimensions of the vectors that were compared.
        folds: Of the cross-validation.
        rows: The legs, reciprocal rank fusion, a fixed weight, the default, what is in use if that is another, tuned.
        tuned: The setting that is best for all queries together.
        difference: Of nDCG@10, tuned (cross-validated) less default.
        dense_no_match, bm25_no_match: Number of queries in which each leg was left out, as it could not see them.
    """

    judgements: Judgements
    dim: int
    folds: int
    rows: tuple[Row, ...]
    tuned: Fusion
    difference: Difference
    dense_no_match: int
    bm25_no_match: int

    @property
    def better(self) -> bool:
        """Whether tuning is better than the default beyond chance."""
        return self.difference.low > 0

    def to_dict(self) -> dict[str, Any]:
        """Everything but the queries, ready for JSON."""
        return {
            "queries": len(self.judgements.queries),
            "queries_left_out": self.judgements.left_out,
            "unknown": list(self.judgements.unknown),
            "dim": self.dim,
            "folds": self.folds,
            "dense_no_match": self.dense_no_match,
            "bm25_no_match": self.bm25_no_match,
            "rows": [
                {
                    "code": row.way.code,
                    "name": str(row.way),
                    **{name: asdict(getattr(row, name)) for name in ("ndcg", "mrr", "recall")},
                }
                for row in self.rows
            ],
            "tuned": asdict(self.tuned),
            "difference": asdict(self.difference),
            "better": self.better,
        }


def compare_fusions(
    searcher: Searcher,
    judged: Sequence[JudgedQuery],
    *,
    dim: int | None = None,
    folds: int = FOLDS,
    seed: int = SEED,
    progress: Progress = lambda query, done, total: None,
) -> FusionComparison:
    """Compare ways of ranking on judged queries, and find the best way to fuse the legs.

    Args:
        searcher: Of the index.
        judged: Each query once, as `tuning.judged.read_judged` gives them.
        dim: Compare only the first so many dimensions of the vectors; None for all that are stored.
        folds: Of the cross-validation, 2 to `MIN_QUERIES`.
        seed: Of the folds and the intervals.
        progress: Told of queries searched for.

    Raises:
        EvaluationError: nothing judged is in the index, or too few queries are.
        SearchError: the index does not store so many dimensions.
    """
    whole = searcher.whole
    compared = checked_dim(dim, stored=whole.manifest.dim)
    with databases(searcher) as connections:
        judgements = judgements_of(judged, *connections)
        queries = judgements.queries
        if len(queries) < MIN_QUERIES:
            raise EvaluationError(
                f"Tuning needs {MIN_QUERIES} judged queries whose answers are in the index, and there are "
                f"{len(queries)}: with fewer, what looks best is mostly chance. Judge more, or leave the default."
            )
        found = fetch(
            whole,
            searcher.model,
            queries,
            connections=connections,
            dim=compared,
            progress=lambda done: progress(queries[done - 1].query, done, len(queries)),
        )
    in_use = Fusion.of(whole.manifest.fusion)
    settings = grid()
    figures = [found.figures(found.by_fusion(setting)) for setting in settings]
    default = found.figures(found.by_fusion(Fusion()))
    tuned = cross_validated(figures, folds, seed)
    ways = {
        DENSE: found.figures(found.by_dense()),
        BM25: found.figures(found.by_bm25()),
        RRF: found.figures(found.by_rrf()),
        FIXED: found.figures(found.by_fusion(Fusion(BM25_WEIGHT, 0.0))),
        ADAPTIVE: default,
    }
    if in_use != Fusion():
        ways[IN_USE] = found.figures(found.by_fusion(in_use))
    ways[TUNED] = tuned
    return FusionComparison(
        judgements,
        compared,
        folds,
        tuple(row(way, own, seed) for way, own in ways.items()),
        settings[best(np.stack([own.ndcg for own in figures]))],
        randomisation_test(tuned.ndcg, default.ndcg, seed=seed),
        int(found.dense_no_match.sum()),
        int(found.bm25_no_match.sum()),
    )


def grid() -> list[Fusion]:
    """The settings to choose from, the one most like the default first."""
    default = Fusion()
    # With no weight at all it does not matter what covers the query.
    settings = [Fusion(weight, covered) for weight in WEIGHTS for covered in COVERED if weight or not covered]
    return sorted(
        settings,
        key=lambda own: abs(own.bm25_weight - default.bm25_weight) + abs(own.covered - default.covered),
    )


def best(ndcg: NDArray[np.float64]) -> int:
    """The setting of the highest mean (settings, queries); of equal ones the first, but for rounding."""
    means = ndcg.mean(axis=1)
    return int(np.argmax(means >= means.max() - 1e-12))


def cross_validated(figures: Sequence[QueryFigures], folds: int, seed: int, repeats: int = REPEATS) -> QueryFigures:
    """Figures of each query by the settings that are best for the queries of other folds, averaged over repeats.

    Args:
        figures: Of each setting.
        folds: At least 2, at most as many as there are queries.
        seed: Of the folds.
        repeats: With other folds each time.
    """
    generator = np.random.default_rng(seed)
    values = {name: np.stack([getattr(own, name) for own in figures]) for name in ("ndcg", "mrr", "recall")}
    queries = values["ndcg"].shape[1]
    totals = {name: np.zeros(queries) for name in values}
    for _ in range(repeats):
        for held in np.array_split(generator.permutation(queries), folds):
            others = np.delete(np.arange(queries), held)
            chosen = best(values["ndcg"][:, others])
            for name, total in totals.items():
                total[held] += values[name][chosen, held]
    return QueryFigures(**{name: total / repeats for name, total in totals.items()})


def row(way: Way, figures: QueryFigures, seed: int = SEED) -> Row:
    """Means of the figures of each query, with intervals."""
    return Row(way, *(estimate(items, seed) for items in (figures.ndcg, figures.mrr, figures.recall)))


def keep(
    folder: Path,
    fusion: Fusion | None,
    *,
    model: StaticEmbedder | None = None,
    timeout: float = WAIT_SECONDS,
) -> None:
    """Fuse the legs so in every search of an index from now on; None for the default.

    Args:
        folder: The index.
        fusion: How to fuse.
        model: Of the index, where it is loaded already.
        timeout: Seconds to wait for another writer.

    Raises:
        IndexFolderError: there is no index, or another process is writing to it.
    """
    keep_in(folder, lambda writer: writer.set_fusion(asdict(fusion) if fusion else {}), model=model, timeout=timeout)
