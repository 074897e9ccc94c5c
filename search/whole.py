"""What a search ranks: one index, or several whose passages are ranked as if they were in one.

See `search.parts` for what is asked of each. An index that is alone counts for itself.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sakuin.index.store import Manifest, PassageRow
from sakuin.index.store.facets import MOST_VALUES, Facet
from sakuin.index.store.passages import MAX_PLACES
from sakuin.index.where import BUILT_IN, EVERYTHING, ID, URI, Condition
from sakuin.search.conditions import MOST_PROPOSED
from sakuin.search.local_part import LocalPart
from sakuin.search.parts import Listed, Listing, Part, Parts, Within
from sakuin.search.query import Query, Wanted
from sakuin.search.whole_terms import WholeTerms

# A document is known by its number in its part, and the part's place above that.
PART_BITS = 40
OWN_BITS = (1 << PART_BITS) - 1

MOST_SUMMED = 10_000
"""Values that each part counts of a field that is asked for by name."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What a search is restricted to.

    Attributes:
        within: How the parts are told.
        documents: How many pass the condition.
        passages: How many may be found.
    """

    within: Within
    documents: int
    passages: int

    @property
    def is_less(self) -> bool:
        """Whether it is known what may be found; otherwise that shows only when texts are read."""
        required = self.within.words.required if self.within.words else ()
        return self.within.condition is not None or any(self.within.common.isdisjoint(one) for one in required)


class Whole:
    """What is searched, at one moment. Safe to use from several threads.

    Attributes:
        place: Where it lies, for messages.
        parts: The indexes.
        names: By which hits name each.
        manifest: Of the one index; of several what they have in common, or together.
        terms: What is known of all terms.
    """

    def __init__(
        self, place: str, parts: Parts, names: Sequence[str], *, manifest: Manifest, terms: WholeTerms
    ) -> None:
        """Prefer `of_one`, or `search.joining.join`.

        Args:
            place: Where it lies, for messages.
            parts: The indexes.
            names: By which hits name each.
            manifest: What is to be told of all.
            terms: Of all.
        """
        self.place = place
        self.parts = parts
        self.names = tuple(names)
        self._first = next(iter(parts))
        self.manifest = manifest
        self.terms = terms

    @classmethod
    def of_one(cls, part: LocalPart) -> "Whole":
        """One index alone, which counts for itself."""
        snapshot = part.snapshot
        parts = Parts([part])
        terms = WholeTerms(parts, snapshot.terms.reader, snapshot.terms)
        return cls(str(snapshot.folder), parts, [""], manifest=snapshot.manifest, terms=terms)

    @property
    def is_one(self) -> bool:
        """Whether it is a single index."""
        return len(self.parts) == 1

    @property
    def is_named(self) -> bool:
        """Whether hits name their index: not of one, nor of the shards of a cluster."""
        return any(self.names)

    def outdated(self) -> bool:
        """Whether somebody has committed since."""
        return any(part.outdated() for part in self.parts)

    def select(self, condition: Condition | None, words: Query | None, *, by_document: bool) -> Selected:
        """Look up what passes a filter, and may have the words that a query requires.

        Args:
            condition: The filter; None for none.
            words: A query that requires or excludes words; None for neither.
            by_document: Whether a document has the words in all of its text; else a passage.
        """
        within = Within(condition, words, by_document, self._common(words) if words else frozenset())
        sizes = self.parts.ask(lambda part: part.sizes(within))
        return Selected(within, sum(documents for documents, _ in sizes), sum(passages for _, passages in sizes))

    def _common(self, words: Query) -> frozenset[Wanted]:
        """Those of the words that stand in too many passages to look them up."""
        sought = {wanted for one in (*words.required, words.excluded) for wanted in one}
        return frozenset(
            wanted
            for wanted in sought
            if min(self.terms.having_each(wanted.wording.terms).values(), default=MOST_PROPOSED + 1) > MOST_PROPOSED
        )

    def listed(self, listing: Listing) -> list[Listed]:
        """The candidates of both legs, of each part."""
        if self.is_one:
            return [self._first.listed(listing)]
        told = replace(listing, standing=True)
        each: list[Listed] = self.parts.ask(lambda part: part.listed(told))
        return [replace(one, standing=numbered(one.standing or {}, place)) for place, one in enumerate(each)]

    def documents_of(self, passage_ids: Sequence[int], within: Selected | None = None) -> Mapping[int, Sequence[int]]:
        """Numbers of the documents of each passage's places, in the order of `passages`, by passage id."""
        asked = within.within if within else None
        if self.is_one:
            return self._first.documents_of(passage_ids, asked)
        found: dict[int, list[int]] = {}
        for place, own in enumerate(self.parts.ask(lambda part: part.documents_of(passage_ids, asked))):
            for passage_id, documents in numbered(own, place).items():
                found.setdefault(passage_id, []).extend(documents)
        return found

    def passages(self, passage_ids: Sequence[int], within: Selected | None = None) -> dict[int, PassageRow]:
        """Passages with all places where they stand, or those in documents that may be found.

        One that was removed since is missing.
        """
        asked = within.within if within else None
        if self.is_one:
            return self._first.passages(passage_ids, asked)
        found: dict[int, PassageRow] = {}
        each = self.parts.ask(lambda part: part.passages(passage_ids, asked))
        for name, rows in zip(self.names, each, strict=True):
            for passage_id, row in rows.items():
                places = tuple(replace(place, index=name) for place in row.places)
                first = found.get(passage_id)
                found[passage_id] = (
                    replace(
                        first,
                        places=(*first.places, *places)[:MAX_PLACES],
                        place_count=first.place_count + row.place_count,
                    )
                    if first
                    else replace(row, places=places)
                )
        return found

    def indexed(self, passage_ids: Sequence[int]) -> dict[int, str]:
        """What is indexed of passages, by passage id; one that was removed since is missing."""
        return {
            passage_id: text
            for own in self.parts.ask(lambda part: part.indexed(passage_ids))
            for passage_id, text in own.items()
        }

    def scores(self, query: str | None, vector: NDArray[np.float32] | None, passage_id: int) -> tuple[float, float]:
        """The cosine and the BM25 score of a passage; 0 for what is not asked, and of one that is gone.

        Args:
            query: What is searched for; None for no BM25 score.
            vector: float32 (dim,), of the query; None for no cosine.
            passage_id: Of the passage.
        """
        asked = self.terms.asked(query) if query is not None else None
        each = self.parts.ask(lambda part: part.scores([passage_id], asked, vector))
        found = [(float(cosines[0]), float(matches[0])) for cosines, matches in each]
        return max(found, key=lambda one: (abs(one[0]), abs(one[1])))

    def rows(self, passage_ids: Sequence[int], dim: int) -> NDArray[np.float32]:
        """float32 (n, dim): the first dimensions of vectors, of length 1; zero for unknown ones."""
        found, *others = self.parts.ask(lambda part: part.rows(passage_ids, dim))
        for rows in others:
            found = np.where(found.any(axis=1, keepdims=True), found, rows)
        return np.asarray(found, np.float32)

    def holding(self, within: Selected, passage_ids: Sequence[int]) -> list[int]:
        """Those of some passages that have what is required, and nothing that is excluded."""
        each = self.parts.ask(lambda part: part.holding(within.within, passage_ids))
        held = {passage_id for own in each for passage_id in own}
        return [passage_id for passage_id in passage_ids if passage_id in held]

    def shown(self, within: Selected, documents: Sequence[tuple[int, Sequence[int]]], most: int) -> list[list[int]]:
        """Which passages of documents to give, in order; of one that is no hit none.

        Args:
            within: What the search was restricted to.
            documents: The number of each, and ids of its passages that were ranked.
            most: How many to give of each.
        """
        own = self._by_part([number for number, _ in documents])

        def shown(part: Part) -> list[list[int]]:
            asked = [(documents[row][0] & OWN_BITS, documents[row][1]) for row in own[id(part)]]
            return part.shown(within.within, asked, most) if asked else []

        each = self.parts.ask(shown)
        answers = [iter(own) for own in each]
        return [next(answers[number >> PART_BITS]) for number, _ in documents]

    def facets(self, condition: Condition, names: Collection[str] | None, limit: int) -> list[Facet]:
        """How many documents that pass a filter have which values, see `Snapshot.facets`."""
        if self.is_one:
            return list(self._first.facets(condition, names, limit))
        if names is None:
            # A field with many values somewhere has many of all; whether a second document has one shows in the sum.
            fields = [name for name in self.field_names() if name not in (ID, URI)]
            known = self._summed(EVERYTHING, fields, MOST_VALUES + 1)
            names = [name for name, values in known.items() if sum(values.values()) >= 2 and len(values) <= MOST_VALUES]
            found = known if condition == EVERYTHING else self._summed(condition, names, MOST_VALUES)
        else:
            found = self._summed(condition, names, MOST_SUMMED)
        return in_order({name: found[name] for name in names if name in found}, limit)

    def _summed(self, condition: Condition, names: Collection[str], limit: int) -> dict[str, Counter[str]]:
        """Of each field, how many documents of all parts have which value: of so many values of each part."""
        return summed(self.parts.ask(lambda part: part.facets(condition, names, limit)))

    def counted(self, documents: Sequence[int], names: Collection[str] | None) -> list[Facet]:
        """How many of some documents have which values, of each field `MOST_VALUES` at most.

        Args:
            documents: Their numbers.
            names: Of the fields; None for those that two of the documents or more have, with no more values.
        """
        own = self._by_part(documents)

        def counted(part: Part) -> list[Facet]:
            asked = [documents[row] & OWN_BITS for row in own[id(part)]]
            return part.counted(asked, names) if asked else []

        found = summed(self.parts.ask(counted))
        if names is None:
            found = {
                name: values for name, values in found.items() if values.total() > 1 and len(values) <= MOST_VALUES
            }
        return in_order(found, MOST_VALUES)

    def _by_part(self, documents: Sequence[int]) -> dict[int, list[int]]:
        """Which of some documents, given by their numbers, are of each part."""
        found: list[list[int]] = [[] for _ in self.parts]
        for row, number in enumerate(documents):
            found[number >> PART_BITS].append(row)
        return dict(zip(map(id, self.parts), found, strict=True))

    def counts(self) -> dict[str, int]:
        """Numbers of files, documents, passages, and so on; a passage of several indexes counts in each."""
        together: Counter[str] = Counter()
        for own in self.parts.ask(lambda part: part.counts()):
            together.update(own)
        return dict(together)

    def field_names(self) -> list[str]:
        """What filters call the fields that any document has."""
        return list(dict.fromkeys(name for names in self.parts.ask(lambda part: part.field_names()) for name in names))


def summed(each: Iterable[Iterable[Facet]]) -> dict[str, Counter[str]]:
    """Of each field, how many documents of all parts have which value."""
    together: dict[str, Counter[str]] = {}
    for own in each:
        for facet in own:
            together.setdefault(facet.name, Counter()).update(dict(facet.values))
    return together


def in_order(counted: Mapping[str, Counter[str]], limit: int) -> list[Facet]:
    """Facets: built-in fields first, then those of most documents, each with the commonest values first."""
    order = sorted(counted, key=lambda name: (name not in BUILT_IN, -counted[name].total(), name))
    return [
        Facet(name, tuple(sorted(counted[name].items(), key=lambda item: (-item[1], item[0]))[:limit]))
        for name in order
        if counted[name]
    ]


def numbered(standing: Mapping[int, Sequence[int]], place: int) -> dict[int, list[int]]:
    """Documents by the numbers they have in the whole.

    Args:
        standing: By passage id, the numbers in a part.
        place: Of the part.
    """
    return {one: [number + (place << PART_BITS) for number in own] for one, own in standing.items()}
