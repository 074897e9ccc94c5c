"""What is known of terms in all parts of what is searched."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from threading import Lock

from sakuin.index.terms import Asked, QueryReader, Statistics, TermScore
from sakuin.index.terms.asked import TermCounts
from sakuin.index.text import Analyser
from sakuin.search.merging import merged
from sakuin.search.parts import Doubled, Listing, Parts, PartState

TERMS_KEPT = 200_000
"""Terms whose counts are kept."""


class WholeTerms:
    """What is known of terms in all parts.

    Attributes:
        reader: Reads queries.
    """

    def __init__(self, parts: Parts, reader: QueryReader, counts: TermCounts) -> None:
        """Look up nothing yet.

        Args:
            parts: What is searched.
            reader: Reads queries.
            counts: How many passages of all have which terms.
        """
        self.reader = reader
        self._parts = parts
        self._counts = counts

    @property
    def analyser(self) -> Analyser:
        """How passages and queries are read."""
        return self.reader.analyser

    def asked(self, query: str) -> Asked:
        """What a query asks of all."""
        return self.asked_each([query])[0]

    def asked_each(self, queries: Sequence[str]) -> list[Asked]:
        """What queries ask of all. Several parts are asked about all their terms at once: each time takes its time."""
        if isinstance(self._counts, SummedCounts):
            self._counts.having_each({term for one in queries for term in self.reader.looked_up(one)})
        return [self.reader.read(query, self._counts) for query in queries]

    def forget(self) -> None:
        """Let go of what was counted while a part was absent; an index that is alone never is."""
        if isinstance(self._counts, SummedCounts):
            self._counts.forget()
            self.reader.forget()

    def full_score(self, query: str) -> float:
        """What a passage of mean length with every term of the query once would score, see `Asked`."""
        return self.asked(query).full_score

    def widened(self, query: str) -> str:
        """A query with the synonyms of its words: what is marked in what it finds."""
        return self.asked(query).widened(query)

    def having_each(self, terms: Collection[str]) -> dict[str, int]:
        """How many passages have each term."""
        return self._counts.having_each(terms)

    def having(self, term: str) -> int:
        """How many passages have a term."""
        return self._counts.having_each([term])[term]

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        """All terms that begin so, each with how many passages have it; those that most have first."""
        return self._counts.beginning(prefix)

    def some_with(self, term: str, most: int) -> list[int]:
        """Ids of the passages with the highest scores for a term, so many at most."""
        statistics = self._counts.statistics(self.having_each([term]))
        listing = Listing(asked=Asked({term: 1.0}, {term: 1.0}, 1.0, (), {}, statistics), vector=None, wanted=most)
        found = merged(self._parts.ask(lambda part: part.listed(listing)), listing).bm25
        return found.ids.tolist() if found else []

    def explained(self, query: str, passage_id: int) -> list[TermScore]:
        """What each term of the query adds to the score of one passage, most first; the parts sum to the score."""
        asked = self.asked(query)
        each = self._parts.ask(lambda part: part.explained(asked, [passage_id])[0])
        found: list[TermScore] = next((scores for scores in each if scores), [])
        return found


class SummedCounts:
    """How many passages of several indexes have which terms, each passage counted once. Safe for several threads."""

    def __init__(self, parts: Parts, states: Sequence[PartState], doubled: Sequence[Doubled]) -> None:
        """Count nothing yet.

        Args:
            parts: The indexes.
            states: Of each.
            doubled: Of each, what its passages count that are in one before it too.
        """
        self._parts = parts
        self._less: Counter[str] = Counter()
        for one in doubled:
            self._less.update(one.having)
        again = sum(one.passages for one in doubled)
        self.num_passages = sum(state.manifest.passages for state in states) - again
        self._counted = sum(state.counted for state in states) - again
        length = sum(state.counted * state.mean_length for state in states) - sum(one.length for one in doubled)
        self._mean_length = length / self._counted if self._counted else 0.0
        self._known: dict[str, int] = {}
        self._keeping = Lock()

    def having_each(self, terms: Collection[str]) -> dict[str, int]:
        """How many passages have each term, counting those that are removed but not yet merged away."""
        known = self._known
        found = {term: known.get(term) for term in terms}
        missing = [term for term, number in found.items() if number is None]
        if missing:
            each = self._parts.ask(lambda part: part.having(missing))
            # Of parts that share a passage some may be absent: less are counted then than are taken off.
            fresh = {term: max(0, sum(own) - self._less[term]) for term, *own in zip(missing, *each, strict=True)}
            with self._keeping:
                if len(self._known) + len(fresh) > TERMS_KEPT:
                    self._known = {}
                self._known.update(fresh)
            found |= fresh
        return {term: number or 0 for term, number in found.items()}

    def forget(self) -> None:
        """Count all anew."""
        with self._keeping:
            self._known = {}

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        """All terms that begin so, each with how many passages have it; those that most have first."""
        together: Counter[str] = Counter()
        for own in self._parts.ask(lambda part: part.beginning(prefix)):
            together.update(dict(own))
        counted = [(term, max(0, number - self._less[term])) for term, number in together.items()]
        return sorted(counted, key=lambda one: (-one[1], one[0]))

    def statistics(self, having: Mapping[str, int]) -> Statistics:
        """What scores depend on beside the passage."""
        return Statistics(self._counted, self._mean_length, dict(having))
