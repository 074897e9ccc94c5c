"""What a search is asked for."""

from typing import Any

import numpy as np
import pytest

from sakuin.search import SearchError, SearchRequest
from sakuin.search.request import MAX_K, MAX_QUERY_CHARACTERS, MAX_RESCORED


@pytest.mark.parametrize(
    "wrong",
    [
        {"query": None},
        {"query": ["猫"]},
        {"mode": "fuzzy"},
        {"k": 0},
        {"k": MAX_K + 1},
        {"k": "10"},
        {"k": 2.5},
        {"k": True},
        {"dim": 0},
        {"dim": 64.0},
        {"rescore": 0},
        {"rescore": MAX_RESCORED + 1},
        {"min_relevance": -0.1},
        {"min_relevance": 1.1},
        {"min_relevance": float("nan")},
        {"min_relevance": "0.5"},
        {"group": "folder"},
        {"passages": 0},
        {"offset": -1},
        {"offset": MAX_K},
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(wrong: dict[str, Any]) -> None:
    (value,) = wrong.values()
    with pytest.raises(SearchError) as error:
        SearchRequest(**{"query": "猫", **wrong})
    assert repr(value) in str(error.value)
    assert any(word in str(error.value) for word in ("give", "ask for", "use"))


def test_arguments_are_named_and_numbers_of_numpy_are_numbers() -> None:
    with pytest.raises(TypeError):
        SearchRequest("猫")  # type: ignore[misc]
    request = SearchRequest(query="猫", k=np.int64(3), dim=np.int32(64))  # type: ignore[arg-type]
    assert (request.k, request.dimensions(256)) == (3, 64)


def test_dimensions_are_those_that_are_stored_at_most() -> None:
    assert SearchRequest(query="猫").dimensions(256) == 256
    assert SearchRequest(query="猫", dim=64).dimensions(256) == 64
    with pytest.raises(SearchError, match="stores 32 a vector"):
        SearchRequest(query="猫", dim=64).dimensions(32)


def test_a_long_query_is_cut_and_a_lone_surrogate_replaced() -> None:
    request = SearchRequest(query="\ud800" + MAX_QUERY_CHARACTERS * "猫")
    assert request.query.encode()
    assert (len(request.query), len(request.text)) == (MAX_QUERY_CHARACTERS + 1, MAX_QUERY_CHARACTERS)
