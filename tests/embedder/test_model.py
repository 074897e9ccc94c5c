"""The encoder against sentence-transformers, and on texts nobody expects."""

import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from hypothesis import given, settings
from hypothesis import strategies as st

from sakuin.embedder import ModelError, StaticEmbedder
from sakuin.embedder.folder import ModelFiles, read_model, write_model
from sakuin.embedder.table import Table
from sakuin.embedder.tokenising import PROVEN_FROM

TEXTS = [
    "猫が好きです。",
    "the cat sat on the mat the the the",
    "会社を休む。会社を休む。",
    "",
    " ",
    "ＡＢＣ ㈱ ﾊﾝｶｸ",
    "😀👩‍👩‍👧‍👦 Привет שלום",
    "line\nline\x00\x07",
    # Longer repeats differ by more than 1e-5: there sentence-transformers adds up thousands of float32 rows.
    "abc" * 30,
]

PACKAGED = StaticEmbedder.load()


def reference(folder: Path, texts: list[str]) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    vectors: np.ndarray = SentenceTransformer(str(folder), device="cpu").encode(texts)
    return vectors


def test_vectors_agree_with_sentence_transformers(toy_model: Path) -> None:
    ours = StaticEmbedder.load(toy_model).encode(TEXTS)
    np.testing.assert_allclose(ours, reference(toy_model, TEXTS), atol=1e-5)


def test_packaged_model_agrees_with_sentence_transformers_under_mean_pooling(tmp_path: Path) -> None:
    StaticEmbedder.load().save(tmp_path / "saved")
    ours = StaticEmbedder.load(pooling="mean").encode(TEXTS)
    np.testing.assert_allclose(ours, reference(tmp_path / "saved", TEXTS), atol=1e-5)
    np.testing.assert_allclose(StaticEmbedder.load(tmp_path / "saved", pooling="mean").encode(TEXTS), ours, atol=1e-5)


def test_loads_what_sentence_transformers_saves(tmp_path: Path, toy_model: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize

    model = SentenceTransformer(str(toy_model), device="cpu")
    model.save(str(tmp_path / "plain"))
    np.testing.assert_allclose(StaticEmbedder.load(tmp_path / "plain").encode(TEXTS), model.encode(TEXTS), atol=1e-5)
    model.append(Normalize())
    model.save(str(tmp_path / "normalised"))
    ours = StaticEmbedder.load(tmp_path / "normalised").encode(TEXTS)
    np.testing.assert_allclose(ours, model.encode(TEXTS), atol=1e-5)


def test_one_query_imports_neither_torch_nor_sentence_transformers() -> None:
    code = (
        "import sys; from sakuin.embedder import StaticEmbedder\n"
        "StaticEmbedder.load().encode(['猫'], truncate_dim=64)\n"
        "assert not {'torch', 'sentence_transformers', 'transformers'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_damped_pooling_counts_a_token_as_the_root_of_its_occurrences(toy_model: Path) -> None:
    model = StaticEmbedder.load(toy_model, pooling="damped")
    cat, mat = model.encode(["▁cat"])[0], model.encode(["▁mat"])[0]
    three_to_one = model.encode(["cat cat cat cat mat"])[0]
    np.testing.assert_allclose(three_to_one, (2 * cat + mat) / 3, atol=1e-6)


def test_order_does_not_matter_and_batches_do_not_leak(toy_model: Path) -> None:
    model = StaticEmbedder.load(toy_model)
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(["猫", "会社", "cat ", "の"], 5)) for _ in range(20_000)]
    vectors = model.encode(texts)
    for i in (0, 8191, 8192, 16384, 19_999):
        np.testing.assert_allclose(vectors[i], model.encode([texts[i]])[0], atol=1e-5)


def test_truncated_vectors_are_prefixes_and_normalised_on_demand() -> None:
    model = StaticEmbedder.load()
    full, cut = model.encode(TEXTS), model.encode(TEXTS, truncate_dim=64, normalize=True)
    assert cut.shape == (len(TEXTS), 64)
    assert cut.dtype == np.float32
    prefix = full[:, :64]
    lengths = np.linalg.norm(prefix, axis=1, keepdims=True)
    np.testing.assert_allclose(cut, np.divide(prefix, lengths, where=lengths > 0, out=np.zeros_like(prefix)), atol=1e-5)


def test_similarity_is_cosine() -> None:
    model = StaticEmbedder.load()
    vectors = model.encode(["猫", "犬", ""])
    scores = model.similarity(vectors, vectors)
    np.testing.assert_allclose(np.diag(scores), [1, 1, 0], atol=1e-5)
    assert scores[0, 1] == pytest.approx(scores[1, 0])


@settings(max_examples=200)
@given(st.lists(st.text(st.characters(), max_size=200), max_size=5))
def test_any_text_gives_finite_vectors(texts: list[str]) -> None:
    vectors = PACKAGED.encode(texts, truncate_dim=32)
    assert vectors.shape == (len(texts), 32)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("text", ["あ" * 400_000, "word " * 200_000, "x" * 1_000_000, "\ud800broken\udfff", "\x00"])
