"""Joins several indexes to a whole, which is searched as one index of all their documents is.

A passage that stands in several is one passage: it counts once, and is found with all the documents in which it
stands. A document is known by its id and its index: two of the same id in two indexes are two documents.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index.background import DEPTH, FEWEST, POOL, SAMPLED, Best, Sample, measured, sampled
from sakuin.index.errors import IndexFolderError
from sakuin.index.model import named
from sakuin.index.store.passages import Source
from sakuin.index.terms import QueryReader
from sakuin.index.text.synonyms import Synonyms
from sakuin.search.legs import EMPTY
from sakuin.search.merging import merged
from sakuin.search.parts import Doubled, Listing, Part, Parts, PartState, Spread
from sakuin.search.whole import PART_BITS, Whole
from sakuin.search.whole_terms import SummedCounts, WholeTerms

T = TypeVar("T")


def join(parts: Sequence[Part], model: StaticEmbedder, *, spread: Spread = map) -> Whole:
    """Several indexes as a whole. Their passages are compared by id, and chance is measured, which takes some time.

    Of vectors as many dimensions are compared as all indexes store. What `index tune` chose counts where it chose the
    same for all.

    Args:
        parts: The indexes, two or more.
        model: That of all of them.
        spread: Asks all parts the same; for parts on other machines, at the same time.

    Raises:
        IndexFolderError: they were made with several models, or analysed in several ways.
    """
    together = Parts(parts, spread)
    states: list[PartState] = together.ask(lambda part: part.state())
    check_alike(states)
    counts = SummedCounts(together, states, doubled(together))
    reader = QueryReader(SharedSynonyms(together))
    terms = WholeTerms(together, reader, counts)
    manifests = [state.manifest for state in states]
    manifest = replace(
        manifests[0],
        generation=max(one.generation for one in manifests),
        corpus="",
        dim=min(one.dim for one in manifests),
        segments=[],
        passages=counts.num_passages,
        checksums={},
        sizes={},
        fusion=shared((one.fusion for one in manifests), {}),
        rerank=shared((one.rerank for one in manifests), ""),
        background={},
    )
    place = ", ".join(state.name for state in states)
    whole = Whole(place, together, [state.name for state in states], manifest=manifest, terms=terms)
    whole.manifest = replace(manifest, background=background_of(whole, model))
    return whole


def check_alike(states: Sequence[PartState]) -> None:
    """Raises IndexFolderError where indexes cannot be searched together."""
    first = states[0]
    for other in states[1:]:
        if other.manifest.fingerprint != first.manifest.fingerprint:
            raise IndexFolderError(
                f"The indexes {first.name} and {other.name} cannot be searched together, for they were made with "
                f"different models ({named(first.manifest.model)}; {named(other.manifest.model)}): their vectors "
                f"cannot be compared. Build one of them again with the model of the other, by `index build --model`."
            )
        if other.manifest.analyser != first.manifest.analyser:
            raise IndexFolderError(
                f"The indexes {first.name} and {other.name} cannot be searched together, for their words were analysed "
                f"in different ways. Build the older one again."
            )


def shared(values: Iterable[T], default: T) -> T:
    """What all values are; the default where they differ."""
    first, *others = values
    return first if all(one == first for one in others) else default


def doubled(parts: Parts) -> list[Doubled]:
    """Of each part, what its passages count that are in one before it too."""
    each: list[NDArray[np.int64]] = parts.ask(lambda part: part.passage_ids())
    again = {id(part): ids for part, ids in zip(parts, in_one_before(each), strict=True)}
    return parts.ask(lambda part: part.doubled(again[id(part)]))


def in_one_before(each: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Of some lists of ids, int64 (n,), ascending, each without repetition: those of each that one before it has.

    All are put into order once; what then is known twice, little as a rule, is looked for in each.
    """
    every = np.sort(np.concatenate(each))
    repeated = np.unique(every[1:][every[1:] == every[:-1]])
    seen: NDArray[np.int64] = np.zeros(0, np.int64)
    found = []
    for ids in each:
        own = np.intersect1d(ids, repeated, assume_unique=True)
        found.append(np.intersect1d(own, seen, assume_unique=True))
        seen = np.union1d(seen, own)
    return found


class SharedSynonyms:
    """The synonyms of all parts together."""

    def __init__(self, parts: Parts) -> None:
        """Read nothing yet."""
        self._parts = parts
        self._known: tuple[list[Synonyms], Synonyms] = ([], Synonyms())

    def __call__(self) -> Synonyms:
        """Those of now; the same object until they change."""
        each, together = self._known
        # Known here of parts elsewhere too, so nobody has to be asked, which would take its time.
        now = [part.synonyms() for part in self._parts]
        if len(now) != len(each) or any(one is not other for one, other in zip(now, each, strict=True)):
            together = Synonyms(of_all(now, lambda one: one.terms), of_all(now, lambda one: one.phrases))
            self._known = (now, together)
        return together


def of_all(
    each: Sequence[Synonyms], part: Callable[[Synonyms], dict[str, tuple[str, ...]]]
) -> dict[str, tuple[str, ...]]:
    """One part of several files of synonyms together."""
    found: dict[str, tuple[str, ...]] = {}
    for synonyms in each:
        for words, others in part(synonyms).items():
            found[words] = tuple(dict.fromkeys([*found.get(words, ()), *others]))
    return found


def background_of(whole: Whole, model: StaticEmbedder) -> dict[str, float]:
    """What a commit would measure of chance in one index of all documents, see `index.background`."""
    pools = whole.parts.ask(lambda part: part.pool(POOL))
    sources: dict[int, set[Source]] = {}
    for place, (ids, own) in enumerate(pools):
        for passage_id, some in zip(ids.tolist(), own, strict=True):
            sources.setdefault(passage_id, set()).update(told_apart(some, place))
    lowest = sorted(sources)[:POOL]
    ids, chosen = sampled(np.array(lowest, np.int64), [sources[one] for one in lowest], SAMPLED)
    rows = whole.passages(ids.tolist())
    if len(ids) < FEWEST or len(rows) < len(ids):
        return {}

    def search(queries: Sequence[str]) -> list[Best]:
        # All at once: parts may be on other machines.
        listings = [Listing(asked=asked, vector=None, wanted=DEPTH) for asked in whole.terms.asked_each(queries)]
        each = whole.parts.ask(lambda part: part.listed_each(listings))
        found = []
        for listing, *own in zip(listings, *each, strict=True):
            leg = merged(own, listing).bm25 or EMPTY
            assert listing.asked
            found.append((listing.asked.full_score, leg.ids, leg.scores))
        return found

    def sources_of(passage_ids: Sequence[int]) -> list[set[Source]]:
        found: list[set[Source]] = [set() for _ in passage_ids]
        for place, own in enumerate(whole.parts.ask(lambda part: part.sources(passage_ids))):
            for together, some in zip(found, own, strict=True):
                together |= told_apart(some, place)
        return found

    return measured(
        Sample(ids, chosen, [rows[one].text for one in ids.tolist()]),
        model,
        dim=whole.manifest.dim,
        rows=lambda d: whole.rows(ids.tolist(), d),
        search=search,
        sources_of=sources_of,
    )


def told_apart(sources: Iterable[Source], place: int) -> set[Source]:
    """Titles of documents, and numbers as they are in the whole.

    Args:
        sources: Titles, and numbers in a part.
        place: Of the part.
    """
    return {one + (place << PART_BITS) if isinstance(one, int) else one for one in sources}
