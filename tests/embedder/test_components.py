"""Vectors for clustering: principal components of the texts' own vectors."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sakuin import StaticEmbedder
from sakuin.embedder import ModelError
from sakuin.embedder.components import for_clustering, principal_components
from sakuin.embedder.model import normalized


def random_unit_vectors(n: int, dim: int) -> NDArray[np.float32]:
    return normalized(np.random.default_rng(n).normal(size=(n, dim)).astype(np.float32) + 1)


@pytest.mark.parametrize(("n", "dim"), [(2, 8), (30, 32), (32, 32), (100, 6), (9000, 80)])
@pytest.mark.parametrize("components", [1, 2, 5])
def test_components_are_those_of_scikit_learn_but_for_signs(n: int, dim: int, components: int) -> None:
    from sklearn.decomposition import PCA

    vectors = random_unit_vectors(n, dim)
    found = principal_components(vectors, components)
    kept = min(n, dim, components)
    expected = PCA(n_components=kept, svd_solver="full").fit_transform(vectors.astype(np.float64))
    assert found.shape == (n, components)
    assert not found[:, kept:].any()
    # Products of vectors have no signs.
    assert found[:200] @ found.T == pytest.approx(expected[:200] @ expected.T, abs=2e-5)


def test_vectors_of_two_kinds_have_one_component() -> None:
    vectors = random_unit_vectors(2, 16)[[0, 0, 1, 1, 1]]
    found = principal_components(vectors, 3)
    assert np.ptp(found[:, 0]) == pytest.approx(np.linalg.norm(vectors[0] - vectors[2]), abs=1e-6)
    assert found[:, 1:] == pytest.approx(np.zeros((5, 2)), abs=1e-6)


@pytest.mark.parametrize(("n", "components"), [(1, 1), (30, 5), (90, 9), (9000, 64)])
def test_components_for_clustering_grow_as_the_square_root_of_the_number_of_texts(n: int, components: int) -> None:
    assert for_clustering(random_unit_vectors(n, 80)).shape == (n, components)


@given(zeros=st.lists(st.integers(0, 36), max_size=5))
def test_texts_without_a_vector_change_nothing(zeros: list[int]) -> None:
    vectors = random_unit_vectors(36, 12)
    with_zeros = np.insert(vectors, zeros, 0, axis=0)
    found = for_clustering(with_zeros)
    empty = ~with_zeros.any(axis=1)
    assert empty.sum() == len(zeros)
    assert not found[empty].any()
    expected = for_clustering(vectors)
    assert found[~empty] @ found[~empty].T == pytest.approx(expected @ expected.T, abs=1e-6)


def test_few_texts_have_zeros_where_nothing_tells_them_apart(toy_model: Path) -> None:
    model = StaticEmbedder.load(toy_model)
    assert model.encode([], task="cluster").shape == (0, 1)
    assert not model.encode(["one text"], task="cluster").any()
    assert not model.encode(["the same", "the same", "the same", ""], task="cluster").any()


def test_encoding_for_clusters_compares_what_tells_texts_apart() -> None:
    model = StaticEmbedder.load()
    about = {
        "cats": [
            "猫が窓辺で眠る",
            "うちの猫は魚が好きだ",
            "子猫に餌をやる",
            "A cat sleeps by the window",
            "My cat eats fish",
        ],
        "shares": [
            "株価が大きく下がった",
            "投資家が株を売る",
            "株式市場の値動き",
            "Share prices fell",
            "Investors sell stocks",
        ],
    }
    # What all of them share is no reason to belong together.
    texts = [f"昨日の新聞に載っていた短い話の続き: {text}" for each in about.values() for text in each]
    vectors = model.encode(texts, task="cluster")
    assert vectors.shape == (10, 3)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(10), abs=1e-5)

    def margin(vectors: NDArray[np.float32]) -> float:
        cosines = model.similarity(vectors, vectors)
        within = (cosines[:5, :5].mean() + cosines[5:, 5:].mean()) / 2
        return float(within - cosines[:5, 5:].mean())

    assert margin(vectors) > 0.5 > margin(model.encode(texts))
    assert model.encode(texts, 256, task="cluster") == pytest.approx(
        normalized(for_clustering(model.encode(texts, 256, normalize=True)))
    )


def test_an_unknown_task_is_refused(toy_model: Path) -> None:
    with pytest.raises(ModelError, match='"cluster"'):
        StaticEmbedder.load(toy_model).encode(["text"], task="clusters")  # type: ignore[arg-type]
