"""Rotates a finished table so that prefixes of its vectors rank best: no cosine at full width changes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import torch
from tqdm import tqdm

from sakuin.embedder.pooling import pool
from sakuin.training.batches import batch_bags, batches, learning_rate, loss_and_gradients
from sakuin.training.distillation import TeacherTexts
from sakuin.training.merging import procrustes_rotation
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import TokenPairs

# Peak of the cosine schedule: about the radians by which each plane of two columns turns in a step. At 0.001 prefixes
# lose what they have before they learn.
RATE = 3e-4
# Decay of Adam's two moments (Kingma & Ba 2015, arXiv:1412.6980).
BETA_1, BETA_2 = 0.9, 0.99


def rotate_prefixes(
    table: torch.Tensor,
    recipe: Recipe,
    *,
    sources: Sequence[TokenPairs],
    teacher: TeacherTexts | None,
    show_progress: bool = True,
) -> torch.Tensor:
    """The table times the orthogonal map by which prefixes of its vectors have the smallest loss.

    Merging tables and whitening keep what vectors tell, but spoil the order of their columns. The map learns from
    ``recipe.rotation_steps`` batches like those of training, by steps on the orthogonal matrices: the gradient's
    skew-symmetric part, through the Cayley transform (Wen & Yin 2013, doi:10.1007/s10107-012-0584-1), with Adam's
    momentum and a step size common to all planes.

    Args:
        table: float32 (vocabulary, width), on the CPU.
        recipe: Of the losses and batches; its seed is taken on by one beyond those of its runs.
        sources: Of pairs, as in training.
        teacher: Of distillation, as in training.
        show_progress: A progress bar on stderr.

    Returns:
        float32 (vocabulary, width).
    """
    own = replace(recipe, steps=recipe.rotation_steps, learning_rate=RATE, seed=recipe.seed + recipe.runs)
    width = table.shape[1]
    one = torch.eye(width)
    rotation, mean, square = one, torch.zeros(width, width), 0.0
    stream = islice(batches(own, sources, teacher), own.steps)
    bar = tqdm(stream, total=own.steps, desc="Rotating prefixes", unit=" batches", disable=not show_progress)
    for step, (source, rows) in enumerate(bar):
        pooled = [pool(table, bags) for bags in batch_bags(source, rows, recipe=own, step=step)]
        rotated = [vectors @ rotation for vectors in pooled]
        _, gradients = loss_and_gradients(source, rows, recipe=own, vectors=rotated)
        slope = sum((vectors.T @ of for vectors, of in zip(pooled, gradients, strict=True)), torch.zeros_like(one))
        skew = rotation.T @ slope - slope.T @ rotation
        mean = BETA_1 * mean + (1 - BETA_1) * skew
        square = BETA_2 * square + (1 - BETA_2) * float(skew.square().mean())
        length = max((square / (1 - BETA_2 ** (step + 1))) ** 0.5, 1e-30)
        half = 0.5 * learning_rate(step, own) * mean / (1 - BETA_1 ** (step + 1)) / length
        rotation = rotation @ torch.linalg.solve(one + half, one - half)
    # Rounding adds up over the steps: the nearest orthogonal map.
    return table @ procrustes_rotation(one, rotation)
