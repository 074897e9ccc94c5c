"""Vectors by a teacher: any sentence-transformers model, such as multilingual-e5-small."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.errors import TrainingError

# Names of the tensors in a teacher's files.
PIECES = "pieces"
# A piece is a word or less; a short limit bounds what odd pieces cost.
PIECE_TOKENS = 32
MARK = "▁"


def teach_pieces(teacher: str, tokenizer: Path, prompt: str, out: Path) -> int:
    """Write the teacher's vector of each piece of a tokenizer; returns how many.

    Args:
        teacher: Folder or hub name of a sentence-transformers model.
        tokenizer: A ``tokenizer.json``.
        prompt: Goes before each piece, such as "query: ".
        out: The safetensors file to write.

    Raises:
        TrainingError: the teacher or tokenizer cannot be loaded, or the file not written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        known = Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # `tokenizers` raises plain Exception.
        raise TrainingError(f"Cannot read the tokenizer {tokenizer}: {error}.") from error
    # A piece that is only the mark of a word's beginning has no text; its row will stay unused.
    pieces = [(known.id_to_token(i) or "").replace(MARK, " ").strip() or "." for i in range(known.get_vocab_size())]
    vectors = teacher_vectors_of(pieces, teacher, prompt, PIECE_TOKENS)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        save_file({PIECES: vectors}, out)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"Cannot write {out}: {error}.") from error
    return len(pieces)


def teacher_vectors_of(texts: Sequence[str], teacher: str, prompt: str, max_tokens: int) -> NDArray[np.float32]:
    """Normalised vectors of texts by a sentence-transformers model: float32 (texts, the teacher's width)."""
    import torch
    from sentence_transformers import SentenceTransformer

    from training.device import device, fastest_product

    where = device()
    try:
        model = SentenceTransformer(teacher, device=str(where))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"Cannot load the teacher {teacher} ({str(error).splitlines()[0]}): give the folder of a "
            f"sentence-transformers model, or the name of one on the Hugging Face hub."
        ) from error
    model.max_seq_length = min(max_tokens, model.max_seq_length or max_tokens)
    half = fastest_product(where)
    with torch.autocast(where.type, dtype=half, enabled=half != torch.float32):
        vectors = model.encode(
            [prompt + text for text in texts], batch_size=256, normalize_embeddings=True, show_progress_bar=True
        )
    return np.asarray(vectors, np.float32)
