"""Takes scores apart, down to the words of query and passage, so that the parts add up to the score that is shown.

The vector of a static model is a weighted sum of its tokens' rows, so a cosine is exactly a sum over pairs of tokens:
w_q * w_p * <row_q, row_p> / (|q| * |p|), with rows cut to the numbers that are compared. BM25 is a sum over terms, and
the fused score a sum over legs. What is lost to rounding, of stored vectors and of BM25 scores, is a part of its own.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder, Token
from sakuin.index.analyser import Analyser
from sakuin.index.store import indexed_text
from sakuin.index.terms import TermScore
from sakuin.search.fusion import Scaling
from sakuin.search.token_pairs import token_pairs

Side = Literal["passage", "query"]
SIDES: tuple[Side, ...] = ("passage", "query")
# Pairs that a token of one text forms with those of the other and that are told apart; only very long texts have more.
MAX_PAIRS = 256
# Places of a token or term that are printed.
PRINTED_PLACES = 3


@dataclass(frozen=True, slots=True)
class Span:
    """Characters that a part of a score comes from.

    Attributes:
        part: "query", or of what is indexed of a passage "title", "heading" or "text", which is `Hit.text`.
        start, end: Character offsets in that part.
    """

    part: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A number of a score, and what it is made of; Lucene's explanations have the same form.

    Attributes:
        value: The number.
        description: What it is.
        details: What it is made of; of a sum the largest first, and what rounding took last.
        operation: "sum" or "product" where it is that of its details' values; "" where the description says how it
            follows from its details, or where it has none.
        places: The characters it comes from.
    """

    value: float
    description: str
    details: "tuple[Explanation, ...]" = ()
    operation: str = ""
    places: tuple[Span, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries and lists, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return self.text()

    def text(self, depth: int | None = None, width: int | None = None) -> str:
        """Indented lines, one for each number.

        Args:
            depth: Levels below this one that are shown; None for all.
            width: Of each sum show only so many details, and the others as one; None for all.
        """
        return "\n".join(self._lines(depth, width))

    def _lines(self, depth: int | None, width: int | None) -> list[str]:
        shown: Sequence[Explanation] = () if depth == 0 else self.details
        if self.operation == "sum" and width is not None and len(shown) > width + 1:
            rest = shown[width:]
            others = Explanation(math.fsum(detail.value for detail in rest), f"{len(rest)} others together")
            shown = (*shown[:width], others)
        ending = f", {self.operation} of:" if shown and self.operation else ":" if shown else ""
        lines = [f"{self.value:.6g} = {self.description}{printed(self.places)}{ending}"]
        for detail in shown:
            lines += [f"  {line}" for line in detail._lines(None if depth is None else depth - 1, width)]
        return lines


def printed(places: Sequence[Span]) -> str:
    """The first places, in brackets."""
    if not places:
        return ""
    some = ", ".join(f"{place.part} {place.start}-{place.end}" for place in places[:PRINTED_PLACES])
    return f" [{some}{', ...' if len(places) > PRINTED_PLACES else ''}]"


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is encoded and analysed for a query or a passage.

    Attributes:
        text: All of it.
        parts: Name and start and end in ``text`` of each part, in order.
    """

    text: str
    parts: tuple[tuple[str, int, int], ...]

    @classmethod
    def query(cls, text: str) -> "Indexed":
        """A query is one part."""
        return cls(text, (("query", 0, len(text)),))

    @classmethod
    def passage(cls, title: str, heading: str, text: str) -> "Indexed":
        """A passage as `index.database.indexed_text` joins it; of equal parts one is indexed, called text or title."""
        names = {heading: "heading", title: "title", text: "text"}
        parts = []
        start = 0
        for part in dict.fromkeys(part for part in (title, heading, text) if part):
            parts.append((names[part], start, start + len(part)))
            start += len(part) + 1
        return cls(indexed_text(title, heading, text), tuple(parts))

    def places(self, spans: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
        """Spans of ``text`` as places in its parts, each once; one that reaches over several parts becomes several."""
        return tuple(
            Span(name, max(start, first) - first, min(end, last) - first)
            for start, end in dict.fromkeys(spans)
            for name, first, last in self.parts
            if max(start, first) < min(end, last)
        )


def explain_cosine(
    model: StaticEmbedder, query: Indexed, passage: Indexed, dim: int, shown: float, by: Side = "passage"
) -> Explanation:
    """A cosine as a sum over tokens of one side, each a sum over tokens of the other.

    Args:
        model: What encoded both.
        query: As it was encoded.
        passage: As it was encoded.
        dim: Numbers of the vectors that were compared.
        shown: The cosine, of the vector that is stored.
        by: The side whose tokens come first.
    """
    found = token_pairs(model, query.text, passage.text, dim)
    other: Side = "query" if by == "passage" else "passage"
    outer, inner = (passage, query) if by == "passage" else (query, passage)
    outer_tokens, inner_tokens = (found.passage, found.query) if by == "passage" else (found.query, found.passage)
    parts = found.shares.T if by == "passage" else found.shares
    # Tokens are described once, not once for each pair.
    inner_labels = [(f"with {label(other, token)}", inner.places(token.spans)) for token in inner_tokens]
    details = [
        total(label(by, token), pairs(row, inner_labels), outer.places(token.spans))
        for token, row in zip(outer_tokens, parts, strict=True)
    ]
    numbers = f"the first {dim} numbers" if dim < model.dimension else f"all {dim} numbers"
    return shown_total(
        shown, f"cosine of query and passage, of {numbers} of their vectors", details, "rounding of the stored vector"
    )


def pairs(values: NDArray[np.float64], labels: Sequence[tuple[str, tuple[Span, ...]]]) -> list[Explanation]:
    """What each pair with a token adds; of very many the smallest together. ``labels``: descriptions and places."""
    order = np.argsort(-np.abs(values), kind="stable")
    told = [Explanation(float(values[i]), labels[i][0], places=labels[i][1]) for i in order[:MAX_PAIRS].tolist()]
    rest = order[MAX_PAIRS:]
    if len(rest):
        told.append(Explanation(float(values[rest].sum()), f"with {len(rest)} others together"))
    return told


def label(side: Side, token: Token) -> str:
    """Names a token and its weight in its text."""
    return f'{side} token "{token.piece}" of weight {token.weight:.4g}'


def explain_bm25(
    parts: Sequence[TermScore], query: Indexed, passage: Indexed, analyser: Analyser, shown: float
) -> Explanation:
    """A BM25 score as a sum over terms, each a product of its weight, idf and saturation.

    Args:
        parts: Of `index.terms.Terms.explained`.
        query: As it was searched for.
        passage: As it was analysed.
        analyser: What analysed both.
        shown: The score.
    """
    asked, found = term_spans(analyser, query.text), term_spans(analyser, passage.text)
    details = [term_product(part, query.places(asked[part.term]) + passage.places(found[part.term])) for part in parts]
    return shown_total(shown, "BM25 score", details, "rounding to four decimals")


def term_spans(analyser: Analyser, text: str) -> dict[str, list[tuple[int, int]]]:
    """Where each term of a text was read from."""
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for term, start, end in analyser.spans(text):
        spans[term].append((start, end))
    for found in spans.values():
        found.sort()
    return spans


def term_product(part: TermScore, places: tuple[Span, ...]) -> Explanation:
    """What one term adds to a BM25 score."""
    idf = Explanation(
        part.idf,
        "idf = log(1 + (N - n + 0.5) / (n + 0.5))",
        (
            Explanation(part.having, "n, passages with the term"),
            Explanation(part.passages, "N, all passages, with removed ones that are not yet merged away"),
        ),
    )
    saturation = Explanation(
        part.saturation,
        "tf = freq / (freq + k1 * (1 - b + b * dl / avgdl))",
        (
            Explanation(part.frequency, "freq, how often the passage has the term"),
            Explanation(part.k1, "k1"),
            Explanation(part.b, "b"),
            Explanation(part.length, "dl, terms of the passage, rounded down to about one part in eight"),
            Explanation(part.mean_length, "avgdl, terms of a passage on average"),
        ),
    )
    factors = (
        Explanation(part.weight, "weight of the term in the query"),
        Explanation(part.factor, "k1 + 1"),
        idf,
        saturation,
    )
    value = math.prod(factor.value for factor in factors)
    return Explanation(value, f'term "{part.term}"', factors, "product", places)


def explain_fusion(score: float, legs: Sequence[tuple[str, Scaling, Explanation]]) -> Explanation:
    """A fused score as the sum of the legs' weighted and normalised scores.

    Args:
        score: The fused score.
        legs: Name, scaling and explained score of each leg.
    """
    shares = []
    for name, scaling, explained in legs:
        equal = scaling.high <= scaling.low
        how = "all candidates are alike: 1 if above 0, else 0" if equal else "(score - low) / (high - low)"
        normalised = Explanation(
            float(scaling.normalised(explained.value)),
            f"normalised score = {how}",
            (
                explained,
                Explanation(scaling.low, "low, the score that counts as 0"),
                Explanation(scaling.high, "high, the score that counts as 1, as higher ones do"),
            ),
        )
        weight = Explanation(scaling.weight, f"weight of the {name} leg for this query")
        value = weight.value * normalised.value
        shares.append(Explanation(value, f"share of the {name} leg", (weight, normalised), "product"))
    return Explanation(score, "fused score", tuple(shares), "sum")


def total(description: str, details: Iterable[Explanation], places: tuple[Span, ...] = ()) -> Explanation:
    """The sum of details, largest first."""
    ordered = tuple(sorted(details, key=lambda detail: -abs(detail.value)))
    return Explanation(math.fsum(detail.value for detail in ordered), description, ordered, "sum", places)


def shown_total(shown: float, description: str, details: Iterable[Explanation], rounding: str) -> Explanation:
    """The sum of details as it is shown, with what rounding made of it as the last."""
    exact = total(description, details)
    lost = Explanation(shown - exact.value, rounding)
    return Explanation(shown, description, (*exact.details, lost) if lost.value else exact.details, "sum")
