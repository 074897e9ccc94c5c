"""The way back from the gradients of texts' vectors to the table's."""

import numpy as np
import torch

from sakuin.embedder.pooling import Bags, pool


def add_table_gradient(gradient: torch.Tensor, bags: Bags, of_vectors: torch.Tensor) -> None:
    """Add the gradient of texts' vectors to that of the table: the transpose of `pool`.

    A sum over entries with the same token is a bag of texts, so the same fast routine does it.

    Args:
        gradient: float32 (vocabulary, width), changed in place.
        bags: The texts.
        of_vectors: float32 (texts, width).
    """
    order = np.argsort(bags.ids, kind="stable")
    texts = np.repeat(np.arange(len(bags)), np.diff(bags.offsets))[order]
    tokens, starts = np.unique(bags.ids[order], return_index=True)
    transposed = Bags(texts, bags.weights[order], np.append(starts, len(texts)))
    gradient[torch.from_numpy(tokens).to(gradient.device)] += pool(of_vectors, transposed)
