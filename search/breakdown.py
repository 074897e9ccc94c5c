"""Takes scores apart, down to the words of query and passage, so that the parts add up to the score that is shown.

The vector of a static model is a weighted sum of its tokens' rows, so a cosine is exactly a sum over pairs of tokens:
w_q * w_p * <row_q, row_p> / (|q| * |p|), with rows cut to the dimensions that are compared. BM25 is a sum over terms,
and the fused score a sum over legs. What is lost to rounding, of stored vectors and of BM25 scores, is a part of its
own.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder, Token
from sakuin.facts import Value
from sakuin.index.terms import TermScore
from sakuin.index.text import Analyser
from sakuin.search.explanation import Explanation
from sakuin.search.fusion import Scaling
from sakuin.search.late_interaction import explain_interaction
from sakuin.search.request import SearchError
from sakuin.search.results import Hit
from sakuin.search.spans import Indexed, Span
from sakuin.search.token_pairs import token_pairs
from sakuin.search.whole import Whole

Side = Literal["passage", "query"]
SIDES: tuple[Side, ...] = ("passage", "query")
# Scores that differ by more are not those of the same search; BM25 scores are rounded to four decimals.
SAME_SCORE = 1e-3
# Pairs that a token of one text forms with those of the other and that are told apart; only very long texts have more.
MAX_PAIRS = 256
# Places of a token that a pair names: every pair of a long query repeats them.
MAX_PAIR_SPANS = 16


def explain_hit(
    whole: Whole, model: StaticEmbedder, query: str, hit: Hit, *, dim: int, by: Side = "passage"
) -> Explanation:
    """What a hit's score is made of.

    Args:
        whole: What the hit was found in.
        model: What the index was made with.
        query: What was searched for.
        hit: Of any search mode.
        dim: Dimensions of the vectors that were compared.
        by: The side whose tokens a cosine is a sum over; those of the other stand below each.
    """
    asked = Indexed.query(query)
    passage = Indexed.passage(hit.document.title, hit.heading, hit.text)
    legs: list[tuple[str, Scaling | None, Explanation]] = []
    if hit.dense:
        cosine = explain_cosine(model, asked, passage, dim=dim, shown=hit.dense.score, by=by)
        legs.append(("dense", hit.dense.scaling, cosine))
    if hit.bm25:
        parts = whole.terms.explained(query, int(hit.passage_id, 16))
        matches = explain_bm25(parts, asked, passage, analyser=whole.terms.analyser, shown=hit.bm25.score)
        legs.append(("bm25", hit.bm25.scaling, matches))
    if hit.interaction:
        together = explain_interaction(model, asked, passage, shown=hit.interaction.score)
        legs.append(("interaction", hit.interaction.scaling, together))
    if hit.rerank:
        legs.append(("rerank", hit.rerank.scaling, Explanation("opinion", value=hit.rerank.score)))
    if hit.recency:
        legs.append(("recency", hit.recency.scaling, Explanation("recency", value=hit.recency.score)))
    fused = [(name, scaling, explanation) for name, scaling, explanation in legs if scaling]
    # A leg that is alone is the score as it is, but for what the document's date adds.
    alone = [explanation for _, scaling, explanation in legs if not scaling]
    if alone and not fused:
        return alone[0]
    return explain_fusion(hit.score, fused, alone)


def explain_again(whole: Whole, model: StaticEmbedder, query: str, hit: Hit, *, dim: int, by: Side) -> Explanation:
    """What the score of a hit of an earlier search is made of; arguments as for `explain_hit`.

    Raises:
        SearchError: the score is not what this query and index give.
    """
    vector = model.encode([query], truncate_dim=dim, normalize=True)[0] if hit.dense else None
    own = whole.scores(query if hit.bm25 else None, vector, int(hit.passage_id, 16))
    shown = [leg.score if leg else 0.0 for leg in (hit.dense, hit.bm25)]
    if any(abs(one - other) > SAME_SCORE for one, other in zip(shown, own, strict=True)):
        raise SearchError(
            f"The hit in {hit.document.uri} has another score for this query at {dim} dimensions: give the query and "
            f"the dim that found it, and search again if the index has changed since."
        )
    return explain_hit(whole, model, query, hit, dim=dim, by=by)


def explain_cosine(
    model: StaticEmbedder, query: Indexed, passage: Indexed, *, dim: int, shown: float, by: Side = "passage"
) -> Explanation:
    """A cosine as a sum over tokens of one side, each a sum over tokens of the other.

    Args:
        model: What encoded both.
        query: As it was encoded.
        passage: As it was encoded.
        dim: Dimensions of the vectors that were compared.
        shown: The cosine, of the vector that is stored.
        by: The side whose tokens come first.
    """
    found = token_pairs(model, query.text, passage.text, dim)
    other: Side = "query" if by == "passage" else "passage"
    outer, inner = (passage, query) if by == "passage" else (query, passage)
    outer_tokens, inner_tokens = (found.passage, found.query) if by == "passage" else (found.query, found.passage)
    shares = found.shares.T if by == "passage" else found.shares
    # Tokens are described once, not once for each pair.
    inner_labels = [(label(other, token), inner.spans(token.spans)[:MAX_PAIR_SPANS]) for token in inner_tokens]
    details = [
        total("token", label(by, token), pairs(row, inner_labels), outer.spans(token.spans))
        for token, row in zip(outer_tokens, shares, strict=True)
    ]
    return shown_total(shown, "cosine", {"dim": dim, "of": model.dimension}, details, rounding="vector_rounding")


def label(side: Side, token: Token) -> dict[str, Value]:
    """Names a token and its weight in its text."""
    return {"side": side, "token": token.piece, "weight": float(token.weight)}


def pairs(
    values: NDArray[np.float64], labels: Sequence[tuple[Mapping[str, Value], tuple[Span, ...]]]
) -> list[Explanation]:
    """What each pair with a token adds; of very many the smallest together.

    Args:
        values: float64 (n,).
        labels: Data and spans of each of the n other tokens.
    """
    order = np.argsort(-np.abs(values), kind="stable")
    told = [
        Explanation("token_pair", labels[i][0], value=float(values[i]), spans=labels[i][1])
        for i in order[:MAX_PAIRS].tolist()
    ]
    rest = order[MAX_PAIRS:]
    if len(rest):
        told.append(Explanation("other_pairs", {"count": len(rest)}, value=float(values[rest].sum())))
    return told


def explain_bm25(
    parts: Sequence[TermScore], query: Indexed, passage: Indexed, *, analyser: Analyser, shown: float
) -> Explanation:
    """A BM25 score as a sum over terms, each a product of its weight, idf and saturation.

    Args:
        parts: Of `index.terms.Terms.explained`.
        query: As it was searched for.
        passage: As it was analysed.
        analyser: What analysed both.
        shown: The score.
    """
    asked, found = term_offsets(analyser, query.text), term_offsets(analyser, passage.text)
    details = [term_product(part, query.spans(asked[part.term]) + passage.spans(found[part.term])) for part in parts]
    return shown_total(shown, "bm25", {}, details, rounding="score_rounding")


def term_offsets(analyser: Analyser, text: str) -> dict[str, list[tuple[int, int]]]:
    """Offsets (start, end) of what each term of a text was read from, ascending."""
    offsets: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for term, start, end in analyser.spans(text):
        offsets[term].append((start, end))
    for found in offsets.values():
        found.sort()
    return offsets


def term_product(part: TermScore, spans: tuple[Span, ...]) -> Explanation:
    """What one term adds to a BM25 score."""
    idf = Explanation(
        "idf",
        value=part.idf,
        details=(
            Explanation("passages_with_term", value=part.having),
            Explanation("passages", value=part.passages),
        ),
    )
    saturation = Explanation(
        "saturation",
        value=part.saturation,
        details=(
            Explanation("frequency", value=part.frequency),
            Explanation("k1", value=part.k1),
            Explanation("b", value=part.b),
            Explanation("length", value=part.length),
            Explanation("mean_length", value=part.mean_length),
        ),
    )
    factors = (
        Explanation("term_weight", value=part.weight),
        Explanation("term_factor", value=part.factor),
        idf,
        saturation,
    )
    value = math.prod(factor.value for factor in factors)
    code, data = ("synonym", {"of": part.synonym_of}) if part.synonym_of else ("term", {})
    return Explanation(
        code, {"term": part.term, **data}, value=value, details=factors, operation="product", spans=spans
    )


def term_scores(explanation: Explanation) -> list[TermScore]:
    """The terms of a BM25 score, as they stand in the explanation of it or of a score that it is part of."""
    if explanation.code not in ("term", "synonym"):
        return [score for detail in explanation.details for score in term_scores(detail)]
    weight, factor, idf, saturation = explanation.details
    values = {detail.code: detail.value for detail in (*idf.details, *saturation.details)}
    return [
        TermScore(
            term=str(explanation.data["term"]),
            value=explanation.value,
            weight=weight.value,
            factor=factor.value,
            idf=idf.value,
            having=values["passages_with_term"],
            passages=values["passages"],
            saturation=saturation.value,
            frequency=values["frequency"],
            length=values["length"],
            mean_length=values["mean_length"],
            k1=values["k1"],
            b=values["b"],
            synonym_of=str(explanation.data.get("of", "")),
        )
    ]


def explain_fusion(
    score: float, legs: Sequence[tuple[str, Scaling, Explanation]], alone: Sequence[Explanation] = ()
) -> Explanation:
    """A fused score as the sum of the legs' weighted and normalised scores.

    Args:
        score: The fused score.
        legs: Name, scaling and explained score of each leg.
        alone: The explained score of a leg that is added as it is.
    """
    shares = [*alone]
    for name, scaling, explained in legs:
        normalised = Explanation(
            "normalised_equal" if scaling.high <= scaling.low else "normalised",
            value=float(scaling.normalised(explained.value)),
            details=(explained, Explanation("low", value=scaling.low), Explanation("high", value=scaling.high)),
        )
        weight = Explanation("leg_weight", {"leg": name}, value=scaling.weight)
        value = weight.value * normalised.value
        factors = (weight, normalised)
        shares.append(Explanation("leg_share", {"leg": name}, value=value, details=factors, operation="product"))
    return Explanation("fused", value=score, details=tuple(shares), operation="sum")


def total(
    code: str, data: Mapping[str, Value], details: Iterable[Explanation], spans: tuple[Span, ...] = ()
) -> Explanation:
    """The sum of details, largest first."""
    ordered = tuple(sorted(details, key=lambda detail: -abs(detail.value)))
    value = math.fsum(detail.value for detail in ordered)
    return Explanation(code, data, value=value, details=ordered, operation="sum", spans=spans)


def shown_total(
    shown: float, code: str, data: Mapping[str, Value], details: Iterable[Explanation], *, rounding: str
) -> Explanation:
    """The sum of details as it is shown, with what rounding made of it as the last."""
    exact = total(code, data, details)
    lost = Explanation(rounding, value=shown - exact.value)
    parts = (*exact.details, lost) if lost.value else exact.details
    return Explanation(code, data, value=shown, details=parts, operation="sum")
