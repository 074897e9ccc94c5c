"""A finished table rotated for its prefixes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sakuin.embedder.pooling import make_bags, pool
from sakuin.training.losses import LossSettings, matryoshka_ranking_loss
from sakuin.training.pairs import Source
from sakuin.training.prefix_rotation import rotate_prefixes
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import Texts, TokenPairs

WIDTH, VOCABULARY, PAIRS, TOLD = 32, 300, 600, 8
RECIPE = Recipe("test", Path(), (), pooling="mean", dims=(WIDTH, TOLD), batch=64, rotation_steps=100, seed=3)


@pytest.fixture
def sources() -> list[TokenPairs]:
    """Pairs of texts that share most of their tokens."""
    rng = np.random.default_rng(0)
    queries = rng.integers(0, VOCABULARY, (PAIRS, 6))
    passages = np.where(rng.random((PAIRS, 6)) < 0.7, queries, rng.integers(0, VOCABULARY, (PAIRS, 6)))

    def texts(tokens: np.ndarray, first: int) -> Texts:
        ends = np.arange(0, tokens.size + 1, 6)
        return Texts(tokens.ravel().astype(np.int32), ends, np.arange(first, first + PAIRS))

    nothing = Texts(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int64))
    both = texts(queries, 0), texts(passages, PAIRS)
    return [TokenPairs(Source("made"), *both, nothing, np.zeros(0, np.int64))]


@pytest.fixture
def table() -> torch.Tensor:
    """What tells texts apart stands in the last columns; the first ones are noise that all texts share."""
    table = 0.05 * torch.randn(VOCABULARY, WIDTH, generator=torch.Generator().manual_seed(0))
    table[:, -TOLD:] = torch.randn(VOCABULARY, TOLD, generator=torch.Generator().manual_seed(1))
    return table


def loss_of_prefix(table: torch.Tensor, source: TokenPairs) -> float:
    rows = np.arange(PAIRS)
    sides = [
        pool(table, make_bags(*side.take(rows), pooling="mean"))[:, :TOLD] for side in (source.queries, source.passages)
    ]
    return float(matryoshka_ranking_loss(sides[0], sides[1], LossSettings((TOLD,), 20.0)))


def test_prefixes_learn_and_full_width_keeps_its_cosines(table: torch.Tensor, sources: list[TokenPairs]) -> None:
    found = rotate_prefixes(table, RECIPE, sources=sources, teacher=None, show_progress=False)
    assert loss_of_prefix(found, sources[0]) < 0.9 * loss_of_prefix(table, sources[0])
    torch.testing.assert_close(found @ found.T, table @ table.T, atol=1e-4, rtol=1e-4)
    again = rotate_prefixes(table, RECIPE, sources=sources, teacher=None, show_progress=False)
    torch.testing.assert_close(again, found, atol=1e-5, rtol=1e-5)
