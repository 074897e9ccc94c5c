"""Documents that are near a document, or near a passage, in meaning.

Two documents are as near as the cosine of the means of their passages' vectors, each passage counting the same
(docs/experiments/similar.md compares other ways). Those whose means are compared are the documents of the passages
nearest to the mean. A passage is as near to a document as to the nearest passage of it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sakuin.index.snapshot import Selection, Snapshot
from sakuin.index.store.contents import passage_ids_by_document, passages_around, passages_only_in
from sakuin.index.store.listing import reading
from sakuin.index.vectors import Chosen
from sakuin.index.where import Where
from sakuin.search.filtering import selected
from sakuin.search.reading import known_document, located_passage
from sakuin.search.request import MAX_K, SearchError, is_integer
from sakuin.search.results import Hit, HitDocument

MAX_SIMILAR = 100

COMPARED = 5
"""Documents whose means are compared, for each that is wanted."""

FEWEST_COMPARED = 50
WIDER = 10

AVERAGED = 500
"""Passages of a document that its mean is of; of more, so many that lie evenly in it."""

By = Literal["document", "passage"]


@dataclass(frozen=True, slots=True)
class NearestPassage:
    """The passage of a document that is nearest to what was asked for; the attributes are those of `Hit`."""

    passage_id: str
    text: str
    start: int
    end: int
    heading: str
    position: dict[str, int | str]


@dataclass(frozen=True, slots=True)
class SimilarDocument:
    """A document near another, or near a passage.

    Attributes:
        rank: From 1.
        score: By document, the cosine of the means of both documents' passages; by passage, the cosine of the passage
            and the nearest one of the document.
        document: Which it is.
        nearest: Its passage nearest to the other document's mean, or to the passage.
    """

    rank: int
    score: float
    document: HitDocument
    nearest: NearestPassage


@dataclass(frozen=True, slots=True)
class SimilarDocuments:
    """The documents near a document, or near a passage of it.

    Attributes:
        id: Of the document, which is not among them.
        by: What they are near to: "document" or "passage".
        documents: The nearest first; none where the model knows nothing of the text.
    """

    id: str
    by: By
    documents: tuple[SimilarDocument, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries and lists, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that may be near, and its passage nearest to what was asked for.

    Attributes:
        number: Of the document.
        passage_id: Of that passage.
        place: Which of the passage's places is in the document.
        cosine: Of the passage.
    """

    number: int
    passage_id: int
    place: int
    cosine: float


def similar_documents(
    snapshot: Snapshot, of: str | Hit, *, passage: str | int | None = None, k: int = 10, where: Where | None = None
) -> SimilarDocuments:
    """The documents nearest to a document, by the means of their passages, or to one of its passages.

    Args:
        snapshot: Of the index.
        of: Id of a document; or a hit, of which the passage is meant.
        passage: Of the document, by its passage_id or its number from 1; None for the whole document.
        k: At most so many, 1 to 100.
        where: Only documents that pass a filter, see `SearchRequest`.

    Raises:
        UnknownDocumentError: there is no such document, or no such passage in it.
        SearchError: an argument is out of range, or no document has a field that is filtered by.
    """
    if not is_integer(k) or not 1 <= k <= MAX_SIMILAR:
        raise SearchError(f"Cannot give {k!r} similar documents: ask for k = 1 to {MAX_SIMILAR}.")
    within = selected(snapshot, where) if where else None
    asked = of if isinstance(of, Hit) else passage
    with reading(snapshot.folder) as connection:
        label = known_document(connection, of.document.id if isinstance(of, Hit) else of)
        own = passage_ids_by_document(connection, [label.number])[label.number]
        alone = passages_only_in(connection, label.number) if len(own) > AVERAGED else own[:0]
        if asked is not None:
            row = located_passage(connection, asked, label)[1]
            own = np.array([passages_around(connection, label, row, 0)[0][0].passage_id], np.int64)
    by: By = "document" if asked is None else "passage"
    vector = mean_vector(snapshot, own)
    if vector is None:
        return SimilarDocuments(label.id, by, ())
    compared = max(COMPARED * k, FEWEST_COMPARED) if by == "document" else k
    found = candidates(snapshot, vector, compared, besides=label.number, alone=alone, within=within)
    scored = [(one.cosine, one) for one in found]
    if by == "document":
        scored = by_means(snapshot, vector, found)
    best = sorted(scored, key=lambda each: (-each[0], each[1].number))[:k]
    return SimilarDocuments(label.id, by, described(snapshot, best, within))


