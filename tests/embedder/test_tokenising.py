"""Token ids: the fast tokenizer must give those of the exact one, or not be used."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, normalizers

from sakuin.embedder.folder import DEFAULT_FOLDER
from sakuin.embedder.pooling import make_bags
from sakuin.embedder.tokenising import FAST_FROM, FlatTokenizer

PACKAGED = FlatTokenizer(DEFAULT_FOLDER / "tokenizer.json")


def test_the_packaged_tokenizer_takes_the_fast_path() -> None:
    assert PACKAGED.fast is not None


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_fast_and_exact_ids_agree(text: str) -> None:
    assert PACKAGED.fast is not None
    ids, _ = PACKAGED._encode_fast(PACKAGED.fast, [text])
    assert ids.tolist() == PACKAGED.exact.encode(text, add_special_tokens=False).ids


@settings(max_examples=300, deadline=None)
@given(st.text("あいうがぎ゛゜ァアーｱｶﾞﾊﾟ漢字國々〆ヶＡａA1①㈱ﬁé\u3099\u0301 \u3000\n.,。、「」▁", max_size=60))
def test_fast_and_exact_ids_agree_on_japanese(text: str) -> None:
    assert PACKAGED.fast is not None
    ids, _ = PACKAGED._encode_fast(PACKAGED.fast, [text])
    assert ids.tolist() == PACKAGED.exact.encode(text, add_special_tokens=False).ids


def test_a_normaliser_the_fast_tokenizer_skips_is_not_trusted(tmp_path: Path, toy_tokenizer: Tokenizer) -> None:
    changed = Tokenizer.from_str(toy_tokenizer.to_str())
    changed.normalizer = normalizers.NFKC()
    changed.save(str(tmp_path / "tokenizer.json"))
    flat = FlatTokenizer(tmp_path / "tokenizer.json")
    assert flat.fast is None
    ids, lengths = flat.encode(["ＣＡＴ"] * FAST_FROM)
    expected = changed.encode("ＣＡＴ", add_special_tokens=False).ids
    assert ids.tolist() == expected * FAST_FROM
    assert lengths.tolist() == [len(expected)] * FAST_FROM


def test_a_tokenizer_that_cuts_goes_on_cutting(tmp_path: Path, toy_tokenizer: Tokenizer) -> None:
    definition = json.loads(toy_tokenizer.to_str())
    definition["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / "tokenizer.json").write_text(json.dumps(definition), encoding="utf-8")
    ids, lengths = FlatTokenizer(tmp_path / "tokenizer.json").encode(["a b c a b c"] * FAST_FROM)
    assert set(lengths.tolist()) == {2}
    assert len(ids) == 2 * FAST_FROM


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
