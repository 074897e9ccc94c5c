"""A run's log as a picture: training loss, and the figures of the periodic evaluation, against steps."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sakuin.extras import missing
from sakuin.files import atomic_write
from sakuin.training.errors import TrainingError, write_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What a log calls batches of distillation.
TEACHER = "(teacher)"
# The mean runs over this share of the steps: enough of them that which sources were drawn evens out.
SMOOTHED = 0.05
# More sources than this cannot be told apart by colour.
MOST_COLOURS = 10
LEGEND_ROWS = 22
DOTS_PER_INCH = 150
WIDTH, PANEL_HEIGHT = 9.0, 3.6


@dataclass
class Log:
    """What a run wrote down.

    Attributes:
        steps, sources, pairs, losses: Of every training step, in parallel.
        evaluations: For each figure's name the steps it was taken at and its values.
    """

    steps: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    evaluations: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)

    def add(self, entry: dict[str, Any]) -> None:
        """Append one line's content; raises KeyError, TypeError or ValueError where it is of neither kind."""
        step = int(entry["step"])
        if "evaluation" in entry:
            for name, value in entry["evaluation"].items():
                at, values = self.evaluations.setdefault(name, ([], []))
                at.append(step)
                values.append(float(value))
            return
        source, pairs, loss = str(entry["source"]), int(entry["pairs"]), float(entry["loss"])
        self.steps.append(step)
        self.sources.append(source)
        self.pairs.append(pairs)
        self.losses.append(loss)


def draw_curves(log: Path, out: Path, *, title: str) -> None:
    """Draw a run's log.

    Args:
        log: The run's ``log.jsonl``. A last line that a killed run left unfinished is passed over.
        out: The PNG to write.
        title: Above the picture.

    Raises:
        TrainingError: the log cannot be read, is damaged or holds nothing; matplotlib is missing; ``out`` cannot be
            written.
    """
    figure = figure_of(read_log(log), title)
    with write_errors(out), atomic_write(out) as part:
        figure.savefig(part, format="png", dpi=DOTS_PER_INCH)


def read_log(path: Path) -> Log:
    """The content of a ``log.jsonl``; raises TrainingError as `draw_curves` says."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise TrainingError(f"Cannot read the log {path}: {error.strerror or error}.") from error
    log = Log()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            log.add(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if number == len(lines) and isinstance(error, ValueError):
                break
            raise TrainingError(
                f"{path}, line {number}: neither a training step nor an evaluation ({error!r}). Is it the log.jsonl of "
                f"a run? Remove the line if it is damaged."
            ) from error
    if not log.steps and not log.evaluations:
        raise TrainingError(f"{path} holds no training step yet: draw it once the run has taken some.")
    return log


def figure_of(log: Log, title: str) -> "Figure":
    """The picture: a panel of losses and one of evaluations, as far as the log has them."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise TrainingError(f"Curves cannot be drawn. {missing('matplotlib', 'train')}") from error
    panels = [draw for draw, content in ((draw_losses, log.steps), (draw_evaluations, log.evaluations)) if content]
    figure = Figure(figsize=(WIDTH, PANEL_HEIGHT * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    for draw, axes in zip(panels, figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0], strict=True):
        draw(axes, log)
        axes.grid(alpha=0.25)
        columns = 1 + len(axes.get_lines()) // LEGEND_ROWS
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), ncols=columns, fontsize="x-small", frameon=False)
    axes.set_xlabel("step")
    figure.suptitle(title)
    return figure


def draw_losses(axes: "Axes", log: Log) -> None:
    """Every step's loss as a point, and the running mean of those of pairs: a teacher's are of another kind."""
    steps, losses, pairs = np.array(log.steps), np.array(log.losses), np.array(log.pairs, float)
    sources = np.array(log.sources)
    distilled = sources == TEACHER
    if distilled.any():
        axes.plot(
            steps[distilled], losses[distilled], ".", color="tab:blue", markersize=3, alpha=0.35, label="distillation"
        )
        steps, losses, pairs, sources = steps[~distilled], losses[~distilled], pairs[~distilled], sources[~distilled]
    names = list(dict.fromkeys(sources.tolist()))
    if len(names) <= MOST_COLOURS:
        for name in names:
            own = sources == name
            axes.plot(steps[own], losses[own], ".", markersize=3, alpha=0.35, label=name)
    else:
        label = f"one batch ({len(names)} sources)"
        axes.plot(steps, losses, ".", color="grey", markersize=3, alpha=0.35, label=label)
    window = window_of(len(steps))
    if window > 1:
        # Not adjusted for the sources, whose losses differ: which of them were drawn moves the mean a little.
        label = f"mean of {window} batches,\nweighted by pairs"
        axes.plot(steps, running_mean(losses, pairs, window), color="black", linewidth=1.5, label=label)
    axes.set_ylabel("training loss (sum over dimensions)")


def draw_evaluations(axes: "Axes", log: Log) -> None:
    """A line for each figure of the periodic evaluation, under the name the log gives it."""
    from matplotlib import colormaps

    colours = colormaps["turbo"](np.linspace(0.05, 0.95, len(log.evaluations)))
    for colour, (name, (steps, values)) in zip(colours, log.evaluations.items(), strict=True):
        axes.plot(steps, values, "o-", color=colour, markersize=3, linewidth=1.2, label=f"{name}: {values[-1]:.3f}")
    axes.set_ylabel("evaluation (last value beside its name)")


def window_of(steps: int) -> int:
    """Odd number of steps that the running mean takes in."""
    return 2 * round(steps * SMOOTHED / 2) + 1


def running_mean(values: NDArray[np.float64], weights: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Weighted mean of the ``window`` values around each; at both ends of as many of them as there are.

    Args:
        values: float64 (n,).
        weights: float64 (n,), above 0.
        window: Odd and at most n.

    Returns:
        float64 (n,).
    """
    ones = np.ones(window)
    mean: NDArray[np.float64] = np.convolve(values * weights, ones, "same") / np.convolve(weights, ones, "same")
    return mean
