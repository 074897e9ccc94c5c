"""The documents of what is searched: several indexes answer as one of all documents, see `search.document_parts`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from sakuin.index.file_location import FileLocation
from sakuin.index.store.paging import LabelledDocument
from sakuin.index.store.passages import MAX_PLACES
from sakuin.index.where import Condition
from sakuin.search.document_parts import DocumentList, DocumentPart, Meant, Near, Texts
from sakuin.search.reading import ReadablePassage, UnknownDocumentError
from sakuin.search.request import SearchError
from sakuin.search.whole import OWN_BITS, PART_BITS, Selected, Whole, numbered

NO_IDS = np.zeros(0, np.int64)


class WholeDocuments:
    """The documents of a whole, each known by its number in its part and the part's place above that."""

    def __init__(self, whole: Whole) -> None:
        """Ask nothing yet.

        Args:
            whole: What is searched.

        Raises:
            SearchError: a part of it is no index in a folder.
        """
        if not all(hasattr(part, "meant") for part in whole.parts):
            raise SearchError("This is asked of indexes in folders, and this is none.")
        self.whole = whole
        self.dim = whole.manifest.dim

    def meant(self, document_id: str, passage: ReadablePassage | None, *, index: str = "") -> tuple[Meant, int]:
        """A document, or a passage of it, and the place of the part that it lies in.

        Args:
            document_id: Of the document.
            passage: Of the document; None for all of it.
            index: By which hits name the index of the document; "" for the first that has such a document. A single
                index is called as it may be: what was found in it among others names it.

        Raises:
            UnknownDocumentError: there is no such document, or no such passage in it.
        """
        each = self._ask(lambda part, _: part.meant(document_id, passage, self.dim))
        for place, (name, found) in enumerate(zip(self.whole.names, each, strict=True)):
            if found is not None and (index in ("", name) or not self.whole.is_named):
                return found, place
        raise UnknownDocumentError(f"There is no document {document_id[:200]!r}: give an id as hits have it.")

    def near(
        self, vector: NDArray[np.float32], depth: int, within: Selected | None, *, besides: Meant, place: int
    ) -> Near:
        """The ``depth`` passages nearest to a vector.

        Args:
            vector: float32 (dim,), of length 1.
            depth: How many.
            within: Only documents that may be found.
            besides: The document whose own passages need not be looked at.
            place: Of the part that it lies in.
        """
        told = within.within if within else None
        each: list[Near] = self._ask(
            lambda part, own: part.near(vector, depth, told, besides.alone if own == place else NO_IDS)
        )
        ids = np.concatenate([one.ids for one in each])
        cosines = np.concatenate([one.cosines for one in each])
        _, first = np.unique(ids, return_index=True)
        order = first[np.lexsort((ids[first], -cosines[first]))][:depth]
        standing: dict[int, list[int]] = {}
        for own, one in enumerate(each):
            for passage_id, documents in numbered(one.standing, own).items():
                standing.setdefault(passage_id, []).extend(documents)
        return Near(ids[order], cosines[order], {one: own[:MAX_PLACES] for one, own in standing.items()})

    def means(self, documents: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 (n, dim): the means of documents' passages, of length 1; zero where nothing is known of them."""
        found = np.zeros((len(documents), self.dim), np.float32)
        places = documents >> PART_BITS
        rows = [np.flatnonzero(places == place) for place in range(len(self.whole.parts))]

        def asked(part: DocumentPart, place: int) -> NDArray[np.float32] | None:
            own = (documents[rows[place]] & OWN_BITS).tolist()
            return part.means(own, self.dim) if own else None

        for own, answer in zip(rows, self._ask(asked), strict=True):
            if answer is not None:
                found[own] = answer
        return found

    def texts(self, condition: Condition | None) -> Texts:
        """The documents that pass a filter; all, where there is none."""
        each: list[Texts] = self._ask(lambda part, _: part.texts(condition))
        return Texts(
            np.concatenate([one.numbers + (place << PART_BITS) for place, one in enumerate(each)]),
            np.concatenate([one.checksums for one in each]),
        )

    def names(self, documents: Sequence[int]) -> dict[int, tuple[str, str, str]]:
        """(id, title, name of the index) of documents by number."""
        each: list[dict[int, tuple[str, str]]] = self._ask(
            lambda part, place: part.names([one & OWN_BITS for one in documents if one >> PART_BITS == place])
        )
        return {
            number + (place << PART_BITS): (*told, name)
            for place, (name, own) in enumerate(zip(self.whole.names, each, strict=True))
            for number, told in own.items()
        }

    def listing(self, condition: Condition, after: int, most: int, room: int) -> DocumentList:
        """Documents that pass a filter, those of one part after those of another, see `DocumentPart.listing`."""
        found: list[LabelledDocument] = []
        parts = cast(list[DocumentPart], list(self.whole.parts))
        first = after >> PART_BITS
        for place, part in enumerate(parts[first:], first):
            own = after & OWN_BITS if place == first else 0
            # Nothing more is wanted of the last parts than whether there is anything.
            some = part.listing(condition, own, most - len(found) if room > 0 else 0, room)
            name = self.whole.names[place]
            found += [replace(one, number=one.number + (place << PART_BITS), index=name) for one in some.documents]
            room -= sum(len(orjson.dumps([one.id, one.uri, one.title, one.metadata])) for one in some.documents)
            if some.more:
                return DocumentList(tuple(found), True)
        return DocumentList(tuple(found), False)

    def file_location(self, document_id: str, index: str = "") -> FileLocation | None:
        """Where the file of a document is known to be; None where there is no such document.

        Args:
            document_id: Of the document.
            index: In which it is; "" for the first that has such a document.
        """
        each = zip(self.whole.names, self._ask(lambda part, _: part.file_location(document_id)), strict=True)
        return next((found for name, found in each if found and index in ("", name)), None)

    def _ask(self, question: Callable[[DocumentPart, int], Any]) -> list[Any]:
        """What all parts answer, each told its place."""
        places = {id(part): place for place, part in enumerate(self.whole.parts)}
        return self.whole.parts.ask(lambda part: question(cast(DocumentPart, part), places[id(part)]))
