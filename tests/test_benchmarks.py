"""What benchmarks choose and call things by; what they measure is not tested."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import labels
from benchmarks.compare import Incomparable, Ratio, checked_out, in_turns, last_release, main, times_as_fast
from benchmarks.contest import Contestant, Entry, Setting, Took, Tried, fastest, race, try_settings
from benchmarks.encode import rows_of
from benchmarks.quick import Run, done
from benchmarks.quick import main as quick
from benchmarks.train import BFLOAT16, FLOAT32, OURS, figures_of


class Stopwatch:
    """Stands for a contestant in its process: notes what it is given, and takes a second for each text."""

    def __init__(self, *others: Setting) -> None:
        self.contestant = Contestant("peer", "1.0", dict, {"batch_size": 32}, others)
        self.read: list[tuple[Setting, list[str]]] = []

    def took(self, texts: Sequence[str], setting: Setting) -> Took:
        self.read.append((setting, list(texts)))
        return Took(len(texts) / setting.get("speed", 1), 2.0 * len(texts))


def test_each_setting_is_tried_on_passages_that_no_other_reads() -> None:
    watch = Stopwatch({"batch_size": 256, "speed": 4}, {"batch_size": 1024, "speed": 2})
    tried = try_settings(watch, [f"text {number}" for number in range(12)])  # type: ignore[arg-type]
    assert [each.rate for each in tried] == [1, 4, 2]
    assert [setting["batch_size"] for setting, _ in watch.read] == [32, 256, 1024, 1024, 256, 32]
    assert [len(texts) for _, texts in watch.read] == [2] * 6
    assert len({text for _, texts in watch.read for text in texts}) == 12
    assert fastest(tried) == {"batch_size": 256, "speed": 4}


def test_the_fastest_setting_may_be_the_default() -> None:
    assert fastest([Tried({"batch_size": 32}, 9.0), Tried({"batch_size": 256}, 8.0)]) == {"batch_size": 32}


def test_a_peer_whose_default_is_its_best_is_raced_once() -> None:
    one, other = Stopwatch(), Stopwatch()
    rows = rows_of(one, other, {"batch_size": 32})  # type: ignore[arg-type]
    assert [(row.running, row.role) for row in rows] == [(one, "both")]
    rows = rows_of(one, other, {"batch_size": 4})  # type: ignore[arg-type]
    assert [(row.running, row.setting["batch_size"], row.role) for row in rows] == [
        (one, 32, "default"),
        (other, 4, "best"),
    ]


def test_all_read_the_same_in_each_round_and_take_turns_to_be_first() -> None:
    texts = [f"text {number}" for number in range(10)]
    order: list[str] = []

    class Noted(Stopwatch):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def took(self, texts: Sequence[str], setting: Setting) -> Took:
            order.append(self.name)
            return super().took(texts, setting)

    one, other = Noted("one"), Noted("other")
    entries = [Entry(one, {}, "default"), Entry(other, {"speed": 5}, "best")]  # type: ignore[arg-type]
    assert race(entries, texts, rounds=2) == [Took(10.0, 20.0), Took(2.0, 20.0)]
    assert [read for _, read in one.read] == [read for _, read in other.read]
    assert sorted(text for _, read in one.read for text in read) == sorted(texts)
    assert order == ["one", "other", "other", "one"]


def test_a_row_says_version_and_setting_and_whether_it_was_searched_for() -> None:
    figure = {"name": "peer", "version": "1.0", "dim": 1024, "setting": {"batch_size": 4096, "threads": 1}}
    assert labels.row(figure | {"role": "best"}) == (
        "peer 1.0, 1,024 dimensions, batches of 4,096, threads: 1 (best found)"
    )
    assert labels.row(figure | {"role": "default", "setting": {"runtime": "PyTorch 2"}}) == (
        "peer 1.0, 1,024 dimensions, PyTorch 2 (its default)"
    )
    assert labels.row({"name": "sakuin", "version": "0.1", "role": "", "setting": {}}) == "sakuin"
    assert labels.row({"name": "sentence-transformers, 1024"}) == "sentence-transformers, 1024"


def test_the_interval_of_few_rounds_is_their_whole_range() -> None:
    pairs = [(ratio, 1.0) for ratio in (2.0, 1.0, 5.0, 3.0, 4.0, 6.0)]
    assert times_as_fast(pairs) == Ratio(3.5, 1.0, 6.0)
    with pytest.raises(ValueError, match="5 rounds are too few"):
        times_as_fast(pairs[:5])


def test_the_interval_of_more_rounds_leaves_out_the_odd_ones() -> None:
    # Of 12 tosses 2 or fewer are heads with a probability of 1.9 %, 3 or fewer with one of 7.3 %.
    pairs = [(float(ratio), 1.0) for ratio in (1, 90, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0.01)]
    assert times_as_fast(pairs) == Ratio(6.5, 3.0, 10.0)


def test_the_interval_holds_the_true_ratio_as_often_as_it_says() -> None:
    rng = random.Random(0)
    held = 0
    for _ in range(400):
        noisy = [(1.3 * rng.lognormvariate(0, 0.3), rng.lognormvariate(0, 0.3)) for _ in range(12)]
        ratio = times_as_fast(noisy)
        held += ratio.low <= 1.3 <= ratio.high
    assert held >= 0.93 * 400


def test_sides_take_turns_and_the_first_round_only_warms_up() -> None:
    order: list[tuple[str, int]] = []

    def measure(side: str, turn: int) -> dict[str, float]:
        order.append((side, turn))
        return {"seconds": turn + (side == "B") / 2}

    found = in_turns(["A", "B"], 2, measure)  # type: ignore[arg-type, list-item]
    assert order == [("A", 0), ("B", 0), ("B", 1), ("A", 1), ("A", 2), ("B", 2)]
    assert found == {"seconds": [(1.0, 1.5), (2.0, 2.5)]}


def test_without_history_nothing_is_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.compare.ROOT", tmp_path)
    with pytest.raises(Incomparable, match="in the history of this clone"):
        last_release()
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 0
    assert result.output.startswith("Nothing was compared: no tag")


def test_a_working_tree_is_taken_as_it_is(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    subprocess.run(["git", "init", "-q", clone], check=True)
    (clone / ".gitignore").write_text("built\n")
    (clone / "new.py").write_text("not yet known to git")
    (clone / "built").write_text("no part of it")
    checked_out(str(clone), tmp_path / "source")
    assert sorted(path.name for path in (tmp_path / "source").iterdir()) == [".gitignore", "new.py"]
    with pytest.raises(Incomparable, match="no commit 0000000"):
        checked_out("0000000", tmp_path / "other")


@pytest.mark.parametrize(("bfloat16", "role", "ratio"), [(2.0, "best", 4.0), (5.0, "tried", 8.0)])
def test_training_is_compared_with_the_fastest_of_sentence_transformers(
    bfloat16: float, role: str, ratio: float
) -> None:
    pytest.importorskip("sentence_transformers")
    figures = figures_of({FLOAT32: 4.0, BFLOAT16: bfloat16, OURS: 0.5}, batch=100)
    assert [figure.get("role") for figure in figures] == ["default", role, None]
    assert figures[2] == {"name": "sakuin", "batch": 100, "pairs_per_second": 200.0, "ratio": ratio}
    assert labels.row(figures[0] | {"version": "6"}) == "sentence-transformers 6, float32 (its default)"


def test_what_a_small_run_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.quick.RUNS", (Run("encode", (), ("no_such_module",)),))
    result = CliRunner().invoke(quick, [])
    assert result.exit_code == 0
    assert "Not measured: encode: no_such_module not installed; `make bench` installs" in result.output
    assert "Not measured: evaluation: there are no tasks to evaluate on" in result.output


def test_a_small_run_that_takes_too_long_is_ended_with_what_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.quick.PATIENCE", 2)
    child = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    monkeypatch.chdir(tmp_path)
    assert done("encode", [sys.executable, "-c", parent], None) == "it took more than 2 seconds."
    pid = int((tmp_path / "pid").read_text())
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("what it started still runs")
