"""Searches a generation of terms by BM25."""

import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sakuin.index.terms.asked import Asked, QueryReader, Statistics, idf
from sakuin.index.terms.bm25 import TermScore, counted_by, term_score
from sakuin.index.terms.first_stage import FirstStage
from sakuin.index.terms.padding import with_padding
from sakuin.index.terms.storage import ID_FIELD, META, READ_REMEDY, TERMS_FIELD, explained, linked
from sakuin.index.text import Analyser
from sakuin.index.text.synonyms import Synonyms

if TYPE_CHECKING:
    import tantivy

NAMED = 16
"""A search that is kept to n of N passages names them to tantivy where n * n <= 16 * N, up to some 1,300 of 100,000.
Otherwise tantivy lists as many as should hold enough of them, and the others are passed over. The first takes time with
n, the second with N / n."""

SPARE = 50
"""Hits asked for beyond those wanted, in case the last place is tied: asking again takes as long as asking first."""

COMMON_BEGINNINGS = ("1", "の", "e", "a", "ー", "")
"""Of terms: some index has none with all but the last, which every term begins with."""

_SCORE_DECIMALS = 4
"""Scores that differ by less than tantivy's order of summing changes them are ties."""


class Terms:
    """A committed generation, open for reading; safe for use by several threads.

    What it is asked is a query, or what was read of one where several indexes are searched as one: the scores are then
    those of one index of all their passages.
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
        self.reader = QueryReader(synonyms)
        self._lengths: tuple[int, float] | None = None
        self._padded: dict[float, tuple[tantivy.Searcher, int]] = {}
        self._padding = Lock()
        with explained(folder, "cannot be opened", READ_REMEDY):
            index = tantivy.Index.open(str(self._lockable(folder)))
            index.config_reader("manual")
            self._schema = index.schema
            self._searcher = index.searcher()
            self._searcher.doc_freq(TERMS_FIELD, "")
            self._searcher.doc_freq(ID_FIELD, 0)

    def _lockable(self, folder: Path) -> Path:
        """The folder, or one of links to its files where it may not be written: tantivy opens by way of a lock file."""
        if not folder.is_dir() or os.access(folder, os.W_OK):
            return folder
        self._links = linked(folder)
        return Path(self._links.name)

    @property
    def analyser(self) -> Analyser:
        """How queries are read, the same as passages were."""
        return self.reader.analyser

    @property
    def first_stage(self) -> FirstStage:
        """Which terms of a query find candidates; may be set before the first query."""
        return self.reader.first_stage

    @first_stage.setter
    def first_stage(self, first_stage: FirstStage) -> None:
        self.reader.first_stage = first_stage

    @property
    def num_passages(self) -> int:
        """How many passages can be found."""
        return int(self._searcher.num_docs)

    def weights(self, query: str) -> dict[str, float]:
        """The distinct terms that a query is searched by, those of synonyms too, each with what it counts."""
        return dict(self.asked(query).weights)

    def terms_of(self, query: str) -> list[str]:
        """The terms a query is searched by, as often as they occur in it."""
        return self.analyser.terms(query)

    def synonyms(self) -> Synonyms:
        """Those that queries are widened by, the same object until they change."""
        return self.reader.synonyms()

    def asked(self, query: str | Asked) -> Asked:
        """What a query asks of this index."""
        return query if isinstance(query, Asked) else self.reader.read(query, self)

    def search(
        self, query: str | Asked, k: int, within: NDArray[np.int64] | None = None, *, first_stage: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ``k`` best passages, best first, ties by ascending id: ids, int64 (n,), and BM25 scores, float32 (n,).

        Only passages that have a term of the query are listed, so there may be fewer.

        Args:
            query: Any text.
            k: At most so many.
            within: Ids (n,), ascending, of the only passages to list; None for all. It changes no score.
            first_stage: Count only the `first_stage_terms` of the query.
        """
        asked = self.asked(query)
        weights = asked.first_stage if first_stage else asked.weights
        among = self.num_passages if within is None else len(within)
        wanted = min(k, self.num_passages, among)
        if not weights or wanted < 1:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        with self._searching():
            searcher, weights = self._counting(weights, asked.statistics)
            built = self._any_of(weights)
            if within is not None and among * among <= NAMED * self.num_passages:
                built, within = self._within(within.tolist(), built), None
            # Would do if those to list were as common among the best as elsewhere, and a quarter for chance.
            spread = 1 if within is None else 1.25 * self.num_passages / among
            limit = min(int((wanted + SPARE) * spread), self.num_passages)
            while True:
                ids, scores = self._hits(built, limit, searcher)
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

    def scores(self, query: str | Asked, passage_ids: Sequence[int]) -> NDArray[np.float32]:
        """BM25 scores, float32 (n,), of given passages for the query; 0 where no term matches."""
        asked = self.asked(query)
        if not asked.weights or not len(passage_ids):
            return np.zeros(len(passage_ids), np.float32)
        with self._searching():
            searcher, weights = self._counting(asked.weights, asked.statistics)
            ids, scores = self._hits(self._within(passage_ids, self._any_of(weights)), len(passage_ids), searcher)
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

    def having_each(self, terms: Collection[str]) -> dict[str, int]:
        """How many passages have each term, counting those that are removed but not yet merged away."""
        with self._searching():
            return {term: self._searcher.doc_freq(TERMS_FIELD, term) for term in terms}

    def statistics(self, having: Mapping[str, int]) -> Statistics | None:
        """Nothing: tantivy counts for itself."""
        return None

    def lengths(self) -> tuple[int, float]:
        """How many passages there are, counting those that are removed but not yet merged away; their mean length."""
        if self._lengths is None:
            with self._searching():
                meta = json.loads((self._folder / META).read_text())
                counted = sum(segment["max_doc"] for segment in meta["segments"])
                # It is told with any term of any passage.
                terms = (
                    term
                    for prefix in COMMON_BEGINNINGS
                    for term, _ in self._searcher.terms_with_prefix(TERMS_FIELD, prefix)
                )
                parts = (
                    part
                    for term in terms
                    for one in self.some_with(term, 1)
                    for part in self._parts(term, one, self._searcher)
                )
                part = next(parts, None)
                self._lengths = (counted, part.mean_length if part else 0.0)
        return self._lengths

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
        """What a passage of mean length with every term of the query once would score, see `Asked`."""
        return self.asked(query).full_score

    def first_stage_terms(self, query: str) -> list[str]:
        """The terms that candidates are found by: in a large index those that are not common, see `FirstStage`."""
        return list(self.asked(query).first_stage)

    def leaves_out(self, query: str) -> bool:
        """Whether the query has terms that are not among its `first_stage_terms`."""
        return self.asked(query).leaves_out

    def widened(self, query: str) -> str:
        """A query with the synonyms of its words: what is marked in what it finds."""
        return self.asked(query).widened(query)

    def explained(self, query: str | Asked, passage_id: int) -> list[TermScore]:
        """What each term of the query adds to the score of one passage, most first; the parts sum to the score."""
        asked = self.asked(query)
        parts: list[TermScore] = []
        with self._searching():
            searcher, _ = self._counting(asked.weights, asked.statistics)
            for term, weight in asked.weights.items():
                for part in self._parts(term, passage_id, searcher):
                    own = replace(part, weight=weight, value=weight * part.value, synonym_of=asked.added.get(term, ""))
                    parts.append(counted_by(own, asked.statistics) if asked.statistics else own)
        return sorted(parts, key=lambda part: (-part.value, part.term))

    def _parts(self, term: str, passage_id: int, searcher: "tantivy.Searcher") -> list[TermScore]:
        """What a term that counts once adds to the score of a passage; nothing where the passage lacks it."""
        plain = self._term(term)
        hits = searcher.search(self._within([passage_id], plain), 1, count=False).hits
        return [term_score(term, 1.0, json.loads(plain.explain(searcher, hits[0][1]).to_json()))] if hits else []

    def _counting(
        self, weights: dict[str, float], statistics: Statistics | None
    ) -> tuple["tantivy.Searcher", dict[str, float]]:
        """What to search so that scores are by some statistics, and by which weights of terms.

        tantivy counts for itself. So a term's weight is given the ratio of both idfs, and the passages are searched
        together with others that nothing finds, which make their mean length that of the statistics.
        """
        if statistics is None:
            return self._searcher, weights
        with self._padding:
            if statistics.mean_length not in self._padded:
                counted, mean = self.lengths()
                found = with_padding(self._folder, counted, mean, statistics.mean_length)
                self._padded = {statistics.mean_length: found or (self._searcher, counted)}
            searcher, counted = self._padded[statistics.mean_length]
        ratios = {
            term: weight * statistics.idf(term) / idf(counted, having)
            for term, weight in weights.items()
            if (having := searcher.doc_freq(TERMS_FIELD, term))
        }
        return searcher, ratios

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

    def _hits(
        self, query: "tantivy.Query", limit: int, searcher: "tantivy.Searcher | None" = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        searcher = searcher or self._searcher
        hits = searcher.search(query, limit, count=False).hits
        ids = searcher.fast_field_values(ID_FIELD, [address for _, address in hits])
        scores = np.array([score for score, _ in hits], np.float32)
        return np.array(ids, np.int64), np.round(scores, _SCORE_DECIMALS)

    def _searching(self) -> AbstractContextManager[None]:
        return explained(self._folder, "cannot be searched", READ_REMEDY)
