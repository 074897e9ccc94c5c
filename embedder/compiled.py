"""Vectors of many texts by the compiled core, on all processors that this process may use."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import democratic
from sakuin.embedder.core import native
from sakuin.embedder.pooling import LEAD_WEIGHT, Bags, Pooling, leads
from sakuin.embedder.table import Table, check_finite

# Texts that a thread encodes at a time.
CHUNK_TEXTS = 512

_making = Lock()


class CompiledEncoder:
    """Encodes with one table and one pooling."""

    def __init__(self, table: Table, pooling: Pooling) -> None:
        """Nothing is read yet."""
        self._table = table
        self._pooling = pooling

    def encode(self, tokenizer: object, texts: Sequence[str], out: NDArray[np.float32]) -> list[int]:
        """Write the vectors of texts.

        Args:
            tokenizer: Of `unigram.compiled_tokenizer`.
            texts: Strings.
            out: float32 (texts, dim), C-contiguous; dim is the model's dimension or less.

        Returns:
            Positions of texts that only `tokenizers` can read; their rows hold nothing yet.

        Raises:
            IndexError: the tokenizer has more pieces than the table has rows.
            UnicodeEncodeError: a text holds a lone surrogate.
        """
        with _making:
            model = self._model
        ranges = [(start, min(start + CHUNK_TEXTS, len(texts))) for start in range(0, len(texts), CHUNK_TEXTS)]

        def encode(chunk: tuple[int, int]) -> list[int]:
            start, stop = chunk
            assert native is not None
            rest: list[int] = native.vectors(tokenizer, texts, start, stop, *model, out, out.shape[1])
            return [start + row for row in rest]

        if len(ranges) <= 1:
            return [row for chunk in ranges for row in encode(chunk)]
        with ThreadPoolExecutor(min(processors(), len(ranges)), "encoding") as threads:
            return [row for rows in threads.map(encode, ranges) for row in rows]

    def bag(self, tokenizer: object, text: str) -> Bags | None:
        """The bag of one text; None where only `tokenizers` can read it.

        Raises:
            As `encode`.
        """
        with _making:
            model = self._model
        assert native is not None
        found = native.bag(tokenizer, [text], *model)
        if found is None:
            return None
        ids, weights = np.frombuffer(found[0], np.uint32).astype(np.int64), np.frombuffer(found[1], np.float32)
        return Bags(ids, weights, np.array([0, len(ids)]))

    @cached_property
    def _model(self) -> tuple[Any, ...]:
        """Table, scales, directions, their squared lengths, and how tokens are weighed: what `native.vectors` takes."""
        nothing = np.zeros(0, np.int8)
        directions: NDArray[np.int8] = nothing
        squares: NDArray[Any] = nothing
        if self._pooling == "even":
            whole = democratic.directions(self._table.prefix(democratic.DIRECTION_DIMENSIONS))
            directions, squares = whole.astype(np.int8), democratic.squared_lengths(whole)
        table: NDArray[Any] = self._table.values
        scale = self._table.scale
        if scale is None:
            # As it is mapped, if it is float32 already.
            table = np.ascontiguousarray(table, np.float32)
            check_finite(table)
        lead = LEAD_WEIGHT - 1 if leads(self._pooling) else 0.0
        weighing = (self._table.dimension, self._pooling != "mean", lead, democratic.FEW_TOKENS)
        return table, nothing if scale is None else scale, directions, squares, weighing


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
