"""What is known of a hit before its passage is fetched."""

from dataclasses import dataclass

from sakuin.search.results import LegScore


@dataclass(slots=True)
class Ranked:
    """A hit before its passage is fetched; its relevance, and what a third leg gives it, are known after its scores."""

    rank: int
    passage_id: int
    score: float
    dense: LegScore | None
    bm25: LegScore | None
    relevance: float | None = None
    interaction: LegScore | None = None
    rerank: LegScore | None = None
    recency: LegScore | None = None
