"""What a search of an index in PostgreSQL is restricted to: by filters, and by quotes and exclusions; and facets.

The database proposes documents and passages. Whether one passes is decided here, by the code that decides it of an
index in its folder: so both agree what a value is, and where words stand.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.index.snapshot import MOST_COUNTED, remembered
from sakuin.index.store import PassageRow, PlaceRow
from sakuin.index.store.facets import MOST_VALUES, Facet, facets_of
from sakuin.index.store.passages import MAX_PLACES
from sakuin.index.where import (
    AND,
    BUILT_IN,
    EVERYTHING,
    EXISTS,
    ID,
    IN,
    NOT_IN,
    Condition,
    Group,
    Labels,
    Test,
    called,
    key_of,
    matches,
)
from sakuin.integrations.engines.postgres import tables
from sakuin.integrations.engines.postgres.session import Session
from sakuin.search.conditions import WordConditions
from sakuin.search.parts import Within

ABSENT = (EXISTS, ("false",))
"""How a filter asks for documents without a field."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Some passages of some documents.

    Attributes:
        documents: int64 (d,), ascending: their numbers.
        passages: int64 (n,), ascending: ids.
    """

    documents: NDArray[np.int64]
    passages: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a search is restricted to, looked up.

    Attributes:
        selection: What may be found; None for all.
        conditions: What is asked of words; None for nothing.
    """

    selection: Selection | None
    conditions: WordConditions[Selection] | None


