"""A number of a score and what it is made of, told by codes; `search.breakdown` makes them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sakuin.facts import Fact
from sakuin.search.spans import Span

# Spans of a token or term that are printed.
PRINTED_SPANS = 3

ROUNDINGS = frozenset({"vector_rounding", "score_rounding"})
"""Codes of parts that are there only because stored vectors and BM25 scores are rounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation(Fact):
    """A number of a score, and what it is made of; Lucene's explanations have the same form.

    Attributes:
        code: What the number is, a key of ``SENTENCES``.
        data: What there is to say of it, such as the term or token.
        value: The number.
        details: What it is made of; of a sum the largest first, and what rounding took last.
        operation: "sum" or "product" where it is that of its details' values; "" where the description says how it
            follows from its details, or where it has none.
        spans: The characters it comes from.
    """

    SENTENCES: ClassVar[Mapping[str, str]] = {
        "fused": "fused score",
        "leg_share": "share of the {leg} leg",
        "leg_weight": "weight of the {leg} leg for this query",
        "normalised": "normalised score = (score - low) / (high - low)",
        "normalised_equal": "normalised score = all candidates are alike: 1 if above 0, else 0",
        "low": "low, the score that counts as 0",
        "high": "high, the score that counts as 1, as higher ones do",
        "cosine": "cosine of query and passage, over {dim} of {of} dimensions",
        "token": '{side} token "{token}" of weight {weight:.4g}',
        "token_pair": 'with {side} token "{token}" of weight {weight:.4g}',
        "other_pairs": "with {count} others together",
        "vector_rounding": "rounding of the stored vector",
        "bm25": "BM25 score",
        "term": 'term "{term}"',
        "synonym": 'term "{term}", for "{of}", a synonym or the same in other signs',
        "term_weight": "weight of the term in the query",
        "term_factor": "k1 + 1",
        "idf": "idf = log(1 + (N - n + 0.5) / (n + 0.5))",
        "passages_with_term": "n, passages with the term",
        "passages": "N, all passages, with removed ones that are not yet merged away",
        "saturation": "tf = freq / (freq + k1 * (1 - b + b * dl / avgdl))",
        "frequency": "freq, how often the passage has the term",
        "k1": "k1",
        "b": "b",
        "length": "dl, terms of the passage, rounded down to about one part in eight",
        "mean_length": "avgdl, terms of a passage on average",
        "score_rounding": "rounding to four decimals",
        "interaction": "late interaction: how much of the query stands together in the passage",
        "window_share": "share of the best {size} tokens beside each other",
        "window_weight": "weight of windows of {size} tokens",
        "best_window": "best window of {size} tokens, a mean by the weights of the query's tokens",
        "nearest_token": 'query token "{token}", nearest to "{nearest}"',
        "token_weight": "weight of the token: the length of what it adds to the query's vector",
        "token_cosine": "cosine of the two tokens, 0 where it is negative",
        "recency": "a half to the power of the document's age in half-lives",
        "opinion": "score by the transformer, which has no parts",
        "others": "{count} others together",
    }

    value: float
    details: "tuple[Explanation, ...]" = ()
    operation: str = ""
    spans: tuple[Span, ...] = ()

    __hash__ = Fact.__hash__

    @property
    def description(self) -> str:
        """What the number is, in English."""
        return Fact.__str__(self)

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries and lists, with the description, ready for JSON."""
        return {
            "value": self.value,
            "code": self.code,
            "data": dict(self.data),
            "description": self.description,
            "details": [detail.to_dict() for detail in self.details],
            "operation": self.operation,
            "spans": [span.to_dict() for span in self.spans],
        }

    def __str__(self) -> str:
        return self.text()

    def text(self, *, depth: int | None = None, width: int | None = None, wording: "Wording | None" = None) -> str:
        """Indented lines, one for each number.

        Args:
            depth: Levels below this one that are shown; None for all.
            width: Of each sum show only so many details, and the others as one; None for all.
            wording: In another language; None for English.
        """
        return "\n".join(self._lines(depth, width, wording or ENGLISH))

    def _lines(self, depth: int | None, width: int | None, wording: "Wording") -> list[str]:
        shown: Sequence[Explanation] = () if depth == 0 else self.details
        if self.operation == "sum" and width is not None and len(shown) > width + 1:
            rest = shown[width:]
            others = Explanation("others", {"count": len(rest)}, value=math.fsum(detail.value for detail in rest))
            shown = (*shown[:width], others)
        ending = f"{wording.operations[self.operation]}:" if shown else ""
        lines = [f"{self.value:.6g} = {wording.describe(self)}{printed(self.spans, wording.parts)}{ending}"]
        for detail in shown:
            lines += [f"  {line}" for line in detail._lines(None if depth is None else depth - 1, width, wording)]
        return lines


@dataclass(frozen=True)
class Wording:
    """How a text of explanations says things.

    Attributes:
        describe: What a number is.
        operations: What follows that, by its ``operation``.
        parts: What the parts of query and passage are called, see `Span`.
    """

    describe: Callable[[Explanation], str]
    operations: Mapping[str, str]
    parts: Mapping[str, str] = field(default_factory=dict)


ENGLISH = Wording(lambda explanation: explanation.description, {"sum": ", sum of", "product": ", product of", "": ""})


def printed(spans: Sequence[Span], parts: Mapping[str, str]) -> str:
    """The first spans, in brackets, with their parts as these are called; those that have no name as they are."""
    if not spans:
        return ""
    some = ", ".join(f"{parts.get(span.part, span.part)} {span.start}-{span.end}" for span in spans[:PRINTED_SPANS])
    return f" [{some}{', ...' if len(spans) > PRINTED_SPANS else ''}]"
