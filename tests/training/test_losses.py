"""The loss against sentence-transformers' own."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from training.losses import matryoshka_ranking_loss

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
    loss = MatryoshkaLoss(model, MultipleNegativesRankingLoss(model, scale=scale), DIMS)(columns, None)
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
    loss = matryoshka_ranking_loss(queries, passages, DIMS, scale)
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
    exact = matryoshka_ranking_loss(*ours, DIMS)
    rough = matryoshka_ranking_loss(*ours, DIMS, product_type=torch.bfloat16)
    assert rough.item() == pytest.approx(exact.item(), rel=0.01)


def test_extra_passages_are_negatives() -> None:
    torch.manual_seed(0)
    queries, passages, more = (torch.randn(n, 96) for n in (50, 50, 20))
    with_more = matryoshka_ranking_loss(queries, torch.cat([passages, more]), DIMS)
    assert with_more > matryoshka_ranking_loss(queries, passages, DIMS)
