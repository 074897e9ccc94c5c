"""Trains an embedding table on pairs of texts: batches in, a model folder out, resumable in between."""

import hashlib
import json
import math
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from embedder.folder import ModelFiles, write_model
from embedder.pooling import Bags, make_bags
from embedder.table import Table
from embedder.tokenising import FlatTokenizer
from training.card import card
from training.errors import TrainingError
from training.losses import matryoshka_ranking_loss
from training.recipe import Recipe
from training.sampling import TokenPairs, load_source, schedule

LOG = "log.jsonl"
CHECKPOINT = "checkpoint.safetensors"
MODEL = "model"
# Pieces that say nothing keep zero rows, so that a text of nothing else has a zero vector and a search can tell that it
# does not know it: what is unknown, and the mark that begins a word, which stands alone before an unknown one.
SILENT = ("<unk>", "▁")


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

    def save(self, path: Path, recipe: Recipe) -> None:
        """Write a checkpoint of a run of ``recipe``, replacing the last one in a single step."""
        part = path.with_suffix(".part")
        memory = self.optimizer.state_dict()["state"].get(0, {})
        try:
            tensors = {"table": self.table, "steps": torch.tensor(self.step), "recipe": mark_of(recipe)}
            save_file(tensors | memory, part)
            part.replace(path)
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"Cannot write the checkpoint {path} ({error}): free some space (three tables of "
                f"{self.table.nbytes / 1e6:.0f} MB) and start again; the run goes on from the last checkpoint."
            ) from error

    @classmethod
    def load(cls, path: Path, recipe: Recipe) -> "State":
        """Read a checkpoint; raises TrainingError where it is damaged or of another recipe."""
        try:
            tensors = load_file(path)
            if not torch.equal(tensors.pop("recipe"), mark_of(recipe)):
                raise TrainingError(f"{path} is of another recipe: choose another --out, or delete it to start again.")
            state = cls(tensors.pop("table"), int(tensors.pop("steps")))
            shape = state.optimizer.state_dict()
            state.optimizer.load_state_dict({**shape, "state": {0: tensors} if tensors else {}})
            return state
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise TrainingError(f"{path} is damaged ({error}): delete it to start the run again.") from error


