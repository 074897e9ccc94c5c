"""What an index on this machine answers of its documents; see `search.document_parts` for what is asked."""

from collections.abc import Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from sakuin.index.snapshot import Selection, Snapshot
from sakuin.index.store.contents import (
    passage_ids_by_document,
    passages_around,
    passages_only_in,
    read_label,
    read_names,
    text_checksums,
)
from sakuin.index.store.listing import reading
from sakuin.index.store.paging import LabelledDocument, documents_after
from sakuin.index.vectors import Chosen
from sakuin.index.where import Condition
from sakuin.search.document_parts import DocumentList, Meant, Near, Texts
from sakuin.search.reading import ReadablePassage, located_passage, named_id

AVERAGED = 500
"""Passages of a document that its mean is of; of more, so many that lie evenly in it."""

PASSAGES = 65_536
"""Passages whose vectors are held at once."""


def meant(snapshot: Snapshot, document_id: str, passage: ReadablePassage | None, dim: int) -> Meant | None:
    """See `DocumentPart.meant`."""
    with reading(snapshot.folder) as connection:
        label = read_label(connection, named_id(document_id))
        if label is None:
            return None
        own = passage_ids_by_document(connection, [label.number])[label.number]
        alone = passages_only_in(connection, label.number) if len(own) > AVERAGED else own[:0]
        if passage is not None:
            row = located_passage(connection, passage, label)[1]
            own = np.array([passages_around(connection, label, row, 0)[0][0].passage_id], np.int64)
    mean = means_of(snapshot, [own], dim)[0]
    return Meant(label.id, label.number, mean if mean.any() else None, alone)


def near(
    snapshot: Snapshot,
    vector: NDArray[np.float32],
    depth: int,
    within: Selection | None,
    alone: NDArray[np.int64],
) -> Near:
    """See `DocumentPart.near`."""
    ids, cosines = snapshot.vectors.search(vector, depth, within=chosen(snapshot, within, alone))
    return Near(ids, cosines, snapshot.documents_of(ids.tolist(), within))


def chosen(snapshot: Snapshot, within: Selection | None, alone: NDArray[np.int64]) -> Chosen | None:
    """Which vectors are looked at: those of a selection, or all, but for some passages; None for all."""
    if not len(alone):
        return within.vectors if within else None
    passages = within.passages if within else snapshot.vectors.ids
    return snapshot.vectors.chosen(np.setdiff1d(passages, alone))


def means(snapshot: Snapshot, documents: Sequence[int], dim: int) -> NDArray[np.float32]:
    """See `DocumentPart.means`."""
    with reading(snapshot.folder) as connection:
        passages = passage_ids_by_document(connection, documents)
    none = np.zeros(0, np.int64)
    return means_of(snapshot, [passages.get(one, none) for one in documents], dim)


def means_of(snapshot: Snapshot, passages: Sequence[NDArray[np.int64]], dim: int) -> NDArray[np.float32]:
    """The means of passages' vectors, float32 (n, dim), scaled to length 1; zero where the model knows nothing of them.

    Args:
        snapshot: Of the index.
        passages: Ids of those of each document, int64 (m,), in their order.
        dim: The first so many dimensions.
    """
    some = [spread(own) for own in passages]
    counts = np.array([len(own) for own in some], np.int64)
    means = np.zeros((len(some), dim), np.float32)
    first = 0
    while first < len(some):
        # As many documents as have about so many passages, and one at least.
        last = max(first + 1, int(np.searchsorted(np.cumsum(counts[first:]), PASSAGES)) + first)
        known = np.flatnonzero(counts[first:last]) + first
        if len(known):
            unit = snapshot.vectors.rows(np.concatenate([some[one] for one in known.tolist()]), dim)
            means[known] = np.add.reduceat(unit, np.cumsum(counts[known]) - counts[known])
        first = last
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    np.divide(means, lengths, out=means, where=lengths > 0)
    return means


def spread(passage_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most `AVERAGED` of a document's passages, int64 (n,), evenly from beginning to end."""
    if len(passage_ids) <= AVERAGED:
        return passage_ids
    return passage_ids[np.linspace(0, len(passage_ids) - 1, AVERAGED).astype(np.int64)]


def texts(snapshot: Snapshot, condition: Condition | None) -> Texts:
    """See `DocumentPart.texts`."""
    documents = snapshot.selection(condition).documents if condition is not None else None
    with reading(snapshot.folder) as connection:
        numbers, checksums = text_checksums(connection)
    if documents is not None:
        kept = np.isin(numbers, documents)
        numbers, checksums = numbers[kept], checksums[kept]
    return Texts(numbers, checksums)


def listing(snapshot: Snapshot, condition: Condition, after: int, most: int, room: int) -> DocumentList:
    """See `DocumentPart.listing`."""
    documents: list[LabelledDocument] = []
    with reading(snapshot.folder) as connection:
        for one in documents_after(connection, after, condition=condition, most=most + 1):
            room -= len(orjson.dumps([one.id, one.uri, one.title, one.metadata]))
            if len(documents) == most or (documents and room < 0):
                return DocumentList(tuple(documents), True)
            documents.append(one)
    return DocumentList(tuple(documents), False)


def names(snapshot: Snapshot, documents: Sequence[int]) -> dict[int, tuple[str, str]]:
    """See `DocumentPart.names`."""
    with reading(snapshot.folder) as connection:
        return read_names(connection, documents)