def mean_vector(snapshot: Snapshot, passage_ids: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """The mean of passages' vectors, float32 (dim,), scaled to length 1; None where the model knows nothing of them."""
    rows = snapshot.vectors.rows(spread(passage_ids), snapshot.manifest.dim)
    mean: NDArray[np.float32] = rows.sum(axis=0)
    length = float(np.linalg.norm(mean))
    return mean / np.float32(length) if length else None


def spread(passage_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most `AVERAGED` of a document's passages, int64 (n,), evenly from beginning to end."""
    if len(passage_ids) <= AVERAGED:
        return passage_ids
    return passage_ids[np.linspace(0, len(passage_ids) - 1, AVERAGED).astype(np.int64)]


def candidates(
    snapshot: Snapshot,
    vector: NDArray[np.float32],
    wanted: int,
    *,
    besides: int,
    alone: NDArray[np.int64],
    within: Selection | None,
) -> list[Candidate]:
    """The documents of the passages nearest to a vector, nearest first.

    Args:
        snapshot: Of the index.
        vector: float32 (dim,), of length 1.
        wanted: Documents; fewer where there are not so many.
        besides: Number of the document that is none of them.
        alone: int64 (n,), passages that stand only in that document, which need not be looked at.
        within: Only documents of this selection.
    """
    depth = min(WIDER * wanted, MAX_K)
    kept = chosen_passages(snapshot, alone, within)
    while True:
        ids, cosines = snapshot.vectors.search(vector, depth, within=kept)
        standing = snapshot.documents_of(ids.tolist(), within)
        found: dict[int, Candidate] = {}
        for passage_id, cosine in zip(ids.tolist(), cosines.tolist(), strict=True):
            for place, number in enumerate(standing.get(passage_id, ())):
                if number != besides:
                    found.setdefault(number, Candidate(number, passage_id, place, cosine))
        if len(found) >= wanted or len(ids) < depth or depth == MAX_K:
            return list(found.values())[:wanted]
        depth = min(WIDER * depth, MAX_K)


def chosen_passages(snapshot: Snapshot, alone: NDArray[np.int64], within: Selection | None) -> Chosen | None:
    """Which vectors are looked at: those of a selection, or all, but for some passages; None for all."""
    if not len(alone):
        return within.vectors if within else None
    passages = within.passages if within else snapshot.vectors.ids
    return snapshot.vectors.chosen(np.setdiff1d(passages, alone))


def by_means(
    snapshot: Snapshot, vector: NDArray[np.float32], found: Sequence[Candidate]
) -> list[tuple[float, Candidate]]:
    """Documents with the cosine of a vector and the mean of each one's passages."""
    with reading(snapshot.folder) as connection:
        passages = passage_ids_by_document(connection, [one.number for one in found])
    means = [(mean_vector(snapshot, passages[one.number]), one) for one in found if one.number in passages]
    return [(float(mean @ vector), one) for mean, one in means if mean is not None]


def described(
    snapshot: Snapshot, best: Sequence[tuple[float, Candidate]], within: Selection | None
) -> tuple[SimilarDocument, ...]:
    """Documents with what is to be told of them; one that was removed meanwhile is left out."""
    rows = snapshot.passages(list(dict.fromkeys(one.passage_id for _, one in best)), within)
    documents: list[SimilarDocument] = []
    for score, one in best:
        row = rows.get(one.passage_id)
        if row is None or one.place >= len(row.places):
            continue
        place = row.places[one.place]
        documents.append(
            SimilarDocument(
                rank=len(documents) + 1,
                score=round(score, 6),
                document=HitDocument(place.document_id, place.uri, place.title, place.metadata),
                nearest=NearestPassage(
                    passage_id=f"{row.passage_id:016x}",
                    text=row.text,
                    start=place.start,
                    end=place.end,
                    heading=place.heading,
                    position=place.position,
                ),
            )
        )
    return tuple(documents)
