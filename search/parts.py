"""What a search needs of each index, where several are searched as one: the protocol between the two.

A `Part` is an index, here or on another machine. Whoever searches (`search.whole.Whole`) asks all parts the same and
puts their answers together, so that passages are ranked as in one index of all documents. What goes between them is
plain data: frozen dataclasses, numpy arrays, numbers and texts, all of which can be pickled.

Once, when the parts are opened or one has a new commit:

* `Part.state`: its manifest, and how long its passages are;
* `Part.passage_ids`, where it is not known that no passage is in two parts; then `Part.doubled` of what others have
  too: such a passage counts once;
* `Part.pool`, `Part.sources` and `Part.listed_each`: what scores chance gives in the whole, see `index.background`.

For a search, at most:

1. `Part.having`: how many passages have the terms of the query, unless that is known of an earlier one. The sums, and
   the mean length of all passages, are the statistics that every part then scores by (`index.terms.Statistics`);
2. `Part.sizes`, where there is a filter: whether anything passes it;
3. `Part.listed`: the candidates of both legs, each scored by both legs, and the documents in which they stand. As many
   are listed as of the whole, so the best of all are among them, and what fusion needs of them is known: no leg is
   asked again;
4. `Part.indexed`: the texts of the first passages of a hybrid search, for its third leg (`search.late_interaction`),
   which whoever searches computes;
5. `Part.passages`: the texts and places of what is shown, and `Part.explained`, where that is asked for.

So an ordinary search takes three round trips, 3 to 5, and one more for words that were not asked for before. They are
taken again where the best passages stand in too few documents. `Part.holding` and `Part.shown` read texts for a query
with quotes or exclusions, `Part.counted` metadata for the facets of what matches.

Scores are those of one index, but for the last decimal of BM25 (they are rounded to four) where a sum falls on its
edge. Only the first stages of large indexes differ: dense search by codes finds 98 % or more of the nearest in each
part, and so as many or more of the whole.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sakuin.index.store import Manifest, PassageRow
from sakuin.index.store.facets import Facet
from sakuin.index.store.passages import Source
from sakuin.index.terms import Asked, TermScore
from sakuin.index.text.synonyms import Synonyms
from sakuin.index.where import Condition
from sakuin.search.legs import Leg
from sakuin.search.query import Query, Wanted


@dataclass(frozen=True, slots=True)
class PartState:
    """What is committed in a part.

    Attributes:
        name: By which hits name it.
        manifest: Of the index.
        counted: Passages, counting those that are removed but not yet merged away.
        mean_length: Terms of these on average.
    """

    name: str
    manifest: Manifest
    counted: int
    mean_length: float


@dataclass(frozen=True, slots=True)
class Within:
    """What a search is restricted to.

    Attributes:
        condition: On documents; None for any.
        words: A query that requires or excludes words, without text and filter; None for neither.
        by_document: Whether a document has the words in all of its text; else a passage.
        common: Those of the words that are not looked up: more passages may have them than it is worth.
    """

    condition: Condition | None
    words: Query | None
    by_document: bool
    common: frozenset[Wanted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is to be listed.

    Attributes:
        asked: Of the terms of the query; None to list by meaning alone.
        vector: float32 (dim,), of the query, of length 1 or 0; None to list by words alone.
        wanted: How many each leg is to list.
        rescore: How many first-stage candidates of dense search are compared exactly; None for the index's own number.
        rescored: BM25 lists by its first stage, and so many of each list are scored by all terms; None to list by all.
        within: List only these.
        standing: Whether to tell the documents of what is listed.
    """

    asked: Asked | None
    vector: NDArray[np.float32] | None
    wanted: int
    rescore: int | None = None
    rescored: int | None = None
    within: Within | None = None
    standing: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """What a part lists.

    Attributes:
        dense: By meaning, best first; None where that was not asked, or the model knows no part of the query.
        dense_matches: float32 (n,), BM25 scores of that list; NaN for those that were not rescored.
        bm25: By words, best first; None where that was not asked, or no passage has any term of the query.
        bm25_cosines: float32 (n,), of that list.
        standing: Numbers of the documents of each passage's places, by passage id; None where it was not asked for.
    """

    dense: Leg | None
    dense_matches: NDArray[np.float32]
    bm25: Leg | None
    bm25_cosines: NDArray[np.float32]
    standing: Mapping[int, Sequence[int]] | None = None


