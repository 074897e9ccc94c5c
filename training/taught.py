"""Texts with a teacher's vectors of them, for a table to learn the teacher's ranking from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.training.sampling import Texts, tokenise
from sakuin.training.teacher import read_taught
from sakuin.training.whitening import evening

# Texts a batch: each is ranked against all others, so that a larger batch costs time and adds only what is far away.
BATCH = 1024
# How far the directions of a teacher's vectors are evened out, 0 to 0.5: a few that tell languages, lengths or styles
# apart would otherwise make up most of its ranking.
EVENED = 0.2


@dataclass(frozen=True)
class Taught:
    """Texts and how a teacher sees them.

    Attributes:
        texts: As token ids.
        vectors: float32 (texts, teacher's width), normalised after their common mean was taken off and their
            directions were evened out: many teachers' cosines all lie near 1, and only what sets texts apart is worth
            learning.
    """

    texts: Texts
    vectors: torch.Tensor

    def batches(self, seed: int) -> Iterator[NDArray[np.int64]]:
        """Endless batches of rows at random, each pass over all texts in a new order."""
        rng = np.random.default_rng(seed)
        size = min(BATCH, len(self.texts))
        while True:
            order = rng.permutation(len(self.texts))
            yield from (order[i : i + size] for i in range(0, len(order) - size + 1, size))


def load_taught(path: Path, tokenizer: FlatTokenizer, max_tokens: int) -> Taught:
    """What `python -m sakuin.training teach` wrote of texts; raises TrainingError where there is none."""
    texts, vectors = read_taught(path)
    centred = torch.from_numpy(vectors.astype(np.float32))
    centred -= centred.mean(dim=0)
    evened = centred @ evening((centred.T @ centred / len(centred)).double(), EVENED).float()
    return Taught(tokenise(texts, tokenizer, max_tokens), torch.nn.functional.normalize(evened))
