"""What is said of larger indexes and of many shards follows from what is measured."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import hedging, sizing
from benchmarks.hedging import NONE, Slow, answers, hedge
from benchmarks.sizing import dealt, larger, table, times_in

FIGURES: list[dict[str, Any]] = [
    {"name": "build", "cpu_seconds": 10.0, "passages": 1000},
    {"name": "disk", "documents.db": 600.0, "vectors": 300.0, "terms": 100.0, "passages": 1000},
    {"name": "its own memory", "bytes_per_passage": 50.0, "passages": 1000},
    {"name": "mapped files, which the system may take back", "bytes_per_passage": 500.0, "passages": 1000},
    {"name": "times", "cpu_ms": 1.5, "milliseconds": [[1.0, 2.0], [3.0, 4.0]], "passages": 1000},
]


def test_a_billion_passages_take_a_thousand_bytes_each() -> None:
    rows = list(larger(FIGURES))
    assert rows[-1] == "| 1,000,000,000 | 100 | 1.0 TB | 10.0 GB | 0.5 GB | 5.0 GB | 2.0 TB |"
    assert list(table(FIGURES))[-1].startswith(
        "| 1,000 | 600 B | 300 B | 100 B | 50 B | 500 B | 10 | 1.5 ms | 2.5 ms |"
    )
    assert dealt(25_000_000) == (3, 8_333_334)


def test_the_times_are_those_of_the_largest_index() -> None:
    smaller = {"name": "times", "milliseconds": [[9.0]], "passages": 10}
    assert times_in([smaller, *FIGURES]).tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_the_last_shard_decides_and_a_twin_helps() -> None:
    first, second = np.array([[1.0, 9.0, 5.0]]), np.array([[1.0, 2.0, 8.0]])
    assert hedge(first, second, 4.0).tolist() == [[1.0, 6.0, 5.0]]
    assert hedge(first, second, 10.0).tolist() == first.tolist()


def test_a_query_is_heavy_for_every_shard_and_slow_replicas_are_slow() -> None:
    rng = np.random.default_rng(0)
    times = np.array([[1.0, 1.5], [100.0, 101.0]])
    asked = np.array([0, 1] * 500)
    taken = answers(times, asked, 7, NONE, rng)
    assert set(np.unique(taken[0::2])) == {1.0, 1.5}
    assert set(np.unique(taken[1::2])) == {100.0, 101.0}
    slow = answers(np.ones((1, 1)), np.zeros(1000, np.int64), 10, Slow(0.1, 10.0), rng)
    assert 0.08 < (slow == 10.0).mean() < 0.12


def test_the_simulation_says_what_many_shards_cost_and_hedging_saves(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    times = 5 + rng.exponential(1, (50, 10))
    result = tmp_path / "sizing.json"
    result.write_text(json.dumps({"figures": [{"name": "times", "passages": 1, "milliseconds": times.tolist()}]}))
    out = tmp_path / "hedging.json"
    done = CliRunner().invoke(hedging.main, [str(result), "--json", str(out)])
    assert done.exit_code == 0, done.output
    figures = {(each["shards"], each["slow"], each["hedged"]): each for each in json.loads(out.read_bytes())["figures"]}
    assert figures[100, 0.0, False]["p50_ms"] > figures[1, 0.0, False]["p50_ms"] + 1
    assert figures[100, 0.01, True]["p99_ms"] < 0.5 * figures[100, 0.01, False]["p99_ms"]
    assert "| 100 | 1%, 10 times as slow | hedged |" in done.output


def test_the_times_of_an_index_are_measured_and_written_down(example_index: Path, tmp_path: Path) -> None:
    out = tmp_path / "hedging.json"
    done = CliRunner().invoke(hedging.main, [str(example_index), "--queries", "2", "--json", str(out)])
    assert done.exit_code == 0, done.output
    figures = json.loads(out.read_bytes())["figures"]
    assert times_in(figures).shape == (2, sizing.REPEATS)
    assert times_in(figures).min() > 0
    assert len(figures) == 13


@pytest.mark.slow
def test_a_small_index_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "sizing.json"
    done = CliRunner().invoke(sizing.main, ["--passages", "300", "--queries", "3", "--json", str(out)])
    assert done.exit_code == 0, done.output
    assert "| 300 |" in done.output
    assert times_in(json.loads(out.read_bytes())["figures"]).shape == (3, sizing.REPEATS)
