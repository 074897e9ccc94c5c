"""Where in a passage its score comes from, in forms that can be drawn.

That is characters with what they add, and a small table of pairs of words. All of it is exact, as `search.breakdown`
is, of the vectors before they were rounded to be stored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder, Token
from sakuin.index.text import Analyser
from sakuin.search.highlights import highlight
from sakuin.search.request import MAX_QUERY_CHARACTERS
from sakuin.search.results import Hit, SearchResult
from sakuin.search.spans import Indexed
from sakuin.search.token_pairs import TokenPairs, weighted_rows


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of a text that are drawn alike.

    Attributes:
        text: The characters.
        share: What the tokens that they came from add to the cosine, each with all its occurrences in the passage; 0
            where the dense leg took no part.
        matched: Whether they belong to a word of the query.
    """

    text: str
    share: float
    matched: bool


@dataclass(frozen=True, slots=True)
class Coloured:
    """What is indexed of a hit, cut into runs that give each part back when they are joined."""

    title: tuple[Run, ...]
    heading: tuple[Run, ...]
    text: tuple[Run, ...]

    @property
    def strongest(self) -> float:
        """The largest share of any run."""
        return max((run.share for part in (self.title, self.heading, self.text) for run in part), default=0.0)


@cache
def analyser() -> Analyser:
    """Reads words as every index does; its dictionary is loaded once."""
    return Analyser()


def coloured(model: StaticEmbedder, result: SearchResult) -> list[Coloured]:
    """The title, heading and text of each hit, with what their characters add to its cosine.

    And with the words that they share with the query.
    """
    query = result.text[:MAX_QUERY_CHARACTERS]
    asked = weighted_rows(model, query, result.dim)[1].sum(axis=0)
    length = float(np.linalg.norm(asked))
    asked = asked / length if length else asked
    names = [part for hit in result.hits for part in (hit.document.title, hit.heading)]
    marks = iter(highlight(analyser(), query, names))
    return [
        Coloured(*runs_of(hit, shares_by_part(model, asked, hit), (next(marks), next(marks), hit.highlights)))
        for hit in result.hits
    ]


def shares_by_part(model: StaticEmbedder, asked: NDArray[np.float64], hit: Hit) -> dict[str, NDArray[np.float64]]:
    """What each character of a hit adds to its cosine, by the part's own text; nothing where it has no cosine.

    Args:
        model: What encoded the passage.
        asked: The query's vector (dim,), of length 1.
        hit: With its passage.
    """
    if hit.dense is None:
        return {}
    passage = Indexed.passage(hit.document.title, hit.heading, hit.text)
    tokens, rows = weighted_rows(model, passage.text, len(asked))
    length = float(np.linalg.norm(rows.sum(axis=0)))
    added = np.zeros(len(passage.text))
    for token, share in zip(tokens, (rows @ asked).tolist(), strict=True):
        for start, end in dict.fromkeys(token.spans):
            added[start:end] += share / length
    # Of equal parts one is indexed, and both are coloured alike.
    return {passage.text[start:end]: added[start:end] for _, start, end in passage.parts}


def runs_of(
    hit: Hit, shares: dict[str, NDArray[np.float64]], marks: Sequence[Sequence[tuple[int, int]]]
) -> Iterator[tuple[Run, ...]]:
    """The runs of title, heading and text.

    Args:
        hit: Whose they are.
        shares: Float64 (characters,) of each part, by its text.
        marks: Spans of each part that match.
    """
    for part, spans in zip((hit.document.title, hit.heading, hit.text), marks, strict=True):
        matched = np.zeros(len(part), bool)
        for start, end in spans:
            matched[start:end] = True
        yield tuple(runs(part, shares.get(part, np.zeros(len(part))), matched))


def runs(text: str, shares: NDArray[np.float64], matched: NDArray[np.bool_]) -> Iterator[Run]:
    """A text cut wherever its characters' shares (n,) or marks (n,) change."""
    changes = np.flatnonzero((np.diff(shares) != 0) | (matched[1:] != matched[:-1])) + 1
    borders = [0, *changes.tolist(), len(text)] if text else []
    for start, end in pairwise(borders):
        yield Run(text[start:end], float(shares[start]), bool(matched[start]))


@dataclass(frozen=True, slots=True)
class PairTable:
    """The strongest tokens of two texts and what each pair adds to their cosine, the rest together.

    Attributes:
        query: The characters of the first text's tokens, in their order (q,).
        passage: Those of the second (p,).
        values: (q, p) and, where there are tokens that are not named, a row or column more for all of them together;
            the sum of all is the cosine.
        others: How many tokens of the query and of the passage have no name here.
    """

    query: list[str]
    passage: list[str]
    values: NDArray[np.float64]
    others: tuple[int, int]


def strongest_pairs(found: TokenPairs, query: str, passage: str, rows: int = 12, columns: int = 20) -> PairTable:
    """The pairs of the tokens that add or take the most.

    Args:
        found: Of the two texts.
        query: The first text.
        passage: The second.
        rows: At most so many tokens of the query are named.
        columns: At most so many of the passage.
    """
    strength = np.abs(found.shares)
    named_rows, named_columns = largest(strength.sum(axis=1), rows), largest(strength.sum(axis=0), columns)
    values = with_others(with_others(found.shares, named_rows).T, named_columns).T
    return PairTable(
        [characters(found.query[i], query) for i in named_rows],
        [characters(found.passage[i], passage) for i in named_columns],
        values,
        (len(found.query) - len(named_rows), len(found.passage) - len(named_columns)),
    )


def largest(strengths: NDArray[np.float64], number: int) -> list[int]:
    """Where the largest of strengths (n,) stand, at most ``number``, in ascending order."""
    return sorted(np.argsort(-strengths, kind="stable")[:number].tolist())


def with_others(values: NDArray[np.float64], named: list[int]) -> NDArray[np.float64]:
    """The named rows of values (n, m), float64, and the sum of all others, where there are any, as the last."""
    kept = values[named]
    if len(named) == len(values):
        return kept
    return np.vstack([kept, np.delete(values, named, axis=0).sum(axis=0)])


def characters(token: Token, text: str) -> str:
    """A token as it first stands in a text; one that stands for no character by its name in the model."""
    return text[slice(*token.spans[0])] if token.spans else token.piece


def cosines(model: StaticEmbedder, query: str, passage: str, dims: Sequence[int]) -> list[float]:
    """The cosine of two texts at each of several numbers of dimensions."""
    one, other = model.encode([query, passage])
    return [float(model.similarity(one[None, :dim], other[None, :dim])[0, 0]) for dim in dims]
