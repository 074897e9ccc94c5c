"""The table a run starts from: new rows, with or without a teacher's help, or those of a model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from sakuin.embedder.folder import find_model, read_model
from sakuin.embedder.pooling import make_bags
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.training.errors import TrainingError
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import TokenPairs
from sakuin.training.teacher import PIECES

# Pieces that say nothing keep zero rows, so that a text of nothing else has a zero vector and a search can tell that it
# does not know it: what is unknown, and the mark that begins a word, which stands alone before an unknown one.
SILENT = ("<unk>", "▁")


def initial_table(recipe: Recipe, tokenizer: FlatTokenizer, sources: Sequence[TokenPairs]) -> torch.Tensor:
    """float32 (vocabulary, width) on the processor's memory.

    Raises:
        TrainingError: the model or teacher that the recipe names does not fit its tokenizer or dimensions.
    """
    vocabulary, width = tokenizer.exact.get_vocab_size(), max(recipe.dims)
    if recipe.start:
        return rows_of_model(recipe, tokenizer, width)
    rows = torch.randn(vocabulary, width, generator=torch.Generator().manual_seed(recipe.seed))
    if recipe.teacher:
        rows = mixed(rows, principal(teacher_vectors(recipe.teacher, vocabulary), width), recipe.teacher_share)
    return rows * torch.from_numpy(rarity(vocabulary, sources))[:, None]


def rarity(vocabulary: int, sources: Sequence[TokenPairs]) -> NDArray[np.float32]:
    """Inverse document frequency of each token, float32 (vocabulary,), scaled to a mean square of 1.

    Random rows of these lengths are nearly orthogonal, so before any training cosines already compare weighted bags of
    tokens.
    """
    found = np.zeros(vocabulary)
    texts = 0
    for pairs in sources:
        for side in (pairs.queries, pairs.passages):
            texts += len(side)
            found += np.bincount(make_bags(side.ids, np.diff(side.offsets), "mean").ids, minlength=vocabulary)
    idf = np.log1p((texts - found + 0.5) / (found + 0.5))
    idf /= np.sqrt((idf**2).mean())
    return idf.astype(np.float32)


def teacher_vectors(path: Path, vocabulary: int) -> NDArray[np.float32]:
    """What `python -m sakuin.training teach` wrote: float32 (vocabulary, teacher's width)."""
    try:
        vectors: NDArray[np.float32] = load_file(path)[PIECES]
    except (OSError, SafetensorError, KeyError) as error:
        raise TrainingError(f"Cannot read {path} ({error}): make it with `python -m sakuin.training teach`.") from error
    if len(vectors) != vocabulary:
        raise TrainingError(
            f"{path} is of a tokenizer of {len(vectors)} pieces, the recipe's has {vocabulary}: make it again with "
            f"`python -m sakuin.training teach`."
        )
    return vectors


def principal(vectors: NDArray[np.float32], width: int) -> torch.Tensor:
    """Vectors turned so that the directions that tell most apart come first; each of mean square 1.

    Without their common mean, which says nothing about any; at most ``width`` columns. As Model2Vec does with
    transformers' token vectors (https://github.com/MinishLab/model2vec).
    """
    centred = torch.from_numpy(vectors - vectors.mean(axis=0))
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    turned: torch.Tensor = (centred @ directions.T)[:, :width]
    longer: torch.Tensor = width**0.5 / torch.linalg.vector_norm(turned, dim=1, keepdim=True).clamp_min(1e-6)
    return turned * longer


def mixed(rows: torch.Tensor, taught: torch.Tensor, share: float) -> torch.Tensor:
    """Random rows with a teacher's added to their first columns; ``share`` of the squared length is the teacher's."""
    mixture = torch.mul(rows, (1 - share) ** 0.5)
    mixture[:, : taught.shape[1]] += taught * share**0.5
    return mixture


def rows_of_model(recipe: Recipe, tokenizer: FlatTokenizer, width: int) -> torch.Tensor:
    """The table of the model that the recipe starts from."""
    files = read_model(find_model(None if recipe.start == "default" else recipe.start))
    same = files.tokenizer.read_bytes() == recipe.tokenizer.read_bytes()
    if not same or len(files.table) != tokenizer.exact.get_vocab_size():
        raise TrainingError(
            f"The model {recipe.start} has another tokenizer than {recipe.tokenizer}: name its own, {files.tokenizer}."
        )
    if files.table.dimension < width:
        raise TrainingError(
            f"The model {recipe.start} has {files.table.dimension} numbers, the recipe wants {width}: lower `dims`."
        )
    return torch.from_numpy(files.table.prefix(width))
