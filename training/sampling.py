"""Batches of pairs: one source each, without repeated texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pandas.util import hash_array

from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.training.errors import TrainingError
from sakuin.training.pairs import Source, read_source

# Tokens of a span cut out of a passage, which should be at least three times as long.
SPAN_TOKENS = (4, 24)
SPANNED_TOKENS = 24

TokenSpans = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Token ids of some texts end to end, int64 (tokens,), and how many each has, int64 (texts,)."""


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

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: NDArray[np.int64]) -> TokenSpans:
        """Some texts.

        Args:
            rows: int64 (n,), row numbers.

        Returns:
            Token ids of the texts end to end, int64 (tokens,), and how many each has, int64 (n,).
        """
        starts = self.offsets[rows]
        return self.spans(starts, self.offsets[rows + 1] - starts)

    def spans(
        self, starts: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Some spans of ``ids``.

        Args:
            starts: int64 (n,), offsets into ``ids``.
            lengths: int64 (n,), tokens of each span.

        Returns:
            Token ids of the spans end to end, int64 (tokens,), and ``lengths``.
        """
        ends = np.cumsum(lengths)
        where = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
        return self.ids[where].astype(np.int64), lengths


@dataclass(frozen=True)
class TokenPairs:
    """A source's pairs as token ids; row i of ``queries`` belongs to row i of ``passages``.

    Attributes:
        source: Where they are from.
        queries, passages: One row a pair.
        negatives: Hard negatives of all pairs, end to end.
        first_negative: int64 (pairs + 1,); pair i owns ``negatives[first_negative[i]:first_negative[i + 1]]``.
    """

    source: Source
    queries: Texts
    passages: Texts
    negatives: Texts
    first_negative: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.queries)

    def some_negatives(self, rows: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Random hard negatives of some pairs, each text once.

        Args:
            rows: int64 (n,), row numbers of pairs.
            most: Negatives a pair at most.
            rng: Draws them.

        Returns:
            int64 (negatives,), row numbers of ``negatives``.
        """
        counts = self.first_negative[rows + 1] - self.first_negative[rows]
        picked = []
        for _ in range(min(most, int(counts.max(initial=0)))):
            some = counts > 0
            picked.append(self.first_negative[rows[some]] + (rng.random(some.sum()) * counts[some]).astype(np.int64))
        if not picked:
            return np.zeros(0, np.int64)
        chosen = np.unique(np.concatenate(picked))
        # A negative that is another pair's passage stands in the batch already.
        chosen = chosen[~np.isin(self.negatives.keys[chosen], self.passages.keys[rows])]
        return chosen[np.unique(self.negatives.keys[chosen], return_index=True)[1]]


def tokenise(texts: Sequence[str], tokenizer: FlatTokenizer, max_tokens: int) -> Texts:
    """Tokenise texts.

    Args:
        texts: Any strings.
        tokenizer: Of the table.
        max_tokens: Texts are cut to this many tokens.

    Returns:
        Their token ids.
    """
    ids, lengths = tokenizer.encode(texts)
    kept = np.minimum(lengths, max_tokens)
    position = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    # Not Python's hash, which differs from process to process: a resumed run must draw the same batches.
    keys = hash_array(np.array(texts, object), categorize=False).view(np.int64)
    return Texts(ids[position < max_tokens].astype(np.int32), offsets, keys)


def load_source(source: Source, data: Path, *, tokenizer: FlatTokenizer, max_tokens: int) -> TokenPairs:
    """Read and tokenise one source.

    Args:
        source: What to read.
        data: Folder of the pair files.
        tokenizer: Of the table.
        max_tokens: Texts are cut to this many tokens.

    Returns:
        Its pairs.

    Raises:
        TrainingError: a record that cannot be used, or fewer than two pairs.
    """
    pairs = read_source(source, data)
    counts = [len(texts) for texts in pairs.negatives]
    tokens = TokenPairs(
        source,
        tokenise(pairs.queries, tokenizer, max_tokens),
        tokenise(pairs.passages, tokenizer, max_tokens),
        tokenise([text for texts in pairs.negatives for text in texts], tokenizer, max_tokens),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)]),
    )
    if source.kind == "spans":
        tokens = long_enough(tokens)
    if len(tokens) < 2:
        raise TrainingError(f"The source {source.name} holds fewer than two {source.kind}: remove it from the recipe.")
    return tokens


