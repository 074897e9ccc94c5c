"""Hits in another order than by what answers best: by a field of their documents, or with newer ones moved up."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sakuin.index.values import Value, order_of, plain, seconds, value_text
from sakuin.index.where import FOLDER, ID, TYPE, URI, YEARS, Labels, elements_of, stored_values
from sakuin.search.fusion import Scaling
from sakuin.search.groups import Group
from sakuin.search.query import DATES
from sakuin.search.ranked import Ranked
from sakuin.search.relevance import good_match
from sakuin.search.request import MAX_K, days_of
from sakuin.search.results import LegScore
from sakuin.search.whole import Selected, Whole

STEPS = (100, 1_000, MAX_K)
"""So many of the best hits are put into another order, those up to the next number by themselves: all that is near a
query is no answer to it."""

BOOST = 0.1
"""What a document of today gains, as a share of the best score; one that is a half-life old gains half as much."""

DAY = 86_400


def steps(k: int) -> list[int]:
    """So many of the best hits are in order, then those from there on to the next, where k are asked for at once.

    Not as many as are wanted: pages would then repeat hits, and leave some out.
    """
    return [step for step in STEPS if step >= k]


def likely_only(groups: Sequence[Group]) -> list[Group]:
    """Those that are likely to answer; what is merely near would come first for its date alone."""
    return [group for group in groups if is_likely(group)]


def ordered(
    whole: Whole,
    groups: Sequence[Group],
    within: Selected | None,
    *,
    sort: str | None,
    recency: str | None,
    best: float,
) -> list[Group]:
    """Hits with newer ones moved up, or by a field.

    Args:
        whole: What they were found in.
        groups: Best first.
        within: What the search was restricted to.
        sort: A field, ascending, or with ``-`` before it descending; ``date`` is the first of `DATES` that a document
            has. Hits without it come last. None to keep the order.
        recency: The half-life of what a new document gains; None for nothing.
        best: The best score of all.
    """
    rows = whole.passages([group.passages[0][0].passage_id for group in groups], within)
    labels: list[Labels | None] = []
    for group in groups:
        hit, place = group.passages[0]
        # One that was removed since is asked for again.
        own = rows[hit.passage_id].places if hit.passage_id in rows else ()
        at = own[place] if place < len(own) else None
        labels.append(Labels(at.document_id, at.uri, at.file, at.metadata) if at else None)
    found = list(zip(groups, labels, strict=True))
    if recency is not None:
        half_life = days_of(recency)
        assert half_life is not None
        now = time.time()
        found = [(moved(group, label, half_life, best, now), label) for group, label in found]
        found.sort(key=lambda one: -one[0].passages[0][0].score)
    name, falling = (sort or DATES[0]).removeprefix("-"), (sort or "").startswith("-")
    told = [(replace(group, sorted_by=sorted_by(name, label)), label) for group, label in found]
    if sort is None:
        return [group for group, _ in told]
    keys = [(sort_key(name, label), group) for group, label in told]
    known = [one for one in keys if one[0] is not None]
    known.sort(key=lambda one: one[0] or ("", 0.0, ""), reverse=falling)
    return [group for _, group in [*known, *(one for one in keys if one[0] is None)]]


def is_likely(group: Group) -> bool:
    """Whether a hit is likely enough an answer, or nobody can tell."""
    hit = group.passages[0][0]
    return hit.relevance is None or hit.relevance >= good_match(hit)


def renumbered(groups: Sequence[Group]) -> list[Group]:
    """Hits in the order in which they are given, with their ranks."""
    return [group if group.rank == rank else replace(group, rank=rank) for rank, group in enumerate(groups, 1)]


def moved(group: Group, label: Labels | None, half_life: float, best: float, now: float) -> Group:
    """A hit with what it gains by its age."""
    dated = date_of(label.metadata) if label else None
    if dated is None:
        return group
    share = 0.5 ** (max(0.0, now - dated) / DAY / half_life)
    weight = BOOST * max(best, 0.0)
    gained = LegScore(None, share, weight * share, Scaling(weight, 0.0, 1.0))
    passages = tuple((with_recency(hit, gained), place) for hit, place in group.passages)
    return replace(group, passages=passages)


def with_recency(hit: Ranked, gained: LegScore) -> Ranked:
    """A passage with what its document gains."""
    return replace(hit, score=hit.score + gained.share, recency=gained)


def date_of(metadata: Mapping[str, Any]) -> float | None:
    """Seconds since 1970 of a document's date; None where it has none."""
    return next((moment for moment, _ in dates_of(metadata)), None)


def dates_of(metadata: Mapping[str, Any]) -> Iterator[tuple[float, Value]]:
    """The dates of a document: seconds since 1970, and as it has them."""
    for name in DATES:
        for value in elements_of(metadata.get(name)):
            order = order_of(value)
            if order and order[0] == "date":
                yield order[1], value
            elif order and order[1] in YEARS:
                yield seconds(date(int(order[1]), 1, 1)), value


def values_of(name: str, label: Labels) -> list[Value]:
    """The values of a field by which a document is sorted: of folders the innermost first, as it is in all others."""
    values = list(stored_values(name, label))
    return values[::-1] if name == FOLDER else values


def sorted_by(name: str, label: Labels | None) -> str | None:
    """The value by which a document is sorted, as it has it."""
    if label is None:
        return None
    values = [value for _, value in dates_of(label.metadata)] if name == DATES[0] else values_of(name, label)
    return value_text(values[0]) if values else None


def sort_key(name: str, label: Labels | None) -> tuple[str, float, str] | None:
    """What a document is sorted by, numbers before dates before texts; None where it has no such field."""
    if label is None:
        return None
    if name == DATES[0]:
        dated = date_of(label.metadata)
        return None if dated is None else ("date", dated, "")
    values = values_of(name, label)
    if not values:
        return None
    order = None if name in (ID, URI, FOLDER, TYPE) else order_of(values[0])
    if order:
        return ("a number" if order[0] == "number" else order[0], order[1], "")
    return ("text", 0.0, plain(value_text(values[0])).casefold())
