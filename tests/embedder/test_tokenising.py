"""Token ids: the fast tokenizer must give those of the exact one, or not be used."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from sakuin.embedder import tokenising
from sakuin.embedder.core import native
from sakuin.embedder.folder import DEFAULT_FOLDER
from sakuin.embedder.pooling import make_bags
from sakuin.embedder.tokenising import PROVEN_FROM, FlatTokenizer
from sakuin.embedder.unigram import compiled_tokenizer

PACKAGED = DEFAULT_FOLDER / "tokenizer.json"


def test_a_tokenizer_whose_ids_differ_is_not_trusted(
    tmp_path: Path, toy_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_tokenizer.save(str(tmp_path / "tokenizer.json"))
    flat = FlatTokenizer(tmp_path / "tokenizer.json")
    monkeypatch.setattr(tokenising, "compiled_tokenizer", lambda path: compiled_tokenizer(PACKAGED))
    assert flat.compiled(PROVEN_FROM) is None
    ids, lengths = flat.encode(["cat"] * PROVEN_FROM)
    expected = toy_tokenizer.encode("cat", add_special_tokens=False).ids
    assert ids.tolist() == expected * PROVEN_FROM
    assert lengths.tolist() == [len(expected)] * PROVEN_FROM


@pytest.mark.skipif(native is None, reason="the compiled core was not built: is there a C compiler?")
def test_the_packaged_tokenizer_is_compiled_for_one_text_and_another_for_many(
    tmp_path: Path, toy_tokenizer: Tokenizer
) -> None:
    assert FlatTokenizer(PACKAGED).compiled(1) is not None
    shutil.copy(PACKAGED, tmp_path / "tokenizer.json")
    assert FlatTokenizer(tmp_path / "tokenizer.json").compiled(1) is not None
    toy_tokenizer.save(str(tmp_path / "toy.json"))
    toy = FlatTokenizer(tmp_path / "toy.json")
    assert toy.compiled(1) is None
    assert toy.compiled(PROVEN_FROM) is not None
    assert toy.compiled(1) is not None


def test_a_tokenizer_that_cuts_goes_on_cutting(tmp_path: Path, toy_tokenizer: Tokenizer) -> None:
    definition = json.loads(toy_tokenizer.to_str())
    definition["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / "tokenizer.json").write_text(json.dumps(definition), encoding="utf-8")
    ids, lengths = FlatTokenizer(tmp_path / "tokenizer.json").encode(["a b c a b c"] * PROVEN_FROM)
    assert set(lengths.tolist()) == {2}
    assert len(ids) == 2 * PROVEN_FROM


@pytest.mark.parametrize("pooling", ["mean", "damped", "lead", "even"])
@given(texts=st.lists(st.lists(st.sampled_from([0, 1, 2, 3, 5, 32_767, 70_000]), max_size=40), max_size=12))
def test_bags_weigh_each_distinct_token(pooling: str, texts: list[list[int]]) -> None:
    ids = np.array([i for text in texts for i in text], np.int64)
    bags = make_bags(ids, np.array([len(text) for text in texts], np.int64), pooling=pooling)  # type: ignore[arg-type]
    assert len(bags) == len(texts)
    for i, text in enumerate(texts):
        part = slice(bags.offsets[i], bags.offsets[i + 1])
        values, counts = np.unique(np.array(text, np.int64), return_counts=True)
        weights = counts if pooling == "mean" else np.sqrt(counts)
        if pooling in ("lead", "even"):
            early = np.array([text[:16].count(value) for value in values])
            weights = (counts + early / 2) / weights
        assert bags.ids[part].tolist() == values.tolist()
        np.testing.assert_allclose(bags.weights[part], weights / max(weights.sum(), 1), rtol=1e-6)
