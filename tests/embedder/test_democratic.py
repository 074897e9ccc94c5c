"""Democratic pooling, against its formula written out token by token."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder, democratic
from sakuin.embedder.democratic import ENTRIES_TOGETHER, FEW_TOKENS, directions
from sakuin.embedder.pooling import LEAD_TOKENS, Bags, make_bags

Array = NDArray[np.float32]
VOCABULARY = 40


def table(dimensions: int, seed: int = 0) -> Array:
    """Rows of very different lengths, one of zeros, one without its first dimensions."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(VOCABULARY, dimensions)).astype(np.float32) * np.exp(rng.normal(size=(VOCABULARY, 1)) * 3)
    rows[7] = 0
    rows[8, :64] = 0
    return rows.astype(np.float32)


def by_the_formula(bags: Bags, rows: Array) -> list[float]:
    """Weights by the formula, in float64 and not rounded on the way."""
    found = []
    units = rows[:, :64].astype(np.float64)
    units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-30)
    for start, stop in zip(bags.offsets[:-1], bags.offsets[1:], strict=True):
        ids, weights = bags.ids[start:stop], bags.weights[start:stop].astype(np.float64)
        changed = []
        for i in range(len(ids)):
            others = sum((weights[j] * units[ids[j]] for j in range(len(ids)) if j != i), np.zeros(units.shape[1]))
            length = np.linalg.norm(others)
            cosine = max(0.0, float(units[ids[i]] @ others / length)) if length else 0.0
            changed.append(weights[i] * (1 - cosine * len(ids) / (len(ids) + FEW_TOKENS)))
        found += [weight / sum(changed) for weight in changed]
    return found


def reweighted(bags: Bags, rows: Array) -> Bags:
    return democratic.reweighted(bags, directions(rows))


texts = st.lists(st.lists(st.integers(0, VOCABULARY - 1), max_size=60), min_size=1, max_size=8)


@given(texts, st.sampled_from([3, 64, 100]))
@settings(max_examples=150)
def test_weights_are_those_of_the_formula(texts: list[list[int]], dimensions: int) -> None:
    rows = table(dimensions)
    ids = np.array([token for text in texts for token in text], np.int64)
    bags = make_bags(ids, np.array([len(text) for text in texts]), pooling="even")
    weighed = reweighted(bags, rows)
    assert (weighed.ids == bags.ids).all()
    assert (weighed.weights > 0).all()
    # Directions are rounded to a few hundred steps: in three dimensions what others leave may nearly cancel.
    np.testing.assert_allclose(weighed.weights, by_the_formula(bags, rows), atol=0.05 if dimensions == 3 else 0.006)


def test_sums_of_a_very_long_text_are_exact_in_float32() -> None:
    """Of 100,000 tokens that all point one way, sums stay whole numbers that float32 can hold."""
    rows = np.tile(np.array([0.9] + [0.01] * 63, np.float32), (100_000, 1))
    rows[::2] *= 3
    bags = make_bags(np.arange(100_000), np.array([100_000]), pooling="even")
    weights = reweighted(bags, rows).weights
    np.testing.assert_allclose(weights[LEAD_TOKENS:], weights[-1], rtol=1e-6)


def test_what_is_said_in_many_words_counts_less_for_each() -> None:
    rows = np.eye(8, 70, dtype=np.float32)
    rows[:4] = rows[0] + 0.3 * rows[:4]
    bags = make_bags(np.arange(8), np.array([8]), pooling="even")
    weights = reweighted(bags, rows).weights
    assert weights[:4].max() < 0.8 * weights[4:].min()
    np.testing.assert_allclose(weights.sum(), 1, atol=1e-6)


def test_a_token_alone_and_texts_without_tokens_keep_their_weights() -> None:
    bags = make_bags(np.array([3, 3, 3]), np.array([0, 3, 0]), pooling="even")
    assert reweighted(bags, table(64)).weights.tolist() == [1]
    nothing = make_bags(np.zeros(0, np.int64), np.array([0, 0]), pooling="even")
    assert reweighted(nothing, table(64)).offsets.tolist() == [0, 0, 0]


@pytest.mark.parametrize("texts", [["猫が好きです。猫は良い。", "", "cats"], ["検索エンジン"] * 100])
def test_the_packaged_model_pools_so(texts: list[str]) -> None:
    lead, even = StaticEmbedder.load(pooling="lead"), StaticEmbedder.load()
    assert even.pooling == "even"
    rows = even._files.table.prefix(even.dimension)
    expected = reweighted(lead.bags(texts), rows)
    assert (even.bags(texts).weights == expected.weights).all()
    vectors = [
        sum((w * rows[i] for i, w in zip(*bag, strict=True)), np.zeros(1024, np.float32))
        for bag in [(expected.ids[a:b], expected.weights[a:b]) for a, b in pairwise(expected.offsets)]
    ][:3]
    np.testing.assert_allclose(even.encode(texts)[:3], vectors, atol=1e-5)


def test_texts_in_many_blocks_weigh_what_they_weigh_alone() -> None:
    rows, rng = table(64), np.random.default_rng(1)
    lengths = rng.integers(0, 30, 3 * ENTRIES_TOGETHER // 12)
    bags = make_bags(rng.integers(0, VOCABULARY, lengths.sum()), lengths, pooling="even")
    weights = reweighted(bags, rows).weights
    assert len(bags.ids) > 2 * ENTRIES_TOGETHER
    for start, stop in list(pairwise(bags.offsets))[:: len(bags) // 50]:
        alone = Bags(bags.ids[start:stop], bags.weights[start:stop], np.array([0, stop - start]))
        assert (reweighted(alone, rows).weights == weights[start:stop]).all()
