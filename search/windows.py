"""The list of passages that a request finds: one list, of which a search gives a part, however many hits it asks for.

A fused score depends on what it is compared with: the lowest of the candidates counts as nothing, and the first of them
are read. So a list that is ranked together is a window, and what is looked for beyond it stands behind it: first what
both legs list up to `CANDIDATES` each, then up to a thousand, then up to ten thousand.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.search.candidates import CANDIDATES
from sakuin.search.ranked import Ranked
from sakuin.search.ranking import Ranking, behind, rank
from sakuin.search.request import MAX_K, SearchRequest
from sakuin.search.whole import Selected, Whole

FURTHER = (1_000, MAX_K)
"""So many each leg lists where the passages of the first window are too few."""


def windows(
    whole: Whole,
    model: StaticEmbedder,
    request: SearchRequest,
    *,
    k: int,
    room: int,
    within: Selected | None = None,
    vector: NDArray[np.float32] | None = None,
) -> Iterator[Ranking]:
    """More and more of the passages of a request; each ranking begins with the one before.

    Args:
        whole: What is searched.
        model: The one it was made with.
        request: What is searched for; its ``k`` does not count here.
        k: Rank so many at first.
        room: And so many where more than those were scored.
        within: Rank only these.
        vector: float32 (dim,), of length 1, for a dense search of no query; None to encode the query.

    Raises:
        SearchError: the index stores fewer dimensions.
    """

    def ranked(most: int, room: int = 0) -> Ranking:
        return rank(whole, model, replace(request, k=most, offset=0), within=within, vector=vector, room=room)

    # Both legs list no more than so many together.
    all_candidates = 2 * CANDIDATES
    found: Ranking | None = None
    if k < CANDIDATES or room < all_candidates:
        found = ranked(min(k, CANDIDATES), min(room, all_candidates))
        yield found
    if found is None or not found.complete:
        found = ranked(CANDIDATES, all_candidates)
        yield found
    for most in FURTHER:
        if found.complete:
            return
        found = followed(found, ranked(most, 2 * most))
        yield found


def followed(first: Ranking, wider: Ranking) -> Ranking:
    """A ranking with what another, of more passages, has beside it.

    Args:
        first: Its hits stay what and where they are.
        wider: Of the same request.
    """
    known = {hit.passage_id for hit in first.hits}
    # What reading the first passages adds is told beside these alone.
    others = [without_interaction(hit) for hit in wider.hits if hit.passage_id not in known]
    others.sort(key=lambda hit: -hit.score)
    standing = None if wider.standing is None else {**wider.standing, **(first.standing or {})}
    return replace(first, hits=behind(first.hits, others), standing=standing, complete=wider.complete)


def without_interaction(hit: Ranked) -> Ranked:
    """A passage with the score that both other legs give it."""
    return replace(hit, score=hit.score - hit.interaction.share, interaction=None) if hit.interaction else hit
