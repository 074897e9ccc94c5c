"""Metrics of rankings against trec_eval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakuin.tuning.metrics import average_precision_at, hit_at, ndcg_at, recall_at, reciprocal_rank_at

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
