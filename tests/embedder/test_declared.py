"""Models that others saved: what their files say is followed, or refused by its name, and never called damage."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sakuin.embedder import ModelError, StaticEmbedder
from sakuin.embedder.folder import read_model, write_model

TEXTS = ["猫が好きです。", "the cat sat on the mat the the the", "", "会社を休む。会社を休む。"]


@pytest.fixture
def folder(tmp_path: Path, toy_model: Path) -> Path:
    """A model that may be changed."""
    StaticEmbedder.load(toy_model).save(tmp_path / "model")
    return tmp_path / "model"


def reference(folder: Path, dim: int | None = None) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    vectors: np.ndarray = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, truncate_dim=dim)
    return vectors


def declare(folder: Path, **settings: object) -> None:
    """Change config_sentence_transformers.json."""
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | settings), encoding="utf-8")


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("dim", [16, 64, 500])
def test_vectors_are_cut_as_the_model_says(folder: Path, tmp_path: Path, normalize: bool, dim: int) -> None:
    write_model(folder, replace(read_model(folder), normalize=normalize))
    whole = StaticEmbedder.load(folder).fingerprint
    declare(folder, truncate_dim=dim)
    model = StaticEmbedder.load(folder)
    assert model.dimension == min(dim, 64)
    assert (model.fingerprint == whole) == (dim >= 64)
    np.testing.assert_allclose(model.encode(TEXTS), reference(folder), atol=1e-6)
    np.testing.assert_allclose(model.encode(TEXTS, truncate_dim=8), reference(folder, 8), atol=1e-6)
    with pytest.raises(ModelError, match=f"1 to {min(dim, 64)}"):
        model.encode(TEXTS, truncate_dim=65)
    model.save(tmp_path / "saved")
    np.testing.assert_allclose(reference(tmp_path / "saved"), model.encode(TEXTS), atol=1e-6)
    np.testing.assert_array_equal(StaticEmbedder.load(tmp_path / "saved").encode(TEXTS), model.encode(TEXTS))


def test_a_cut_model_keeps_what_its_pooling_reads(folder: Path, tmp_path: Path) -> None:
    declare(folder, truncate_dim=16)
    model = StaticEmbedder.load(folder, pooling="even")
    model.save(tmp_path / "saved")
    np.testing.assert_array_equal(StaticEmbedder.load(tmp_path / "saved").encode(TEXTS), model.encode(TEXTS))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.float16])
def test_tables_of_every_width_of_float_are_read(folder: Path, dtype: torch.dtype) -> None:
    path = folder / "model.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, path)
    expected = load_file(path)["embedding.weight"].float().numpy()
    np.testing.assert_array_equal(read_model(folder).table.prefix(64), expected)


def test_model2vec_weights_in_bfloat16_are_read(folder: Path) -> None:
    path = folder / "model.safetensors"
    rows = load_file(path)["embedding.weight"]
    weights = torch.linspace(0.5, 2, len(rows)).bfloat16()
    mapping = torch.arange(len(rows)).flip(0).to(torch.int16)
    save_file({"embeddings": rows, "weights": weights, "mapping": mapping}, path)
    expected = rows.flip(0) * weights.float()[:, None]
    np.testing.assert_array_equal(read_model(folder).table.prefix(64), expected.numpy())


def test_a_folder_of_model2vec_alone_is_normalised_as_it_says(folder: Path) -> None:
    plain = StaticEmbedder.load(folder).encode(TEXTS)
    for name in ("modules.json", "config_sentence_transformers.json", "sakuin.json"):
        (folder / name).unlink()
    (folder / "config.json").write_text('{"model_type": "model2vec", "normalize": true}', encoding="utf-8")
    expected = plain / np.maximum(np.linalg.norm(plain, axis=1, keepdims=True), 1e-12)
    np.testing.assert_allclose(StaticEmbedder.load(folder).encode(TEXTS), expected, atol=1e-6)


def test_what_stands_beside_the_table_is_passed_over(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    more = {"scalar": torch.tensor(1.0), "empty": torch.zeros(0, 3), "flags": torch.ones(3, dtype=torch.bool)}
    save_file(tensors | more, path)
    np.testing.assert_array_equal(read_model(folder).table.prefix(64), tensors["embedding.weight"].numpy())


def test_a_table_of_another_type_is_named_and_not_called_damaged(folder: Path) -> None:
    path = folder / "model.safetensors"
    save_file({name: tensor.to(torch.float8_e4m3fn) for name, tensor in load_file(path).items()}, path)
    with pytest.raises(ModelError, match="F8_E4M3; tables of F32") as refused:
        StaticEmbedder.load(folder)
    assert "damaged" not in str(refused.value)


def test_dropout_is_passed_over(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dropout

    model = SentenceTransformer(str(folder), device="cpu")
    model.append(Dropout(0.5))
    model.save(str(folder / "saved"))
    np.testing.assert_allclose(StaticEmbedder.load(folder / "saved").encode(TEXTS), reference(folder), atol=1e-6)


def test_a_pickle_is_refused_as_one(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    for name in ("modules.json", "sakuin.json"):
        with pytest.raises(ModelError, match="a pickle can run any code"):
            StaticEmbedder.load(folder)
        (folder / name).unlink()


def test_settings_that_ask_for_nothing_are_no_obstacle(folder: Path) -> None:
    declare(folder, prompts={"query": "", "document": ""}, default_prompt_name=None, similarity_fn_name=None)
    assert StaticEmbedder.load(folder).dimension == 64
    declare(folder, default_prompt_name="query")
    assert StaticEmbedder.load(folder).dimension == 64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prompts": {"query": "query: "}, "default_prompt_name": "query"}, "puts a prompt before texts"),
        ({"prompts": {"query": "query: "}}, r"\(query: 'query: '\)"),
        ({"prompts": ["query: "]}, "should name texts"),
        ({"default_prompt_name": "query"}, "not among the prompts"),
        ({"similarity_fn_name": "dot"}, "compared by dot"),
        ({"similarity_fn_name": "euclidean"}, "compared by euclidean"),
        ({"truncate_dim": 0}, "truncate_dim is 0"),
        ({"truncate_dim": "64"}, "truncate_dim is '64'"),
    ],
)
def test_what_is_not_followed_is_refused_by_name(folder: Path, settings: dict[str, object], message: str) -> None:
    declare(folder, **settings)
    with pytest.raises(ModelError, match=message):
        StaticEmbedder.load(folder)


def test_inner_products_of_whole_normalised_vectors_are_cosines(folder: Path) -> None:
    write_model(folder, replace(read_model(folder), normalize=True))
    declare(folder, similarity_fn_name="dot")
    assert StaticEmbedder.load(folder).dimension == 64
    declare(folder, truncate_dim=16)
    with pytest.raises(ModelError, match="compared by dot"):
        StaticEmbedder.load(folder)


STATIC = {"type": "sentence_transformers.models.StaticEmbedding", "path": "."}
NORMALIZE = {"type": "sentence_transformers.models.Normalize", "path": "1_Normalize"}


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([], "names no StaticEmbedding"),
        ([STATIC, {"type": "sentence_transformers.models.Dense", "path": "1_Dense"}], "has the module Dense"),
        ([STATIC, STATIC], "one StaticEmbedding module"),
        ([NORMALIZE, STATIC], "has the module Normalize"),
        ([{"type": "other.StaticEmbedding", "path": "."}], r"has the module other\.StaticEmbedding"),
        ([STATIC, NORMALIZE | {"path": "../elsewhere"}], "points outside"),
        ([STATIC, NORMALIZE], "from token_embeddings to token_embeddings"),
        ({"type": "x"}, "a list was expected"),
    ],
)
def test_modules_that_are_not_followed_are_refused(folder: Path, modules: object, message: str) -> None:
    (folder / "1_Normalize").mkdir()
    (folder / "1_Normalize" / "config.json").write_text('{"module_input_name": "token_embeddings"}', encoding="utf-8")
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        StaticEmbedder.load(folder)
