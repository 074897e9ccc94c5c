"""Trains an embedding table on pairs of texts: batches in, a model folder out, resumable in between."""

import hashlib
import json
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import ModelFiles, write_model
from sakuin.embedder.pooling import pool
from sakuin.embedder.table import Table
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.files import atomic_write
from sakuin.training.card import card
from sakuin.training.curves import TEACHER
from sakuin.training.device import device
from sakuin.training.errors import TrainingError
from sakuin.training.initial import SILENT, initial_table
from sakuin.training.joining import joined
from sakuin.training.lessons import bags_of, graded, learning_rate, lessons
from sakuin.training.pooled import spread
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import TokenPairs, load_source
from sakuin.training.taught import Taught, load_taught
from sakuin.training.turning import turned
from sakuin.training.whitening import soften

LOG = "log.jsonl"
CHECKPOINT = "checkpoint.safetensors"
MODEL = "model"
LOCK = "run.lock"


@dataclass(frozen=True)
class Watch:
    """A small evaluation from time to time.

    Attributes:
        evaluate: Figures of a model, by name.
        every: Steps between evaluations; the last step is always followed by one.
    """

    evaluate: Callable[[StaticEmbedder], Mapping[str, float]]
    every: int = 200


class State:
    """What a run consists of between two steps: the table and AdamW's memory; exactly what a checkpoint holds."""

    def __init__(self, table: torch.Tensor, step: int = 0) -> None:
        self.table = table
        self.step = step
        self.optimizer = torch.optim.AdamW([table], lr=0.0, weight_decay=0.0, fused=True)

    def update(self, gradient: torch.Tensor, rate: float) -> None:
        """One step of AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) without decay: cosines ignore lengths."""
        self.table.grad = gradient
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        self.table.grad = None
        self.step += 1

    def save(self, path: Path, mark: torch.Tensor) -> None:
        """Write a checkpoint of the run of this `mark_of`, replacing the last one in a single step."""
        memory = self.optimizer.state_dict()["state"].get(0, {})
        try:
            tensors = {"table": self.table, "steps": torch.tensor(self.step), "recipe": mark}
            with atomic_write(path) as part:
                save_file(tensors | memory, part)
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"Cannot write the checkpoint {path} ({error}): free some space (three tables of "
                f"{self.table.nbytes / 1e6:.0f} MB) and start again; the run goes on from the last checkpoint."
            ) from error

    @classmethod
    def load(cls, path: Path, mark: torch.Tensor) -> "State":
        """Read a checkpoint; raises TrainingError where it is damaged, or not of the run of this `mark_of`."""
        try:
            tensors = load_file(path, device=str(device()))
            if not torch.equal(tensors.pop("recipe").cpu(), mark):
                raise TrainingError(
                    f"{path} is of another recipe, or of other pairs: choose another --out, or delete it to start "
                    f"again."
                )
            state = cls(tensors.pop("table"), int(tensors.pop("steps")))
            shape = state.optimizer.state_dict()
            state.optimizer.load_state_dict({**shape, "state": {0: tensors} if tensors else {}})
            return state
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise TrainingError(f"{path} is damaged ({error}): delete it to start the run again.") from error


