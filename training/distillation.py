"""Texts with a teacher's vectors of them, for a table to learn the teacher's ranking from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.training.sampling import Texts, tokenise
from sakuin.training.teacher import read_teacher_texts
from sakuin.training.whitening import whitening_map

# Texts a batch: each is ranked against all others, so that a larger batch costs time and adds only what is far away.
BATCH = 1024
# How far a teacher's vectors are whitened, 0 to 0.5: a few directions that tell languages, lengths or styles apart
# would otherwise make up most of its ranking.
TEACHER_WHITENING = 0.2


@dataclass(frozen=True)
class TeacherTexts:
    """Texts and how a teacher sees them.

    Attributes:
        texts: As token ids.
        vectors: float32 (texts, teacher's width), normalised after they were centred and softly whitened: many
            teachers' cosines all lie near 1, and only what sets texts apart is worth learning.
    """

    texts: Texts
    vectors: torch.Tensor

    def batches(self, seed: int) -> Iterator[NDArray[np.int64]]:
        """Endless batches of random rows, each pass over all texts in a new order.

        Args:
            seed: Of the order.

        Yields:
            int64 (batch,) row numbers.
        """
        rng = np.random.default_rng(seed)
        size = min(BATCH, len(self.texts))
        while True:
            order = rng.permutation(len(self.texts))
            yield from (order[i : i + size] for i in range(0, len(order) - size + 1, size))


def load_teacher_texts(path: Path, *, tokenizer: FlatTokenizer, max_tokens: int) -> TeacherTexts:
    """Load the texts that `python -m sakuin.training teach` wrote, ready to be learnt from.

    Args:
        path: The file.
        tokenizer: Of the table that learns.
        max_tokens: Texts are cut to this many tokens.

    Returns:
        The texts with the teacher's vectors.

    Raises:
        TrainingError: the file cannot be read or holds no texts.
    """
    texts, vectors = read_teacher_texts(path)
    centred = torch.from_numpy(vectors.astype(np.float32))
    centred -= centred.mean(dim=0)
    whitened = centred @ whitening_map((centred.T @ centred / len(centred)).double(), TEACHER_WHITENING).float()
    return TeacherTexts(tokenise(texts, tokenizer, max_tokens), torch.nn.functional.normalize(whitened))
