"""The loss against sentence-transformers' own."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from sakuin.training.losses import LossSettings, matryoshka_distillation_loss, matryoshka_ranking_loss

DIMS = [96, 64, 32, 8]


def theirs(queries: Tensor, passages: Tensor, scale: float, tokenizer: Tokenizer) -> tuple[float, Tensor, Tensor]:
    """Loss and both gradients; the vectors are the rows of a static model's table, one token a text."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.losses import MatryoshkaLoss, MultipleNegativesRankingLoss
    from sentence_transformers.models import StaticEmbedding

    count = len(queries)
    table = StaticEmbedding(tokenizer, embedding_weights=torch.cat([queries, passages]).detach().clone())
    model = SentenceTransformer(modules=[table], device="cpu")
    columns = [
        {"input_ids": torch.arange(start, stop), "offsets": torch.arange(stop - start)}
        for start, stop in ((0, count), (count, count + len(passages)))
    ]
    inner = MultipleNegativesRankingLoss(model, scale=scale)
    loss = MatryoshkaLoss(model, inner, DIMS)(columns, None)
    loss.backward()
    gradient = table.embedding.weight.grad
    return loss.item(), gradient[:count], gradient[count:]


@pytest.mark.parametrize("scale", [20.0, 50.0])
@pytest.mark.parametrize("size", [7, 300, 513])
def test_loss_and_gradients_are_those_of_sentence_transformers(
    size: int, scale: float, toy_tokenizer: Tokenizer
) -> None:
    torch.manual_seed(size)
    queries, passages = (torch.randn(size, 96, requires_grad=True) for _ in range(2))
    loss = matryoshka_ranking_loss(queries, passages, LossSettings(DIMS, scale))
    loss.backward()
    expected, of_queries, of_passages = theirs(queries, passages, scale, toy_tokenizer)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert queries.grad is not None
    assert passages.grad is not None
    np.testing.assert_allclose(queries.grad, of_queries, atol=1e-5)
    np.testing.assert_allclose(passages.grad, of_passages, atol=1e-5)


def test_half_precision_products_come_near() -> None:
    torch.manual_seed(0)
    ours = [torch.randn(400, 96, requires_grad=True) for _ in range(2)]
    exact = matryoshka_ranking_loss(*ours, LossSettings(DIMS))
    rough = matryoshka_ranking_loss(*ours, LossSettings(DIMS, product_type=torch.bfloat16))
    assert rough.item() == pytest.approx(exact.item(), rel=0.01)


def test_extra_passages_are_negatives() -> None:
    torch.manual_seed(0)
    queries, passages, more = (torch.randn(n, 96) for n in (50, 50, 20))
    with_more = matryoshka_ranking_loss(queries, torch.cat([passages, more]), LossSettings(DIMS))
    assert with_more > matryoshka_ranking_loss(queries, passages, LossSettings(DIMS))


def plain(queries: Tensor, passages: Tensor, settings: LossSettings) -> Tensor:
    """The same loss as its definition says, by autograd."""
    own = torch.arange(len(queries))
    total = torch.zeros(())
    full: Tensor | None = None
    for dim, scale in reversed(settings.prefixes()):
        cosines = torch.nn.functional.normalize(queries[:, :dim]) @ torch.nn.functional.normalize(passages[:, :dim]).T
        shares = torch.log_softmax(scale * cosines, 1)
        if full is None:
            full = shares.exp().detach()
            total = total - shares[own, own].mean()
        else:
            soft = settings.self_distillation
            total = total - (1 - soft) * shares[own, own].mean() - soft * (full * shares).sum(1).mean()
    return total


@pytest.mark.parametrize("soft", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("scale", [20.0, (35.0, 25.0, 15.0, 10.0)])
def test_soft_targets_and_scales_are_what_they_say(soft: float, scale: float | tuple[float, ...]) -> None:
    torch.manual_seed(1)
    ours = [torch.randn(n, 96, requires_grad=True) for n in (300, 310)]
    copies = [tensor.detach().clone().requires_grad_() for tensor in ours]
    settings = LossSettings(DIMS, scale, soft)
    loss, expected = matryoshka_ranking_loss(ours[0], ours[1], settings), plain(copies[0], copies[1], settings)
    loss.backward()
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for tensor, copy in zip(ours, copies, strict=True):
        assert tensor.grad is not None
        np.testing.assert_allclose(tensor.grad, copy.grad, atol=1e-5)


def test_distillation_loss_is_the_cross_entropy_with_the_teachers_neighbours() -> None:
    torch.manual_seed(3)
    vectors, teacher = torch.randn(30, 96, requires_grad=True), torch.nn.functional.normalize(torch.randn(30, 24))
    loss = matryoshka_distillation_loss(vectors, teacher, LossSettings(DIMS, 12.0), teacher_scale=9.0)
    loss.backward()
    copy = vectors.detach().clone().requires_grad_()
    others = ~torch.eye(30, dtype=torch.bool)
    target = torch.softmax(
        9 * torch.nn.functional.cosine_similarity(teacher[:, None], teacher[None], 2)[others].view(30, 29), 1
    )
    expected = torch.zeros(())
    for dim in DIMS:
        cosines = torch.nn.functional.cosine_similarity(copy[:, None, :dim], copy[None, :, :dim], 2)
        expected = expected + torch.nn.functional.cross_entropy(12 * cosines[others].view(30, 29), target)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert vectors.grad is not None
    np.testing.assert_allclose(vectors.grad, copy.grad, atol=1e-5)


def test_what_ranks_as_the_teacher_has_nothing_to_learn() -> None:
    torch.manual_seed(4)
    vectors = torch.randn(30, 24, requires_grad=True)
    teacher = torch.nn.functional.normalize(vectors.detach())
    matryoshka_distillation_loss(vectors, teacher, LossSettings([24], 9.0), teacher_scale=9.0).backward()
    np.testing.assert_allclose(vectors.grad, torch.zeros(30, 24), atol=1e-6)
