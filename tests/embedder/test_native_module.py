"""What `save(native=True)` writes gives sentence-transformers the vectors that the model gives here."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import read_model, write_model
from sakuin.embedder.model import normalized
from sakuin.embedder.pooling import POOLINGS
from tests.examples import EXAMPLES


@pytest.fixture(autouse=True)
def modules_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """transformers copies a model's code into a folder of its own."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))


def texts() -> list[str]:
    found = [path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("**/*.md"))[:30]]
    short = ["", " ", "猫", "the cat sat on the mat the the the", "会社を休む。会社を休む。", "😀 Привет שלום"]
    return [*short, *(text[:60] for text in found), *(text[:3000] for text in found)]


def native(folder: Path) -> SentenceTransformer:
    return SentenceTransformer(str(folder), trust_remote_code=True, device="cpu")


@pytest.mark.parametrize("pooling", POOLINGS)
def test_vectors_are_those_of_the_model(tmp_path: Path, pooling: str) -> None:
    model = StaticEmbedder.load(pooling=pooling)  # type: ignore[arg-type]
    model.save(tmp_path / "saved", native=True)
    other = native(tmp_path / "saved")
    whole = normalized(model.encode(texts()))
    np.testing.assert_allclose(other.encode(texts(), normalize_embeddings=True), whole, atol=1e-6, rtol=0)
    for dim in (512, 256, 128, 64, 32):
        cut = other.encode(texts(), truncate_dim=dim, normalize_embeddings=True)
        np.testing.assert_allclose(cut, model.encode(texts(), dim, normalize=True), atol=1e-6, rtol=0)


def test_without_it_the_vectors_are_others(tmp_path: Path) -> None:
    model = StaticEmbedder.load()
    model.save(tmp_path / "saved")
    mean = SentenceTransformer(str(tmp_path / "saved"), device="cpu").encode(texts(), normalize_embeddings=True)
    assert np.abs(mean - normalized(model.encode(texts()))).max() > 0.01


def test_a_normalize_module_and_a_prompt_are_followed(tmp_path: Path, toy_model: Path) -> None:
    write_model(tmp_path / "model", replace(read_model(toy_model), pooling="even", normalize=True))
    model = StaticEmbedder.load(tmp_path / "model")
    model.save(tmp_path / "saved", native=True)
    other = native(tmp_path / "saved")
    np.testing.assert_allclose(other.encode(texts(), truncate_dim=8), model.encode(texts(), 8), atol=1e-6)
    np.testing.assert_allclose(other.encode(["cat"], prompt="猫が"), model.encode(["猫がcat"]), atol=1e-6)


def test_what_either_side_saved_the_other_reads(tmp_path: Path, toy_model: Path) -> None:
    model = StaticEmbedder.load(toy_model, pooling="even")
    model.save(tmp_path / "ours", native=True)
    np.testing.assert_array_equal(StaticEmbedder.load(tmp_path / "ours").encode(texts()), model.encode(texts()))
    native(tmp_path / "ours").save(str(tmp_path / "theirs"))
    np.testing.assert_allclose(native(tmp_path / "theirs").encode(texts()), model.encode(texts()), atol=1e-6)
    np.testing.assert_array_equal(StaticEmbedder.load(tmp_path / "theirs").encode(texts()), model.encode(texts()))


def test_saving_again_without_it_leaves_none_of_it(tmp_path: Path, toy_model: Path) -> None:
    model = StaticEmbedder.load(toy_model, pooling="even")
    model.save(tmp_path, native=True)
    model.save(tmp_path)
    assert not (tmp_path / "sakuin_embedding.py").exists()
    assert "sakuin_embedding" not in json.dumps(json.loads((tmp_path / "modules.json").read_text(encoding="utf-8")))