def train(recipe: Recipe, folder: Path, show_progress: bool = True, watch: Watch | None = None) -> Path:
    """Train a model and return its folder; a run interrupted before goes on from its last checkpoint.

    Args:
        recipe: What to train on, and how.
        folder: Of this run: its log, checkpoint and model.
        show_progress: Progress bars on stderr.
        watch: Evaluations on the way; they do not change what is trained.

    Raises:
        TrainingError: a source or checkpoint that cannot be used, a loss that is no number any more, another process
            that trains in the same folder, or no space to write.
        KeyboardInterrupt: after the step under way, and a checkpoint of it.
    """
    if not recipe.tokenizer.is_file():
        raise TrainingError(f"No tokenizer at {recipe.tokenizer}: make it with `python -m sakuin.training tokenizer`.")
    tokenizer = FlatTokenizer(recipe.tokenizer)
    listed = [source for source in recipe.sources if source.kind != "taught"]
    with tqdm(listed, desc="Reading pairs", unit=" sources", disable=not show_progress) as bar:
        sources = [load_source(source, recipe.data, tokenizer, recipe.max_tokens) for source in bar]
    if recipe.negatives and not any(len(pairs.negatives) for pairs in sources):
        raise TrainingError(
            "The recipe wants `negatives`, but no source has any: find some with `python -m sakuin.training mine`, and "
            "name their folder as `data`."
        )
    recipe = with_steps(recipe, sources)
    # Once for all runs.
    taught = load_taught(recipe.teacher, tokenizer, recipe.max_tokens) if recipe.teacher and recipe.taught else None
    with alone_in(folder):
        tables = []
        for number, part in enumerate(run_folders(recipe, folder)):
            part.mkdir(parents=True, exist_ok=True)
            one = replace(recipe, runs=1, seed=recipe.seed + number)
            mark = mark_of(one, sources, taught)
            state = begin(one, part, tokenizer, sources, mark)
            title = "Training" if recipe.runs == 1 else f"Training, run {number + 1} of {recipe.runs}"
            if state.step == recipe.steps and show_progress:
                tqdm.write(f"{title}: all batches were done before; to start again, delete {part}.", sys.stderr)
            run_steps(state, one, part, mark, tokenizer, sources, taught, title, show_progress, watch)
            tables.append(state.table.cpu())
        last = finished(joined(tables, sources, recipe), recipe, sources)
        if recipe.turn:
            last = turned(last, recipe, sources, taught, show_progress)
        table = Table(last.numpy())
        if watch and (len(tables) > 1 or recipe.turn):
            tqdm.write(f"finished: {in_words(measured(table, recipe, watch))}", sys.stderr)
        model = folder / MODEL
        write_model(model, ModelFiles(table, recipe.tokenizer, recipe.pooling, normalize=False))
        (model / "README.md").write_text(card(recipe, table, recipe.pooling, {}), encoding="utf-8")
        return model


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a run's folder and let no other process train there meanwhile; failures to write become TrainingErrors."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK, timeout=0):
            try:
                yield
            finally:
                with suppress(OSError):  # Where an open file cannot be deleted it stays, and hinders nobody.
                    (folder / LOCK).unlink()
    except Timeout as error:
        raise TrainingError(f"Another process trains in {folder}: wait for it, or choose another --out.") from error
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"Cannot write to {folder} ({error}): free some space, or choose another --out, and start again; the run "
            f"goes on from the last checkpoint, if there was one."
        ) from error


def run_folders(recipe: Recipe, folder: Path) -> list[Path]:
    """Where each run of a recipe keeps its log and checkpoint: in ``folder`` itself, where there is only one."""
    return [folder] if recipe.runs == 1 else [folder / f"run-{number}" for number in range(1, recipe.runs + 1)]


def finished(table: torch.Tensor, recipe: Recipe, sources: Sequence[TokenPairs]) -> torch.Tensor:
    """The table as the model gets it."""
    return soften(table, sources, recipe) if recipe.whiten else table


def with_steps(recipe: Recipe, sources: Sequence[TokenPairs]) -> Recipe:
    """The recipe with its epochs counted in steps."""
    if recipe.steps:
        return recipe
    pairs = sum(len(source) * source.source.weight for source in sources)
    return replace(recipe, steps=max(1, round(recipe.epochs * pairs / recipe.batch / (1 - recipe.taught))))


def begin(
    recipe: Recipe, folder: Path, tokenizer: FlatTokenizer, sources: Sequence[TokenPairs], mark: torch.Tensor
) -> State:
    """The state of the folder's last checkpoint, or a new one."""
    checkpoint = folder / CHECKPOINT
    if not checkpoint.is_file():
        (folder / LOG).unlink(missing_ok=True)
        return State(initial_table(recipe, tokenizer, sources).to(device()))
    state = State.load(checkpoint, mark)
    if len(state.table) != tokenizer.exact.get_vocab_size():
        raise TrainingError(f"{checkpoint} is of another tokenizer: choose another --out, or delete it to start again.")
    keep_log(folder / LOG, state.step)
    return state


