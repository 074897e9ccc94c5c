"""Trains an embedding table on pairs of texts: batches in, a model folder out, resumable in between."""

import json
import math
import re
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from tqdm import tqdm

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import ModelFiles, write_model
from sakuin.embedder.pooling import pool
from sakuin.embedder.table import Table
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.training.batches import batch_bags, batches, learning_rate, loss_and_gradients
from sakuin.training.card import model_card
from sakuin.training.checkpoint import CHECKPOINT, TrainingState, mark_of
from sakuin.training.curves import TEACHER
from sakuin.training.device import device
from sakuin.training.distillation import TeacherTexts, load_teacher_texts
from sakuin.training.errors import TrainingError
from sakuin.training.initial import SILENT, initial_table
from sakuin.training.merging import merge_tables
from sakuin.training.pooling_gradient import add_table_gradient
from sakuin.training.prefix_rotation import rotate_prefixes
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import TokenPairs, load_source
from sakuin.training.whitening import whiten_table

LOG = "log.jsonl"
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


def train(recipe: Recipe, folder: Path, *, show_progress: bool = True, watch: Watch | None = None) -> Path:
    """Train a model; a run interrupted before goes on from its last checkpoint.

    Args:
        recipe: What to train on, and how.
        folder: Of this run: its log, checkpoint and model.
        show_progress: Progress bars on stderr.
        watch: Evaluations on the way; they do not change what is trained.

    Returns:
        The model's folder.

    Raises:
        TrainingError: a source or checkpoint that cannot be used, a loss that is no number any more, another process
            that trains in the same folder, or no space to write.
        KeyboardInterrupt: after the step under way, and a checkpoint of it.
    """
    if not recipe.tokenizer.is_file():
        raise TrainingError(f"No tokenizer at {recipe.tokenizer}: make it with `python -m sakuin.training tokenizer`.")
    tokenizer = FlatTokenizer(recipe.tokenizer)
    listed = [source for source in recipe.sources if source.kind != "distillation"]
    with tqdm(listed, desc="Reading pairs", unit=" sources", disable=not show_progress) as bar:
        sources = [
            load_source(source, recipe.data, tokenizer=tokenizer, max_tokens=recipe.max_tokens) for source in bar
        ]
    if recipe.negatives and not any(len(pairs.negatives) for pairs in sources):
        raise TrainingError(
            "The recipe wants `negatives`, but no source has any: find some with `python -m sakuin.training mine`, and "
            "name their folder as `data`."
        )
    recipe = with_steps(recipe, sources)
    teacher: TeacherTexts | None = None
    if recipe.teacher and recipe.distillation_share:
        teacher = load_teacher_texts(recipe.teacher, tokenizer=tokenizer, max_tokens=recipe.max_tokens)
    with alone_in(folder):
        tables = []
        for number, part in enumerate(run_folders(recipe, folder)):
            part.mkdir(parents=True, exist_ok=True)
            one = replace(recipe, runs=1, seed=recipe.seed + number)
            mark = mark_of(one, sources, teacher)
            state = begin(one, part, tokenizer=tokenizer, sources=sources, mark=mark)
            title = "Training" if recipe.runs == 1 else f"Training, run {number + 1} of {recipe.runs}"
            if state.step == recipe.steps and show_progress:
                tqdm.write(f"{title}: all batches were done before; to start again, delete {part}.", sys.stderr)
            state.table[silent_rows(tokenizer)] = 0
            # Batches already trained on are drawn again and passed over: cheap, and exact.
            stream = islice(batches(one, sources, teacher), state.step, one.steps)
            run = Run(one, part, mark, fixed_rows(one, tokenizer), sources, title, show_progress, watch)
            run_steps(state, run, stream)
            tables.append(state.table.cpu())
        last = whitened(merge_tables(tables, sources, recipe), recipe, sources)
        if recipe.rotation_steps:
            last = rotate_prefixes(last, recipe, sources=sources, teacher=teacher, show_progress=show_progress)
        table = Table(last.numpy())
        if watch and (len(tables) > 1 or recipe.rotation_steps):
            tqdm.write(f"finished: {in_words(evaluation_of(table, recipe, watch))}", sys.stderr)
        model = folder / MODEL
        write_model(model, ModelFiles(table, recipe.tokenizer, recipe.pooling, normalize=False))
        (model / "README.md").write_text(
            model_card(recipe, table=table, pooling=recipe.pooling, figures={}), encoding="utf-8"
        )
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


