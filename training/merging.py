"""Merges the tables of several runs into one, by what they have in common."""

from collections.abc import Sequence
from itertools import pairwise

import torch

from sakuin.training.recipe import Recipe
from sakuin.training.sampling import TokenPairs
from sakuin.training.whitening import sampled_vectors


def merge_tables(tables: Sequence[torch.Tensor], sources: Sequence[TokenPairs], recipe: Recipe) -> torch.Tensor:
    """The table that compares texts as all tables side by side do, as nearly as one of their width can.

    Side by side, tables compare texts by the mean of what each thinks, with little noise; the principal components of
    such long vectors of texts are the columns that keep most of it (Eckart & Young 1936, doi:10.1007/BF02288367). A
    plain mean thins out what tables agree on: each that began from other random rows has it in directions of its own.
    The columns are then rotated, by an orthogonal Procrustes rotation (Schönemann 1966, doi:10.1007/BF02289451), to
    those that come of merging each block between two Matryoshka prefixes by itself, so that prefixes stay prefixes.

    Tables that went on from one model share their columns, and what is merged of them is their mean.

    Args:
        tables: float32 (vocabulary, width) each, on the CPU; each counts alike, however long its rows.
        sources: Of the texts.
        recipe: Its dimensions, pooling, and the seed by which texts are drawn.

    Returns:
        float32 (vocabulary, width); of one table that table.
    """
    if len(tables) == 1:
        return tables[0]
    if recipe.start:
        return torch.stack(list(tables)).mean(0)
    tables = [table / table.square().mean().sqrt() for table in tables]
    vectors = [vectors_of_sample(table, sources, recipe) for table in tables]
    width = tables[0].shape[1]
    merged = torch.cat(list(tables), 1) @ principal_directions(torch.cat(vectors, 1), width)
    blocks = []
    for start, end in pairwise((0, *sorted(recipe.dims))):
        block = torch.cat([side[:, start:end] for side in vectors], 1)
        blocks.append(block @ principal_directions(block, end - start))
    return merged @ procrustes_rotation(vectors_of_sample(merged, sources, recipe), torch.cat(blocks, 1))


def vectors_of_sample(table: torch.Tensor, sources: Sequence[TokenPairs], recipe: Recipe) -> torch.Tensor:
    """Normalised vectors of the sample of texts by a table: float32 (texts, width)."""
    return torch.cat(list(sampled_vectors(table, sources, recipe)))


def principal_directions(vectors: torch.Tensor, components: int) -> torch.Tensor:
    """Orthonormal directions (width, components) in which vectors (n, width) are longest together, longest first."""
    _, directions = torch.linalg.eigh((vectors.T @ vectors).double())
    found: torch.Tensor = directions[:, -components:].flip(1).to(vectors)
    return found


def procrustes_rotation(vectors: torch.Tensor, towards: torch.Tensor) -> torch.Tensor:
    """The orthogonal map (width, width) that brings vectors (n, width) nearest to others (n, width), row by row."""
    left, _, right = torch.linalg.svd((vectors.T @ towards).double())
    rotation: torch.Tensor = (left @ right).to(vectors)
    return rotation
