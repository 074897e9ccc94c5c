"""Turns a finished table so that its prefixes rank best: no cosine of the full width changes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import torch
from tqdm import tqdm

from sakuin.embedder.pooling import pool
from sakuin.training.joining import rotation
from sakuin.training.lessons import bags_of, graded, learning_rate, lessons
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import TokenPairs
from sakuin.training.taught import Taught

# Peak of the cosine schedule: about the radians by which each plane of two columns turns in a step. Of 0.001 prefixes
# lose what they have before they learn.
RATE = 3e-4
# Of Adam's two memories (Kingma & Ba 2015, arXiv:1412.6980).
MOMENTUM, MEMORY = 0.9, 0.99


def turned(
    table: torch.Tensor,
    recipe: Recipe,
    sources: Sequence[TokenPairs],
    taught: Taught | None,
    show_progress: bool = True,
) -> torch.Tensor:
    """The table times the orthogonal map by which prefixes of its vectors have the smallest loss: float32, as it was.

    Joining tables and whitening keep what vectors tell, but spoil the order of its columns. The map learns from
    ``recipe.turn`` batches like those of training, by steps on the orthogonal matrices: the gradient's skew-symmetric
    part, through the Cayley transform (Wen & Yin 2013, doi:10.1007/s10107-012-0584-1), with Adam's momentum and a step
    size common to all planes.

    Args:
        table: float32 (vocabulary, width), on the processor's memory.
        recipe: Of the losses and batches; its seed is taken on by one beyond those of its runs.
        sources, taught: As in training.
        show_progress: A progress bar on stderr.
    """
    own = replace(recipe, steps=recipe.turn, learning_rate=RATE, seed=recipe.seed + recipe.runs)
    width = table.shape[1]
    one = torch.eye(width)
    turn, mean, square = one, torch.zeros(width, width), 0.0
    batches = islice(lessons(own, sources, taught), own.steps)
    bar = tqdm(batches, total=own.steps, desc="Turning prefixes", unit=" batches", disable=not show_progress)
    for number, (source, rows) in enumerate(bar):
        pooled = [pool(table, bags) for bags in bags_of(source, rows, own, number)]
        _, gradients = graded(source, rows, own, [vectors @ turn for vectors in pooled])
        slope = sum((vectors.T @ of for vectors, of in zip(pooled, gradients, strict=True)), torch.zeros_like(one))
        skew = turn.T @ slope - slope.T @ turn
        mean = MOMENTUM * mean + (1 - MOMENTUM) * skew
        square = MEMORY * square + (1 - MEMORY) * float(skew.square().mean())
        length = max((square / (1 - MEMORY ** (number + 1))) ** 0.5, 1e-30)
        half = 0.5 * learning_rate(number, own) * mean / (1 - MOMENTUM ** (number + 1)) / length
        turn = turn @ torch.linalg.solve(one + half, one - half)
    # Rounding adds up over the steps: the nearest orthogonal map.
    return table @ rotation(one, turn)
