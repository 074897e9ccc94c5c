"""What a search is asked for, checked once; page, command and service all build one."""

from collections.abc import Collection
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sakuin.embedder.tokenising import replace_lone_surrogates
from sakuin.errors import SakuinError
from sakuin.index.errors import FilterError
from sakuin.index.where import Condition, Where, condition_of
from sakuin.patterns import pattern

MODES = ("hybrid", "dense", "bm25")
BY_DOCUMENT, BY_PASSAGE = GROUPS = ("document", "passage")
MAX_K = 10_000
MAX_PASSAGES = 100
MAX_RESCORED = 100_000
MAX_TOP = 100
# A query is a question, not a document; what is longer is cut, and the user told.
MAX_QUERY_CHARACTERS = 10_000


class SearchError(SakuinError):
    """A search that was asked for wrongly: an unknown mode or field, an impossible k or dimension."""

    code = "invalid_search"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A search of one index.

    Attributes:
        query: Any text, in Japanese, English or both.
        k: At most so many hits, 1 to 10,000 with ``offset``.
        mode: "hybrid", "dense" (meaning) or "bm25" (words).
        dim: Compare only the first so many dimensions of the vectors; None for all that are stored.
        rescore: In a large index, how many candidates of the first stage of dense search are compared exactly: more
            find more of the truly nearest, and take longer. 1 to 100,000; None for a number that finds 98 % or more.
        explain: Fill in each hit's explanation, which takes some milliseconds a hit.
        where: Search only passages of documents that pass a filter: ``{"year": 2024, "type": ["md", "docx"]}`` for one
            of the values of each field; ``{"year": {"$gte": 2020}}`` and ``$gt``, ``$lt``, ``$lte`` for numbers and
            dates; ``$ne``, ``$nin``, ``$exists``, ``$prefix``; ``$or``, ``$and``, ``$not`` between filters. Fields are
            those of metadata, "id", "uri", "folder" (any above the file) and "type" (the ending of its name);
            `index.where` has all of it. A passage that stands in several documents is given with those that match.
        min_relevance: Leave out passages of a lower relevance, 0 to 1; where hits are passages, the others keep their
            ranks.
        group: What a hit is: "document", placed by its best passage and given with its best passages, or "passage".
        passages: At most so many of the best passages of each document, 1 to 100.
        offset: Leave out so many of the first hits, for one page of results after the other.
        rerank: Ask a transformer for a second opinion on the first hits: "e5-small", a folder, or a name of the hub;
            True for the index's own, or e5-small where it has none; False for none; None for the index's own where
            `index tune` found it worth it, in mode "hybrid" only. See `search.rerank`.
        top: On so many of the first passages, 1 to 100.
        sort: Put the best 100 hits (1,000 or 10,000, where more are asked for at once) into the order of a field of
            metadata, ``id``, ``uri``, ``type`` or ``folder``: "year", or "-date" for the newest first (``date`` is
            whichever field has a document's date). Behind them come those up to the next of these numbers, in order
            too. Only hits that are likely to answer are given then, if any is.
        recency: Move up newer documents, by at most a tenth of the best score: the time after which what one gains is
            half, as "90d", "8w", "6m" or "1y".
        syntax: Read the query language, see `search.query`; False to search for every character as it stands.
        facets: Count which values the documents have that match, and not only those that are given: True for all fields
            that are worth listing, or names of fields. A match is a document with one of the 500 best passages, if that
            scores a third of the best score or more; within the filter, and with the words that the query asks for.

    Raises:
        SearchError: an argument is of a wrong type or out of range.
    """

    query: str
    k: int = 10
    mode: str = "hybrid"
    dim: int | None = None
    rescore: int | None = None
    explain: bool = False
    where: Where | None = None
    min_relevance: float = 0.0
    group: str = BY_DOCUMENT
    passages: int = 3
    offset: int = 0
    rerank: str | bool | None = None
    top: int = 20
    sort: str | None = None
    recency: str | None = None
    syntax: bool = True
    facets: bool | Collection[str] = False

    def __post_init__(self) -> None:
        if not isinstance(self.query, str):
            raise SearchError(f"Cannot search for {self.query!r}: give the query as text.")
        # A lone surrogate, as a terminal of another encoding may send, can be neither searched nor printed.
        object.__setattr__(self, "query", replace_lone_surrogates(self.query))
        if self.mode not in MODES:
            raise SearchError(f"Unknown mode {self.mode!r}: use {', '.join(MODES)}.")
        if not is_integer(self.k) or not 1 <= self.k <= MAX_K:
            raise SearchError(f"Cannot give {self.k!r} hits: ask for k = 1 to {MAX_K:,}.")
        if not is_integer(self.offset) or not 0 <= self.offset <= MAX_K - self.k:
            raise SearchError(f"Cannot leave out {self.offset!r} hits: give offset = 0 to {MAX_K - self.k:,}.")
        if self.group not in GROUPS:
            raise SearchError(f"Unknown group {self.group!r}: use {' or '.join(GROUPS)}.")
        if not is_integer(self.passages) or not 1 <= self.passages <= MAX_PASSAGES:
            raise SearchError(
                f"Cannot give {self.passages!r} passages a document: give passages = 1 to {MAX_PASSAGES}."
            )
        if self.dim is not None and (not is_integer(self.dim) or self.dim < 1):
            raise SearchError(f"Cannot compare {self.dim!r} dimensions: give dim = 1 to as many as the index stores.")
        if self.rescore is not None and not (is_integer(self.rescore) and 1 <= self.rescore <= MAX_RESCORED):
            raise SearchError(f"Cannot compare {self.rescore!r} passages: give rescore = 1 to {MAX_RESCORED:,}.")
        if not isinstance(self.min_relevance, Real) or not 0 <= self.min_relevance <= 1:
            raise SearchError(f"Cannot ask for a relevance of {self.min_relevance!r}: give min_relevance = 0 to 1.")
        if not isinstance(self.rerank, str | bool | None) or self.rerank == "":
            raise SearchError(
                f"Cannot ask {self.rerank!r} for a second opinion: give the name of a transformer, or True."
            )
        if not is_integer(self.top) or not 1 <= self.top <= MAX_TOP:
            raise SearchError(f"Cannot rerank {self.top!r} passages: give top = 1 to {MAX_TOP}.")
        if self.sort is not None and not (isinstance(self.sort, str) and self.sort.removeprefix("-")):
            raise SearchError(f"Cannot sort by {self.sort!r}: name a field, with - before it for the highest first.")
        if self.recency is not None and not (isinstance(self.recency, str) and days_of(self.recency)):
            raise SearchError(f"Cannot take {self.recency!r} for a half-life: give one such as 90d, 8w, 6m or 1y.")
        names = () if isinstance(self.facets, bool) else self.facets
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise SearchError(f"Cannot count {self.facets!r}: give facets as True, or a list of names of fields.")
        if self.where is not None:
            filter_of(self.where)

    @property
    def text(self) -> str:
        """What of the query is searched for: its first `MAX_QUERY_CHARACTERS` characters."""
        return self.query[:MAX_QUERY_CHARACTERS]

    def dimensions(self, stored: int) -> int:
        """How many dimensions are compared in an index that stores so many; raises SearchError if it has too few."""
        return checked_dim(self.dim, stored=stored)


_DAYS = {"d": 1, "w": 7, "m": 30.4375, "y": 365.25}
_half_life = pattern(r"([1-9]\d{0,4})([dwmy])")


def days_of(half_life: str) -> float | None:
    """Days of a half-life such as ``90d``, ``6m`` or ``1y``; None where it is of another form."""
    found = _half_life.fullmatch(half_life)
    return int(found[1]) * _DAYS[found[2]] if found else None


def is_integer(value: object) -> bool:
    """Whether a value is an integer, of numpy too; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def checked_dim(dim: int | None, *, stored: int) -> int:
    """How many dimensions to compare, of those that are stored; None for all.

    Raises:
        SearchError: there are not so many.
    """
    if dim is None:
        return stored
    if not is_integer(dim) or not 1 <= dim <= stored:
        raise SearchError(
            f"Cannot compare {dim!r} dimensions: this index stores {stored} a vector, so give dim = 1 to {stored}."
        )
    return int(dim)


def checked_vector(vector: ArrayLike) -> NDArray[np.float32]:
    """A vector to search for, float32 (d,), scaled to length 1.

    Raises:
        SearchError: it has another shape, inf or NaN, or is of zeros.
    """
    values = np.asarray(vector, np.float32)
    if values.ndim != 1 or not len(values):
        raise SearchError(f"Cannot search for an array of shape {values.shape}: give one vector, of shape (dim,).")
    length = float(np.linalg.norm(values))
    if not np.isfinite(length) or not length:
        raise SearchError("Cannot search for a vector of zeros, or with inf or NaN in it: it has no direction.")
    # What is of length 1 already, but for rounding, stays as it is, so that it finds what its query finds.
    return values if abs(length - 1) < 1e-6 else values / np.float32(length)


def filter_of(where: Where) -> Condition:
    """A filter in its one form; raises SearchError where it makes no sense."""
    try:
        return condition_of(where)
    except FilterError as error:
        raise SearchError(str(error)) from error
