"""Searches a generation of terms by BM25."""

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sakuin.index.terms.bm25 import TermScore, term_score
from sakuin.index.terms.first_stage import FirstStage
from sakuin.index.terms.storage import ID_FIELD, READ_REMEDY, TERMS_FIELD, explained
from sakuin.index.text import Analyser, is_japanese
from sakuin.index.text.kana import in_other_kana
from sakuin.index.text.readings import Readings, readings_of, written
from sakuin.index.text.synonyms import Synonyms

if TYPE_CHECKING:
    import tantivy

MAX_QUERY_TERMS = 1_024
"""Of a longer query the terms that the fewest passages have are kept."""

OTHER_WEIGHT = 3
"""What a term that is not Japanese counts in a query. A Japanese word is seen again through its kanji and its pairs;
without this a foreign word in a Japanese query would count a third of its neighbours."""

SYNONYM_WEIGHT = 0.5
"""What a synonym counts, beside the words of the query that it is one of."""

READ_UP_TO = 150_000
"""Passages of an index whose terms are found by their readings: of 100,000 it takes a second to list and read them."""

NAMED = 16
"""A search that is kept to n of N passages names them to tantivy where n * n <= 16 * N, up to some 1,300 of 100,000.
Otherwise tantivy lists as many as should hold enough of them, and the others are passed over. The first takes time with
n, the second with N / n."""

SPARE = 50
"""Hits asked for beyond those wanted, in case the last place is tied: asking again takes as long as asking first."""

_QUERIES_KEPT = 64

_SCORE_DECIMALS = 4
"""Scores that differ by less than tantivy's order of summing changes them are ties."""


Alike = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Query:
    """What a query asks of a generation.

    Attributes:
        weights: Its distinct terms with their weights.
        first_stage: Those of them that are `Terms.first_stage_terms`.
        full_score: See `Terms.full_score`.
        synonyms: Where the weights are from.
        alike: Words of the query, each with a synonym or the like.
        added: Those of the terms that are no terms of the query but of synonyms, with the words these are synonyms of.
    """

    weights: dict[str, float]
    first_stage: dict[str, float]
    full_score: float
    synonyms: Synonyms
    alike: Alike
    added: dict[str, str]


