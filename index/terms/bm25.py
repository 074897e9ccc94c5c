"""The parts of a BM25 score, as tantivy explains it."""

from dataclasses import dataclass, replace
from typing import Any

from sakuin.index.terms.asked import Statistics


@dataclass(frozen=True, slots=True)
class TermScore:
    """What one term of a query adds to the score of a passage, and the numbers that it is made of.

    Attributes:
        term: As analysed.
        value: weight * factor * idf * saturation, as tantivy computes it.
        weight: Of the term in the query: how often it occurs there, threefold if it is not Japanese;
            all terms of a synonym together half of what the words do that it is one of, at most.
        factor: k1 + 1.
        idf: log(1 + (passages - having + 0.5) / (having + 0.5)).
        having: Passages that have the term; passages: all. Both count those that are removed but not yet merged away.
        saturation: frequency / (frequency + k1 * (1 - b + b * length / mean_length)).
        frequency: How often the passage has the term.
        length: Terms of the passage, rounded down to about one part in eight.
        mean_length: Terms of a passage on average.
        k1, b: Parameters of BM25.
        synonym_of: The words of the query that it is a synonym of; "" where it is of the query itself.
    """

    term: str
    value: float
    weight: float
    factor: float
    idf: float
    having: float
    passages: float
    saturation: float
    frequency: float
    length: float
    mean_length: float
    k1: float
    b: float
    synonym_of: str = ""


def term_score(term: str, weight: float, explained: dict[str, Any], synonym_of: str = "") -> TermScore:
    """Reads tantivy's explanation: (k1 + 1), idf with n and N, saturation with freq, k1, b, dl and avgdl."""
    factor, idf, saturation = explained["details"]
    having, passages = (detail["value"] for detail in idf["details"])
    frequency, k1, b, length, mean_length = (detail["value"] for detail in saturation["details"])
    return TermScore(
        term=term,
        value=weight * explained["value"],
        weight=weight,
        factor=factor["value"],
        idf=idf["value"],
        having=having,
        passages=passages,
        saturation=saturation["value"],
        frequency=frequency,
        length=length,
        mean_length=mean_length,
        k1=k1,
        b=b,
        synonym_of=synonym_of,
    )


def counted_by(part: TermScore, statistics: Statistics) -> TermScore:
    """The same by statistics of more than the index that explained it; its mean length is of these already."""
    idf = statistics.idf(part.term)
    return replace(
        part,
        value=part.weight * part.factor * idf * part.saturation,
        idf=idf,
        having=statistics.having[part.term],
        passages=statistics.passages,
    )
