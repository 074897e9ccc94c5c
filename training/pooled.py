"""Vectors of weighted bags of tokens, and the way back from their gradients to the table's."""

import numpy as np
import torch

from embedder.pooling import Bags


def pool(table: torch.Tensor, bags: Bags) -> torch.Tensor:
    """Vectors (texts, width) of bags."""
    return torch.nn.functional.embedding_bag(
        torch.from_numpy(bags.ids).to(table.device),
        table,
        torch.from_numpy(bags.offsets).to(table.device),
        mode="sum",
        per_sample_weights=torch.from_numpy(bags.weights).to(table.device),
        include_last_offset=True,
    )


def spread(gradient: torch.Tensor, bags: Bags, of_vectors: torch.Tensor) -> None:
    """Add the gradient of bags' vectors to that of the table: `pool` turned round.

    A sum over entries with the same token is a bag of texts, so the same fast routine does it.
    """
    order = np.argsort(bags.ids, kind="stable")
    texts = np.repeat(np.arange(len(bags)), np.diff(bags.offsets))[order]
    tokens, starts = np.unique(bags.ids[order], return_index=True)
    turned = Bags(texts, bags.weights[order], np.append(starts, len(texts)))
    gradient[torch.from_numpy(tokens).to(gradient.device)] += pool(of_vectors, turned)