def run_steps(
    state: State,
    recipe: Recipe,
    folder: Path,
    mark: torch.Tensor,
    tokenizer: FlatTokenizer,
    sources: Sequence[TokenPairs],
    taught: Taught | None,
    title: str,
    show_progress: bool,
    watch: Watch | None,
) -> None:
    """Take the steps that are left, with log, checkpoints and evaluations."""
    silent = [i for piece in SILENT if (i := tokenizer.exact.token_to_id(piece)) is not None]
    state.table[silent] = 0
    # Batches already trained on are drawn again and passed over: cheap, and exact.
    stream = islice(lessons(recipe, sources, taught), state.step, recipe.steps)
    losses: dict[str, float] = {}
    bar = tqdm(total=recipe.steps, initial=state.step, desc=title, unit=" batches", disable=not show_progress)
    with bar, (folder / LOG).open("a", encoding="utf-8") as log, finishing_steps() as stopped:
        for source, rows in stream:
            started = time.perf_counter()
            rate = learning_rate(state.step, recipe)
            loss = step(state, source, rows, recipe, rate, silent)
            if not math.isfinite(loss) or (state.step == recipe.steps and not bool(state.table.isfinite().all())):
                raise TrainingError(
                    f"The training diverged in batch {state.step} (its loss is {loss}, the learning rate {rate:.3g}): "
                    f"lower `learning_rate` or `scale` in the recipe, and choose another --out or delete {folder}."
                )
            name = TEACHER if isinstance(source, Taught) else source.source.name
            # Sources differ in difficulty, so the bar shows the mean over sources of their latest losses.
            losses[name] = loss
            entry = {"step": state.step, "source": name, "pairs": len(rows), "loss": round(loss, 5)}
            seconds = time.perf_counter() - started
            log.write(json.dumps(entry | {"rate": round(rate, 6), "seconds": round(seconds, 3)}) + "\n")
            bar.set_postfix(loss=f"{sum(losses.values()) / len(losses):.3f}", refresh=False)
            bar.update()
            last = state.step == recipe.steps
            if watch and (last or state.step % watch.every == 0):
                table = Table(finished(state.table, recipe, sources).cpu().numpy())
                figures = measured(table, recipe, watch)
                log.write(json.dumps({"step": state.step, "evaluation": figures}) + "\n")
                bar.write(f"batch {state.step}: {in_words(figures)}", sys.stderr)
            if last or stopped() or state.step % recipe.checkpoint_every == 0:
                log.flush()
                state.save(folder / CHECKPOINT, mark)
            if stopped() and not last:
                raise KeyboardInterrupt


def measured(table: Table, recipe: Recipe, watch: Watch) -> dict[str, float]:
    """Figures of a model with this table, by name."""
    model = StaticEmbedder(ModelFiles(table, recipe.tokenizer, recipe.pooling, False), recipe.name)
    return {name: round(figure, 5) for name, figure in watch.evaluate(model).items()}


def in_words(figures: Mapping[str, float]) -> str:
    """Figures for the terminal, times 100."""
    return ", ".join(f"{name} {100 * figure:.1f}" for name, figure in figures.items())


def step(
    state: State, source: TokenPairs | Taught, rows: NDArray[np.int64], recipe: Recipe, rate: float, silent: list[int]
) -> float:
    """Train on one batch; returns its loss."""
    sides = bags_of(source, rows, recipe, state.step)
    loss, gradients = graded(source, rows, recipe, [pool(state.table, bags) for bags in sides])
    gradient = torch.zeros_like(state.table)
    for bags, of_vectors in zip(sides, gradients, strict=True):
        spread(gradient, bags, of_vectors)
    gradient[silent] = 0
    state.update(gradient, rate)
    return loss


@contextmanager
def finishing_steps() -> Iterator[Callable[[], bool]]:
    """Ctrl-C only notes itself, so that a step is never left half-taken; a second one stops at once.

    Yields a function that says whether it was pressed. Outside the main thread nothing is changed.
    """
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    try:
        before = signal.signal(signal.SIGINT, note)
    except ValueError:  # Only the main thread may set handlers, and only it is interrupted.
        yield lambda: False
        return
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def mark_of(recipe: Recipe, sources: Sequence[TokenPairs], taught: Taught | None) -> torch.Tensor:
    """A hash of a recipe and its texts, uint8 (32,), by which a checkpoint is known to be of them.

    What is done to the table after the last step, or said of it, is left out: it may be changed and tried again.
    """
    digest = hashlib.sha256(repr(replace(recipe, notes="", whiten=0.0, turn=0)).encode())
    texts = [side for pairs in sources for side in (pairs.queries, pairs.passages, pairs.negatives)]
    for side in [*texts, taught.texts] if taught else texts:
        digest.update(side.keys.tobytes() + b"|")
    for pairs in sources:
        digest.update(pairs.scores.tobytes() + b"|")
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)


def keep_log(path: Path, steps: int) -> None:
    """Cut a log to its first steps: those after the last checkpoint will be taken again."""
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("}\n") and json.loads(line)["step"] <= steps]
        path.write_text("".join(kept), encoding="utf-8")
