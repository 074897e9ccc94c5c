"""An index on this machine as a part of what is searched; see `search.parts` for what each method is asked."""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from sakuin.index.background import lowest
from sakuin.index.file_location import FileLocation, location_of
from sakuin.index.snapshot import Selection, Snapshot, remembered
from sakuin.index.store import PassageRow, indexed_text
from sakuin.index.store.facets import Facet
from sakuin.index.store.passages import Source
from sakuin.index.terms import Asked, TermScore
from sakuin.index.text.synonyms import Synonyms
from sakuin.index.where import Condition
from sakuin.search import local_documents
from sakuin.search.conditions import WordConditions
from sakuin.search.document_parts import DocumentList, Meant, Near, Texts
from sakuin.search.legs import EMPTY, Leg, bm25_leg, dense_leg
from sakuin.search.parts import Doubled, Listed, Listing, PartState, Within
from sakuin.search.reading import ReadablePassage

READ_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a search is restricted to, looked up."""

    selection: Selection | None
    conditions: WordConditions[Selection] | None


class LocalPart:
    """A `Part` that is a snapshot of an index on this machine."""

    def __init__(self, snapshot: Snapshot, beside: Executor, name: str = "") -> None:
        """Look up nothing yet.

        Args:
            snapshot: The index.
            beside: Runs BM25 while the thread that asks compares vectors: FAISS, numpy and tantivy all let go of
                Python's lock.
            name: By which hits name it.
        """
        self.snapshot = snapshot
        self._beside = beside
        self._name = name
        self._kept: dict[Within, _Kept] = {}
        self._keeping = Lock()

    def state(self) -> PartState:
        """What is committed."""
        terms = self.snapshot.terms
        counted, mean_length = terms.lengths()
        return PartState(self._name, self.snapshot.manifest, counted, mean_length)

    def synonyms(self) -> Synonyms:
        """By which queries are widened."""
        return self.snapshot.terms.synonyms()

    def outdated(self) -> bool:
        """Whether somebody has committed since."""
        return self.snapshot.outdated()

    def passage_ids(self) -> NDArray[np.int64]:
        """See `Part.passage_ids`."""
        return self.snapshot.vectors.ids

    def doubled(self, passage_ids: NDArray[np.int64]) -> Doubled:
        """What passages count."""
        having: Counter[str] = Counter()
        found = length = 0
        for start in range(0, len(passage_ids), READ_AT_ONCE):
            rows = self.snapshot.passages(passage_ids[start : start + READ_AT_ONCE].tolist())
            texts = [indexed_text(row.places[0].title, row.places[0].heading, row.text) for row in rows.values()]
            found += len(texts)
            for joined in self.snapshot.terms.analyser.joined(texts):
                terms = joined.split()
                length += len(terms)
                having.update(set(terms))
        return Doubled(found, length, having)

    def pool(self, most: int) -> tuple[NDArray[np.int64], list[set[Source]]]:
        """See `Part.pool`."""
        ids = lowest(self.snapshot.vectors.segments, most)
        return ids, self.sources(ids.tolist())

    def sources(self, passage_ids: Sequence[int]) -> list[set[Source]]:
        """What tells the documents of passages."""
        return self.snapshot.sources_of(passage_ids)

    def having(self, terms: Sequence[str]) -> list[int]:
        """How many passages have each term."""
        counted = self.snapshot.terms.having_each(terms)
        return [counted[term] for term in terms]

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        """All terms that begin so."""
        return self.snapshot.terms.beginning(prefix)

    def sizes(self, within: Within) -> tuple[int, int]:
        """How many documents pass the condition, and how many passages may be found."""
        kept = self._looked_up(within)
        passages = len(kept.selection.passages) if kept.selection else self.snapshot.manifest.passages
        if within.condition is None:
            return 0, passages
        return len(self.snapshot.selection(within.condition).documents), passages

    def listed(self, listing: Listing) -> Listed:
        """The candidates of both legs."""
        snapshot, asked, vector = self.snapshot, listing.asked, listing.vector
        wanted, number = listing.wanted, listing.rescored
        kept = self._selection(listing.within)
        if asked is None:
            dense = self._dense(listing, kept)
            found = Listed(dense, np.zeros(len(dense.ids) if dense else 0, np.float32), None, np.zeros(0, np.float32))
            return self._with_documents(found, listing, kept)
        if vector is None:
            bm25 = bm25_leg(snapshot, asked, wanted=wanted, rescored=number, within=kept)
            found = Listed(None, np.zeros(0, np.float32), bm25, np.zeros(len(bm25.ids) if bm25 else 0, np.float32))
            return self._with_documents(found, listing, kept)
        reading = self._beside.submit(self._bm25_with_cosines, asked, vector, listing, kept)
        dense = self._dense(listing, kept)
        seen, dense_matches = dense or EMPTY, None
        if number is None:
            # BM25 is still busy in a small index; in a large one it is about to say which of these it has scored
            # itself.
            dense_matches = snapshot.terms.scores(asked, seen.ids.tolist())
        bm25, cosines = reading.result()
        if dense_matches is None:
            dense_matches = self._rescored(seen.ids, bm25 or EMPTY, asked, number)
        return self._with_documents(Listed(dense, dense_matches, bm25, cosines), listing, kept)

    def listed_each(self, listings: Sequence[Listing]) -> list[Listed]:
        """The candidates of many."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self.listed, listings))

    def _dense(self, listing: Listing, kept: Selection | None) -> Leg | None:
        assert listing.vector is not None
        return dense_leg(self.snapshot, listing.vector, wanted=listing.wanted, rescore=listing.rescore, within=kept)

    def _bm25_with_cosines(
        self, asked: Asked, vector: NDArray[np.float32], listing: Listing, kept: Selection | None
    ) -> tuple[Leg | None, NDArray[np.float32]]:
        """BM25's list, see `bm25_leg`, and float32 (n,), the cosines of what it lists."""
        leg = bm25_leg(self.snapshot, asked, wanted=listing.wanted, rescored=listing.rescored, within=kept)
        return leg, self.snapshot.vectors.scores(vector, leg.ids) if leg else np.zeros(0, np.float32)

    def _rescored(self, ids: NDArray[np.int64], bm25: Leg, asked: Asked, number: int | None) -> NDArray[np.float32]:
        """BM25 scores, float32 (n,), of the first so many passages of the dense list; NaN of the others."""
        matches = np.full(len(ids), np.nan, np.float32)
        by_id = dict(zip(bm25.ids.tolist(), bm25.scores.tolist(), strict=True))
        matches[:number] = [by_id.get(one, np.nan) for one in ids[:number].tolist()]
        missing = np.flatnonzero(np.isnan(matches[:number]))
        matches[missing] = self.snapshot.terms.scores(asked, ids[missing].tolist())
        return matches

    def _with_documents(self, found: Listed, listing: Listing, kept: Selection | None) -> Listed:
        """What is listed, with the documents in which it stands, where these were asked for."""
        if not listing.standing:
            return found
        ids = np.unique(np.concatenate([(found.dense or EMPTY).ids, (found.bm25 or EMPTY).ids])).tolist()
        standing = self.snapshot.documents_of(ids, kept)
        return Listed(found.dense, found.dense_matches, found.bm25, found.bm25_cosines, standing)

    def documents_of(self, passage_ids: Sequence[int], within: Within | None) -> dict[int, list[int]]:
        """Numbers of the documents of each passage's places."""
        return self.snapshot.documents_of(passage_ids, self._selection(within))

    def passages(self, passage_ids: Sequence[int], within: Within | None) -> dict[int, PassageRow]:
        """Passages with their places."""
        return self.snapshot.passages(passage_ids, self._selection(within))

    def indexed(self, passage_ids: Sequence[int]) -> dict[int, str]:
        """What is indexed of passages."""
        return self.snapshot.indexed(passage_ids)

    def explained(self, asked: Asked, passage_ids: Sequence[int]) -> list[list[TermScore]]:
        """What each term adds to the score of passages."""
        return [self.snapshot.terms.explained(asked, passage_id) for passage_id in passage_ids]

    def scores(
        self, passage_ids: Sequence[int], asked: Asked | None, vector: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Part.scores`."""
        cosines = matches = np.zeros(len(passage_ids), np.float32)
        if vector is not None:
            cosines = self.snapshot.vectors.scores(vector, np.array(passage_ids, np.int64))
        if asked is not None:
            matches = self.snapshot.terms.scores(asked, passage_ids)
        return cosines, matches

    def rows(self, passage_ids: Sequence[int], dim: int) -> NDArray[np.float32]:
        """See `Part.rows`."""
        return self.snapshot.vectors.rows(np.array(passage_ids, np.int64), dim)

    def holding(self, within: Within, passage_ids: Sequence[int]) -> list[int]:
        """Those of some passages whose words are as they must be."""
        conditions = self._looked_up(within).conditions
        return conditions.holding(passage_ids) if conditions else list(passage_ids)

    def shown(self, within: Within, documents: Sequence[tuple[int, Sequence[int]]], most: int) -> list[list[int]]:
        """Which passages of documents to give."""
        conditions = self._looked_up(within).conditions
        assert conditions is not None
        return [conditions.shown_of(number, passages, most) for number, passages in documents]

    def field_names(self) -> list[str]:
        """What filters call the fields that any document has."""
        return self.snapshot.field_names()

    def facets(self, condition: Condition, names: Collection[str] | None, limit: int) -> list[Facet]:
        """How many of the documents that pass a filter have which values."""
        return self.snapshot.facets(condition, names, limit)

    def counted(self, documents: Sequence[int], names: Collection[str] | None) -> list[Facet]:
        """How many of some documents have which values."""
        return self.snapshot.counted(np.array(documents, np.int64), names)

    def counts(self) -> dict[str, int]:
        """Numbers of files, documents, passages and so on."""
        return self.snapshot.counts()

    def meant(self, document_id: str, passage: ReadablePassage | None, dim: int) -> Meant | None:
        """See `DocumentPart.meant`; so all that follow."""
        return local_documents.meant(self.snapshot, document_id, passage, dim)

    def near(self, vector: NDArray[np.float32], depth: int, within: Within | None, alone: NDArray[np.int64]) -> Near:
        """The passages nearest to a vector."""
        return local_documents.near(self.snapshot, vector, depth, self._selection(within), alone)

    def means(self, documents: Sequence[int], dim: int) -> NDArray[np.float32]:
        """The means of documents' passages, float32 (n, dim)."""
        return local_documents.means(self.snapshot, documents, dim)

    def texts(self, condition: Condition | None) -> Texts:
        """What tells whether documents have the same text."""
        return local_documents.texts(self.snapshot, condition)

    def listing(self, condition: Condition, after: int, most: int, room: int) -> DocumentList:
        """Documents without their texts."""
        return local_documents.listing(self.snapshot, condition, after, most, room)

    def file_location(self, document_id: str) -> FileLocation | None:
        """Where the file of a document is known to be."""
        return location_of(self.snapshot.folder, document_id)

    def names(self, documents: Sequence[int]) -> dict[int, tuple[str, str]]:
        """Ids and titles of documents."""
        return local_documents.names(self.snapshot, documents)

    def _selection(self, within: Within | None) -> Selection | None:
        return self._looked_up(within).selection if within else None

    def _looked_up(self, within: Within) -> _Kept:
        """What may be found; the last few are kept, for one search needs it several times."""
        with self._keeping:
            return remembered(self._kept, within, lambda: self._look_up(within))

    def _look_up(self, within: Within) -> _Kept:
        selection = self.snapshot.selection(within.condition) if within.condition is not None else None
        if within.words is None:
            return _Kept(selection, None)
        conditions = WordConditions(self.snapshot, within.words, within.common)
        return _Kept(conditions.narrowed(selection, by_document=within.by_document), conditions)
