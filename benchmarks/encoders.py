"""What makes vectors of the same table: sakuin, sentence-transformers and model2vec, with the settings they have.

sentence-transformers can run a transformer by ONNX Runtime or OpenVINO (``backend="onnx"``, ``"openvino"``), but no
StaticEmbedding: whatever the backend, that module is loaded and run by PyTorch, so there is nothing to try.
"""

import os
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.contest import Contestant, Encode, Setting
from sakuin.embedder.pooling import Pooling

BATCHES = (256, 1024, 4096)
CORES = os.cpu_count() or 1
# By what files call them.
POOLINGS: dict[Pooling, str] = {"even": "democratic", "damped": "sqrt"}


def sakuin(model: str | None, pooling: Pooling, dim: int) -> Contestant:
    """Ours, with the model's own pooling or another; there is nothing to set."""
    name = POOLINGS.get(pooling, pooling)
    return Contestant(f"sakuin, {name} pooling", version("sakuin"), partial(_sakuin, model, pooling, dim), {})


def sentence_transformers(folder: Path, dim: int) -> Contestant:
    """A model folder as sentence-transformers runs it: batches, threads, and processes of its own."""
    others: list[Setting] = [{"batch_size": size} for size in BATCHES]
    others += [{"batch_size": size, "threads": 1} for size in BATCHES]
    others += [{"batch_size": BATCHES[-1], "threads": 1, "processes": CORES}]
    load = partial(_sentence_transformers, folder, dim)
    # Batches of 32 are what `encode` takes where nothing is said, and threads as many as there are cores.
    return Contestant(
        "sentence-transformers", version("sentence-transformers"), load, {"batch_size": 32}, tuple(others)
    )


def model2vec(folder: Path, dim: int) -> Contestant:
    """The same folder as model2vec runs it: batches, and batches side by side in threads."""
    others: list[Setting] = [{"batch_size": size} for size in BATCHES if size != 1024]
    others += [{"batch_size": size, "threads": CORES} for size in BATCHES]
    return Contestant(
        "model2vec", version("model2vec"), partial(_model2vec, folder, dim), {"batch_size": 1024}, tuple(others)
    )


def _sakuin(model: str | None, pooling: Pooling, dim: int) -> Encode:
    from sakuin.embedder import StaticEmbedder

    return partial(StaticEmbedder.load(model, pooling=pooling).encode, truncate_dim=dim)


def _sentence_transformers(folder: Path, dim: int) -> Encode:
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    pools: dict[int, Any] = {}

    def encode(texts: Sequence[str], batch_size: int, threads: int = CORES, processes: int = 1) -> Any:
        torch.set_num_threads(threads)
        if processes == 1:
            return model.encode(texts, batch_size=batch_size, truncate_dim=dim)
        if processes not in pools:
            # Its processes take the number of threads from here.
            os.environ["OMP_NUM_THREADS"] = str(threads)
            pools[processes] = model.start_multi_process_pool(["cpu"] * processes)
        share = -(-len(texts) // processes)
        return model.encode(texts, batch_size=batch_size, truncate_dim=dim, pool=pools[processes], chunk_size=share)

    return encode


def _model2vec(folder: Path, dim: int) -> Encode:
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(folder, dimensionality=dim, max_length=None, force_download=False)

    def encode(texts: Sequence[str], batch_size: int, threads: int = 1) -> Any:
        # Batches side by side make it switch off the tokenizer's own threads, for the rest of the process.
        os.environ["TOKENIZERS_PARALLELISM"] = "true"
        return model.encode(texts, batch_size=batch_size, use_multiprocessing=threads > 1, multiprocessing_threshold=0)

    return encode
