"""The tokens of one text, with the characters each came from: what explanations of scores are made of.

`tokenizers` keeps track of the original characters through its normaliser, but for three things that are mended here.
Characters that the normaliser drops at the beginning of a text shift all that follows. The mark "▁" that begins a word
takes the space before the word or, where there is none, the word's first character. And an accent that is composed with
its letter is left out of the letter's span.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder.pooling import Bags
from sakuin.embedder.tokenising import FlatTokenizer, replace_lone_surrogates

if TYPE_CHECKING:
    import tokenizers

WORD_MARK = "▁"
_character = re.compile("[\ud800-\udbff][\udc00-\udfff]|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A distinct token of a text.

    Attributes:
        id: Its row in the table.
        piece: The token as it stands in the vocabulary; "▁" marks the beginning of a word.
        weight: What pooling gives it; the weights of a text add up to 1.
        spans: Character spans (start, end) of the text, in order, one for each time the token occurs. A mark "▁" that
            stands for no character has none. Tokens made of a single character, as ㈱ makes three, share its span.
    """

    id: int
    piece: str
    weight: float
    spans: tuple[tuple[int, int], ...]


def tokens_of(
    tokenizer: FlatTokenizer, text: str, *, weigh: Callable[[NDArray[np.int64], NDArray[np.int64]], Bags]
) -> tuple[Token, ...]:
    """The distinct tokens of a text, in the order in which they first occur.

    Args:
        tokenizer: The model's.
        text: Any string.
        weigh: The model's pooling: a bag from the ids of a text's tokens and their number, (n,) and (1,).
    """
    occurrences = located_ids(tokenizer.exact, text)
    ids = np.array([token_id for token_id, _ in occurrences], np.int64)
    bag = weigh(ids, np.array([len(ids)]))
    weights = dict(zip(bag.ids.tolist(), bag.weights.tolist(), strict=True))
    spans: dict[int, list[tuple[int, int]]] = {}
    for token_id, span in occurrences:
        spans.setdefault(token_id, []).extend([span] if span else [])
    return tuple(
        Token(token_id, tokenizer.exact.id_to_token(token_id) or "", weights[token_id], tuple(found))
        for token_id, found in spans.items()
    )


def located_ids(tokenizer: "tokenizers.Tokenizer", text: str) -> list[tuple[int, tuple[int, int] | None]]:
    """The token ids of a text, in order, each with the span of the characters it came from."""
    spans = [match.span() for match in _character.finditer(text)]
    characters = [replace_lone_surrogates(text[start:end]) for start, end in spans]
    encoding = tokenizer.encode("".join(characters), add_special_tokens=False)
    kept = [i for i, character in enumerate(characters) if normalised(tokenizer, character)]
    if len(kept) < len(characters):
        without = tokenizer.encode("".join(characters[i] for i in kept), add_special_tokens=False)
        # What the normaliser drops makes no token, but it can part a letter from its accent.
        if without.ids == encoding.ids:
            encoding = without
            spans, characters = [spans[i] for i in kept], [characters[i] for i in kept]
    starts = [start for start, _ in encoding.offsets] + [len(characters)]
    ranges = []
    for piece, (start, end), (_, following) in zip(encoding.tokens, encoding.offsets, pairwise(starts), strict=True):
        while end < following and unicodedata.category(characters[end])[0] == "M":
            end += 1
        ranges.append(trimmed(tokenizer, characters, piece=piece, start=start, end=end))
    return [
        (token_id, (spans[found[0]][0], spans[found[1] - 1][1]) if found else None)
        for token_id, found in zip(encoding.ids, ranges, strict=True)
    ]


def trimmed(
    tokenizer: "tokenizers.Tokenizer", characters: Sequence[str], *, piece: str, start: int, end: int
) -> tuple[int, int] | None:
    """A span without spaces at its ends; of a lone word mark the spaces themselves, None where there are none."""
    first, last = start, end
    while first < last and is_blank(tokenizer, characters[first]):
        first += 1
    while last > first and is_blank(tokenizer, characters[last - 1]):
        last -= 1
    if first == last:
        return (start, end) if start < end else None
    return (first, last) if piece != WORD_MARK else None


def is_blank(tokenizer: "tokenizers.Tokenizer", character: str) -> bool:
    """Whether the model sees a space, or nothing, in a character."""
    return not normalised(tokenizer, character).strip(f"{WORD_MARK} ")


def normalised(tokenizer: "tokenizers.Tokenizer", character: str) -> str:
    """What the tokenizer's normaliser makes of a character that stands by itself."""
    if character.isalnum() or tokenizer.normalizer is None:
        return character
    return str(tokenizer.normalizer.normalize_str(character))
