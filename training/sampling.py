"""Batches of pairs: one source each, without repeated texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedder.tokenising import FlatTokenizer
from training.errors import TrainingError
from training.pairs import Source, read_pairs

# The last batch of a pass may be small, and is passed over; so many in a row are no accident.
MOST_SMALL = 4


@dataclass(frozen=True)
class Texts:
    """Token ids of many texts.

    Attributes:
        ids: int32, all texts end to end.
        offsets: int64 (texts + 1,).
        keys: int64 (texts,), equal where texts are equal.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    keys: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids of some texts end to end, and their numbers."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        ends = np.cumsum(lengths)
        where = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
        return self.ids[where].astype(np.int64), lengths


@dataclass(frozen=True)
class TokenPairs:
    """A source's pairs as token ids; row i of ``queries`` belongs to row i of ``passages``."""

    source: Source
    queries: Texts
    passages: Texts

    def __len__(self) -> int:
        return len(self.queries.keys)


def tokenise(texts: Sequence[str], tokenizer: FlatTokenizer, max_tokens: int) -> Texts:
    """Token ids of texts, each cut to ``max_tokens``."""
    ids, lengths = tokenizer.encode(texts)
    kept = np.minimum(lengths, max_tokens)
    position = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    offsets = np.concatenate([[0], np.cumsum(kept)])
    keys = np.fromiter((hash(text) for text in texts), np.int64, len(texts))
    return Texts(ids[position < max_tokens].astype(np.int32), offsets, keys)


def load_source(source: Source, tokenizer: FlatTokenizer, max_tokens: int) -> TokenPairs:
    """Read and tokenise one source; raises TrainingError on a bad line."""
    queries, passages = read_pairs(source.path, source.cap)
    return TokenPairs(source, tokenise(queries, tokenizer, max_tokens), tokenise(passages, tokenizer, max_tokens))


def batches_of(pairs: TokenPairs, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Endless batches of row numbers in random order, no query and no passage twice in a batch.

    A row whose query or passage the batch already holds waits for the next one. Every row comes once before any comes
    again. The last batch of a pass may be smaller.
    """
    waiting: list[int] = []
    while True:
        queue = rng.permutation(len(pairs))
        position = 0
        while position < len(queue) or waiting:
            rows: list[int] = []
            queries: set[int] = set()
            passages: set[int] = set()
            put_off: list[int] = []
            candidates = iter(waiting)
            while len(rows) < size:
                row = next(candidates, None)
                if row is None:
                    if position >= len(queue):
                        break
                    row = int(queue[position])
                    position += 1
                query, passage = int(pairs.queries.keys[row]), int(pairs.passages.keys[row])
                if query in queries or passage in passages:
                    put_off.append(row)
                    continue
                queries.add(query)
                passages.add(passage)
                rows.append(row)
            waiting = put_off + list(candidates)
            yield np.array(rows, np.int64)


def schedule(sources: Sequence[TokenPairs], size: int, seed: int) -> Iterator[tuple[TokenPairs, NDArray[np.int64]]]:
    """Endless (source, rows) batches; a source comes as often as its pairs, times its weight, make up of the whole.

    The same sources, size and seed give the same batches, so a resumed run skips what it has seen.
    """
    shares = np.array([len(pairs) * pairs.source.weight for pairs in sources], float)
    # A source smaller than a batch gives small batches; it comes as often as a full one of its share would.
    shares /= shares.sum()
    rng = np.random.default_rng(seed)
    streams = [batches_of(pairs, size, np.random.default_rng([seed, i])) for i, pairs in enumerate(sources)]
    small = [0] * len(sources)
    while True:
        chosen = int(rng.choice(len(sources), p=shares))
        rows = next(streams[chosen])
        if len(rows) >= max(2, min(size, len(sources[chosen])) // 2):
            small[chosen] = 0
            yield sources[chosen], rows
        elif small[chosen] == MOST_SMALL:
            raise TrainingError(
                f"{sources[chosen].source.path} repeats its texts so much that batches of it stay small: remove it "
                f"from the recipe, or remove the repeats."
            )
        else:
            small[chosen] += 1
