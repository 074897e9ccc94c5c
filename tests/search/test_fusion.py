"""Fusion on arrays: what holds whatever the scores are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sakuin.search.fusion import BM25_WEIGHT, COVERED, Fusion, Scaling, normalised


def shares(dense: np.ndarray, bm25: np.ndarray, weight: float) -> tuple[np.ndarray, np.ndarray]:
    return Scaling.of(dense, 1 - weight).share(dense), Scaling.of(bm25, weight).share(bm25)


scores = arrays(np.float32, st.shared(st.integers(0, 30), key="n"), elements=st.floats(-1, 100, width=32))


@given(scores, scores, st.floats(0, 1))
def test_shares_add_up_to_a_score_from_0_to_1(dense: np.ndarray, bm25: np.ndarray, weight: float) -> None:
    of_dense, of_bm25 = shares(dense, bm25, weight)
    total = of_dense + of_bm25
    assert total.shape == dense.shape
    assert ((total >= 0) & (total <= 1 + 1e-9)).all()


@given(scores)
def test_normalising_keeps_the_order_and_ignores_scale(values: np.ndarray) -> None:
    once = normalised(values)
    assert (np.diff(once[np.argsort(values, kind="stable")]) >= 0).all()
    np.testing.assert_allclose(normalised(values * 4), once, atol=1e-6)


@given(scores, st.floats(-1, 100), st.floats(-1, 100))
def test_what_lies_beyond_lowest_and_highest_counts_as_they_do(values: np.ndarray, a: float, b: float) -> None:
    low, high = sorted((a, b))
    once = Scaling(1, low, high).normalised(values)
    assert ((once >= 0) & (once <= 1)).all()
    if high > low:
        # Scores are of single precision, and their limits need not be: clipped there, a tiny one would be rounded.
        within = np.clip(values.astype(np.float64), low, high)
        np.testing.assert_array_equal(once, Scaling(1, low, high).normalised(within))


@given(scores, scores, st.floats(0.01, 0.99))
def test_what_both_legs_prefer_wins(dense: np.ndarray, bm25: np.ndarray, weight: float) -> None:
    total = sum(shares(dense, bm25, weight))
    for i in range(len(dense)):
        better = (dense >= dense[i]) & (bm25 >= bm25[i])
        assert (np.asarray(total)[better] >= np.asarray(total)[i] - 1e-9).all()


def test_bm25_weighs_less_where_words_cover_less_of_the_query() -> None:
    weights = [Fusion().weight(best, 10.0) for best in (0.0, 1.0, 3.0, 5.9, 6.0, 30.0)]
    assert weights[0] == 0
    assert weights == sorted(weights)
    assert weights[2] == pytest.approx(BM25_WEIGHT * (0.3 / COVERED) ** 2)
    assert weights[-1] == weights[-2] == BM25_WEIGHT
    assert Fusion().weight(0.0, 0.0) == BM25_WEIGHT


def test_tuned_weights() -> None:
    assert Fusion.of({}) == Fusion()
    tuned = Fusion.of({"bm25_weight": 0.4, "covered": 1.0})
    assert tuned.weight(5.0, 10.0) == pytest.approx(0.1)
    assert tuned.weight(20.0, 10.0) == 0.4
    # Covered from nothing on: the same weight for every query.
    assert {Fusion(0.3, 0.0).weight(best, 10.0) for best in (0.0, 0.1, 20.0)} == {0.3}
    assert Fusion(0.0, 0.6).weight(20.0, 10.0) == 0


def test_a_setting_in_words() -> None:
    assert str(Fusion(0.4, 0.8)) == "BM25 weighs 0.4, less where its words cover less than 0.8 of a query"
    assert str(Fusion(0.5, 0.0)) == "BM25 weighs 0.5 for every query"
