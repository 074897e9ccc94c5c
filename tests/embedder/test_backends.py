"""numpy and torch give the same vectors, to the last bit, and torch is imported only where that repays."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.backends import BULK_FROM, TORCH_REPAYS_FROM, NumpyBackend, TorchBackend
from sakuin.embedder.pooling import ADDED_TOGETHER, POOLINGS, Bags, make_bags, pool, renumbered, weighted_sums

x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="torch may add up otherwise on this processor"
)
VOCABULARY = 50


def random_bags(lengths: list[int], seed: int) -> Bags:
    """Of texts with so many entries each, with weights of very different sizes."""
    rng = np.random.default_rng(seed)
    offsets = np.cumsum([0, *lengths])
    weights = np.exp(rng.normal(size=offsets[-1]) * 4).astype(np.float32)
    return Bags(rng.integers(0, VOCABULARY, offsets[-1]), weights, offsets)


@x86
@given(st.lists(st.integers(0, 70), max_size=40), st.sampled_from([1, 7, 64, 1024]), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=100)
def test_weighted_sums_are_those_of_torch(lengths: list[int], width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(VOCABULARY, width)) * np.exp(rng.normal(size=(VOCABULARY, 1)) * 4)).astype(np.float32)
    bags = random_bags(lengths, seed)
    assert (weighted_sums(rows, bags) == pool(torch.from_numpy(rows), bags).numpy()).all()


@x86
def test_so_are_those_of_more_texts_than_are_taken_together() -> None:
    rows = np.random.default_rng(0).normal(size=(VOCABULARY, 64)).astype(np.float32)
    lengths = np.random.default_rng(1).integers(0, 40, 3 * ADDED_TOGETHER // 64).tolist()
    bags = random_bags(lengths, 2)
    assert (weighted_sums(rows, bags) == pool(torch.from_numpy(rows), bags).numpy()).all()


@given(st.lists(st.lists(st.integers(0, VOCABULARY - 1), max_size=20), max_size=10))
def test_renumbered_bags_stand_for_the_same_ids(texts: list[list[int]]) -> None:
    ids = np.array([token for text in texts for token in text], np.int64)
    bags = make_bags(ids, np.array([len(text) for text in texts], np.int64), pooling="mean")
    used, own = renumbered(bags, VOCABULARY)
    assert used.tolist() == sorted(set(ids.tolist()))
    assert (used[own.ids] == bags.ids).all()


@x86
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("dim", [1024, 256, 50])
def test_backends_give_the_packaged_model_the_same_vectors(pooling: str, dim: int) -> None:
    model = StaticEmbedder.load(pooling=pooling)  # type: ignore[arg-type]
    texts = [f"{i}番目の文書です。The {i}th document, 検索 {'とても' * (i % 7)}" for i in range(300)] + ["", "猫" * 500]
    table = model._files.table
    found = []
    for backend in (NumpyBackend(table), TorchBackend(table)):
        bags = model.bags(texts)
        found.append(backend.pool(backend.democratic(bags), dim))
    assert (found[0] == found[1]).all()


@x86
def test_a_vector_does_not_depend_on_what_is_encoded_beside_it() -> None:
    model = StaticEmbedder.load()
    texts = [f"{i}番目の文書です。The {i}th document, 検索 {'とても' * (i % 7)}" for i in range(BULK_FROM * 2)]
    for dim in (1024, 256, 50):
        together = model.encode(texts, dim, normalize=True)
        for start, stop in ((0, 1), (3, 40), (5, 5 + BULK_FROM)):
            assert (model.encode(texts[start:stop], dim, normalize=True) == together[start:stop]).all()


def run(code: str, *arguments: object) -> None:
    """Run code in a process of its own, in which nothing has imported torch."""
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, timeout=120)


def test_many_small_requests_come_to_torch(toy_model: Path) -> None:
    run(
        "import sys; from sakuin.embedder import StaticEmbedder; model = StaticEmbedder.load(sys.argv[1])\n"
        "half = int(sys.argv[2]) // 2\n"
        "first = model.encode(['cat mat'] * half)\n"
        "assert 'torch' not in sys.modules\n"
        "assert abs(model.encode(['cat mat'] * (half + 1))[:half] - first).max() < 1e-5\n"
        "assert 'torch' in sys.modules",
        toy_model,
        TORCH_REPAYS_FROM,
    )


def test_without_torch_all_is_encoded_all_the_same(toy_model: Path, tmp_path: Path) -> None:
    texts = ["cat mat", "猫", ""] * TORCH_REPAYS_FROM
    np.save(tmp_path / "vectors.npy", StaticEmbedder.load(toy_model).encode(texts, 32))
    run(
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np; from sakuin.embedder import StaticEmbedder\n"
        "vectors = StaticEmbedder.load(sys.argv[1]).encode(['cat mat', '猫', ''] * int(sys.argv[2]), 32)\n"
        "np.testing.assert_allclose(vectors, np.load(sys.argv[3]), atol=1e-6)",
        toy_model,
        TORCH_REPAYS_FROM,
        tmp_path / "vectors.npy",
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_processes_encode_in_bulk_too() -> None:
    # In a process of its own, for one with threads must not fork; a child that waits for threads is killed.
    run(
        "import os, signal, sys, torch; from sakuin.embedder import StaticEmbedder\n"
        "texts = [f'{number} 匹の猫' for number in range(2000)]\n"
        "model = StaticEmbedder.load(); before = model.encode(texts); child = os.fork()\n"
        "if not child: signal.alarm(30); os._exit(0 if (model.encode(texts) == before).all() else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
