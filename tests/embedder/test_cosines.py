"""Cosines of stored rows: exact sums, so that the compiled core and numpy give the same bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sakuin.embedder.core import native
from sakuin.embedder.cosines import MOST_COMPARED, UNIT, by_numpy, cosines

needs_core = pytest.mark.skipif(native is None, reason="the compiled core could not be built here")


def made(seed: int, width: int, dim: int, peaked: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows, one of them zero and one as large as can be, and a query of length 1."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-127, 128, (40, width)).astype(np.int8)
    rows[3] = 0
    rows[4] = 127
    query = np.full(dim, 1e-4) if peaked else rng.standard_normal(dim)
    query[-1] = -1 if peaked else query[-1]
    return rows, (query / np.linalg.norm(query)).astype(np.float32)


cases = given(
    seed=st.integers(0, 1000),
    width=st.sampled_from([1, 7, 16, 256, 1024, 4096]),
    share=st.floats(0, 1),
    peaked=st.booleans(),
    indices=st.lists(st.integers(0, 39), max_size=30),
)


@cases
@settings(max_examples=60)
def test_they_are_those_of_float64(seed: int, width: int, share: float, peaked: bool, indices: list[int]) -> None:
    dim = max(1, round(share * width))
    rows, query = made(seed, width, dim, peaked)
    found = cosines(rows, np.array(indices, np.int64), query)
    some = rows[indices, :dim].astype(np.float64)
    lengths = np.linalg.norm(some, axis=1)
    expected = some @ query.astype(np.float64) / np.where(lengths == 0, 1, lengths)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-7, rtol=0)


@needs_core
@cases
@settings(max_examples=60)
def test_numpy_gives_the_same_bits(seed: int, width: int, share: float, peaked: bool, indices: list[int]) -> None:
    rows, query = made(seed, width, max(1, round(share * width)), peaked)
    which = np.array(indices, np.int64)
    whole = np.rint(query * UNIT).astype(np.int32)
    assert (cosines(rows, which, query) == by_numpy(rows, which, whole)).all()


def test_rows_of_any_width_and_layout_are_read() -> None:
    rng = np.random.default_rng(0)
    wide = rng.integers(-127, 128, (3, MOST_COMPARED + 5)).astype(np.int8)
    query = np.zeros(wide.shape[1], np.float32)
    query[-1] = 1
    expected = wide[:, -1] / np.linalg.norm(wide.astype(np.float64), axis=1)
    np.testing.assert_allclose(cosines(wide, np.arange(3), query), expected, atol=1e-7)
    every_other = wide[:, :64:2]
    assert (
        cosines(every_other, np.arange(3), query[-32:]) == cosines(every_other.copy(), np.arange(3), query[-32:])
    ).all()


@needs_core
@pytest.mark.parametrize("index", [-1, 2])
def test_no_row_outside_is_read(index: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        cosines(np.ones((2, 4), np.int8), np.array([index]), np.full(4, 0.5, np.float32))