def whitened(table: torch.Tensor, recipe: Recipe, sources: Sequence[TokenPairs]) -> torch.Tensor:
    """The table (vocabulary, width) whitened, where the recipe says so."""
    return whiten_table(table, sources, recipe) if recipe.whiten else table


def with_steps(recipe: Recipe, sources: Sequence[TokenPairs]) -> Recipe:
    """The recipe with its epochs counted in steps."""
    if recipe.steps:
        return recipe
    pairs = sum(len(source) * source.source.weight for source in sources)
    return replace(recipe, steps=max(1, round(recipe.epochs * pairs / recipe.batch / (1 - recipe.distillation_share))))


def begin(
    recipe: Recipe, folder: Path, *, tokenizer: FlatTokenizer, sources: Sequence[TokenPairs], mark: torch.Tensor
) -> TrainingState:
    """The state of the folder's last checkpoint, or a new one."""
    checkpoint = folder / CHECKPOINT
    if not checkpoint.is_file():
        (folder / LOG).unlink(missing_ok=True)
        return TrainingState(initial_table(recipe, tokenizer, sources).to(device()))
    state = TrainingState.load(checkpoint, mark)
    if len(state.table) != tokenizer.exact.get_vocab_size():
        raise TrainingError(f"{checkpoint} is of another tokenizer: choose another --out, or delete it to start again.")
    keep_log(folder / LOG, state.step)
    return state


@dataclass(frozen=True)
class Run:
    """What stays the same from step to step of one table's training.

    Attributes:
        recipe: Of this run alone, with a seed of its own.
        folder: Of its log and checkpoint.
        mark: See `mark_of`.
        fixed: Rows that stay as they are, int64 (rows,).
        sources: Of pairs.
        title: Of the progress bar.
        show_progress: Whether there is one.
        watch: Evaluations on the way.
    """

    recipe: Recipe
    folder: Path
    mark: torch.Tensor
    fixed: torch.Tensor
    sources: Sequence[TokenPairs]
    title: str
    show_progress: bool
    watch: Watch | None


def silent_rows(tokenizer: FlatTokenizer) -> list[int]:
    """Rows of the pieces that say nothing."""
    return [row for piece in SILENT if (row := tokenizer.exact.token_to_id(piece)) is not None]


def fixed_rows(recipe: Recipe, tokenizer: FlatTokenizer) -> torch.Tensor:
    """Rows that no batch changes: of pieces that say nothing, and of those the recipe does not train; int64 (rows,)."""
    rows = set(silent_rows(tokenizer))
    if recipe.train_pieces:
        trained = re.compile(recipe.train_pieces)
        rows.update(row for piece, row in tokenizer.exact.get_vocab().items() if not trained.fullmatch(piece))
    return torch.tensor(sorted(rows), dtype=torch.int64)


