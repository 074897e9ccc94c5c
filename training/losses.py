"""Losses at every Matryoshka dimension, computed once and re-cut.

MultipleNegativesRankingLoss (Henderson et al. 2017, arXiv:1705.00652): each query should be nearer to its own passage
than to every other passage of the batch. MatryoshkaLoss (Kusupati et al. 2022, arXiv:2205.13147) adds that loss up over
prefixes of the vectors. Dot products of a longer prefix extend those of a shorter one, and so do the gradients, so all
prefixes together cost one matrix product of the full width. Rows are processed in chunks: memory grows with the batch,
not with its square.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Rows a chunk: a (256, batch) block of scores stays in a core's caches.
CHUNK_ROWS = 256
# What the score of a text with itself becomes: its exponential is exactly zero, and zero times it is no NaN.
NEVER = -1e4


@dataclass(frozen=True)
class LossSettings:
    """How the losses compare vectors.

    Attributes:
        dims: Prefix lengths, each at most the vectors' width.
        scale: Cosines are multiplied by this (the inverse of a temperature); one for all prefixes, or one for each.
        self_distillation: Share of the target that shorter prefixes take from the ranking of the longest one, 0 to 1,
            instead of from the labels alone: they learn to be cut well (Zhang et al. 2019, arXiv:1905.08094).
        product_type: Type in which matrix products are taken; bfloat16 is several times faster where the processor
            has it.
    """

    dims: Sequence[int]
    scale: float | Sequence[float] = 20.0
    self_distillation: float = 0.0
    product_type: torch.dtype = torch.float32

    def prefixes(self) -> list[tuple[int, float]]:
        """Each prefix length with its scale, shortest first."""
        scales = [self.scale] * len(self.dims) if isinstance(self.scale, int | float) else self.scale
        return sorted(zip(self.dims, scales, strict=True))


def matryoshka_ranking_loss(queries: Tensor, passages: Tensor, settings: LossSettings) -> Tensor:
    """Sum over prefixes of the ranking loss of cosines between cut vectors.

    Without self-distillation it equals sentence-transformers' ``MatryoshkaLoss(MultipleNegativesRankingLoss)`` with
    weights of 1.

    Args:
        queries: float32 (n, width).
        passages: float32 (m, width), m >= n; passage i answers query i, all others are its negatives.
        settings: Prefixes, scale, targets.

    Returns:
        A scalar, differentiable in both inputs.
    """
    loss: Tensor = _MatryoshkaRanking.apply(queries, passages, settings)  # type: ignore[no-untyped-call]
    return loss


class _MatryoshkaRanking(torch.autograd.Function):
    """Computes the loss and both gradients in one pass, chunk by chunk."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, passages: Tensor, settings: LossSettings) -> Tensor:
        n = len(queries)
        dims, scales = zip(*settings.prefixes(), strict=True)
        lows = [0, *dims[:-1]]
        inverse_q = [inverse_norms(queries[:, :dim]) for dim in dims]
        inverse_p = [inverse_norms(passages[:, :dim]) for dim in dims]
        narrow_p = passages.to(settings.product_type)
        grad_q = torch.zeros_like(queries)
        grad_p = torch.zeros_like(passages)
        # Sums over score times its gradient: what the norms contribute to the gradients.
        along_q = [queries.new_zeros(n) for _ in dims]
        along_p = [queries.new_zeros(len(passages)) for _ in dims]
        total = torch.zeros((), dtype=torch.float64, device=queries.device)
        for start in range(0, n, CHUNK_ROWS):
            rows = slice(start, min(start + CHUNK_ROWS, n))
            narrow_q = queries[rows].to(settings.product_type)
            own = torch.arange(rows.start, rows.stop, device=queries.device)
            here = own - rows.start
            dots = prefix_dots(narrow_q, narrow_p, dims)
            full = None
            below = torch.zeros_like(dots[0])
            # From the longest prefix down: shorter ones should rank like it, and a block of columns serves its own
            # prefix and every longer one.
            for i in range(len(dims) - 1, -1, -1):
                factor_q = (scales[i] * inverse_q[i][rows])[:, None]
                factor_p = inverse_p[i][None, :]
                logits = dots.pop()
                logits *= factor_q
                logits *= factor_p
                log_sums = torch.logsumexp(logits, 1)
                slope = torch.exp(logits - log_sums[:, None])
                hard = 1.0
                if settings.self_distillation and full is not None:
                    hard -= settings.self_distillation
                    total += settings.self_distillation * (log_sums - (full * logits).sum(1)).sum().double()
                    kept = slope.sub_(full, alpha=settings.self_distillation)
                elif settings.self_distillation:
                    full, kept = slope, slope.clone()
                else:
                    kept = slope
                total += hard * (log_sums - logits[here, own]).sum().double()
                kept[here, own] -= hard
                logits *= kept
                along_q[i][rows] = logits.sum(1)
                along_p[i] += logits.sum(0)
                kept *= factor_q
                kept *= factor_p
                below += kept
                narrow = below.to(settings.product_type)
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
        return grad[0] * grad_q, grad[0] * grad_p, None


def matryoshka_distillation_loss(
    vectors: Tensor, teacher: Tensor, settings: LossSettings, *, teacher_scale: float
) -> Tensor:
    """Sum over prefixes of how far the ranking of each text's neighbours is from a teacher's.

    The cross-entropy between two softmaxes over the cosines of a text with every other text of the batch, the teacher's
    and the prefix's (ListNet: Cao et al. 2007; between similarities of a batch: Fang et al. 2021, arXiv:2101.04731).

    Args:
        vectors: float32 (n, width).
        teacher: float32 (n, teacher's width), the teacher's normalised vectors of the same texts.
        settings: Prefixes and scale.
        teacher_scale: The teacher's cosines are multiplied by this.

    Returns:
        A scalar, differentiable in ``vectors``.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    target = torch.softmax((teacher_scale * (teacher @ teacher.T)).masked_fill(itself, NEVER), 1)
    total = vectors.new_zeros(())
    for dim, scale in settings.prefixes():
        cut = torch.nn.functional.normalize(vectors[:, :dim])
        shares = torch.log_softmax((scale * (cut @ cut.T)).masked_fill(itself, NEVER), 1)
        total = total - (target * shares).sum(1).mean()
    return total


def prefix_dots(queries: Tensor, passages: Tensor, dims: Sequence[int]) -> list[Tensor]:
    """float32 dot products (n, m) of the prefixes of each length, ascending; each extends the one before."""
    dots: list[Tensor] = []
    low = 0
    for dim in dims:
        block = (queries[:, low:dim] @ passages[:, low:dim].T).float()
        dots.append(block.add_(dots[-1]) if dots else block)
        low = dim
    return dots


def inverse_norms(vectors: Tensor) -> Tensor:
    """1 / length of each row (n,); short of dividing by zero."""
    inverse: Tensor = torch.linalg.vector_norm(vectors, dim=1).clamp_min(1e-12).reciprocal()
    return inverse