@dataclass(frozen=True, slots=True)
class Doubled:
    """What passages that are in another part too count in the statistics of this one.

    Attributes:
        passages: How many there are.
        length: Terms of all together.
        having: How many have each term.
    """

    passages: int
    length: int
    having: Mapping[str, int]


class Part(Protocol):
    """An index that is searched together with others. Safe to use from several threads."""

    def state(self) -> PartState:
        """What is committed."""

    def synonyms(self) -> Synonyms:
        """By which queries are widened, the same object until they change; of another machine, as it last told."""

    def outdated(self) -> bool:
        """Whether somebody has committed since."""

    def passage_ids(self) -> NDArray[np.int64]:
        """int64 (n,), ascending, of all passages."""

    def doubled(self, passage_ids: NDArray[np.int64]) -> Doubled:
        """What passages (n,) count here; reads them, which takes 0.2 ms each."""

    def pool(self, most: int) -> tuple[NDArray[np.int64], list[set[Source]]]:
        """The lowest passage ids, int64 (n,), ascending, and what tells the documents of each."""

    def sources(self, passage_ids: Sequence[int]) -> list[set[Source]]:
        """What tells the documents of passages, see `documents_and_titles`; of those that are not here nothing."""

    def having(self, terms: Sequence[str]) -> list[int]:
        """How many passages have each term, counting those that are removed but not yet merged away."""

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        """All terms that begin so, each with how many passages have it."""

    def sizes(self, within: Within) -> tuple[int, int]:
        """How many documents pass the condition, and how many passages may be found."""

    def listed(self, listing: Listing) -> Listed:
        """The candidates of both legs, each scored by both."""

    def listed_each(self, listings: Sequence[Listing]) -> list[Listed]:
        """The same of many at once."""

    def documents_of(self, passage_ids: Sequence[int], within: Within | None) -> dict[int, list[int]]:
        """Numbers of the documents of each passage's places; what is not here is left out."""

    def passages(self, passage_ids: Sequence[int], within: Within | None) -> dict[int, PassageRow]:
        """Passages with all places where they stand, or those in documents that may be found."""

    def indexed(self, passage_ids: Sequence[int]) -> dict[int, str]:
        """What is indexed of passages, as `store.indexed_text` joins it; what is not here is left out."""

    def explained(self, asked: Asked, passage_ids: Sequence[int]) -> list[list[TermScore]]:
        """What each term adds to the score of passages; of those that are not here nothing."""

    def scores(
        self, passage_ids: Sequence[int], asked: Asked | None, vector: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cosines and BM25 scores, float32 (n,), of passages; 0 for those that are not here."""

    def rows(self, passage_ids: Sequence[int], dim: int) -> NDArray[np.float32]:
        """float32 (n, dim): the first dimensions of vectors, of length 1; zero for those that are not here."""

    def holding(self, within: Within, passage_ids: Sequence[int]) -> list[int]:
        """Those of some passages that have what is required, and nothing that is excluded."""

    def shown(self, within: Within, documents: Sequence[tuple[int, Sequence[int]]], most: int) -> list[list[int]]:
        """Which passages of documents to give, in order; of one that is no hit none.

        Args:
            within: What the search was restricted to.
            documents: The number of each, and ids of its passages that were ranked.
            most: How many to give of each.
        """

    def field_names(self) -> list[str]:
        """What filters call the fields that any document has."""

    def facets(self, condition: Condition, names: Collection[str] | None, limit: int) -> list[Facet]:
        """How many of the documents that pass a filter have which values, see `Snapshot.facets`."""

    def counted(self, documents: Sequence[int], names: Collection[str] | None) -> list[Facet]:
        """How many of some documents, given by numbers, have which values, see `Snapshot.counted`."""

    def counts(self) -> dict[str, int]:
        """Numbers of files, documents, passages and so on."""


Spread = Callable[[Callable[[Part], Any], Iterable[Part]], Iterable[Any]]
"""Asks parts the same, as `map` does: their answers, in their order."""


class Parts:
    """All parts of what is searched."""

    def __init__(self, parts: Sequence[Part], spread: Spread = map) -> None:
        """Ask nothing yet.

        Args:
            parts: The indexes.
            spread: Asks them; for parts on other machines, all at the same time.
        """
        self._parts = tuple(parts)
        self._spread = spread

    def __len__(self) -> int:
        """How many there are."""
        return len(self._parts)

    def __iter__(self) -> Iterator[Part]:
        """Each of them."""
        return iter(self._parts)

    def ask(self, question: Callable[[Part], Any]) -> list[Any]:
        """What all answer, in their order."""
        return list(self._spread(question, self._parts))
