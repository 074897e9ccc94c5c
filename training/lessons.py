"""What a step learns from, and how fast: batches of pairs, and of texts that a teacher ranks; losses and gradients."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from sakuin.embedder.pooling import Bags, make_bags
from sakuin.training.device import fastest_product
from sakuin.training.losses import Ranking, matryoshka_order_loss, matryoshka_ranking_loss, matryoshka_taught_loss
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import TokenPairs, cut_spans, schedule
from sakuin.training.taught import Taught


def lessons(
    recipe: Recipe, sources: Sequence[TokenPairs], taught: Taught | None
) -> Iterator[tuple[TokenPairs | Taught, NDArray[np.int64]]]:
    """Endless batches: of pairs, and in between of taught texts."""
    pairs = schedule(sources, recipe.batch, recipe.seed)
    texts = taught.batches(recipe.seed) if taught else iter(())
    rng = np.random.default_rng(recipe.seed)
    while True:
        yield (taught, next(texts)) if taught and rng.random() < recipe.taught else next(pairs)


def bags_of(source: TokenPairs | Taught, rows: NDArray[np.int64], recipe: Recipe, step: int) -> tuple[Bags, ...]:
    """The texts of a batch: queries and passages, which hard negatives follow; of taught texts there is one side.

    What is random in it follows from the recipe's seed and the step.
    """
    if isinstance(source, Taught):
        return (make_bags(*source.texts.take(rows), recipe.pooling),)
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
    return make_bags(*queries, recipe.pooling), make_bags(*passages, recipe.pooling)


def graded(
    source: TokenPairs | Taught, rows: NDArray[np.int64], recipe: Recipe, vectors: Sequence[torch.Tensor]
) -> tuple[float, list[torch.Tensor]]:
    """The loss of a batch, and its gradient by the vectors of each side.

    Args:
        source, rows, recipe: The batch.
        vectors: Of each side that `bags_of` gives, float32 (texts, width); they must not be part of a graph.
    """
    sides = [side.requires_grad_() for side in vectors]
    where = sides[0].device
    if isinstance(source, Taught):
        target = source.vectors[torch.from_numpy(rows)].to(where)
        ranking = Ranking(recipe.dims, recipe.taught_scale)
        loss = matryoshka_taught_loss(sides[0], target, ranking, recipe.taught_scale)
    else:
        ranking = Ranking(recipe.dims, recipe.scale, recipe.soft, recipe.mask_above, fastest_product(where))
        if len(source.scores):
            scores = torch.from_numpy(source.scores[rows]).to(where)
            loss = matryoshka_order_loss(sides[0], sides[1], scores, ranking)
        else:
            loss = matryoshka_ranking_loss(sides[0], sides[1], ranking)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [side.grad for side in sides if side.grad is not None]
    return float(loss.detach()), gradients


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up to the peak, then a half cosine to zero (Loshchilov & Hutter 2017, arXiv:1608.03983)."""
    warm = max(1, round(recipe.steps * recipe.warmup)) if recipe.warmup else 0
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, recipe.steps - warm)))
