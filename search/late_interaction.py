"""The third leg of a hybrid search: late interaction, by which the first of what both others rank are put into order.

It reads texts, so it scores few, and always the same ones, however many hits are asked for. What it adds is told from
the lowest of them on: passages further back get nothing of it and stay behind.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.interaction import MOST_READ, WINDOWS, best_window
from sakuin.search.explanation import Explanation
from sakuin.search.fusion import Scaling
from sakuin.search.ranked import Ranked
from sakuin.search.results import LegScore
from sakuin.search.spans import Indexed

FIRST = 20
"""So many passages are scored, of those that are ranked however many hits are asked for: a hundred gain no more."""

WEIGHT = 1.0
"""Of the leg, whose scores differ less between passages than those of the others do."""


def interaction_scores(model: StaticEmbedder, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
    """Scores, float64 (texts,), 0 to 1, of what is indexed of passages."""
    scores: NDArray[np.float64] = model.interactions(query, texts) @ np.array(list(WINDOWS.values()))
    return scores


def with_interaction(
    ranked: Sequence[Ranked], texts: Mapping[int, str], *, model: StaticEmbedder, query: str
) -> list[Ranked]:
    """Give passages the scores of the third leg, and put them into the order of their sums.

    Args:
        ranked: By both other legs, best first; they are given their new scores and ranks themselves.
        texts: What is indexed of those that are to be scored, by passage id.
        model: What encoded them.
        query: What was searched for.
    """
    scored = [hit for hit in ranked if hit.passage_id in texts]
    if not scored:
        return list(ranked)
    scores = interaction_scores(model, query, [texts[hit.passage_id] for hit in scored])
    lowest = float(scores.min())
    scaling = Scaling(WEIGHT, lowest, lowest + 1)
    shares = (WEIGHT * (scores - lowest)).tolist()
    ranks = np.empty(len(scores), np.int64)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    legs = (LegScore(*each, scaling) for each in zip(ranks.tolist(), scores.tolist(), shares, strict=True))
    for hit, leg in zip(scored, legs, strict=True):
        hit.score += leg.share
        hit.interaction = leg
    # Those that are not scored stay in the order that they have, also where they have the same score.
    found = sorted(ranked, key=lambda hit: (-hit.score, hit.passage_id if hit.interaction else math.inf))
    for rank, hit in enumerate(found, 1):
        hit.rank = rank
    return found


def explain_interaction(model: StaticEmbedder, query: Indexed, passage: Indexed, *, shown: float) -> Explanation:
    """The score of the third leg as a sum over windows, each of which is one over the tokens of the query.

    Args:
        model: What encoded both.
        query: As it was encoded.
        passage: As it was encoded.
        shown: The score.
    """
    asked = model.asked_tokens(query.text)
    named = {token.id: token for token in model.tokens(query.text)}
    pieces = {token.id: token.piece for token in model.tokens(passage.text)}
    read = model.located(passage.text)[:MOST_READ]
    cosines = model.cosines(asked, np.array([token_id for token_id, _ in read], np.int64))
    shares = []
    for size, weight in WINDOWS.items():
        best = best_window(cosines, asked.weights, size)
        details = []
        for token_id, share, cosine, place in zip(
            asked.ids.tolist(), asked.weights.tolist(), best.cosines.tolist(), best.places.tolist(), strict=True
        ):
            token, found = named[token_id], read[place] if read else (-1, None)
            details.append(
                Explanation(
                    "nearest_token",
                    {"token": token.piece, "nearest": pieces.get(found[0], "")},
                    value=share * cosine,
                    details=(Explanation("token_weight", value=share), Explanation("token_cosine", value=cosine)),
                    operation="product",
                    spans=query.spans(token.spans) + passage.spans([found[1]] if found[1] else []),
                )
            )
        details.sort(key=lambda detail: -detail.value)
        factors = (
            Explanation("window_weight", {"size": size}, value=weight),
            Explanation("best_window", {"size": size}, value=best.score, details=tuple(details), operation="sum"),
        )
        shares.append(
            Explanation("window_share", {"size": size}, value=weight * best.score, details=factors, operation="product")
        )
    return Explanation("interaction", value=shown, details=tuple(shares), operation="sum")
