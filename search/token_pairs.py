"""The cosine of two texts as a table: what each pair of their tokens adds to it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder, Token


@dataclass(frozen=True, slots=True)
class TokenPairs:
    """What each pair of tokens adds to a cosine.

    Attributes:
        query: Tokens (q) of the first text that the model knows; repeated ones are one, with all their spans.
        passage: Tokens (p) of the second.
        shares: (q, p), float64; the sum of all is the cosine, of a row or column what one token adds.
    """

    query: list[Token]
    passage: list[Token]
    shares: NDArray[np.float64]


def token_pairs(model: StaticEmbedder, query: str, passage: str, dim: int | None = None) -> TokenPairs:
    """Split a cosine: w_q * w_p * <row_q, row_p> / (|q| * |p|) for each pair of tokens.

    Args:
        model: What encodes both.
        query: A text.
        passage: Another; the two may change places.
        dim: Compare only the first so many dimensions; None for all of the model's.
    """
    query_tokens, query_rows = weighted_rows(model, query, dim)
    passage_tokens, passage_rows = weighted_rows(model, passage, dim)
    lengths = float(np.linalg.norm(query_rows.sum(axis=0)) * np.linalg.norm(passage_rows.sum(axis=0)))
    none = np.zeros((len(query_tokens), len(passage_tokens)))
    return TokenPairs(query_tokens, passage_tokens, query_rows @ passage_rows.T / lengths if lengths else none)


def weighted_rows(model: StaticEmbedder, text: str, dim: int | None) -> tuple[list[Token], NDArray[np.float64]]:
    """The tokens of a text whose rows are not zero, and their rows times their weights, float64 (tokens, dim)."""
    tokens = model.tokens(text)
    rows = model.rows(tokens, dim).astype(np.float64) * np.array([[token.weight] for token in tokens]).reshape(-1, 1)
    known = rows.any(axis=1)
    return [token for token, knows in zip(tokens, known, strict=True) if knows], rows[known]
