"""Which terms of a query find the candidates that all of its terms then score."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FirstStage:
    """In a large index, candidates are found by the terms of a query that set passages apart.

    Most passages that matter have such a term, and looking at all that have a common one takes most of a search's time.

    Attributes:
        from_passages: Index size up to which every search counts all terms: that takes a millisecond or less.
        common: Share of the passages from which on a term is common. Most common terms are single kanji; they take most
            of the time of a search, for passages that have nothing else of the query.
        enough: Passages that one of the other terms must have at least, so that a list of the best is full; where none
            has, no term is left out.
    """

    from_passages: int = 100_000
    common: float = 0.02
    enough: int = 1_000

    def weights(self, weights: dict[str, float], frequency: dict[str, int], passages: int) -> dict[str, float]:
        """The weights of the terms that find candidates.

        Args:
            weights: Of all terms of a query.
            frequency: How many passages have each term.
            passages: How many there are.
        """
        if passages <= self.from_passages:
            return weights
        kept = {term: weight for term, weight in weights.items() if frequency[term] <= self.common * passages}
        return kept if max((frequency[term] for term in kept), default=0) >= self.enough else weights
