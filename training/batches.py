"""What a training step learns from, and how fast: batches of pairs and of distillation, losses, gradients, rate."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from sakuin.embedder.pooling import Bags, make_bags
from sakuin.training.device import fastest_product
from sakuin.training.distillation import TeacherTexts
from sakuin.training.losses import LossSettings, matryoshka_distillation_loss, matryoshka_ranking_loss
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import TokenPairs, cut_spans, schedule


def batches(
    recipe: Recipe, sources: Sequence[TokenPairs], teacher: TeacherTexts | None
) -> Iterator[tuple[TokenPairs | TeacherTexts, NDArray[np.int64]]]:
    """Endless batches of pairs and, in between, of distillation.

    Args:
        recipe: Its batch size, seed, and share of distillation.
        sources: Of pairs.
        teacher: Texts with a teacher's vectors; None without distillation.

    Yields:
        Where the batch is from, and its row numbers: int64 (batch,).
    """
    pairs = schedule(sources, recipe.batch, recipe.seed)
    texts = teacher.batches(recipe.seed) if teacher else iter(())
    rng = np.random.default_rng(recipe.seed)
    while True:
        yield (teacher, next(texts)) if teacher and rng.random() < recipe.distillation_share else next(pairs)


def batch_bags(
    source: TokenPairs | TeacherTexts, rows: NDArray[np.int64], *, recipe: Recipe, step: int
) -> tuple[Bags, ...]:
    """The texts of a batch as weighted bags of tokens.

    What is random in it follows from the recipe's seed and the step.

    Args:
        source: Where the batch is from.
        rows: int64 (batch,), row numbers in it.
        recipe: Its pooling, hard negatives and seed.
        step: Number of the training step.

    Returns:
        Queries and passages, which hard negatives follow; of distillation one side alone.
    """
    if isinstance(source, TeacherTexts):
        return (make_bags(*source.texts.take(rows), pooling=recipe.pooling),)
    rng = np.random.default_rng([recipe.seed, step])
    if source.source.kind == "spans":
        queries, passages = cut_spans(source.passages, rows, rng)
    else:
        queries, passages = source.queries.take(rows), source.passages.take(rows)
        if source.source.symmetric and rng.random() < 0.5:
            # Half of the batches each way are, in expectation, the loss of both ways, at half its cost.
            queries, passages = passages, queries
        elif recipe.negatives:
            more = source.negatives.take(source.some_negatives(rows, recipe.negatives, rng))
            passages = (np.concatenate([passages[0], more[0]]), np.concatenate([passages[1], more[1]]))
    return make_bags(*queries, pooling=recipe.pooling), make_bags(*passages, pooling=recipe.pooling)


def loss_and_gradients(
    source: TokenPairs | TeacherTexts, rows: NDArray[np.int64], *, recipe: Recipe, vectors: Sequence[torch.Tensor]
) -> tuple[float, list[torch.Tensor]]:
    """The loss of a batch, and its gradient with respect to the vectors of each side.

    Args:
        source: Where the batch is from.
        rows: int64 (batch,), row numbers in it.
        recipe: Its dimensions and settings of the loss.
        vectors: Of each side that `batch_bags` gives, float32 (texts, width); they must not be part of a graph.

    Returns:
        The loss, and for each side float32 (texts, width).
    """
    sides = [side.requires_grad_() for side in vectors]
    where = sides[0].device
    if isinstance(source, TeacherTexts):
        target = source.vectors[torch.from_numpy(rows)].to(where)
        settings = LossSettings(recipe.dims, recipe.distillation_scale)
        loss = matryoshka_distillation_loss(sides[0], target, settings, teacher_scale=recipe.distillation_scale)
    else:
        settings = LossSettings(recipe.dims, recipe.scale, recipe.self_distillation, fastest_product(where))
        loss = matryoshka_ranking_loss(sides[0], sides[1], settings)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [side.grad for side in sides if side.grad is not None]
    return float(loss.detach()), gradients


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up to the peak, then a half cosine to zero (Loshchilov & Hutter 2017, arXiv:1608.03983).

    Args:
        step: Number of the training step, from 0.
        recipe: Its peak rate, warm-up and number of steps.

    Returns:
        The rate of the step.
    """
    warm = max(1, round(recipe.steps * recipe.warmup)) if recipe.warmup else 0
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, recipe.steps - warm)))
