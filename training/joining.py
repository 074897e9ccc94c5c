"""One table of several: their mean, as they are or turned towards each other first.

Vectors of the mean compare texts by the sum of what every table thinks of them, and of little noise between tables
(model soups: Wortsman et al. 2022, arXiv:2203.05482).
"""

from collections.abc import Sequence

import torch

from training.recipe import Recipe
from training.sampling import TokenPairs
from training.whitening import sampled

ROUNDS = 4
"""Turns towards the mean of the turned; it hardly moves after the second."""


def averaged(tables: Sequence[torch.Tensor]) -> torch.Tensor:
    """The mean of tables, each brought to the same mean square first."""
    if len(tables) == 1:
        return tables[0]
    total = torch.zeros_like(tables[0])
    for table in tables:
        total += of_length_one(table)
    return total / len(tables)


def joined(
    tables: Sequence[torch.Tensor], weights: Sequence[float], sources: Sequence[TokenPairs], recipe: Recipe
) -> torch.Tensor:
    """The weighted mean of tables that are turned so that texts have the same vectors by all, as nearly as can be.

    Turning changes no cosine. Without it what tables that began from other random rows have in common is thinned out,
    for each has it in directions of its own. Turns are orthogonal Procrustes rotations (Schönemann 1966) between
    vectors of texts, towards their common mean (generalised Procrustes analysis: Gower 1975). In the end the mean is
    turned back to the first table, so that its prefixes are Matryoshka prefixes again.

    Args:
        tables: float32 (vocabulary, width) each, on the processor's memory.
        weights: Of each.
        sources: Of the texts.
        recipe: Their pooling, and the seed by which they are drawn.
    """
    turned = [of_length_one(table) for table in tables]
    vectors = [torch.cat(list(sampled(table, sources, recipe))) for table in turned]
    first = middle = vectors[0]
    for _ in range(ROUNDS):
        for i, own in enumerate(vectors):
            turn = rotation(own, middle)
            turned[i], vectors[i] = turned[i] @ turn, own @ turn
        middle = mean(vectors, weights)
    table = mean(turned, weights)
    return table @ rotation(torch.cat(list(sampled(table, sources, recipe))), first)


def of_length_one(table: torch.Tensor) -> torch.Tensor:
    """A table brought to a mean square of 1."""
    scaled: torch.Tensor = table / table.square().mean().sqrt()
    return scaled


def rotation(of: torch.Tensor, towards: torch.Tensor) -> torch.Tensor:
    """The orthogonal map (width, width) that brings vectors (n, width) nearest to others, row by row."""
    left, _, right = torch.linalg.svd((of.T @ towards).double())
    turn: torch.Tensor = (left @ right).to(of)
    return turn


def mean(tensors: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    """Weighted, of tensors of one shape."""
    total = torch.zeros_like(tensors[0])
    for tensor, weight in zip(tensors, weights, strict=True):
        total += weight * tensor
    return total / sum(weights)
