import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakuin.evaluation.nearest import nearest, top


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 40))
def test_the_best_are_those_of_a_stable_sort(seed: int, k: int, columns: int) -> None:
    k = min(k, columns)
    # Few values, so that there are many ties.
    scores = np.random.default_rng(seed).integers(0, 4, (5, columns)).astype(np.float32)
    assert np.array_equal(top(scores, k), np.argsort(-scores, axis=1, kind="stable")[:, :k])


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    queries = generator.integers(-2, 3, (23, 4)).astype(np.float32)
    corpus = generator.integers(-2, 3, (50, 4)).astype(np.float32)
    rows, cosines = nearest(queries, corpus, k=7)
    monkeypatch.setattr("sakuin.evaluation.nearest.BLOCK_SCORES", 120)
    in_blocks = nearest(queries, corpus, k=7)
    assert np.array_equal(rows, in_blocks[0])
    assert np.array_equal(cosines, in_blocks[1])
    assert np.array_equal(cosines, np.take_along_axis(queries @ corpus.T, rows, axis=1))


def test_a_small_corpus_is_found_whole() -> None:
    rows, cosines = nearest(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), k=10)
    assert rows.tolist() == [[0, 1], [1, 0]]
    assert cosines.tolist() == [[1, 0], [1, 0]]