class Terms:
    """A committed generation, open for reading; safe for use by several threads.

    Attributes:
        analyser: How queries are read, the same as passages were.
        first_stage: Which terms of a query find candidates; may be set before the first query.
    """

    def __init__(self, folder: Path, synonyms: Callable[[], Synonyms] = Synonyms) -> None:
        """Opens a generation.

        Args:
            folder: Of the generation.
            synonyms: Gives those that queries are widened by, the same object until they change.

        Raises:
            IndexFolderError: The folder is missing, damaged or holds something else.
        """
        import tantivy

        self._folder = folder
        self.analyser = Analyser()
        self.first_stage = FirstStage()
        with explained(folder, "cannot be opened", READ_REMEDY):
            index = tantivy.Index.open(str(self._lockable(folder)))
            index.config_reader("manual")
            self._schema = index.schema
            self._searcher = index.searcher()
            self._searcher.doc_freq(TERMS_FIELD, "")
            self._searcher.doc_freq(ID_FIELD, 0)
        self._synonyms = synonyms
        self._queries: dict[str, _Query] = {}
        self._keeping = Lock()
        self._readings: Readings | None = None
        self._reading = Lock()

    def _lockable(self, folder: Path) -> Path:
        """The folder, or one of links to its files where it may not be written: tantivy opens by way of a lock file."""
        if not folder.is_dir() or os.access(folder, os.W_OK):
            return folder
        self._links = TemporaryDirectory(prefix="sakuin-")
        for file in folder.iterdir():
            if file.suffix != ".lock":
                Path(self._links.name, file.name).symlink_to(file.resolve())
        return Path(self._links.name)

    @property
    def num_passages(self) -> int:
        """How many passages can be found."""
        return int(self._searcher.num_docs)

    def weights(self, query: str) -> dict[str, float]:
        """The distinct terms that a query is searched by, those of synonyms too, each with what it counts."""
        return dict(self._read(query).weights)

    def terms_of(self, query: str) -> list[str]:
        """The terms a query is searched by, as often as they occur in it."""
        return self.analyser.terms(query)

    def search(
        self, query: str, k: int, within: NDArray[np.int64] | None = None, *, first_stage: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ``k`` best passages, best first, ties by ascending id: ids, int64 (n,), and BM25 scores, float32 (n,).

        Only passages that have a term of the query are listed, so there may be fewer.

        Args:
            query: Any text.
            k: At most so many.
            within: Ids (n,), ascending, of the only passages to list; None for all. It changes no score.
            first_stage: Count only the `first_stage_terms` of the query.
        """
        asked = self._read(query)
        weights = asked.first_stage if first_stage else asked.weights
        among = self.num_passages if within is None else len(within)
        wanted = min(k, self.num_passages, among)
        if not weights or wanted < 1:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        with self._searching():
            built = self._any_of(weights)
            if within is not None and among * among <= NAMED * self.num_passages:
                built, within = self._within(within.tolist(), built), None
            # Would do if those to list were as common among the best as elsewhere, and a quarter for chance.
            spread = 1 if within is None else 1.25 * self.num_passages / among
            limit = min(int((wanted + SPARE) * spread), self.num_passages)
            while True:
                ids, scores = self._hits(built, limit)
                exhausted = len(ids) < limit or limit == self.num_passages
                last = scores[-1] if len(scores) else 0
                if within is not None:
                    kept = within[np.minimum(np.searchsorted(within, ids), among - 1)] == ids
                    ids, scores = ids[kept], scores[kept]
                # The last place may be tied with passages beyond the limit: look further until the tie is in view.
                if exhausted or (len(ids) >= wanted and scores[wanted - 1] > last):
                    break
                limit = min(limit * 4, self.num_passages)
        order = np.lexsort((ids, -scores))[:wanted]
        return ids[order], scores[order]

    def scores(self, query: str, passage_ids: Sequence[int]) -> NDArray[np.float32]:
        """BM25 scores, float32 (n,), of given passages for the query; 0 where no term matches."""
        weights = self._read(query).weights
        if not weights or not len(passage_ids):
            return np.zeros(len(passage_ids), np.float32)
        with self._searching():
            ids, scores = self._hits(self._within(passage_ids, self._any_of(weights)), len(passage_ids))
        by_id = dict(zip(ids.tolist(), scores.tolist(), strict=True))
        return np.array([by_id.get(int(passage_id), 0.0) for passage_id in passage_ids], np.float32)

    def with_all(self, terms: Sequence[str], most: int) -> NDArray[np.int64] | None:
        """Ids, int64 (n,), ascending, of the passages that have all of some terms.

        None where there are no terms, or more than ``most`` passages have the rarest.
        """
        from tantivy import Occur, Query

        if not terms:
            return None
        with self._searching():
            fewest = min(self._searcher.doc_freq(TERMS_FIELD, term) for term in terms)
            if fewest > most:
                return None
            if not fewest:
                return np.empty(0, np.int64)
            required = Query.boolean_query([(Occur.Must, self._term(term)) for term in terms])
            return np.sort(self._hits(required, fewest)[0])

    def having(self, term: str) -> int:
        """How many passages have a term, counting those that are removed but not yet merged away."""
        with self._searching():
            return int(self._searcher.doc_freq(TERMS_FIELD, term))

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        """All terms that begin so, each with how many passages have it; those that most have first."""
        with self._searching():
            return list(self._searcher.terms_with_prefix(TERMS_FIELD, prefix))

    def some_with(self, term: str, most: int) -> list[int]:
        """Ids of the passages with the highest scores for a term, so many at most."""
        with self._searching():
            return [int(passage_id) for passage_id in self._hits(self._term(term), most)[0]]

    def full_score(self, query: str) -> float:
        """The score of a passage of mean length that has every term of the query once: the sum of weighted idfs.

        Terms of synonyms do not count: no passage has to have both.

        The best score over this tells how much of the query the words of any passage cover.
        """
        return self._read(query).full_score

    def first_stage_terms(self, query: str) -> list[str]:
        """The terms that candidates are found by: in a large index those that are not common, see `FirstStage`."""
        return list(self._read(query).first_stage)

    def leaves_out(self, query: str) -> bool:
        """Whether the query has terms that are not among its `first_stage_terms`."""
        asked = self._read(query)
        return len(asked.first_stage) < len(asked.weights)

    def _read(self, query: str) -> _Query:
        """What a query asks for; the last few are kept, for one search needs it several times."""
        # Not lru_cache: that of a method makes a cycle, which would keep the files of an old generation mapped until
        # Python looks for cycles.
        synonyms = self._synonyms()
        if (known := self._queries.get(query)) is not None and known.synonyms is synonyms:
            return known
        weights, passages = self._weigh(query), self.num_passages
        with self._searching():
            frequency = {term: self._searcher.doc_freq(TERMS_FIELD, term) for term in weights}
        full = sum(
            weight * math.log1p((passages - min(frequency[term], passages) + 0.5) / (frequency[term] + 0.5))
            for term, weight in weights.items()
        )
        # Words with their synonyms, or with themselves in the other kana where no passage has them.
        alike = [
            *synonyms.of(query),
            *in_other_kana(query, self.having),
            *written(query, self._all_readings, self.having),
        ]
        added = self._added(alike, weights)
        with self._searching():
            frequency |= {term: self._searcher.doc_freq(TERMS_FIELD, term) for term in added}
        weights |= {term: weight for term, (_, weight) in added.items()}
        of = {term: words for term, (words, _) in added.items()}
        asked = _Query(weights, self.first_stage.weights(weights, frequency, passages), full, synonyms, alike, of)
        with self._keeping:
            self._queries.pop(query, None)
            while len(self._queries) >= _QUERIES_KEPT:
                del self._queries[next(iter(self._queries))]
            self._queries[query] = asked
        return asked

    def explained(self, query: str, passage_id: int) -> list[TermScore]:
        """What each term of the query adds to the score of one passage, most first; the parts sum to the score."""
        parts: list[TermScore] = []
        with self._searching():
            asked = self._read(query)
            for term, weight in asked.weights.items():
                plain = self._term(term)
                hits = self._searcher.search(self._within([passage_id], plain), 1, count=False).hits
                if hits:
                    numbers = json.loads(plain.explain(self._searcher, hits[0][1]).to_json())
                    parts.append(term_score(term, weight, numbers, asked.added.get(term, "")))
        return sorted(parts, key=lambda part: (-part.value, part.term))

    def _weigh(self, query: str) -> dict[str, float]:
        """The distinct terms of the query with their weights; repeating a term sums, as Lucene does."""
        counts = Counter(self.terms_of(query))
        terms = list(counts)
        if len(terms) > MAX_QUERY_TERMS:
            with self._searching():
                frequency = {term: self._searcher.doc_freq(TERMS_FIELD, term) for term in terms}
            known = [term for term in terms if frequency[term]]
            terms = sorted(known, key=lambda term: (frequency[term], term))[:MAX_QUERY_TERMS]
        return {term: counts[term] * self._weight(term) for term in terms}

    def _weight(self, term: str) -> float:
        """Of a term that a query has once."""
        return 1.0 if is_japanese(term) else float(OTHER_WEIGHT)

    def _added(self, alike: Alike, weights: Collection[str]) -> dict[str, tuple[str, float]]:
        """The terms of words like those of a query that it does not have: the words these are like, and weights.

        With those of the query, ``weights``, there are `MAX_QUERY_TERMS` at most.
        """
        added: dict[str, tuple[str, float]] = {}
        for words, other in alike:
            own, terms = (dict.fromkeys(self.terms_of(text)) for text in (words, other))
            # However many terms a synonym has, together they count half of what the words do.
            share = min(1.0, sum(map(self._weight, own)) / (sum(map(self._weight, terms)) or 1))
            for term in terms:
                if len(added) + len(weights) < MAX_QUERY_TERMS and term not in weights:
                    added.setdefault(term, (words, SYNONYM_WEIGHT * share * self._weight(term)))
        return added

    def _all_readings(self) -> Readings:
        """How the terms of the generation are read; made when they are first asked for, and kept."""
        with self._reading:
            if self._readings is None:
                few = self.num_passages <= READ_UP_TO
                self._readings = readings_of([term for term, _ in self.beginning("")]) if few else {}
            return self._readings

    def widened(self, query: str) -> str:
        """A query with the synonyms of its words: what is marked in what it finds."""
        return " ".join([query, *dict.fromkeys(other for _, other in self._read(query).alike)])

    def _term(self, term: str) -> "tantivy.Query":
        from tantivy import Query

        return Query.term_query(self._schema, TERMS_FIELD, term, "freq")

    def _any_of(self, weights: dict[str, float]) -> "tantivy.Query":
        from tantivy import Occur, Query

        return Query.boolean_query(
            [(Occur.Should, Query.boost_query(self._term(term), weight)) for term, weight in weights.items()]
        )

    def _within(self, passage_ids: Sequence[int], query: "tantivy.Query") -> "tantivy.Query":
        """The query kept to some passages, scores unchanged."""
        from tantivy import Occur, Query

        # Each id by itself: a term set query walks the whole dictionary of ids, which takes ten times as long.
        chosen = Query.boolean_query(
            [(Occur.Should, Query.term_query(self._schema, ID_FIELD, int(passage_id))) for passage_id in passage_ids]
        )
        return Query.boolean_query([(Occur.Must, Query.const_score_query(chosen, 0.0)), (Occur.Must, query)])

    def _hits(self, query: "tantivy.Query", limit: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        hits = self._searcher.search(query, limit, count=False).hits
        ids = self._searcher.fast_field_values(ID_FIELD, [address for _, address in hits])
        scores = np.array([score for score, _ in hits], np.float32)
        return np.array(ids, np.int64), np.round(scores, _SCORE_DECIMALS)

    def _searching(self) -> AbstractContextManager[None]:
        return explained(self._folder, "cannot be searched", READ_REMEDY)