def long_enough(pairs: TokenPairs) -> TokenPairs:
    """The distinct passages that a span can be cut from, each as its own query."""
    rows = np.flatnonzero(np.diff(pairs.passages.offsets) >= SPANNED_TOKENS)
    rows = rows[np.unique(pairs.passages.keys[rows], return_index=True)[1]]
    ids, lengths = pairs.passages.take(rows)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    texts = Texts(ids.astype(np.int32), offsets, pairs.passages.keys[rows])
    none = Texts(ids[:0].astype(np.int32), np.zeros(1, np.int64), texts.keys[:0])
    return TokenPairs(pairs.source, texts, texts, none, np.zeros(len(rows) + 1, np.int64))


def cut_spans(texts: Texts, rows: NDArray[np.int64], rng: np.random.Generator) -> tuple[TokenSpans, TokenSpans]:
    """A random span of each text and what is left of the text without it, as `Texts.take` gives them.

    Unlabelled passages so teach which words of a passage stand for the rest of it (the inverse cloze task: Lee et al.
    2019, arXiv:1906.00300).

    Args:
        texts: Long enough for a span to be cut from each.
        rows: int64 (n,), row numbers.
        rng: Draws the spans.

    Returns:
        The spans and the rests, each as token ids end to end, int64 (tokens,), and lengths, int64 (n,).
    """
    low, high = SPAN_TOKENS
    lengths = np.diff(texts.offsets)[rows]
    longest = np.clip(lengths // 3, low, high)
    spans = low + (rng.random(len(rows)) * (longest - low + 1)).astype(np.int64)
    before = (rng.random(len(rows)) * (lengths - spans + 1)).astype(np.int64)
    starts = texts.offsets[rows]
    # What is left is two stretches, before and after.
    ends = np.stack([starts, starts + before + spans], 1).ravel()
    sizes = np.stack([before, lengths - before - spans], 1).ravel()
    rest, _ = texts.spans(ends, sizes)
    return texts.spans(starts + before, spans), (rest, lengths - spans)


def pair_batches(
    pairs: TokenPairs, size: int, *, rng: np.random.Generator, least: int = 1
) -> Iterator[NDArray[np.int64]]:
    """Endless batches of row numbers in random order, no query and no passage twice in a batch.

    A row whose query or passage the batch already holds waits for the next one. Every row comes once before any comes
    again, but for those that are left when no batch of ``least`` rows can be made of them: the rest of a pass, and
    texts that are repeated more often than there are batches in a pass.

    Args:
        pairs: Of one source.
        size: Pairs a batch at most.
        rng: Draws the order.
        least: Pairs a batch at least.

    Yields:
        int64 (batch,) row numbers.

    Raises:
        TrainingError: there are so many repeats that not one batch can be made.
    """
    while True:
        queue = rng.permutation(len(pairs))
        position = batches = 0
        waiting: list[int] = []
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
            if len(rows) < least:
                break
            waiting = put_off + list(candidates)
            batches += 1
            yield np.array(rows, np.int64)
        if not batches:
            raise TrainingError(
                f"The source {pairs.source.name} repeats its texts so much that no batch can be made of it: remove it "
                f"from the recipe, or remove the repeats."
            )


def schedule(sources: Sequence[TokenPairs], size: int, seed: int) -> Iterator[tuple[TokenPairs, NDArray[np.int64]]]:
    """Endless (source, rows) batches; a source comes as often as its pairs, times its weight, make up of the whole.

    A source with fewer different texts than a batch gives small batches, as often as a full one of its share would
    come. The same sources, size and seed give the same batches, so a resumed run skips what it has seen.

    Args:
        sources: Of pairs.
        size: Pairs a batch at most.
        seed: Of the order of sources and of the pairs of each.

    Yields:
        A source and int64 (batch,) row numbers in it.
    """
    shares = np.array([len(pairs) * pairs.source.weight for pairs in sources], float)
    shares /= shares.sum()
    rng = np.random.default_rng(seed)
    streams = []
    for i, pairs in enumerate(sources):
        different = min(len(np.unique(side.keys)) for side in (pairs.queries, pairs.passages))
        least = max(2, min(size, different) // 2)
        streams.append(pair_batches(pairs, size, rng=np.random.default_rng([seed, i]), least=least))
    while True:
        chosen = int(rng.choice(len(sources), p=shares))
        yield sources[chosen], next(streams[chosen])