def train(recipe: Recipe, folder: Path, show_progress: bool = True) -> Path:
    """Train a model and return its folder; a run interrupted before goes on from its last checkpoint.

    Args:
        recipe: What to train on, and how.
        folder: Of this run: its log, checkpoint and model.
        show_progress: Progress bars on stderr.

    Raises:
        TrainingError: a source or checkpoint that cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = FlatTokenizer(recipe.tokenizer)
    if not recipe.tokenizer.is_file():
        raise TrainingError(f"No tokenizer at {recipe.tokenizer}: make it with `python -m training tokenizer`.")
    sources = load_sources(recipe, tokenizer, show_progress)
    checkpoint = folder / CHECKPOINT
    silent = [i for piece in SILENT if (i := tokenizer.exact.token_to_id(piece)) is not None]
    if checkpoint.is_file():
        state = State.load(checkpoint, recipe)
        keep_log(folder / LOG, state.step)
    else:
        state = initial_state(tokenizer.exact.get_vocab_size(), recipe, sources)
        (folder / LOG).unlink(missing_ok=True)
    if len(state.table) != tokenizer.exact.get_vocab_size():
        raise TrainingError(f"{checkpoint} is of another tokenizer: choose another --out, or delete it to start again.")
    state.table[silent] = 0
    bar = tqdm(total=recipe.steps, initial=state.step, desc="Training", unit=" batches", disable=not show_progress)
    # Batches already trained on are drawn again and passed over: cheap, and exact.
    stream = islice(schedule(sources, recipe.batch, recipe.seed), state.step, recipe.steps)
    losses: dict[str, float] = {}
    with bar, (folder / LOG).open("a", encoding="utf-8") as log:
        for source, rows in stream:
            started = time.perf_counter()
            loss = step(state, source, rows, recipe, silent)
            name = source.source.name
            # Sources differ in difficulty, so the bar shows the mean over sources of their latest losses.
            losses[name] = loss
            entry = {"step": state.step, "source": name, "pairs": len(rows), "loss": round(loss, 5)}
            log.write(json.dumps(entry | {"seconds": round(time.perf_counter() - started, 3)}) + "\n")
            bar.set_postfix(loss=f"{sum(losses.values()) / len(losses):.3f}", refresh=False)
            bar.update()
            if state.step % recipe.checkpoint_every == 0 and state.step < recipe.steps:
                log.flush()
                state.save(checkpoint, recipe)
    state.save(checkpoint, recipe)
    model = folder / MODEL
    table = Table(state.table.numpy())
    write_model(model, ModelFiles(table, recipe.tokenizer, recipe.pooling, normalize=False))
    (model / "README.md").write_text(card(recipe, table, recipe.pooling, {}), encoding="utf-8")
    return model


def load_sources(recipe: Recipe, tokenizer: FlatTokenizer, show_progress: bool) -> list[TokenPairs]:
    """Read and tokenise every source of the recipe."""
    files = recipe.files()
    bar = tqdm(files, desc="Reading pairs", unit=" sources", disable=not show_progress)
    sources = [load_source(source, tokenizer, recipe.max_tokens) for source in bar]
    small = [pairs.source.path for pairs in sources if len(pairs) < 2]
    if small:
        raise TrainingError(f"{small[0]} holds fewer than two pairs: remove it from the recipe.")
    return sources


def initial_state(vocabulary: int, recipe: Recipe, sources: list[TokenPairs]) -> State:
    """Random rows, longer for rarer tokens.

    Random rows are nearly orthogonal, so before any training cosines already compare weighted bags of tokens; the
    weights are inverse document frequencies, scaled to a mean square of 1.
    """
    found = np.zeros(vocabulary)
    texts = 0
    for pairs in sources:
        for side in (pairs.queries, pairs.passages):
            texts += len(side.keys)
            found += np.bincount(make_bags(side.ids, np.diff(side.offsets), "mean").ids, minlength=vocabulary)
    idf = np.log1p((texts - found + 0.5) / (found + 0.5))
    idf /= np.sqrt((idf**2).mean())
    generator = torch.Generator().manual_seed(recipe.seed)
    table = torch.randn(vocabulary, max(recipe.dims), generator=generator)
    table *= torch.from_numpy(idf.astype(np.float32))[:, None]
    return State(table)


def step(state: State, source: TokenPairs, rows: NDArray[np.int64], recipe: Recipe, silent: list[int]) -> float:
    """Train on one batch; returns its loss."""
    queries, passages = (make_bags(*side.take(rows), recipe.pooling) for side in (source.queries, source.passages))
    vectors_q, vectors_p = pool(state.table, queries), pool(state.table, passages)
    vectors_q.requires_grad_()
    vectors_p.requires_grad_()
    loss = matryoshka_ranking_loss(vectors_q, vectors_p, recipe.dims, recipe.scale, product_type())
    loss.backward()  # type: ignore[no-untyped-call]
    assert vectors_q.grad is not None
    assert vectors_p.grad is not None
    gradient = torch.zeros_like(state.table)
    spread(gradient, queries, vectors_q.grad)
    spread(gradient, passages, vectors_p.grad)
    gradient[silent] = 0
    state.update(gradient, learning_rate(state.step, recipe))
    return float(loss.detach())


def pool(table: torch.Tensor, bags: Bags) -> torch.Tensor:
    """Vectors (texts, width) of bags."""
    return torch.nn.functional.embedding_bag(
        torch.from_numpy(bags.ids),
        table,
        torch.from_numpy(bags.offsets),
        mode="sum",
        per_sample_weights=torch.from_numpy(bags.weights),
        include_last_offset=True,
    )


def spread(gradient: torch.Tensor, bags: Bags, of_vectors: torch.Tensor) -> None:
    """Add the gradient of bags' vectors to that of the table: `pool` turned round.

    A sum over entries with the same token is a bag of texts, so the same fast routine does it.
    """
    order = np.argsort(bags.ids, kind="stable")
    texts = np.repeat(np.arange(len(bags)), np.diff(bags.offsets))[order]
    tokens, starts = np.unique(bags.ids[order], return_index=True)
    turned = Bags(texts, bags.weights[order], np.append(starts, len(texts)))
    gradient[torch.from_numpy(tokens)] += pool(of_vectors, turned)


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up to the peak, then a half cosine to zero (Loshchilov & Hutter 2017, arXiv:1608.03983)."""
    warm = max(1, round(recipe.steps * recipe.warmup)) if recipe.warmup else 0
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, recipe.steps - warm)))


def product_type() -> torch.dtype:
    """bfloat16 where the processor multiplies it in hardware, else float32."""
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def mark_of(recipe: Recipe) -> torch.Tensor:
    """A hash of a recipe, uint8 (32,), by which a checkpoint is known to be of it."""
    return torch.tensor(list(hashlib.sha256(repr(recipe).encode()).digest()), dtype=torch.uint8)


def keep_log(path: Path, steps: int) -> None:
    """Cut a log to its first steps: those after the last checkpoint will be taken again."""
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:steps]), encoding="utf-8")