def run_steps(
    state: TrainingState, run: Run, stream: Iterable[tuple[TokenPairs | TeacherTexts, NDArray[np.int64]]]
) -> None:
    """Take the steps that are left, with log, checkpoints and evaluations.

    Args:
        state: To go on from; it is changed.
        run: Its recipe, folder and so on.
        stream: The batches that are left.

    Raises:
        TrainingError: the training diverges, or a checkpoint cannot be written.
        KeyboardInterrupt: after the step under way, and a checkpoint of it.
    """
    recipe, watch = run.recipe, run.watch
    losses: dict[str, float] = {}
    bar = tqdm(total=recipe.steps, initial=state.step, desc=run.title, unit=" batches", disable=not run.show_progress)
    with bar, (run.folder / LOG).open("a", encoding="utf-8") as log, finishing_steps() as stopped:
        for source, rows in stream:
            started = time.perf_counter()
            rate = learning_rate(state.step, recipe)
            loss = train_step(state, source, rows, recipe=recipe, rate=rate, fixed=run.fixed)
            if not math.isfinite(loss) or (state.step == recipe.steps and not bool(state.table.isfinite().all())):
                raise TrainingError(
                    f"The training diverged in batch {state.step} (its loss is {loss}, the learning rate {rate:.3g}): "
                    f"lower `learning_rate` or `scale` in the recipe, and choose another --out or delete {run.folder}."
                )
            name = TEACHER if isinstance(source, TeacherTexts) else source.source.name
            # Sources differ in difficulty, so the bar shows the mean over sources of their latest losses.
            losses[name] = loss
            entry = {"step": state.step, "source": name, "pairs": len(rows), "loss": round(loss, 5)}
            seconds = time.perf_counter() - started
            log.write(json.dumps(entry | {"rate": round(rate, 6), "seconds": round(seconds, 3)}) + "\n")
            bar.set_postfix(loss=f"{sum(losses.values()) / len(losses):.3f}", refresh=False)
            bar.update()
            last = state.step == recipe.steps
            if watch and (last or state.step % watch.every == 0):
                table = Table(whitened(state.table, recipe, run.sources).cpu().numpy())
                figures = evaluation_of(table, recipe, watch)
                log.write(json.dumps({"step": state.step, "evaluation": figures}) + "\n")
                bar.write(f"batch {state.step}: {in_words(figures)}", sys.stderr)
            if last or stopped() or state.step % recipe.checkpoint_every == 0:
                log.flush()
                state.save(run.folder / CHECKPOINT, run.mark)
            if stopped() and not last:
                raise KeyboardInterrupt


def evaluation_of(table: Table, recipe: Recipe, watch: Watch) -> dict[str, float]:
    """Figures of a model with this table, by name."""
    model = StaticEmbedder(ModelFiles(table, recipe.tokenizer, recipe.pooling, False), recipe.name)
    return {name: round(figure, 5) for name, figure in watch.evaluate(model).items()}


def in_words(figures: Mapping[str, float]) -> str:
    """Figures for the terminal, times 100."""
    return ", ".join(f"{name} {100 * figure:.1f}" for name, figure in figures.items())


def train_step(
    state: TrainingState,
    source: TokenPairs | TeacherTexts,
    rows: NDArray[np.int64],
    *,
    recipe: Recipe,
    rate: float,
    fixed: torch.Tensor | None = None,
) -> float:
    """Train on one batch.

    Args:
        state: Of the run; it is changed.
        source: Where the batch is from.
        rows: int64 (batch,), row numbers in it.
        recipe: Of the run.
        rate: Learning rate.
        fixed: Rows of the table that stay as they are, int64 (rows,).

    Returns:
        The loss before the step.
    """
    sides = batch_bags(source, rows, recipe=recipe, step=state.step)
    vectors = [pool(state.table, bags) for bags in sides]
    loss, gradients = loss_and_gradients(source, rows, recipe=recipe, vectors=vectors)
    gradient = torch.zeros_like(state.table)
    for bags, of_vectors in zip(sides, gradients, strict=True):
        add_table_gradient(gradient, bags, of_vectors)
    if fixed is not None:
        gradient[fixed] = 0
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


def keep_log(path: Path, steps: int) -> None:
    """Cut a log to its first steps: those after the last checkpoint will be taken again."""
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("}\n") and json.loads(line)["step"] <= steps]
        path.write_text("".join(kept), encoding="utf-8")
