"""The table a run starts from: new rows, with or without a teacher's help, or those of a model."""

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from tokenizers.models import Unigram

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
    """The table that a run starts from.

    Args:
        recipe: Its width, and what to start from.
        tokenizer: Of the table.
        sources: Of pairs, whose rare tokens get longer rows.

    Returns:
        float32 (vocabulary, width), on the CPU.

    Raises:
        TrainingError: the model or teacher that the recipe names does not fit its tokenizer or dimensions.
    """
    vocabulary, width = tokenizer.exact.get_vocab_size(), max(recipe.dims)
    if recipe.start:
        return rows_of_model(recipe, tokenizer, width)
    rows = torch.randn(vocabulary, width, generator=torch.Generator().manual_seed(recipe.seed))
    if recipe.teacher:
        of_teacher = principal_components(teacher_vectors(recipe.teacher, vocabulary), width)
        rows = add_teacher(rows, of_teacher, recipe.teacher_share)
    return rows * torch.from_numpy(rarity(vocabulary, sources))[:, None]


def rarity(vocabulary: int, sources: Sequence[TokenPairs]) -> NDArray[np.float32]:
    """Inverse document frequency of each token, scaled to a mean square of 1.

    Random rows of these lengths are nearly orthogonal, so before any training cosines already compare weighted bags of
    tokens.

    Args:
        vocabulary: Number of tokens.
        sources: Of pairs, whose texts are counted.

    Returns:
        float32 (vocabulary,).
    """
    found = np.zeros(vocabulary)
    texts = 0
    for pairs in sources:
        for side in (pairs.queries, pairs.passages):
            texts += len(side)
            found += np.bincount(make_bags(side.ids, np.diff(side.offsets), pooling="mean").ids, minlength=vocabulary)
    idf = np.log1p((texts - found + 0.5) / (found + 0.5))
    idf /= np.sqrt((idf**2).mean())
    return idf.astype(np.float32)


def teacher_vectors(path: Path, vocabulary: int) -> NDArray[np.float32]:
    """The vectors of pieces that `python -m sakuin.training teach` wrote: float32 (vocabulary, teacher's width).

    Raises:
        TrainingError: the file cannot be read, or is of another vocabulary.
    """
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


def principal_components(vectors: NDArray[np.float32], width: int) -> torch.Tensor:
    """The first principal components of vectors, each row scaled to a mean square of 1.

    Without their common mean, which says nothing about any. As Model2Vec does with transformers' token vectors
    (https://github.com/MinishLab/model2vec).

    Args:
        vectors: float32 (n, d).
        width: Components to keep at most.

    Returns:
        float32 (n, min(d, width)).
    """
    centred = torch.from_numpy(vectors - vectors.mean(axis=0))
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    components: torch.Tensor = (centred @ directions.T)[:, :width]
    longer: torch.Tensor = width**0.5 / torch.linalg.vector_norm(components, dim=1, keepdim=True).clamp_min(1e-6)
    return components * longer


def add_teacher(rows: torch.Tensor, of_teacher: torch.Tensor, share: float) -> torch.Tensor:
    """Random rows with a teacher's added to their first columns.

    Args:
        rows: float32 (vocabulary, width).
        of_teacher: float32 (vocabulary, at most width).
        share: Of the squared length that is the teacher's.

    Returns:
        float32 (vocabulary, width).
    """
    mixture = torch.mul(rows, (1 - share) ** 0.5)
    mixture[:, : of_teacher.shape[1]] += of_teacher * share**0.5
    return mixture


def rows_of_model(recipe: Recipe, tokenizer: FlatTokenizer, width: int) -> torch.Tensor:
    """The table (vocabulary, width) of the model that the recipe starts from, for the recipe's tokenizer."""
    files = read_model(find_model(None if recipe.start == "default" else recipe.start))
    if files.table.dimension < width:
        raise TrainingError(
            f"The model {recipe.start} has {files.table.dimension} dimensions, the recipe wants {width}: lower `dims`."
        )
    rows = torch.from_numpy(files.table.prefix(width))
    known = FlatTokenizer(files.tokenizer).exact
    if len(rows) != known.get_vocab_size():
        raise TrainingError(
            f"The model {recipe.start} has {len(rows)} rows, and its tokenizer {known.get_vocab_size()} pieces: it "
            f"cannot be gone on from."
        )
    if files.tokenizer.read_bytes() == recipe.tokenizer.read_bytes():
        return rows
    if not isinstance(known.model, Unigram) or not isinstance(tokenizer.exact.model, Unigram):
        raise TrainingError(
            f"The model {recipe.start} has another kind of tokenizer than {recipe.tokenizer}: name its own, "
            f"{files.tokenizer}."
        )
    return rows_of_pieces(rows, known, tokenizer.exact)


def rows_of_pieces(rows: torch.Tensor, known: Tokenizer, wanted: Tokenizer) -> torch.Tensor:
    """Rows for the pieces of a tokenizer out of those of another.

    A piece that both have keeps its row; one that also stands for others that it differs from in case alone, and that
    are pieces no more, has the mean of all, weighted by how often each is met; any other begins as the sum of what it
    is cut into, so that texts mean what they meant before.

    Args:
        rows: float32 (vocabulary, width), of the known tokenizer.
        known: Their tokenizer.
        wanted: The other one; both are Unigram tokenizers.

    Returns:
        float32 (vocabulary, width), of the wanted one.
    """
    met = dict(orjson.loads(known.to_str())["model"]["vocab"])
    alike: dict[str, list[str]] = defaultdict(list)
    for piece in met:
        alike[piece.casefold()].append(piece)
    found = torch.zeros(wanted.get_vocab_size(), rows.shape[1])
    pieces = wanted.get_vocab()
    for piece, row in pieces.items():
        same = [
            one for one in alike[piece.casefold()] if one == piece or (one not in pieces and piece.casefold() == piece)
        ]
        if same:
            shares = torch.tensor([math.exp(met[one]) for one in same])
            found[row] = shares / shares.sum() @ rows[[known.token_to_id(one) for one in same]]
        else:
            found[row] = rows[[token.id for token in known.model.tokenize(piece)]].sum(0)
    return found