class Selecting:
    """What of one export passes filters; the last few are kept. Safe to use from several threads."""

    def __init__(self, session: Session) -> None:
        """Look up nothing yet."""
        self._session = session
        self._lock = RLock()
        self._selections: dict[Condition, Selection] = {}
        self._kept: dict[Within, Kept] = {}
        self._facets: dict[tuple[Condition, tuple[str, ...] | None, int], list[Facet]] = {}
        self._fields: list[str] | None = None

    @property
    def terms(self) -> "Selecting":
        """What proposes passages by their terms."""
        return self

    def kept(self, within: Within | None) -> Selection | None:
        """What may be found; None for all."""
        return self.looked_up(within).selection if within else None

    def documents(self, within: Within | None) -> list[int] | None:
        """Numbers of the documents that may be found; None for all."""
        kept = self.kept(within)
        return None if kept is None else kept.documents.tolist()

    def looked_up(self, within: Within) -> Kept:
        """What a search is restricted to."""
        with self._lock:
            return remembered(self._kept, within, lambda: self._look_up(within))

    def _look_up(self, within: Within) -> Kept:
        selection = self.selection(within.condition) if within.condition is not None else None
        if within.words is None:
            return Kept(selection, None)
        conditions = WordConditions(self, within.words, within.common)
        return Kept(conditions.narrowed(selection, by_document=within.by_document), conditions)

    def selection(self, condition: Condition) -> Selection:
        """What passes a filter."""
        with self._lock:
            return remembered(self._selections, condition, lambda: self._select(condition))

    def _select(self, condition: Condition) -> Selection:
        clauses, given = proposal(condition)
        rows = self._session.rows(f"{tables.LABELS} WHERE {' AND '.join(['true', *clauses])} ORDER BY number", given)
        documents = np.fromiter((number for number, *label in rows if matches(condition, Labels(*label))), np.int64)
        return self.chosen(documents, self.passages_of(documents))

    def chosen(self, documents: NDArray[np.int64], passages: NDArray[np.int64]) -> Selection:
        """Some passages of some documents, both given ascending."""
        return Selection(documents, passages)

    def passages_of(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (n,), ascending: ids of the passages of documents, given by their numbers."""
        return self._numbers(tables.PASSAGES_OF, documents.tolist())

    def documents_with(self, passages: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (n,), ascending: numbers of all documents in which any of the passages stands."""
        return self._numbers(tables.DOCUMENTS_WITH, passages.tolist())

    def with_all(self, terms: Sequence[str], most: int) -> NDArray[np.int64] | None:
        """Ids, int64 (n,), ascending, of the passages that have all of some terms; None as in `Terms.with_all`."""
        if not terms:
            return None
        known = {term: (number, having) for term, number, having in self._session.rows(tables.TERMS, (list(terms),))}
        if any(term not in known for term in terms):
            return np.empty(0, np.int64)
        if min(having for _, having in known.values()) > most:
            return None
        return self._numbers(tables.WITH_ALL, [number for number, _ in known.values()])

    def _numbers(self, sql: str, given: list[int]) -> NDArray[np.int64]:
        return np.fromiter((row[0] for row in self._session.rows(sql, (given,))), np.int64)

    def passages(self, passage_ids: Sequence[int], within: Within | None = None) -> dict[int, PassageRow]:
        """Passages by id, with all places where they stand, or those in documents that may be found."""
        found: dict[int, list[tuple[PlaceRow, str]]] = {}
        documents = self.documents(within)
        for passage, _, start, end, heading, position, text, *document in self._session.rows(
            tables.PLACES, (list(passage_ids), documents, documents)
        ):
            name, uri, title, metadata = document
            place = PlaceRow(name, uri, title, metadata, start, end, heading, position)
            found.setdefault(passage, []).append((place, text))
        return {
            passage: PassageRow(passage, places[0][1], tuple(place for place, _ in places[:MAX_PLACES]), len(places))
            for passage, places in found.items()
        }

    def field_names(self) -> list[str]:
        """What filters call the fields that any document has, built-in ones first."""
        if self._fields is None:
            keys = {key for (key,) in self._session.rows(tables.FIELDS)}
            self._fields = [*BUILT_IN, *sorted(called(key) for key in keys)]
        return self._fields

    def facets(
        self, condition: Condition = EVERYTHING, names: Collection[str] | None = None, limit: int = MOST_VALUES
    ) -> list[Facet]:
        """How many of the documents that pass a filter have which values, see `Snapshot.facets`.

        The last few answers are kept, as there: which fields are told of is read from the metadata of all documents.
        """
        if condition != EVERYTHING and names is None:
            names = [facet.name for facet in self.facets()]
        asked = (condition, None if names is None else tuple(sorted(names)), limit)
        with self._lock:
            return remembered(self._facets, asked, lambda: self._count(condition, names, limit))

    def _count(self, condition: Condition, names: Collection[str] | None, limit: int) -> list[Facet]:
        documents = self.selection(condition).documents.tolist() if condition != EVERYTHING else None
        return facets_of(self._files(documents), self._metadata(documents), names, limit)

    def counted(self, documents: Sequence[int], names: Collection[str] | None) -> list[Facet]:
        """How many of some documents, given by numbers, have which values, see `Snapshot.counted`."""
        own = list(documents)
        return facets_of(self._files(own), self._metadata(own), names, MOST_COUNTED, all_fields=True)

    def _files(self, documents: list[int] | None) -> list[tuple[str, int]]:
        return self._session.rows(tables.FILES, (documents, documents))

    def _metadata(self, documents: list[int] | None) -> Iterator[Mapping[str, Any]]:
        yield from (metadata for (metadata,) in self._session.rows(tables.METADATA, (documents, documents)))


def proposal(condition: Condition) -> tuple[list[str], list[Any]]:
    """SQL that every document fulfils that passes a filter, and its values."""
    parts = condition.parts if isinstance(condition, Group) and condition.operator == AND else (condition,)
    clauses: list[str] = []
    given: list[Any] = []
    for part in parts:
        if not isinstance(part, Test):
            continue
        if part.field == ID and part.operator == IN:
            clauses.append("id = ANY(%s)")
            given.append(list(part.values))
        elif part.field not in BUILT_IN and part.operator != NOT_IN and (part.operator, part.values) != ABSENT:
            clauses.append("metadata ? %s")
            given.append(key_of(part.field))
    return clauses, given
