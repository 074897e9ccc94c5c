"""Judged queries that go wrong."""

from pathlib import Path

import pytest

from sakuin.search import Searcher
from sakuin.tuning.judgements import Judgement, judgement_of
from sakuin.tuning.troubles import FIRST_WRONG, NOTHING_ANSWERS, UNANSWERED, find_troubles

QUERY, ANSWER = "電車が遅れた証拠がほしい", "travel/chien-shomei.txt"


@pytest.mark.parametrize(
    ("judgement", "codes"),
    [
        (judgement_of(QUERY, ANSWER, answers=True), ()),
        (judgement_of(QUERY, "office/yukyu-kyuka.md", answers=False), ()),
        (judgement_of(QUERY, ANSWER, answers=False), (FIRST_WRONG,)),
        (judgement_of(QUERY, None, answers=False), (NOTHING_ANSWERS,)),
        (judgement_of("徳川家康の生涯", None, answers=False), (UNANSWERED, NOTHING_ANSWERS)),
    ],
)
def test_why_a_query_goes_wrong(example_index: Path, judgement: Judgement, codes: tuple[str, ...]) -> None:
    with Searcher.open(example_index) as searcher:
        answered = searcher.search("徳川家康の生涯", group="document").answered
        found = find_troubles(searcher, [judgement])
    if UNANSWERED in codes:
        assert answered is False
    assert [trouble.codes for trouble in found] == ([codes] if codes else [])


def test_the_last_judged_come_first(example_index: Path) -> None:
    judgements = [judgement_of(f"{name} {QUERY}", None, answers=False) for name in "abc"]
    told: list[tuple[int, int]] = []
    with Searcher.open(example_index) as searcher:
        found = find_troubles(searcher, judgements, progress=lambda done, total: told.append((done, total)))
    assert [trouble.query[0] for trouble in found] == ["c", "b", "a"]
    assert found[0].first == "鉄道の遅延証明書のもらい方"
    assert told == [(1, 3), (2, 3), (3, 3)]
