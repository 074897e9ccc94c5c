"""Queries to measure with: stretches of 25 characters of passages, half of them from two passages each."""

import random
from collections.abc import Callable, Sequence
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


def found_share(questions: Sequence[Question], search: Callable[[str], Sequence[int]]) -> float:
    """The share of queries of one passage that find it, which is what search is for.

    A query of two passages is made to be slow, with words that no passage has all of; nobody looks for two things so.

    Args:
        questions: All; those of two passages are left out.
        search: Gives the positions of the first passages found.
    """
    alone = [question for question in questions if len(question.sources) == 1]
    return sum(question.sources[0] in search(question.text) for question in alone) / len(alone)


def asked_of(texts: Sequence[str], number: int) -> list[str]:
    """The texts of `questions_of`."""
    return [question.text for question in questions_of(texts, number)]
