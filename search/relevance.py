"""How likely a hit answers its query: its scores, by what they say in this index, as a probability.

Either leg may know: a passage in other words, or another language, has a cosine far from those of the next best, one
in the same words covers the query. So the odds that a hit answers are the sum of what each leg gives it, each by a
logistic formula, and fall with the distance to the best hit. How the scores of unrelated pairs spread in the index, a
commit has measured (`index.background`). It counts with caution: the pieces of passages that are asked for it find
more than questions do where documents resemble each other. The weights were learnt from queries whose answers are
known, half of them with the answers taken out of the index: ``python -m experiments.abstention --fit`` prints them, and
without ``--fit`` how well they hold on sets of queries that had no part in them. docs/experiments/relevance.md has the
figures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sakuin.index.background import unrelated_spread
from sakuin.index.store import Manifest
from sakuin.search.results import LegScore

GOOD_MATCH = {"hybrid": 0.039, "dense": 0.024, "bm25": 0.034}
"""Relevance from which the best hit counts as an answer, by the legs that scored it: of the queries that any index
measured answers, at most 3 % have a lower one."""

CHANCE = 0.3
"""How much of what pieces of the index's own passages find by chance is taken from what a query finds."""

JUDGED = 10
"""The first so many hits say whether a query is answered."""

RIVAL = 10
"""The rank in the dense list whose cosine others are compared with: so many others may answer the query as well."""

# The dimension that the weights of meaning are given for.
MIDDLE = 256


@dataclass(frozen=True, slots=True)
class Weights:
    """Of each piece of `Evidence`; None where a search mode does without that leg."""

    meaning: tuple[float, ...] | None
    words: tuple[float, ...] | None
    behind: float


WEIGHTS = {
    "hybrid": Weights((-3.768, 0.514, -0.191, -0.124, 0.628), (-4.114, 2.290), 4.325),
    "dense": Weights((-3.641, 0.409, -0.075, -0.101, 0.785), None, 0.669),
    "bm25": Weights(None, (-3.395, 2.475), 3.805),
}
"""By the legs that scored the hits: both, or one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of n hits of one search.

    Attributes:
        meaning: float64 (n, 5): 1; the cosine in standard deviations of unrelated pairs, less the highest that is to be
            expected of so many of them, ``sqrt(2 ln passages)``, the maximum of normally distributed numbers; log2 of
            the dimensions compared over 256; the product of the two before; by how many standard deviations the cosine
            is above the `RIVAL`-th best of all passages. None where the dense leg took no part.
        words: float64 (n, 2): 1; the BM25 score as a share of the query's full score, less `CHANCE` of the share that
            pieces of the index's own passages reach in passages of other documents. None where BM25 took no part.
        behind: float64 (n,): how far the score is below that of the best hit: of the fused score, in standard
            deviations of cosines, or as a share of the full BM25 score.
    """

    meaning: NDArray[np.float64] | None
    words: NDArray[np.float64] | None
    behind: NDArray[np.float64]

    @property
    def mode(self) -> str:
        """Which legs took part, as a key of `WEIGHTS`."""
        return "bm25" if self.meaning is None else "dense" if self.words is None else "hybrid"


class Scored(Protocol):
    """A hit whose scores are known; one leg's is None for all hits of a search that had to do without it."""

    @property
    def score(self) -> float:
        """What the hits are ordered by."""

    @property
    def dense(self) -> LegScore | None:
        """What the dense leg thought."""

    @property
    def bm25(self) -> LegScore | None:
        """What BM25 thought."""

    @property
    def interaction(self) -> LegScore | None:
        """What late interaction gave, which says nothing of relevance: it is not known what it gives by chance."""


def good_match(hit: Scored) -> float:
    """The relevance from which a hit counts as an answer."""
    return GOOD_MATCH["bm25" if hit.dense is None else "dense" if hit.bm25 is None else "hybrid"]


def relevances(
    hits: Sequence[Scored],
    rival: float | None,
    full: float,
    dim: int,
    manifest: Manifest,
    *,
    bm25_no_match: bool = False,
) -> list[float] | None:
    """The probability that each hit answers the query; None where the index has no background statistics.

    Args:
        hits: Best first, from the first on, of one search.
        rival: Cosine at rank `RIVAL` of the dense leg's list, or at its last; None where that leg took no part.
        full: `index.terms.Terms.full_score` of the query.
        dim: Dimensions of the vectors that were compared.
        manifest: Of the index.
        bm25_no_match: BM25 was asked too, and found nothing.
    """
    known = evidence(hits, rival, full, dim, manifest)
    if known is None:
        return None
    weights = WEIGHTS[known.mode]
    if bm25_no_match and known.mode == "dense":
        # That no passage has a word of the query speaks against each of them.
        missing = np.tile([1.0, -CHANCE * manifest.background["coverage"]], (len(hits), 1))
        known = Evidence(known.meaning, missing, known.behind)
        weights = Weights(WEIGHTS["hybrid"].meaning, WEIGHTS["hybrid"].words, weights.behind)
    found: list[float] = probability(log_odds(known, weights)).tolist()
    return found


def evidence(hits: Sequence[Scored], rival: float | None, full: float, dim: int, manifest: Manifest) -> Evidence | None:
    """What is known of hits; None where the index has no background statistics.

    Args:
        hits: Best first, from the first on, of one search.
        rival: Cosine at rank `RIVAL` of the dense leg's list, or at its last; None where that leg took no part.
        full: `index.terms.Terms.full_score` of the query.
        dim: Dimensions of the vectors that were compared.
        manifest: Of the index.
    """
    std = unrelated_spread(manifest.background, dim)
    if std is None:
        return None
    scores = np.array([hit.score - (hit.interaction.share if hit.interaction else 0) for hit in hits], np.float64)
    cosines = np.array([hit.dense.score for hit in hits if hit.dense], np.float64)
    matches = np.array([hit.bm25.score for hit in hits if hit.bm25], np.float64)
    # A query of no word that the index has finds nothing by BM25, so there is nothing to divide.
    full = full or 1.0
    one = np.ones(len(hits))
    meaning = words = None
    if len(cosines) and rival is not None:
        beyond = cosines / std - math.sqrt(2 * math.log(manifest.passages))
        shorter = math.log2(dim / MIDDLE)
        meaning = np.stack([one, beyond, shorter * one, shorter * beyond, (cosines - rival) / std], axis=1)
    if len(matches) or meaning is None:
        words = np.stack([one, matches / full - CHANCE * manifest.background["coverage"]], axis=1)
    unit = 1.0 if meaning is not None and words is not None else full if meaning is None else std
    return Evidence(meaning, words, (scores - scores.max(initial=-math.inf)) / unit)


def log_odds(known: Evidence, weights: Weights) -> NDArray[np.float64]:
    """Logarithms, float64 (n,), of the odds that hits answer the query."""
    odds = np.full(len(known.behind), -math.inf)
    for values, own in ((known.meaning, weights.meaning), (known.words, weights.words)):
        if values is not None and own is not None:
            odds = np.logaddexp(odds, values @ np.array(own))
    return odds + weights.behind * known.behind


def probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities, float64 (n,), by logarithms of odds (n,)."""
    chances: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(log_odds, -500, 500)))
    return chances
