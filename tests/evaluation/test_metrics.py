"""Metrics against trec_eval and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakuin.tuning.metrics import (
    average_precision_at,
    best_f1,
    hit_at,
    ndcg_at,
    recall_at,
    reciprocal_rank_at,
    spearman,
    weighted_f1,
)

names = st.lists(st.integers(0, 30).map(str), unique=True, min_size=1, max_size=25)
gains = st.dictionaries(st.integers(0, 30).map(str), st.integers(0, 3), min_size=1, max_size=20).filter(
    lambda judged: any(judged.values())
)


@given(names, gains)
def test_rankings_score_as_in_trec_eval(ranked: list[str], relevant: dict[str, int]) -> None:
    import pytrec_eval

    measures = {"ndcg_cut.10", "map_cut.10", "success.10", "recall.10"}
    run = {"q": {name: float(len(ranked) - place) for place, name in enumerate(ranked)}}
    oracle = pytrec_eval.RelevanceEvaluator({"q": relevant}, measures).evaluate(run)["q"]
    assert ndcg_at(10, ranked, relevant) == pytest.approx(oracle["ndcg_cut_10"], abs=1e-6)
    assert average_precision_at(10, ranked, relevant) == pytest.approx(oracle["map_cut_10"], abs=1e-6)
    assert hit_at(10, ranked, relevant) == oracle["success_10"]
    assert recall_at(10, ranked, relevant) == pytest.approx(oracle["recall_10"], abs=1e-6)
    # trec_eval's reciprocal rank has no cut-off of its own.
    first = {"q": dict(list(run["q"].items())[:10])}
    oracle = pytrec_eval.RelevanceEvaluator({"q": relevant}, {"recip_rank"}).evaluate(first)["q"]
    assert reciprocal_rank_at(10, ranked, relevant) == pytest.approx(oracle["recip_rank"], abs=1e-6)


@given(names, st.sets(st.integers(0, 30).map(str), min_size=1, max_size=12))
def test_a_set_of_names_is_worth_1_each(ranked: list[str], relevant: set[str]) -> None:
    as_gains = dict.fromkeys(relevant, 1.0)
    for metric in (ndcg_at, average_precision_at, reciprocal_rank_at, hit_at, recall_at):
        assert metric(10, ranked, relevant) == metric(10, ranked, as_gains)


def test_nothing_to_find_is_worth_nothing() -> None:
    for metric in (ndcg_at, average_precision_at, reciprocal_rank_at, hit_at, recall_at):
        assert metric(10, ["a"], set()) == 0
        assert metric(10, [], {"a"}) == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_spearman_is_pearson_of_averaged_ranks(pairs: list[tuple[int, int]]) -> None:
    from scipy.stats import rankdata

    a, b = np.array(pairs, np.float64).T
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert spearman(a, b) == 0
    else:
        assert spearman(a, b) == pytest.approx(float(np.corrcoef(rankdata(a), rankdata(b))[0, 1]))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=25))
def test_the_best_f1_is_that_of_the_best_threshold(pairs: list[tuple[bool, int]]) -> None:
    from sklearn.metrics import f1_score

    labels = np.array([label for label, _ in pairs], np.int64)
    scores = np.array([score for _, score in pairs], np.float64)
    tried = [f1_score(labels, scores >= threshold, zero_division=0) for threshold in set(scores)]
    assert best_f1(labels, scores) == pytest.approx(max(tried))


def test_weighted_f1_counts_classes_by_their_size() -> None:
    # F1 of the class of three is 1; that of the class of one, which was missed, is 0.
    assert weighted_f1(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 2])) == pytest.approx(0.75)