def test_extreme_texts(text: str) -> None:
    model = StaticEmbedder.load()
    few, many = model.encode([text]), model.encode([text] * 300 if len(text) < 100 else [text, *["x"] * 300])
    assert np.isfinite(few).all()
    np.testing.assert_allclose(many[0], few[0], atol=1e-4)


@pytest.mark.parametrize("texts", ["a string", [None], ["ok", 3], [b"bytes"]])
def test_what_is_not_a_list_of_strings_is_refused(texts: object) -> None:
    with pytest.raises(ModelError, match="list of"):
        StaticEmbedder.load().encode(texts)  # type: ignore[arg-type]


@pytest.mark.parametrize("dim", [0, -1, 5000])
def test_impossible_dimensions_are_refused(dim: int) -> None:
    with pytest.raises(ModelError, match="1 to"):
        StaticEmbedder.load().encode(["a"], truncate_dim=dim)


def test_a_model_in_use_is_not_loaded_again(toy_model: Path, tmp_path: Path) -> None:
    packaged, toy = StaticEmbedder.load(), StaticEmbedder.load(toy_model)
    assert StaticEmbedder.load() is packaged
    assert StaticEmbedder.load(str(toy_model)) is toy
    assert StaticEmbedder.load(toy_model, pooling="lead") is not toy


def test_a_model_whose_files_have_changed_is_another(toy_model: Path, tmp_path: Path) -> None:
    StaticEmbedder.load(toy_model).save(tmp_path)
    before = StaticEmbedder.load(tmp_path)
    files = read_model(tmp_path)
    write_model(tmp_path, replace(files, table=Table(2 * files.table.prefix(files.table.dimension))))
    after = StaticEmbedder.load(tmp_path)
    np.testing.assert_allclose(after.encode(["cat"]), 2 * before.encode(["cat"]), rtol=1e-6)
    assert after.fingerprint != before.fingerprint


def test_a_model_that_nobody_uses_is_let_go(toy_model: Path) -> None:
    model = StaticEmbedder.load(toy_model, pooling="lead")
    model.encode(["cat"] * PROVEN_FROM)
    gone = weakref.ref(model)
    del model
    assert gone() is None


def test_fingerprint_tells_models_apart(tmp_path: Path, toy_model: Path) -> None:
    one = StaticEmbedder.load(toy_model)
    one.save(tmp_path / "copy")
    assert StaticEmbedder.load(tmp_path / "copy").fingerprint == one.fingerprint
    assert StaticEmbedder.load(toy_model, pooling="damped").fingerprint != one.fingerprint
    table = Table(np.zeros((len(one._files.table), 64), np.float32))
    write_model(tmp_path / "other", ModelFiles(table, one._files.tokenizer, "mean", normalize=False))
    assert StaticEmbedder.load(tmp_path / "other").fingerprint != one.fingerprint


def test_save_keeps_the_pooling_and_may_overwrite_its_own_folder(tmp_path: Path, toy_model: Path) -> None:
    StaticEmbedder.load(toy_model, pooling="damped").save(tmp_path)
    again = StaticEmbedder.load(tmp_path)
    before = again.encode(TEXTS)
    again.save(tmp_path)
    assert StaticEmbedder.load(tmp_path).pooling == "damped"
    np.testing.assert_array_equal(StaticEmbedder.load(tmp_path).encode(TEXTS), before)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_narrow_tables(tmp_path: Path, toy_model: Path, dtype: str) -> None:
    full = StaticEmbedder.load(toy_model)
    table = full._files.table
    narrow = table.as_int8() if dtype == "int8" else Table(table.values.astype(np.float16))
    write_model(tmp_path, ModelFiles(narrow, full._files.tokenizer, "mean", normalize=False))
    np.testing.assert_allclose(StaticEmbedder.load(tmp_path).encode(TEXTS), full.encode(TEXTS), atol=0.02)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_tables_that_hold_no_numbers_are_refused(tmp_path: Path, toy_model: Path, dtype: str) -> None:
    files = read_model(toy_model)
    rows = files.table.prefix(files.table.dimension)
    table = Table(rows) if dtype == "float32" else files.table.as_int8()
    (rows if table.scale is None else table.scale)[:] = np.nan
    write_model(tmp_path / "broken", replace(files, table=table))
    with pytest.raises(ModelError, match="inf or NaN"):
        StaticEmbedder.load(tmp_path / "broken").encode(["cat"])


def test_no_such_model() -> None:
    with pytest.raises(ModelError, match="No model folder"):
        StaticEmbedder.load("./nowhere")
    with pytest.raises(ModelError, match="No model folder"):
        StaticEmbedder.load("not a name")


