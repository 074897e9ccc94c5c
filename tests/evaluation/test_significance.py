"""Differences of two models on tasks."""

from pathlib import Path

import numpy as np
import pytest

from sakuin.evaluation.dense import evaluate_vectors, sides
from sakuin.evaluation.families import ClassificationTask, PairClassificationTask, StsTask, Task
from sakuin.evaluation.results import TaskResult
from sakuin.evaluation.significance import paired_bootstrap, task_difference
from sakuin.evaluation.tasks import read_tasks
from sakuin.tuning.significance import randomisation_test


def test_the_bootstrap_of_a_mean_agrees_with_the_randomisation_test() -> None:
    generator = np.random.default_rng(3)
    a = generator.normal(0.3, 1, 200)
    b = a + generator.normal(-0.06, 0.5, 200)
    by_swaps = randomisation_test(a, b)
    by_resampling = paired_bootstrap(a, b, lambda chosen, items: float(items.mean()), 4000)
    assert by_resampling.value == pytest.approx(by_swaps.value)
    assert by_resampling.p == pytest.approx(by_swaps.p, abs=0.03)
    assert (by_resampling.low, by_resampling.high) == pytest.approx((by_swaps.low, by_swaps.high), abs=0.01)


def test_equal_models_do_not_differ(data: Path) -> None:
    for task in read_tasks(data):
        vectors = {name: np.eye(16, dtype=np.float32)[:n] for name, n in _sizes(task).items()}
        measured = evaluate_vectors(task, vectors)
        difference = task_difference(task, measured, measured, resamples=50)
        if task.family == "clustering":
            assert difference is None
        else:
            assert difference is not None
            assert (difference.value, difference.low, difference.high, difference.p) == (0, 0, 0, 1)


def _sizes(task: Task) -> dict[str, int]:
    return {name: len(side.texts) for name, side in sides(task).items()}


def test_a_clear_difference_is_one_in_every_family_with_items() -> None:
    def figures(items: list[float]) -> TaskResult:
        return TaskResult(0, np.array(items, np.float64), {})

    texts = tuple(f"t{i}" for i in range(60))
    graded = [i / 60 for i in range(60)]
    noise = np.random.default_rng(0).normal(size=60).tolist()
    labels = [i % 2 for i in range(60)]
    tasks: list[tuple[Task, list[float], list[float]]] = [
        (StsTask("x", texts, texts, tuple(graded)), graded, noise),
        (PairClassificationTask("x", texts, texts, tuple(labels)), list(map(float, labels)), noise),
        (
            ClassificationTask("x", texts, tuple(map(str, labels)), texts, tuple(map(str, labels))),
            list(map(float, labels)),
            [0.0] * 60,
        ),
    ]
    for task, good, bad in tasks:
        difference = task_difference(task, figures(good), figures(bad), resamples=400)
        assert difference is not None
        assert difference.test == "bootstrap"
        assert 0 < difference.low < difference.value
        assert difference.p < 0.01
