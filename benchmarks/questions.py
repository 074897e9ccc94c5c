"""Queries to measure with: stretches of 25 characters of passages, half of them from two passages each."""

import random
from collections.abc import Sequence
from typing import NamedTuple


class Question(NamedTuple):
    """A query and the passages it was made of, by their positions."""

    text: str
    sources: tuple[int, ...]


def questions_of(texts: Sequence[str], number: int) -> list[Question]:
    """Queries: stretches of passages, and every other one of two passages."""
    rng = random.Random(0)

    def stretch() -> tuple[str, int]:
        at = rng.choice(range(len(texts)))
        start = rng.randrange(max(1, len(texts[at]) - 25))
        return texts[at][start : start + 25], at

    def question(place: int) -> Question:
        text, source = stretch()
        if place % 2:
            return Question(text, (source,))
        other, second = stretch()
        return Question(f"{text[:12]} {other[:12]}", (source, second))

    return [question(place) for place in range(number)]


def asked_of(texts: Sequence[str], number: int) -> list[str]:
    """The texts of `questions_of`."""
    return [question.text for question in questions_of(texts, number)]