def test_hub_without_a_network_names_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="Without a network"):
        StaticEmbedder.load("nobody/no-such-model")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", b"\xff" * 100),
        ("model.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00" + b'{"a":{"b":1}}   '),
        ("modules.json", b"{"),
        ("modules.json", b'[{"type": "x.Transformer", "path": ""}]'),
        ("modules.json", b'[{"type": "x.StaticEmbedding", "path": "../.."}]'),
        ("sakuin.json", b'{"pooling": "max"}'),
        ("sakuin.json", b"[]"),
        ("tokenizer.json", b"{}"),
    ],
)
def test_damaged_folders_are_refused(tmp_path: Path, toy_model: Path, name: str, content: bytes) -> None:
    StaticEmbedder.load(toy_model).save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError):
        StaticEmbedder.load(tmp_path).encode(["a"])


def model2vec_folder(folder: Path, toy_model: Path, **tensors: np.ndarray) -> Path:
    """A model as model2vec writes it."""
    from safetensors.numpy import save_file

    StaticEmbedder.load(toy_model).save(folder)
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("parts", [("weights",), ("mapping",), ("mapping", "weights")])
def test_rows_that_tokens_share_and_weights_of_tokens(tmp_path: Path, toy_model: Path, parts: tuple[str, ...]) -> None:
    table = read_model(toy_model).table
    chance = np.random.default_rng(1)
    whole = table.prefix(table.dimension)
    beside = {
        "weights": chance.uniform(0.1, 2, len(table)),
        "mapping": chance.integers(0, 7, len(table)),
    }
    embeddings = whole[:7] if "mapping" in parts else whole
    folder = model2vec_folder(tmp_path, toy_model, embeddings=embeddings, **{part: beside[part] for part in parts})
    found = StaticEmbedder.load(folder).encode(TEXTS)
    np.testing.assert_allclose(found, reference(folder, TEXTS), atol=1e-5)
    assert not np.allclose(found, StaticEmbedder.load(toy_model).encode(TEXTS))


def test_int8_rows_of_model2vec_have_the_direction_they_should(tmp_path: Path, toy_model: Path) -> None:
    table = read_model(toy_model).table
    rows = table.prefix(table.dimension)
    folder = model2vec_folder(tmp_path, toy_model, embeddings=np.rint(rows / np.abs(rows).max() * 127).astype(np.int8))
    one, other = StaticEmbedder.load(folder), StaticEmbedder.load(toy_model)
    same = np.diag(one.similarity(one.encode(["猫が好きです。"]), other.encode(["猫が好きです。"])))
    assert same > 0.99


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("mapping", np.array([0, 99999]), "not there"),
        ("mapping", np.array([-1, 0]), "not there"),
        ("mapping", np.array([0.5, 1.0]), "no list of rows"),
        ("weights", np.array([1.0, 2.0]), "one number a token"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    tmp_path: Path, toy_model: Path, part: str, value: np.ndarray, message: str
) -> None:
    rows = read_model(toy_model).table.prefix(8)
    folder = model2vec_folder(tmp_path, toy_model, **{"embeddings": np.ascontiguousarray(rows), part: value})
    with pytest.raises(ModelError, match=message):
        StaticEmbedder.load(folder)


@pytest.mark.parametrize("normalize", [False, True])
def test_a_normalize_module_scales_before_vectors_are_truncated(
    tmp_path: Path, toy_model: Path, normalize: bool
) -> None:
    from sentence_transformers import SentenceTransformer

    write_model(tmp_path, replace(read_model(toy_model), normalize=True))
    model = SentenceTransformer(str(tmp_path), device="cpu")
    expected = model.encode(TEXTS, truncate_dim=8, normalize_embeddings=normalize)
    found = StaticEmbedder.load(tmp_path).encode(TEXTS, truncate_dim=8, normalize=normalize)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.flags.c_contiguous


def test_settings_may_begin_with_a_byte_order_mark(tmp_path: Path, toy_model: Path) -> None:
    StaticEmbedder.load(toy_model).save(tmp_path)
    for name in ("modules.json", "sakuin.json"):
        path = tmp_path / name
        path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    np.testing.assert_array_equal(
        StaticEmbedder.load(tmp_path).encode(TEXTS), StaticEmbedder.load(toy_model).encode(TEXTS)
    )


def test_a_model_that_was_fetched_once_asks_no_network_again(toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index whose manifest names a model of the hub is opened without a network, by the model's fingerprint."""
    asked = []

    def fetched(name: str, *, local_files_only: bool = False, **_: object) -> str:
        asked.append(local_files_only)
        if local_files_only and len(asked) == 1:
            raise LocalEntryNotFoundError("not here")
        return str(toy_model)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetched)
    first = StaticEmbedder.load("owner/name")
    assert asked == [True, False]
    assert StaticEmbedder.load("owner/name").fingerprint == first.fingerprint
    assert asked == [True, False, True]
