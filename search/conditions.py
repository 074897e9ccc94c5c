"""What a query asks of the words of a hit: looked for in the texts themselves, whichever leg found it.

The keyword index proposes passages that have the terms of what is required; those that are ranked are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sakuin.index.store import PassageRow
from sakuin.index.text.wording import Wording, plain
from sakuin.search.query import Query, Wanted

MOST_PROPOSED = 200_000
"""Of words that more passages may have, none are proposed: what is ranked is read until enough hits have them."""

Parts = tuple[str, tuple[str, ...]]
"""Title, and title, heading and text, of a passage; plain. All its places have the same, for its id names them."""

READ_AT_ONCE = 100


class Selection(Protocol):
    """Some passages of some documents, such as `index.snapshot.Selection`."""

    @property
    def documents(self) -> NDArray[np.int64]:
        """int64 (d,), ascending: numbers."""

    @property
    def passages(self) -> NDArray[np.int64]:
        """int64 (n,), ascending: ids."""


S = TypeVar("S", bound=Selection)
S_co = TypeVar("S_co", bound=Selection, covariant=True)


class Proposing(Protocol):
    """Terms of passages, such as `index.terms.Terms`."""

    def with_all(self, terms: Sequence[str], most: int) -> NDArray[np.int64] | None:
        """See `Terms.with_all`."""


class Readable(Protocol[S_co]):
    """What is searched, such as `index.snapshot.Snapshot`; see there what each method gives."""

    @property
    def terms(self) -> Proposing:
        """Of its passages."""

    def passages(self, passage_ids: Sequence[int]) -> dict[int, PassageRow]:
        """Passages by id."""

    def documents_with(self, passages: NDArray[np.int64]) -> NDArray[np.int64]:
        """Documents in which passages (m,) stand, int64 (n,), ascending."""

    def passages_of(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Passages that stand in documents (m,), int64 (n,), ascending."""

    def chosen(self, documents: NDArray[np.int64], passages: NDArray[np.int64]) -> S_co:
        """Both together."""


@dataclass(frozen=True, slots=True)
class _Sought:
    """Words that are looked for.

    Attributes:
        wanted: The words.
        wording: How they are looked for.
        proposed: int64 (n,), ascending, ids of all passages that may have them; None where that is too many.
    """

    wanted: Wanted
    wording: Wording
    proposed: NDArray[np.int64] | None

    def stands_in(self, parts: Parts) -> bool:
        """Whether a passage has the words."""
        title, all_parts = parts
        return any(map(self.wording.stands_in, (title,) if self.wanted.in_title else all_parts))


class WordConditions(Generic[S]):
    """What a query asks of the words of hits, in a snapshot of an index, or another place where it is stored.

    A passage that is found alone has all that is required and nothing that is excluded. A document has them in all of
    its text, and each passage that is given of it has something that is required.
    """

    def __init__(self, snapshot: Readable[S], query: Query, common: frozenset[Wanted]) -> None:
        """Look up what may have the words.

        Args:
            snapshot: The index.
            query: Asks for some words.
            common: Those of them that are not looked up.
        """
        self._snapshot = snapshot
        self._common = common
        self._required = [tuple(map(self._sought, alternatives)) for alternatives in query.required]
        self._excluded = [self._sought(wanted) for wanted in query.excluded]
        self._read: dict[int, Parts] = {}

    def _sought(self, wanted: Wanted) -> _Sought:
        wording = wanted.wording
        looked_up = wanted not in self._common
        proposed = self._snapshot.terms.with_all(wording.terms, MOST_PROPOSED) if looked_up else None
        return _Sought(wanted, wording, proposed)

    def narrowed(self, within: S | None, *, by_document: bool) -> S | None:
        """What may have all that is required, of a selection or of everything; ``within`` itself where that is all."""
        known = [lists for one in self._required if (lists := [sought.proposed for sought in one]) and _all(lists)]
        if not known:
            return within
        each = [_union(lists) for lists in known]
        if by_document:
            documents = _common([self._snapshot.documents_with(passages) for passages in each])
            passages = self._snapshot.passages_of(documents)
            if len(known) == len(self._required):
                passages = np.intersect1d(passages, _union(each), assume_unique=True)
        else:
            passages = _common(each)
            documents = self._snapshot.documents_with(passages)
        if within:
            documents = np.intersect1d(documents, within.documents, assume_unique=True)
            passages = np.intersect1d(passages, within.passages, assume_unique=True)
        return self._snapshot.chosen(documents, passages)

    def holding(self, passages: Sequence[int]) -> list[int]:
        """Those of some passages, given by their ids, that have what is required, and nothing that is excluded."""
        return [
            passage_id
            for passage_id, parts in self._parts(passages).items()
            if all(_any(one, parts) for one in self._required) and not _any(self._excluded, parts)
        ]

    def shown_of(self, document: int, passages: Sequence[int], most: int) -> list[int]:
        """Which passages of a document to give, in order; none where the document is no hit.

        Args:
            document: Its number.
            passages: Ids of those that were ranked.
            most: How many to give.
        """
        shown: list[int] = []
        missing = list(self._required)
        for start in range(0, len(passages), most):
            for passage_id, parts in self._parts(passages[start : start + most]).items():
                if _any(self._excluded, parts):
                    return []
                if not self._required or any(_any(one, parts) for one in self._required):
                    shown.append(passage_id)
                    missing = [one for one in missing if not _any(one, parts)]
            if len(shown) >= most:
                break
        if not shown or self._has_any(document, self._excluded):
            return []
        return shown[:most] if all(self._has_any(document, one) for one in missing) else []

    def _has_any(self, document: int, sought: Sequence[_Sought]) -> bool:
        """Whether any passage of a document has any of some words."""
        if not sought:
            return False
        passages = self._snapshot.passages_of(np.array([document], np.int64))
        for one in sought:
            proposed = passages if one.proposed is None else _common([passages, one.proposed])
            for start in range(0, len(proposed), READ_AT_ONCE):
                read = self._parts(proposed[start : start + READ_AT_ONCE].tolist())
                if any(one.stands_in(parts) for parts in read.values()):
                    return True
        return False

    def _parts(self, passages: Sequence[int]) -> dict[int, Parts]:
        """The parts of passages, by id, in order; without those that are gone."""
        unread = [passage_id for passage_id in passages if passage_id not in self._read]
        for passage_id, row in self._snapshot.passages(unread).items() if unread else ():
            title = plain(row.places[0].title)
            self._read[passage_id] = (title, (title, plain(row.places[0].heading), plain(row.text)))
        return {passage_id: self._read[passage_id] for passage_id in passages if passage_id in self._read}


def _any(sought: Sequence[_Sought], parts: Parts) -> bool:
    return any(one.stands_in(parts) for one in sought)


def _all(lists: Sequence[NDArray[np.int64] | None]) -> bool:
    return all(one is not None for one in lists)


def _union(lists: Sequence[NDArray[np.int64] | None]) -> NDArray[np.int64]:
    return np.unique(np.concatenate([one for one in lists if one is not None]))


def _common(lists: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    common = lists[0]
    for one in lists[1:]:
        common = np.intersect1d(common, one, assume_unique=True)
    return common
