"""Scores of tasks against scipy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import f1_score

from sakuin.evaluation.scores import best_f1, spearman, weighted_f1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_spearman_is_pearson_of_averaged_ranks(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, np.float64).T
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert spearman(a, b) == 0
    else:
        assert spearman(a, b) == pytest.approx(float(np.corrcoef(rankdata(a), rankdata(b))[0, 1]))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=25))
def test_the_best_f1_is_that_of_the_best_threshold(pairs: list[tuple[bool, int]]) -> None:
    labels = np.array([label for label, _ in pairs], np.int64)
    scores = np.array([score for _, score in pairs], np.float64)
    tried = [f1_score(labels, scores >= threshold, zero_division=0) for threshold in set(scores)]
    assert best_f1(labels, scores) == pytest.approx(max(tried))


def test_weighted_f1_counts_classes_by_their_size() -> None:
    # F1 of the class of three is 1; that of the class of one, which was missed, is 0.
    assert weighted_f1(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 2])) == pytest.approx(0.75)
