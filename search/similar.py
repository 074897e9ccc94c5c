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

from sakuin.index.where import Where
from sakuin.search.document_parts import Meant
from sakuin.search.filtering import passing
from sakuin.search.request import MAX_K, SearchError, is_integer
from sakuin.search.results import Hit, HitDocument
from sakuin.search.whole import PART_BITS, Selected, Whole
from sakuin.search.whole_documents import WholeDocuments

MAX_SIMILAR = 100

COMPARED = 5
"""Documents whose means are compared, for each that is wanted."""

FEWEST_COMPARED = 50
WIDER = 10

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
        cosine: Of the passage.
    """

    number: int
    passage_id: int
    cosine: float


def similar_documents(
    whole: Whole, of: str | Hit, *, passage: str | int | None = None, k: int = 10, where: Where | None = None
) -> SimilarDocuments:
    """The documents nearest to a document, by the means of their passages, or to one of its passages.

    Args:
        whole: What is searched.
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
    documents = WholeDocuments(whole)
    within = passing(whole, where) if where else None
    asked = of if isinstance(of, Hit) else passage
    if isinstance(of, Hit):
        meant, place = documents.meant(of.document.id, of, index=of.document.index)
    else:
        meant, place = documents.meant(of, passage)
    by: By = "document" if asked is None else "passage"
    if meant.vector is None:
        return SimilarDocuments(meant.id, by, ())
    compared = max(COMPARED * k, FEWEST_COMPARED) if by == "document" else k
    found = candidates(documents, meant, place, compared, within)
    scored = [(one.cosine, one) for one in found]
    if by == "document":
        scored = by_means(documents, meant.vector, found)
    best = sorted(scored, key=lambda each: (-each[0], each[1].number))[:k]
    return SimilarDocuments(meant.id, by, described(documents, best, within))


def candidates(
    documents: WholeDocuments, meant: Meant, place: int, wanted: int, within: Selected | None
) -> list[Candidate]:
    """The documents of the passages nearest to a document or passage, nearest first.

    Args:
        documents: All of them.
        meant: The document, which is none of them, or a passage of it.
        place: Of the part in which it lies.
        wanted: Documents; fewer where there are not so many.
        within: Only documents that may be found.
    """
    assert meant.vector is not None
    besides = meant.number + (place << PART_BITS)
    depth = min(WIDER * wanted, MAX_K)
    while True:
        near = documents.near(meant.vector, depth, within, besides=meant, place=place)
        found: dict[int, Candidate] = {}
        for passage_id, cosine in zip(near.ids.tolist(), near.cosines.tolist(), strict=True):
            for number in near.standing.get(passage_id, ()):
                if number != besides:
                    found.setdefault(number, Candidate(number, passage_id, cosine))
        if len(found) >= wanted or len(near.ids) < depth or depth == MAX_K:
            return list(found.values())[:wanted]
        depth = min(WIDER * depth, MAX_K)


def by_means(
    documents: WholeDocuments, vector: NDArray[np.float32], found: Sequence[Candidate]
) -> list[tuple[float, Candidate]]:
    """Documents with the cosine of a vector and the mean of each one's passages."""
    means = documents.means(np.array([one.number for one in found], np.int64))
    return [(float(mean @ vector), one) for mean, one in zip(means, found, strict=True) if mean.any()]


def described(
    documents: WholeDocuments, best: Sequence[tuple[float, Candidate]], within: Selected | None
) -> tuple[SimilarDocument, ...]:
    """Documents with what is to be told of them; one that was removed meanwhile is left out."""
    rows = documents.whole.passages(list(dict.fromkeys(one.passage_id for _, one in best)), within)
    names = documents.names([one.number for _, one in best])
    found: list[SimilarDocument] = []
    for score, one in best:
        row, named = rows.get(one.passage_id), names.get(one.number)
        if row is None or named is None:
            continue
        # Not by its order among the documents of the passage: those that a part was told to leave out have places too.
        own = (place for place in row.places if (place.document_id, place.index) == (named[0], named[2]))
        place = next(own, None)
        if place is None:
            continue
        found.append(
            SimilarDocument(
                rank=len(found) + 1,
                score=round(score, 6),
                document=HitDocument(place.document_id, place.uri, place.title, place.metadata, place.index),
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
    return tuple(found)
