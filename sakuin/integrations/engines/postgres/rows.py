"""The rows of an index in PostgreSQL: documents, passages, places, and the terms that passages have."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from sakuin.index.text import Analyser
from sakuin.integrations.engines.bm25 import Bag
from sakuin.integrations.engines.contents import Contents, ExportedDocument, ExportedPassage, as_json
from sakuin.integrations.engines.postgres.tables import MOST_TERMS, TERM_NUMBERS, copy_line

DOCUMENT_COLUMNS = ("number", "id", "uri", "file", "title", "metadata", "text", "fingerprint")
PASSAGE_COLUMNS = ("id", "vector", "weights", "terms", "length", "mean_length")
PLACE_COLUMNS = ("document", "number", "passage", "start", "end", "heading", "position", "text")
TERM_COLUMNS = ("number", "term", "passages")

BATCH = 2_000
"""Passages, at least, that are written together; a document is never parted."""


@dataclass(slots=True)
class Dictionary:
    """The numbers of terms, from 1, and what an export adds to them.

    Attributes:
        numbers: Of all terms; some hundred bytes for each.
        last: The highest number that was ever given.
        added: How many new passages have each term, by number.
        new: Terms that got their numbers now.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    last: int = 0
    added: Counter[int] = field(default_factory=Counter)
    new: list[str] = field(default_factory=list)

    def numbered(self, terms: Iterable[str]) -> list[int]:
        """The numbers of a passage's terms, each of which it then has once more."""
        found = []
        for term in terms:
            number = self.numbers.get(term)
            if number is None:
                self.last += 1
                number = self.numbers[term] = self.last
                self.new.append(term)
            found.append(number)
        self.added.update(found)
        return found

    def new_rows(self) -> Iterator[str]:
        """The rows of new terms."""
        return (copy_line((self.numbers[term], term, self.added[self.numbers[term]])) for term in self.new)

    def counted(self) -> tuple[list[int], list[int]]:
        """Numbers of the terms that were known before, and how many new passages have each."""
        new = {self.numbers[term] for term in self.new}
        known = [number for number in self.added if number not in new]
        return known, [self.added[number] for number in known]


class Known:
    """Which passages of an index the database has; one byte and an id for each."""

    def __init__(self, ids: NDArray[np.int64]) -> None:
        """None so far.

        Args:
            ids: int64 (n,), of all passages of the index, ascending.
        """
        self._ids = ids
        self._known = np.zeros(len(ids), np.bool_)

    def add(self, ids: Sequence[int]) -> list[bool]:
        """Note that the database has passages; returns for each whether it was not noted before."""
        found = []
        for passage_id in ids:
            at = int(np.searchsorted(self._ids, passage_id))
            is_of_index = at < len(self._ids) and int(self._ids[at]) == passage_id
            found.append(is_of_index and not self._known[at])
            if is_of_index:
                self._known[at] = True
        return found


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows in the text format of COPY; passages before the places that name them."""

    documents: list[str]
    passages: list[str]
    places: list[str]


class RowMaker:
    """Makes the rows of documents of one index."""

    def __init__(self, contents: Contents, dim: int, dictionary: Dictionary, known: Known) -> None:
        """Of an open index.

        Args:
            contents: The index.
            dim: How many dimensions of each vector are written.
            dictionary: Numbers of terms; grows.
            known: Passages that are written already; grows.
        """
        self._contents, self._dim, self._dictionary, self._known = contents, dim, dictionary, known
        self._analyser = Analyser()
        self.mean_length = contents.mean_length()

    def batches(self, numbers: Sequence[int] | None, fingerprints: Mapping[int, int]) -> Iterator[Lines]:
        """The rows of documents, some at a time.

        Args:
            numbers: Of the documents; None for all.
            fingerprints: Of the documents, by number.
        """
        waiting: list[ExportedDocument] = []
        held = 0
        for exported in self._contents.documents(numbers):
            waiting.append(exported)
            held += 1 + len(exported.passages)
            if held >= BATCH:
                yield self._lines(waiting, fingerprints)
                waiting, held = [], 0
        if waiting:
            yield self._lines(waiting, fingerprints)

    def _lines(self, some: Sequence[ExportedDocument], fingerprints: Mapping[int, int]) -> Lines:
        documents, places = [], []
        standing: list[ExportedPassage] = []
        for exported in some:
            own = exported.document
            label = (exported.number, own.id, own.uri, exported.file, own.title, as_jsonb(own.metadata), own.text)
            documents.append(copy_line((*label, fingerprints[exported.number])))
            for each in exported.passages:
                where = (exported.number, each.number, each.passage_id, each.start, each.end)
                places.append(copy_line((*where, each.heading, as_json(each.position), each.text)))
            standing += exported.passages
        is_new = self._known.add([passage.passage_id for passage in standing])
        new = [passage for passage, kept in zip(standing, is_new, strict=True) if kept]
        return Lines(documents, self._passages(new), places)

    def _passages(self, some: Sequence[ExportedPassage]) -> list[str]:
        vectors = self._contents.vectors([passage.passage_id for passage in some])[:, : self._dim]
        joined = self._analyser.joined([passage.indexed for passage in some])
        lines = []
        for passage, vector, terms in zip(some, vectors.tolist(), joined, strict=True):
            bag = Bag.of(terms)
            weights = most_of(bag.saturations(self.mean_length))
            numbers = self._dictionary.numbered(weights)
            sparse = as_sparse(dict(zip(numbers, weights.values(), strict=True)))
            listed = "{" + ",".join(map(str, numbers)) + "}"
            row = (passage.passage_id, str(vector), sparse, listed, bag.frequencies.total(), repr(self.mean_length))
            lines.append(copy_line(row))
        return lines


def as_jsonb(metadata: Mapping[str, Any]) -> str:
    """Metadata as jsonb gives it back: of a number without a fraction it would forget that it is a float."""
    return as_json({key: _telling_floats(value) for key, value in metadata.items()})


def _telling_floats(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _telling_floats(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_telling_floats(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return orjson.Fragment(f"{value:.1f}")
    return value


def most_of(weights: Mapping[str, float]) -> Mapping[str, float]:
    """Those terms that a sparsevec has room for: the ones that count most."""
    if len(weights) <= MOST_TERMS:
        return weights
    return {term: weights[term] for term in sorted(weights, key=lambda term: (-weights[term], term))[:MOST_TERMS]}


def as_sparse(weights: Mapping[int, float]) -> str:
    """Weights by the numbers of terms, from 1, as pgvector reads a sparsevec."""
    return "{" + ",".join(f"{number}:{weights[number]:.9g}" for number in sorted(weights)) + f"}}/{TERM_NUMBERS}"


def of_sparse(text: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Numbers of terms, int64 (n,), ascending, and weights, float64 (n,), of a sparsevec as PostgreSQL prints it."""
    inside = text[1 : text.rindex("}")]
    flat = np.array(inside.replace(":", ",").split(",") if inside else [], np.float64)
    return flat[::2].astype(np.int64), flat[1::2]
