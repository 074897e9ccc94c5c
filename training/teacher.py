"""Vectors by a teacher: any sentence-transformers model, such as multilingual-e5-small."""

import math
import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from sakuin.files import atomic_write
from sakuin.index.passages import reach
from sakuin.training.errors import TrainingError, write_errors
from sakuin.training.pairs import Source, read_source
from sakuin.training.recipe import Recipe

# Names of the tensors in a teacher's file: vectors of the pieces; vectors of texts, the texts' UTF-8 bytes end to end
# and where each ends.
PIECES, VECTORS, TEXTS, ENDS = "pieces", "vectors", "texts", "ends"
# A piece is a word or less; a short limit bounds what odd pieces cost.
PIECE_TOKENS = 32
# What a text is about stands at its beginning. Both the teacher and the table get no more than this, so that they see
# the same; a teacher's time grows with it. In columns, of which a Japanese character takes two.
TEXT_WIDTH, TEXT_TOKENS = 256, 96
MARK = "▁"


def teach(teacher: str, recipe: Recipe, *, per_source: int, prompt: str) -> tuple[int, int]:
    """Write the file that a recipe names as its teacher.

    It holds the teacher's vector of each piece of the recipe's tokenizer, and of a sample of the texts of its sources.

    Args:
        teacher: Folder or hub name of a sentence-transformers model.
        recipe: Its ``teacher`` is the safetensors file to write.
        per_source: Pairs sampled from each source at most, but all of those of kind "distillation"; 0 for none but
            these.
        prompt: Goes before each text, such as "query: ".

    Returns:
        How many pieces and texts it holds.

    Raises:
        TrainingError: the recipe names no teacher's file, the teacher, tokenizer or a source cannot be read, or the
            file not written.
    """
    if recipe.teacher is None:
        raise TrainingError(
            'The recipe names no file for a teacher\'s vectors: add teacher = "runs/teacher.safetensors".'
        )
    try:
        known = Tokenizer.from_file(str(recipe.tokenizer))
    except Exception as error:  # `tokenizers` raises plain Exception.
        raise TrainingError(f"Cannot read the tokenizer {recipe.tokenizer}: {error}.") from error
    # A piece that is only the mark of a word's beginning has no text; its row will stay unused.
    pieces = [(known.id_to_token(i) or "").replace(MARK, " ").strip() or "." for i in range(known.get_vocab_size())]
    texts = sample_texts(recipe.sources, recipe.data, per_source=per_source, seed=recipe.seed)
    tensors = {PIECES: teacher_vectors_of(pieces, teacher, prompt=prompt, max_tokens=PIECE_TOKENS)}
    if texts:
        encoded = [text.encode() for text in texts]
        tensors[VECTORS] = teacher_vectors_of(texts, teacher, prompt=prompt, max_tokens=TEXT_TOKENS).astype(np.float16)
        tensors[TEXTS] = np.frombuffer(b"".join(encoded), np.uint8)
        tensors[ENDS] = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    with write_errors(recipe.teacher), atomic_write(recipe.teacher) as part:
        save_file(tensors, part)
    return len(pieces), len(texts)


def sample_texts(sources: Iterable[Source], data: Path, *, per_source: int, seed: int) -> list[str]:
    """Both sides of random pairs of each source, each text once, cut to `TEXT_WIDTH`.

    Args:
        sources: Of a recipe.
        data: Folder of the pair files.
        per_source: Pairs of each source at most; of the sources that are there for distillation, as many as their cap
            allows.
        seed: Of the choice.

    Returns:
        The texts.
    """
    rng = random.Random(seed)
    found: dict[str, None] = {}
    for source in sources:
        taught = source.kind == "distillation"
        if not (taught or per_source):
            continue
        # Of a file all pairs may be drawn; a hub's cap bounds what is downloaded.
        pairs = read_source(source if source.hub else replace(source, cap=sys.maxsize), data)
        size = min(source.cap if taught else per_source, len(pairs))
        for row in rng.sample(range(len(pairs)), size):
            for text in (pairs.queries[row], pairs.passages[row]):
                found.setdefault(text[: reach(text, 0, len(text), TEXT_WIDTH)].strip())
    return list(found)


def read_teacher_texts(path: Path) -> tuple[list[str], NDArray[np.float16]]:
    """Read what `teach` wrote of texts.

    Args:
        path: The file.

    Returns:
        Texts and the teacher's normalised vectors of them, float16 (texts, teacher's width).

    Raises:
        TrainingError: the file cannot be read, or holds vectors of pieces alone.
    """
    try:
        tensors = load_file(path)
        if TEXTS not in tensors:
            raise ValueError("it was made with --per-source 0, of pieces alone")
        content, ends = tensors[TEXTS].tobytes(), tensors[ENDS].tolist()
        texts = [content[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]
        if len(texts) < 2 or len(texts) != len(tensors[VECTORS]):
            raise ValueError("its texts and vectors do not match")
        return texts, tensors[VECTORS]
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise TrainingError(
            f"{path} holds no texts of a teacher ({error}): make it with `python -m sakuin.training teach`."
        ) from error


def teacher_vectors_of(texts: Sequence[str], teacher: str, *, prompt: str, max_tokens: int) -> NDArray[np.float32]:
    """Encode texts by a sentence-transformers model.

    Args:
        texts: Any strings.
        teacher: Folder or hub name of the model.
        prompt: Goes before each text.
        max_tokens: Texts are cut to this many of its tokens.

    Returns:
        Normalised vectors, float32 (texts, the teacher's width).

    Raises:
        TrainingError: the model cannot be loaded.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    from sakuin.training.device import device, fastest_product

    where = device()
    try:
        model = SentenceTransformer(teacher, device=str(where))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"Cannot load the teacher {teacher} ({str(error).splitlines()[0]}): give the folder of a "
            f"sentence-transformers model, or the name of one on the Hugging Face hub."
        ) from error
    limit = model.max_seq_length
    if limit is None or max_tokens < limit < math.inf:  # A static model takes texts of any length, and no limit.
        model.max_seq_length = max_tokens
    half = fastest_product(where)
    with torch.autocast(where.type, dtype=half, enabled=half != torch.float32):
        vectors = model.encode(
            [prompt + text for text in texts], batch_size=64, normalize_embeddings=True, show_progress_bar=True
        )
    return np.asarray(vectors, np.float32)
