"""Pictures of logs, looked at through matplotlib's own figure and through the file that was written."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sakuin.training.curves import (
    DOTS_PER_INCH,
    PANEL_HEIGHT,
    TEACHER,
    WIDTH,
    draw_curves,
    figure_of,
    read_log,
    running_mean,
    window_of,
)
from sakuin.training.errors import TrainingError

pytest.importorskip("matplotlib")


def step(number: int, source: str = "faq", loss: float = 3.0, pairs: int = 64) -> str:
    entry = {"step": number, "source": source, "pairs": pairs, "loss": loss, "seconds": 0.5, "rate": 128.0}
    return json.dumps(entry) + "\n"


def evaluation(number: int, **figures: float) -> str:
    return (
        json.dumps({"step": number, "evaluation": {name.replace("_at_", " "): v for name, v in figures.items()}}) + "\n"
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """200 steps of two sources, evaluated every 50."""
    lines = []
    for n in range(1, 201):
        lines.append(step(n, ("faq", "titles")[n % 2], 20 / n + n % 2, 32 + n % 3))
        if n % 50 == 0:
            lines.append(evaluation(n, jsts_at_1024=n / 250, jsts_at_64=n / 300))
    path = tmp_path / "log.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_the_picture_opens_and_has_two_panels(log: Path, tmp_path: Path) -> None:
    from matplotlib.image import imread

    out = tmp_path / "pictures" / "curves.png"
    draw_curves(log, out, title="a run")
    assert out.read_bytes().startswith(b"\x89PNG")
    pixels = imread(out)
    assert pixels.shape[:2] == (round(2 * PANEL_HEIGHT * DOTS_PER_INCH), round(WIDTH * DOTS_PER_INCH))
    assert pixels.std() > 0


def test_both_panels_show_what_the_log_says(log: Path) -> None:
    figure = figure_of(read_log(log), "a run")
    losses, figures = figure.axes
    assert figure.get_suptitle() == "a run"
    faq, titles, mean = losses.get_lines()
    assert [faq.get_label(), titles.get_label()] == ["titles", "faq"]
    assert [len(np.asarray(line.get_xdata())) for line in (faq, titles, mean)] == [100, 100, 200]
    assert str(mean.get_label()).startswith("mean of 11 batches")
    large, small = figures.get_lines()
    assert (large.get_label(), small.get_label()) == ("jsts 1024: 0.800", "jsts 64: 0.667")
    assert np.asarray(large.get_xdata()).tolist() == [50, 100, 150, 200]
    np.testing.assert_allclose(np.asarray(large.get_ydata()), [0.2, 0.4, 0.6, 0.8])


def test_many_sources_share_one_colour(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(step(n, f"source{n % 30}") for n in range(1, 61)), encoding="utf-8")
    points, _ = figure_of(read_log(path), "").axes[0].get_lines()
    assert points.get_label() == "one batch (30 sources)"
    assert len(np.asarray(points.get_xdata())) == 60


def test_distillation_stands_apart_from_the_mean(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(step(n, ("faq", TEACHER)[n % 2], (1.0, 9.0)[n % 2]) for n in range(60)), encoding="utf-8")
    distilled, faq, mean = figure_of(read_log(path), "").axes[0].get_lines()
    assert (distilled.get_label(), faq.get_label()) == ("distillation", "faq")
    np.testing.assert_allclose(np.asarray(mean.get_ydata()), np.ones(30))


def test_the_mean_is_that_of_pandas() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=90), rng.uniform(1, 9, 90)
    frame = pd.DataFrame({"sum": values * weights, "weight": weights}).rolling(7, center=True, min_periods=1).sum()
    np.testing.assert_allclose(running_mean(values, weights, 7), frame["sum"] / frame["weight"])


@pytest.mark.parametrize("steps", [1, 2, 9, 30, 200, 1201])
def test_the_window_is_odd_and_fits(steps: int) -> None:
    assert window_of(steps) % 2 == 1
    assert 1 <= window_of(steps) <= steps


@pytest.mark.parametrize(
    ("content", "panels"),
    [
        (step(1), 1),
        (step(1) + step(2), 1),
        (evaluation(0, jsts=0.5), 1),
        (evaluation(0, jsts=0.1) + step(1) + evaluation(1, jsts=0.5), 2),
        (step(1) + "\n" + step(2), 1),
        (step(1, loss=float("nan")) + step(2), 1),
    ],
)
def test_short_logs_are_drawn(tmp_path: Path, content: str, panels: int) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(content, encoding="utf-8")
    draw_curves(path, tmp_path / "curves.png", title="short")
    assert (tmp_path / "curves.png").is_file()
    assert len(figure_of(read_log(path), "short").axes) == panels


@pytest.mark.parametrize("cut", [1, 5, 30, 60])
def test_a_last_line_cut_short_is_passed_over(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(step(1) + step(2) + step(3)[:cut], encoding="utf-8")
    assert read_log(path).steps == [1, 2]


@pytest.mark.parametrize("content", ["", "\n", '{"step": 1, "sou'])
def test_an_empty_log_is_explained(tmp_path: Path, content: str) -> None:
    (tmp_path / "log.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(TrainingError, match="holds no training step yet"):
        draw_curves(tmp_path / "log.jsonl", tmp_path / "curves.png", title="")
    assert not (tmp_path / "curves.png").exists()


@pytest.mark.parametrize("line", ['{"step": 2, "sou', '{"step": 2}', "[1]", '{"step": 2, "evaluation": 0.5}', "\xff"])
def test_a_line_of_neither_kind_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(step(1).encode() + line.encode("latin-1") + b"\n" + step(3).encode())
    with pytest.raises(TrainingError, match="line 2"):
        read_log(path)


def test_what_cannot_be_read_or_written_is_named(log: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="Cannot read the log"):
        draw_curves(tmp_path / "none.jsonl", tmp_path / "curves.png", title="")
    with pytest.raises(TrainingError, match="Cannot write"):
        draw_curves(log, tmp_path, title="")
