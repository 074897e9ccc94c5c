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
# What a masked score becomes: its exponential is exactly zero, and zero times it is no NaN.
NEVER = -1e4


@dataclass(frozen=True)
class Ranking:
    """How passages are ranked against each other.

    Attributes:
        dims: Prefix lengths, each at most the vectors' width.
        scale: Cosines are multiplied by this (the inverse of a temperature); one for all prefixes, or one for each.
        soft: Share of the target that shorter prefixes take from the ranking of the longest one, 0 to 1, instead of
            from the labels alone: they learn to cut well (self-distillation: Zhang et al. 2019, arXiv:1905.08094).
        mask_above: A passage that is no positive and whose cosine with the query exceeds that of the positive by more
            than this is taken for an unlabelled positive and left out; None leaves out nothing. Judged at full width
            by the model itself (after GISTEmbed: Solatorio 2024, arXiv:2402.16829).
        product_type: Type in which matrix products are taken; bfloat16 is several times faster where the processor
            has it.
    """

    dims: Sequence[int]
    scale: float | Sequence[float] = 20.0
    soft: float = 0.0
    mask_above: float | None = None
    product_type: torch.dtype = torch.float32

    def prefixes(self) -> list[tuple[int, float]]:
        """Each prefix length with its scale, shortest first."""
        scales = [self.scale] * len(self.dims) if isinstance(self.scale, int | float) else self.scale
        return sorted(zip(self.dims, scales, strict=True))


def matryoshka_ranking_loss(queries: Tensor, passages: Tensor, ranking: Ranking) -> Tensor:
    """Sum over prefixes of the ranking loss of cosines between cut vectors.

    With ``soft`` 0 and no mask it equals sentence-transformers' ``MatryoshkaLoss(MultipleNegativesRankingLoss)`` with
    weights of 1.

    Args:
        queries: float32 (n, d).
        passages: float32 (m, d), m >= n; passage i answers query i, all others are its negatives.
        ranking: Prefixes, scale, targets.

    Returns:
        A scalar, differentiable in both inputs.
    """
    loss: Tensor = _MatryoshkaRanking.apply(queries, passages, ranking)  # type: ignore[no-untyped-call]
    return loss


class _MatryoshkaRanking(torch.autograd.Function):
    """Computes the loss and both gradients in one pass, chunk by chunk."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, passages: Tensor, ranking: Ranking) -> Tensor:
        n = len(queries)
        dims, scales = zip(*ranking.prefixes(), strict=True)
        lows = [0, *dims[:-1]]
        inverse_q = [inverse_norms(queries[:, :dim]) for dim in dims]
        inverse_p = [inverse_norms(passages[:, :dim]) for dim in dims]
        narrow_p = passages.to(ranking.product_type)
        grad_q = torch.zeros_like(queries)
        grad_p = torch.zeros_like(passages)
        # Sums over score times its gradient: what the norms contribute to the gradients.
        along_q = [queries.new_zeros(n) for _ in dims]
        along_p = [queries.new_zeros(len(passages)) for _ in dims]
        total = torch.zeros((), dtype=torch.float64, device=queries.device)
        for start in range(0, n, CHUNK_ROWS):
            rows = slice(start, min(start + CHUNK_ROWS, n))
            narrow_q = queries[rows].to(ranking.product_type)
            own = torch.arange(rows.start, rows.stop, device=queries.device)
            here = own - rows.start
            dots = prefix_dots(narrow_q, narrow_p, dims)
            masked = full = None
            below = torch.zeros_like(dots[0])
            # From the longest prefix down: it says what is masked and what shorter ones should rank like, and a block
            # of columns serves its own prefix and every longer one.
            for i in range(len(dims) - 1, -1, -1):
                factor_q = (scales[i] * inverse_q[i][rows])[:, None]
                factor_p = inverse_p[i][None, :]
                logits = dots.pop()
                logits *= factor_q
                logits *= factor_p
                if i == len(dims) - 1 and ranking.mask_above is not None:
                    masked = logits > logits[here, own][:, None] + scales[i] * ranking.mask_above
                    masked[here, own] = False
                if masked is not None:
                    logits.masked_fill_(masked, NEVER)
                log_sums = torch.logsumexp(logits, 1)
                slope = torch.exp(logits - log_sums[:, None])
                hard = 1.0
                if ranking.soft and full is not None:
                    hard -= ranking.soft
                    total += ranking.soft * (log_sums - (full * logits).sum(1)).sum().double()
                    kept = slope.sub_(full, alpha=ranking.soft)
                elif ranking.soft:
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
                narrow = below.to(ranking.product_type)
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


def matryoshka_order_loss(first: Tensor, second: Tensor, scores: Tensor, ranking: Ranking) -> Tensor:
    """Sum over prefixes of CoSENT: pairs that people score higher should have the higher cosine.

    log(1 + sum of exp(scale * (cosine of i - cosine of j))) over all i, j with score i < score j, as in
    sentence-transformers' ``CoSENTLoss`` (Su 2022, https://kexue.fm/archives/8847).

    Args:
        first: float32 (n, d).
        second: float32 (n, d).
        scores: float32 (n,), on any scale.
        ranking: Prefixes and scale.

    Returns:
        A scalar, differentiable in both inputs.
    """
    lower = scores[:, None] < scores[None, :]
    total = first.new_zeros(())
    for dim, scale in ranking.prefixes():
        cosines = scale * torch.nn.functional.cosine_similarity(first[:, :dim], second[:, :dim])
        wrong = (cosines[:, None] - cosines[None, :])[lower]
        total = total + torch.logsumexp(torch.cat([first.new_zeros(1), wrong]), 0)
    return total


def matryoshka_taught_loss(vectors: Tensor, taught: Tensor, ranking: Ranking, taught_scale: float) -> Tensor:
    """Sum over prefixes of how far the ranking of each text's neighbours is from a teacher's.

    The cross-entropy between two softmaxes over the cosines of a text with every other text of the batch, the teacher's
    and the prefix's (ListNet: Cao et al. 2007; between similarities of a batch: Fang et al. 2021, arXiv:2101.04731).

    Args:
        vectors: float32 (n, d).
        taught: float32 (n, any width), the teacher's normalised vectors of the same texts.
        ranking: Prefixes and scale.
        taught_scale: The teacher's cosines are multiplied by this.

    Returns:
        A scalar, differentiable in ``vectors``.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    target = torch.softmax((taught_scale * (taught @ taught.T)).masked_fill(itself, NEVER), 1)
    total = vectors.new_zeros(())
    for dim, scale in ranking.prefixes():
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
    """1 / length of each row; short of dividing by zero."""
    inverse: Tensor = torch.linalg.vector_norm(vectors, dim=1).clamp_min(1e-12).reciprocal()
    return inverse
