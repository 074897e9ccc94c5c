"""Reasons for what was left out: facts that come back whole from where they were kept."""

import json
import pickle
import string

import pytest

from sakuin.index.errors import ReadError
from sakuin.index.reasons import PARTS_KEPT, Part, Reason, position_in

PARTS = (
    Part({"row": 3}, Reason("empty_row")),
    Part({"name": "faq-1"}, Reason("same_document_name")),
    Part({}, Reason("too_slow_at", {"percent": 40, "minutes": 5})),
)
REASONS = [
    Reason("empty"),
    Reason("unknown_type", {"suffix": ".猫"}),
    Reason("repeated_id", {"id": 'a "b" {c}'}),
    Reason("parts", {"number": 1200}, PARTS),
    Reason("no_good_line", {"lines": 100}, (Part({"line": 1}, Reason("no_object")),)),
]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.code)
def test_a_reason_comes_back_from_json_and_from_other_processes(reason: Reason) -> None:
    assert Reason.from_json(reason.to_json()) == reason
    assert Reason.from_dict(json.loads(json.dumps(reason.to_dict()))) == reason
    assert hash(Reason.from_json(reason.to_json())) == hash(reason)
    error = pickle.loads(pickle.dumps(ReadError(reason)))
    assert error.reason == reason
    assert str(error) == str(reason)


def test_no_reason_is_an_empty_text() -> None:
    assert Reason.from_json("") is None


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"code": "empty"}', '{"code": "unheard_of", "data": {}}', "files are not read"]
)
def test_what_is_no_reason_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Reason.from_json(text)


def test_parts_are_told_with_where_they_are_and_how_many_more_there_are() -> None:
    several = Reason("parts", {"number": 1200}, PARTS)
    assert str(several) == (
        "row 3: its text is empty; faq-1: there is another document of the same name; at 40 % of the file: from here "
        "on nothing was read, for reading had taken 5 minutes; split the file; 1,197 more"
    )
    assert several.to_dict()["parts"][0] == {
        "position": {"row": 3},
        "code": "empty_row",
        "data": {},
        "message": "its text is empty",
    }
    assert str(Reason("parts", {"number": 1}, PARTS[:1])) == "row 3: its text is empty"


def test_of_many_parts_the_first_are_kept() -> None:
    reason = Reason.of_parts([*PARTS, *PARTS], 6)
    assert reason
    assert len(reason.parts) == PARTS_KEPT
    assert Reason.of_parts([], 0) is None


@pytest.mark.parametrize(
    ("uri", "position"),
    [
        ("a#b.csv#row=3", {"row": 3}),
        ("a#b.csv#line=12", {"line": 12}),
        ("a#b.csv#page=1", {"page": 1}),
        ("a#b.csv#row=x", {"name": "row=x"}),
        ("a#b.csv#x#row=3", {"name": "x#row=3"}),
        ("a#b.csv", {}),
    ],
)
def test_positions_in_a_file(uri: str, position: dict[str, object]) -> None:
    assert position_in("a#b.csv", uri) == position


def test_every_sentence_needs_only_what_its_code_is_given() -> None:
    """Fields of a sentence are named, so that a translation finds them."""
    for code, sentence in Reason.SENTENCES.items():
        names = [name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None]
        assert all(name.isidentifier() for name in names), code
