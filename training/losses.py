"""Contrastive loss at every Matryoshka dimension, computed once and re-cut.

MultipleNegativesRankingLoss (Henderson et al. 2017, arXiv:1705.00652): each query should be nearer to its own passage
than to every other passage of the batch. MatryoshkaLoss (Kusupati et al. 2022, arXiv:2205.13147) adds that loss up over
prefixes of the vectors. Dot products of a longer prefix extend those of a shorter one, and so do the gradients, so all
prefixes together cost one matrix product of the full width. Rows are processed in chunks: memory grows with the batch,
not with its square.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

# Rows a chunk: a (256, batch) block of scores stays in a core's caches.
CHUNK_ROWS = 256


def matryoshka_ranking_loss(
    queries: Tensor,
    passages: Tensor,
    dims: Sequence[int],
    scale: float = 20.0,
    product_type: torch.dtype = torch.float32,
) -> Tensor:
    """Sum over ``dims`` of the ranking loss of cosines between cut vectors.

    Equals sentence-transformers' ``MatryoshkaLoss(MultipleNegativesRankingLoss)`` with weights of 1.

    Args:
        queries: float32 (n, d).
        passages: float32 (m, d), m >= n; passage i answers query i, all others are its negatives.
        dims: Prefix lengths, each at most d.
        scale: Cosines are multiplied by this (the inverse of a temperature).
        product_type: Type in which matrix products are taken; bfloat16 is several times faster where the processor
            has it.

    Returns:
        A scalar, differentiable in both inputs.
    """
    loss: Tensor = _MatryoshkaRanking.apply(  # type: ignore[no-untyped-call]
        queries, passages, sorted(set(dims)), scale, product_type
    )
    return loss


class _MatryoshkaRanking(torch.autograd.Function):
    """Computes the loss and both gradients in one pass, chunk by chunk."""

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, passages: Tensor, dims: list[int], scale: float, product_type: torch.dtype
    ) -> Tensor:
        n = len(queries)
        lows = [0, *dims[:-1]]
        inverse_q = [inverse_norms(queries[:, :dim]) for dim in dims]
        inverse_p = [inverse_norms(passages[:, :dim]) for dim in dims]
        narrow_p = passages.to(product_type)
        grad_q = torch.zeros_like(queries)
        grad_p = torch.zeros_like(passages)
        # Sums over score times its gradient: what the norms contribute to the gradients.
        along_q = [torch.zeros(n) for _ in dims]
        along_p = [torch.zeros(len(passages)) for _ in dims]
        total = torch.zeros((), dtype=torch.float64)
        for start in range(0, n, CHUNK_ROWS):
            rows = slice(start, min(start + CHUNK_ROWS, n))
            narrow_q = queries[rows].to(product_type)
            own = torch.arange(rows.start, rows.stop)
            here = own - rows.start
            dots = torch.zeros(len(own), len(passages))
            slopes = []
            for i, (low, dim) in enumerate(zip(lows, dims, strict=True)):
                dots += narrow_q[:, low:dim] @ narrow_p[:, low:dim].T
                factor_q = (scale * inverse_q[i][rows])[:, None]
                factor_p = inverse_p[i][None, :]
                logits = dots * factor_q
                logits *= factor_p
                log_sums = torch.logsumexp(logits, 1)
                total += (log_sums - logits[here, own]).sum().double()
                slope = torch.exp(logits - log_sums[:, None])
                slope[here, own] -= 1
                logits *= slope
                along_q[i][rows] = logits.sum(1)
                along_p[i] += logits.sum(0)
                slope *= factor_q
                slope *= factor_p
                slopes.append(slope)
            # A block of columns serves its own prefix and every longer one.
            below = torch.zeros_like(dots)
            for i in range(len(dims) - 1, -1, -1):
                below += slopes[i]
                narrow = below.to(product_type)
                block = slice(lows[i], dims[i])
                grad_q[rows, block] = (narrow @ narrow_p[:, block]).float()
                grad_p[:, block] += (narrow.T @ narrow_q[:, block]).float()
        for i, dim in enumerate(dims):
            grad_q[:, :dim] -= queries[:, :dim] * (along_q[i] * inverse_q[i] ** 2)[:, None]
            grad_p[:, :dim] -= passages[:, :dim] * (along_p[i] * inverse_p[i] ** 2)[:, None]
        ctx.save_for_backward(grad_q / n, grad_p / n)
        return (total / n).to(queries.dtype)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_q, grad_p = ctx.saved_tensors
        return grad[0] * grad_q, grad[0] * grad_p, None, None, None


def inverse_norms(vectors: Tensor) -> Tensor:
    """1 / length of each row; short of dividing by zero."""
    inverse: Tensor = torch.linalg.vector_norm(vectors, dim=1).clamp_min(1e-12).reciprocal()
    return inverse
