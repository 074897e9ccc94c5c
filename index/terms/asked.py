"""What a query asks of the terms of an index, or of several that are searched as one."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from sakuin.index.terms.first_stage import FirstStage
from sakuin.index.text import Analyser, is_japanese
from sakuin.index.text.kana import in_other_kana, looked_up_in_other_kana
from sakuin.index.text.readings import Readings, looked_up_as_written, readings_of, written
from sakuin.index.text.synonyms import Synonyms

MAX_QUERY_TERMS = 1_024
"""Of a longer query the terms that the fewest passages have are kept."""

OTHER_WEIGHT = 3
"""What a term that is not Japanese counts in a query. A Japanese word is seen again through its kanji and its pairs;
without this a foreign word in a Japanese query would count a third of its neighbours."""

SYNONYM_WEIGHT = 0.5
"""What a synonym counts, beside the words of the query that it is one of."""

READ_UP_TO = 150_000
"""Passages of an index whose terms are found by their readings: of 100,000 it takes a second to list and read them."""

_QUERIES_KEPT = 64

Alike = Sequence[tuple[str, str]]


class TermCounts(Protocol):
    """How many passages have which terms."""

    @property
    def num_passages(self) -> int:
        """How many passages can be found."""

    def having_each(self, terms: Collection[str]) -> dict[str, int]:
        """How many passages have each term, counting those that are removed but not yet merged away."""

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        """All terms that begin so, each with how many passages have it; those that most have first."""

    def statistics(self, having: Mapping[str, int]) -> "Statistics | None":
        """What scores depend on beside the passage, for terms that so many have; None to let the index count."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What BM25 scores depend on beside the passage, of all indexes that are searched as one.

    Attributes:
        passages: How many there are, counting those that are removed but not yet merged away.
        mean_length: Terms of a passage on average.
        having: How many passages have each term of a query.
    """

    passages: int
    mean_length: float
    having: Mapping[str, int]

    def idf(self, term: str) -> float:
        """Lucene's inverse document frequency."""
        return idf(self.passages, self.having[term])


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks.

    Attributes:
        weights: Its distinct terms with their weights.
        first_stage: Those of them that find candidates: in a large index those that are not common, see `FirstStage`.
        full_score: The score of a passage of mean length that has every term of the query once: the sum of weighted
            idfs. Terms of synonyms do not count: no passage has to have both. The best score over this tells how much
            of the query the words of any passage cover.
        alike: Words of the query, each with a synonym or the like.
        added: Those of the terms that are no terms of the query but of synonyms, with the words these are synonyms of.
        statistics: Of all indexes that are searched as one; None for those of the one index that is asked.
    """

    weights: dict[str, float]
    first_stage: dict[str, float]
    full_score: float
    alike: Alike
    added: dict[str, str]
    statistics: Statistics | None

    @property
    def leaves_out(self) -> bool:
        """Whether there are terms that find no candidates."""
        return len(self.first_stage) < len(self.weights)

    def widened(self, query: str) -> str:
        """The query with the synonyms of its words: what is marked in what it finds."""
        return " ".join([query, *dict.fromkeys(other for _, other in self.alike)])


class QueryReader:
    """Reads queries for an index, or for several. Safe for use by several threads.

    Attributes:
        analyser: How queries are read, the same as passages were.
        first_stage: Which terms of a query find candidates; may be set before the first query.
    """

    def __init__(self, synonyms: Callable[[], Synonyms]) -> None:
        """Read nothing yet.

        Args:
            synonyms: Gives those that queries are widened by, the same object until they change.
        """
        self.analyser = Analyser()
        self.first_stage = FirstStage()
        self._synonyms = synonyms
        self._kept: dict[str, tuple[Synonyms, Asked]] = {}
        self._keeping = Lock()
        self._readings: Readings | None = None
        self._reading = Lock()

    def synonyms(self) -> Synonyms:
        """Those that queries are widened by."""
        return self._synonyms()

    # What counts is given with each call: kept here, it and its reader would be a cycle, which holds the files of an
    # old generation until Python looks for cycles; so would lru_cache of a method.

    def read(self, query: str, counts: TermCounts) -> Asked:
        """What a query asks; the last few are kept, for one search needs it several times.

        Args:
            query: Any text.
            counts: Of what is searched; always the same.
        """
        synonyms = self._synonyms()
        if (known := self._kept.get(query)) is not None and known[0] is synonyms:
            return known[1]
        asked = self._asked(query, counts, synonyms)
        with self._keeping:
            self._kept.pop(query, None)
            while len(self._kept) >= _QUERIES_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[query] = (synonyms, asked)
        return asked

    def looked_up(self, query: str) -> set[str]:
        """The terms that reading a query asks about, but for what hangs on an answer; none of one that is kept."""
        if query in self._kept:
            return set()
        written = looked_up_as_written(query, self._readings or {})
        return {*self.analyser.terms(query), *looked_up_in_other_kana(query), *written}

    def forget(self) -> None:
        """Read all queries anew."""
        with self._keeping:
            self._kept = {}
        with self._reading:
            self._readings = None

    def _asked(self, query: str, counts: TermCounts, synonyms: Synonyms) -> Asked:
        weights, passages = self._weigh(query, counts), counts.num_passages
        frequency = counts.having_each(weights)
        full = sum(weight * idf(passages, frequency[term]) for term, weight in weights.items())

        def having(term: str) -> int:
            return counts.having_each([term])[term]

        # Words with their synonyms, or with themselves in the other kana where no passage has them.
        alike = [
            *synonyms.of(query),
            *in_other_kana(query, having),
            *written(query, lambda: self._all_readings(counts), having),
        ]
        added = self._added(alike, weights)
        frequency |= counts.having_each(added) if added else {}
        weights |= {term: weight for term, (_, weight) in added.items()}
        return Asked(
            weights=weights,
            first_stage=self.first_stage.weights(weights, frequency, passages),
            full_score=full,
            alike=alike,
            added={term: words for term, (words, _) in added.items()},
            statistics=counts.statistics(frequency),
        )

    def _weigh(self, query: str, counts: TermCounts) -> dict[str, float]:
        """The distinct terms of the query with their weights; repeating a term sums, as Lucene does."""
        occurring = Counter(self.analyser.terms(query))
        terms = list(occurring)
        if len(terms) > MAX_QUERY_TERMS:
            frequency = counts.having_each(terms)
            known = [term for term in terms if frequency[term]]
            terms = sorted(known, key=lambda term: (frequency[term], term))[:MAX_QUERY_TERMS]
        return {term: occurring[term] * weight_of(term) for term in terms}

    def _added(self, alike: Alike, weights: Collection[str]) -> dict[str, tuple[str, float]]:
        """The terms of words like those of a query that it does not have: the words these are like, and weights.

        With those of the query, ``weights``, there are `MAX_QUERY_TERMS` at most.
        """
        added: dict[str, tuple[str, float]] = {}
        for words, other in alike:
            own, terms = (dict.fromkeys(self.analyser.terms(text)) for text in (words, other))
            # However many terms a synonym has, together they count half of what the words do.
            share = min(1.0, sum(map(weight_of, own)) / (sum(map(weight_of, terms)) or 1))
            for term in terms:
                if len(added) + len(weights) < MAX_QUERY_TERMS and term not in weights:
                    added.setdefault(term, (words, SYNONYM_WEIGHT * share * weight_of(term)))
        return added

    def _all_readings(self, counts: TermCounts) -> Readings:
        """How all terms are read; made when they are first asked for, and kept."""
        with self._reading:
            if self._readings is None:
                few = counts.num_passages <= READ_UP_TO
                self._readings = readings_of([term for term, _ in counts.beginning("")]) if few else {}
            return self._readings


def weight_of(term: str) -> float:
    """Of a term that a query has once."""
    return 1.0 if is_japanese(term) else float(OTHER_WEIGHT)


def idf(passages: int, having: int) -> float:
    """Lucene's inverse document frequency of a term.

    Args:
        passages: How many there are.
        having: How many have the term; where removed ones count here alone, it may be more than there are.
    """
    return math.log1p((passages - min(having, passages) + 0.5) / (having + 0.5))
