"""Several tables in one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes

from sakuin.training.merging import merge_tables, principal_directions, procrustes_rotation
from sakuin.training.pairs import Source
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import Texts, TokenPairs

WIDTH, VOCABULARY = 16, 300
RECIPE = Recipe("test", Path(), (), pooling="mean", dims=(WIDTH, 4))


def texts(rng: np.random.Generator) -> Texts:
    lengths = rng.integers(1, 9, 400)
    return Texts(
        rng.integers(0, VOCABULARY, lengths.sum()).astype(np.int32), np.r_[0, lengths.cumsum()], np.arange(400)
    )


@pytest.fixture
def sources() -> list[TokenPairs]:
    rng = np.random.default_rng(0)
    nothing = Texts(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int64))
    return [TokenPairs(Source("made"), texts(rng), texts(rng), nothing, np.zeros(0, np.int64))]


def rotated(table: torch.Tensor, seed: int) -> torch.Tensor:
    """The table by an orthogonal map at random: its vectors have the same cosines."""
    random = torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(seed))
    return table @ torch.linalg.qr(random).Q


def cosines(table: torch.Tensor) -> torch.Tensor:
    rows = torch.nn.functional.normalize(table)
    return rows @ rows.T


def test_a_rotation_is_the_orthogonal_procrustes_solution() -> None:
    a, b = torch.randn(2, 50, WIDTH, generator=torch.Generator().manual_seed(1)).double()
    np.testing.assert_allclose(procrustes_rotation(a, b), orthogonal_procrustes(a.numpy(), b.numpy())[0], atol=1e-9)


def test_principal_directions_are_those_of_a_singular_value_decomposition() -> None:
    vectors = torch.randn(50, WIDTH, generator=torch.Generator().manual_seed(1)) * torch.arange(1, WIDTH + 1)
    _, _, right = np.linalg.svd(vectors.numpy())
    np.testing.assert_allclose(
        np.abs(np.sum(principal_directions(vectors, 5).numpy().T * right[:5], axis=1)), 1, atol=1e-4
    )


def test_tables_that_differ_by_a_rotation_alone_merge_to_one_of_the_same_cosines(sources: list[TokenPairs]) -> None:
    table = torch.randn(VOCABULARY, WIDTH, generator=torch.Generator().manual_seed(0))
    found = merge_tables([table, 3 * rotated(table, 1), rotated(table, 2)], sources, RECIPE)
    torch.testing.assert_close(cosines(found), cosines(table), atol=1e-4, rtol=1e-4)


def test_what_tables_have_in_common_is_kept_and_noise_evened_out(sources: list[TokenPairs]) -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(VOCABULARY, WIDTH, generator=generator)
    noisy = [rotated(truth + 0.7 * torch.randn(VOCABULARY, WIDTH, generator=generator), seed) for seed in range(4)]

    def error(table: torch.Tensor) -> float:
        return float((cosines(table) - cosines(truth)).square().mean())

    together = merge_tables(noisy, sources, RECIPE)
    assert error(together) < 0.5 * min(map(error, noisy))
    assert error(together) < 0.5 * error(sum(noisy, torch.zeros(VOCABULARY, WIDTH)))
