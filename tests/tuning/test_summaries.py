"""Summaries of settings, and the files they are exported to."""

import csv
import io
import json

import numpy as np
import pytest

from sakuin.tuning.export import figures_csv, figures_json
from sakuin.tuning.judged import JudgedQuery
from sakuin.tuning.settings import SettingFigures
from sakuin.tuning.summaries import QueryChange, changes, summarise

QUERIES = [JudgedQuery(text, {"a.txt": 1.0}) for text in ("one", "two, with a comma", "three")]
GOOD = SettingFigures(np.array([1.0, 0.5, 0.5]), np.array([1.0, 0.5, 0.5]), np.ones(3), np.array([1, 2, 3]))
POOR = SettingFigures(np.array([1.0, 0.0, 0.4]), np.array([1.0, 0.0, 0.2]), np.array([1.0, 0, 1]), np.array([1, 0, 5]))
FIGURES = {"hybrid-256": GOOD, "bm25": POOR}


def test_settings_are_compared_with_the_base() -> None:
    base, other = summarise(FIGURES, "hybrid-256")
    assert base.difference is None
    assert base.ndcg.value == pytest.approx(2 / 3)
    assert other.recall.value == pytest.approx(2 / 3)
    assert other.difference
    assert other.difference.value == pytest.approx(-0.2)


def test_the_largest_change_comes_first_and_of_one_setting_the_worst_query() -> None:
    rows = changes(QUERIES, GOOD, POOR)
    assert rows[0] == QueryChange("two, with a comma", 2, 0, -0.5)
    assert [row.query for row in rows] == ["two, with a comma", "three", "one"]
    assert [row.query for row in changes(QUERIES, POOR, POOR)] == ["two, with a comma", "three", "one"]


def test_figures_are_exported() -> None:
    table = list(csv.DictReader(io.StringIO(figures_csv(QUERIES, FIGURES))))
    assert [row["query"] for row in table] == [query.query for query in QUERIES]
    assert table[1] == {
        "query": "two, with a comma",
        **{"hybrid-256 nDCG": "0.500000", "hybrid-256 RR": "0.500000"},
        **{"hybrid-256 recall": "1.000000", "hybrid-256 first": "2"},
        **{"bm25 nDCG": "0.000000", "bm25 RR": "0.000000", "bm25 recall": "0.000000", "bm25 first": ""},
    }
    whole = json.loads(figures_json(QUERIES, FIGURES, summarise(FIGURES, "bm25"), 10))
    assert whole["k"] == 10
    assert whole["queries"][1]["figures"]["bm25"] == {"ndcg": 0.0, "rr": 0.0, "recall": 0.0, "first": None}
    assert whole["queries"][0]["relevant"] == {"a.txt": 1.0}
    assert whole["settings"][0]["ndcg"]["value"] == pytest.approx(2 / 3)
