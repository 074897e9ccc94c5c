"""Evens out how much the directions of a trained table tell, so that a few common ones do not drown the rest."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from sakuin.embedder.pooling import make_bags, pool
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import TokenPairs

# Texts of each side of each source that directions are measured on: all sources count alike.
TEXTS_A_SIDE = 200


def whiten_table(table: torch.Tensor, sources: Sequence[TokenPairs], recipe: Recipe) -> torch.Tensor:
    """A table whose texts' vectors have variances nearer to each other.

    Soft whitening by zero-phase component analysis (Kessy et al. 2018, arXiv:1512.00809; for sentence vectors: Su et
    al. 2021, arXiv:2103.15316). With C the second moment of normalised text vectors, rows are multiplied by C to the
    power of -``whiten``: 0 changes nothing, 0.5 makes all directions alike. Being symmetric, the map moves a row as
    little as it can, and prefixes stay what they were trained to be.

    Args:
        table: float32 (vocabulary, width).
        sources: Of the texts.
        recipe: How far to whiten, the pooling, and the seed by which texts are drawn.

    Returns:
        float32 (vocabulary, width).
    """
    moments = torch.zeros(table.shape[1], table.shape[1], dtype=torch.float64)
    texts = 0
    for vectors in sampled_vectors(table, sources, recipe):
        moments += (vectors.T @ vectors).double()
        texts += len(vectors)
    whitened: torch.Tensor = table @ whitening_map(moments / texts, recipe.whiten).to(table)
    return whitened


def sampled_vectors(table: torch.Tensor, sources: Sequence[TokenPairs], recipe: Recipe) -> Iterator[torch.Tensor]:
    """Normalised vectors of some texts of each side of each source; the same texts for any table.

    Args:
        table: float32 (vocabulary, width).
        sources: Of the texts.
        recipe: The pooling, and the seed by which texts are drawn.

    Yields:
        float32 (texts, width), on the CPU.
    """
    rng = np.random.default_rng(recipe.seed)
    for source in sources:
        rows = rng.choice(len(source), min(TEXTS_A_SIDE, len(source)), replace=False)
        for side in (source.queries, source.passages):
            yield torch.nn.functional.normalize(pool(table, make_bags(*side.take(rows), pooling=recipe.pooling)).cpu())


def whitening_map(moments: torch.Tensor, share: float) -> torch.Tensor:
    """The map (width, width) that multiplies a second moment's directions by their variance to the power of -share."""
    variances, directions = torch.linalg.eigh(moments)
    # Directions that no text takes would be blown up by what is rounding.
    factors = (variances / variances.mean()).clamp_min(1e-3) ** -share
    mapped: torch.Tensor = directions * factors @ directions.T
    return mapped
