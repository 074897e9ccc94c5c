"""A static embedding model with sakuin's pooling, as a module of sentence-transformers.

This file stands in the folder of a model that `StaticEmbedder.save(native=True)` wrote, and needs nothing but what
sentence-transformers needs. `SentenceTransformer(folder, trust_remote_code=True)` gives the vectors of sakuin: its
arithmetic is repeated here, step by step. A distinct token of a text weighs, by the pooling that sakuin.json names:

- "mean": the number of its occurrences;
- "damped": the square root of that;
- "lead": the same, and half as much again for what is among the text's first 16 tokens;
- "even": the same, and the less, the more its row points the way of the sum of the text's other rows.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

LEAD_TOKENS, LEAD_WEIGHT = 16, 1.5
DIRECTION_DIMENSIONS, DIRECTION_LENGTH = 64, 127
WEIGHT_UNITS, SUM_UNITS = 2**16, 8191
FEW_TOKENS = 4
POOLINGS = ("mean", "damped", "lead", "even")


class SakuinEmbedding(nn.Module):
    """A table of token vectors, and the weighted sums of its rows."""

    save_in_root = True
    max_seq_length = float("inf")

    def __init__(self, tokenizer: Tokenizer, table: Tensor, pooling: str) -> None:
        """Prefer `load`.

        Args:
            tokenizer: Gives the numbers of rows.
            table: float32 (rows, dimension).
            pooling: One of `POOLINGS`.
        """
        if pooling not in POOLINGS:
            raise ValueError(f"Unknown pooling {pooling!r}: this file knows {', '.join(POOLINGS)}.")
        super().__init__()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.embedding = nn.EmbeddingBag.from_pretrained(table, freeze=False, mode="sum")

    @staticmethod
    def load(folder: str) -> "SakuinEmbedding":
        """The model of a folder that sakuin wrote."""
        path = Path(folder)
        pooling = json.loads((path / "sakuin.json").read_text(encoding="utf-8"))["pooling"]
        table = load_file(path / "model.safetensors")["embedding.weight"]
        return SakuinEmbedding(Tokenizer.from_file(str(path / "tokenizer.json")), table, pooling)

    def save(self, folder: str, *_: Any, **__: Any) -> None:
        """Write the model; the rest of its folder, this file too, is sentence-transformers' to write."""
        path = Path(folder)
        save_file({"embedding.weight": self.embedding.weight.detach().cpu().contiguous()}, path / "model.safetensors")
        self.tokenizer.save(str(path / "tokenizer.json"))
        (path / "sakuin.json").write_text(json.dumps({"pooling": self.pooling, "normalize": False}), encoding="utf-8")

    def get_embedding_dimension(self) -> int:
        """How many dimensions a vector has that is not truncated."""
        return int(self.embedding.embedding_dim)

    def get_sentence_embedding_dimension(self) -> int:
        """The same, by the name that versions before 6 use."""
        return self.get_embedding_dimension()

    def preprocess(self, inputs: list[str], prompt: str | None = None, **_: Any) -> dict[str, Tensor]:
        """Token ids of texts end to end, and where each text begins: both int64, shape (tokens,) and (texts,)."""
        texts = [(prompt or "") + text for text in inputs]
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(texts, add_special_tokens=False)]
        lengths = torch.tensor([len(ids) for ids in rows], dtype=torch.long)
        ids = torch.tensor([one for ids in rows for one in ids], dtype=torch.long)
        return {"input_ids": ids, "offsets": lengths.cumsum(0) - lengths}

    def tokenize(self, texts: list[str], **_: Any) -> dict[str, Tensor]:
        """The same, by the name that versions before 6 use: int64, shape (tokens,) and (texts,)."""
        return self.preprocess(texts)

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Add "sentence_embedding", float32 (texts, dimension), to the features."""
        table = self.embedding.weight
        # On the CPU, in float64 where sakuin has it: what is done for each number of a vector is the sum alone.
        ids, offsets, texts, weights = self.bags(features["input_ids"].cpu(), features["offsets"].cpu())
        if self.pooling == "even":
            prefixes = table.detach()[ids.to(table.device), :DIRECTION_DIMENSIONS].cpu()
            weights = evened(weights, directions(prefixes), texts, len(offsets))
        features["sentence_embedding"] = self.embedding(
            ids.to(table.device), offsets.to(table.device), weights.to(table.device, table.dtype)
        )
        return features

    def bags(self, ids: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Each text's distinct tokens.

        Args:
            ids: int64 (tokens,), of all texts end to end.
            offsets: int64 (texts,), where each text begins.

        Returns:
            Ids, int64 (entries,); where each text's begin, int64 (texts,); the text of each, int64 (entries,); and
            what each weighs, float32 (entries,), adding up to 1 within a text.
        """
        lengths = torch.diff(offsets, append=torch.tensor([len(ids)]))
        text = torch.repeat_interleave(torch.arange(len(offsets)), lengths)
        rows = self.embedding.num_embeddings
        keys, place, counts = torch.unique(text * rows + ids, return_inverse=True, return_counts=True)
        weights = counts.float()
        if self.pooling != "mean":
            weights = weights.sqrt()
        if self.pooling in ("lead", "even"):
            leads = (torch.arange(len(ids)) - offsets[text] < LEAD_TOKENS).float()
            weights += (LEAD_WEIGHT - 1) * torch.zeros(len(keys)).index_add_(0, place, leads) / weights
        texts = keys // rows
        sums = torch.zeros(len(offsets), dtype=torch.float64).index_add_(0, texts, weights.double())
        weights = (weights.double() / sums[texts]).float()
        return keys % rows, torch.searchsorted(texts, torch.arange(len(offsets))), texts, weights


def directions(prefixes: Tensor) -> Tensor:
    """The directions of rows in whole numbers, float32 of the shape of ``prefixes`` (n, d); of zero rows zeros."""
    prefixes = prefixes.double()
    lengths = prefixes.square().sum(1, keepdim=True).sqrt()
    lengths[lengths == 0] = 1
    return (prefixes * (DIRECTION_LENGTH / lengths)).round().float()


def evened(weights: Tensor, rows: Tensor, texts: Tensor, count: int) -> Tensor:
    """Weights that fall with the cosine of a token's direction and the sum of the directions of its text's others.

    Args:
        weights: float32 (entries,).
        rows: float32 (entries, d), the directions of their tokens.
        texts: int64 (entries,), the text of each.
        count: How many texts there are.

    Returns:
        float32, shape (entries,), adding up to 1 within a text.
    """
    squares = rows.square().sum(1)
    counted = (weights * WEIGHT_UNITS).round()
    whole = torch.zeros(count, rows.shape[1]).index_add_(0, texts, rows * counted[:, None])
    unit = whole.abs().amax(1) / SUM_UNITS
    unit[unit == 0] = 1
    whole = (whole / unit[:, None]).round()
    length = (whole.double().square().sum(1).float() * unit * unit)[texts]
    product = (rows * whole[texts]).sum(1) * unit[texts]
    own = counted * squares
    others = torch.maximum(length - counted * (2 * product - own), 1e-4 * length) * squares
    others[others == 0] = 1
    agreement = ((product - own) / others.sqrt()).clamp(0, 1)
    tokens = torch.bincount(texts, minlength=count).double()
    agreement *= (tokens / (tokens + FEW_TOKENS)).float()[texts]
    weights = weights * (1 - agreement)
    sums = torch.zeros(count, dtype=torch.float64).index_add_(0, texts, weights.double()).float()
    return weights / sums[texts]
