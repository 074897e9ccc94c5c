"""A SentencePiece Unigram tokenizer, saved in the form XLM-RoBERTa's tokenizers have.

The form matters: fast tokenising libraries know it, and `tokenizers`, sentence-transformers and transformers read it.
"""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from training.errors import TrainingError
from training.pairs import SUFFIXES, read_pairs

# XLM-RoBERTa's order of special pieces.
SPECIAL_PIECES = ("<s>", "<pad>", "</s>", "<unk>")


def sample_texts(paths: list[Path], per_source: int, characters: int, seed: int) -> Iterator[str]:
    """Texts to learn pieces from: at most ``per_source`` pairs of each file, both sides, cut to ``characters``."""
    rng = random.Random(seed)
    for path in paths:
        queries, passages = read_pairs(path, 10**9)
        rows = range(len(queries))
        for row in rng.sample(rows, per_source) if len(rows) > per_source else rows:
            for text in (queries[row], passages[row]):
                yield text[:characters].replace("\n", " ")


def train_tokenizer(
    data: Path, vocabulary: int, per_source: int = 8000, characters: int = 400, seed: int = 0
) -> Tokenizer:
    """Learn Unigram pieces (Kudo 2018, arXiv:1804.10959) from every pair file in ``data``.

    Args:
        data: Folder of ``.jsonl`` / ``.jsonl.zst`` pair files.
        vocabulary: Number of pieces, the four special ones included.
        per_source: Pairs taken from each file, so that a large source does not drown a small one.
        characters: Texts are cut to this length.
        seed: Of the sample.
    """
    paths = sorted(path for path in data.iterdir() if path.name.endswith(SUFFIXES) and "_scored" not in path.name)
    if not paths:
        raise TrainingError(f"No pair files ({', '.join(SUFFIXES)}) in {data}: name the folder with --data.")
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(Path(folder) / "pieces")
        try:
            spm.SentencePieceTrainer.train(
                sentence_iterator=sample_texts(paths, per_source, characters, seed),
                model_prefix=prefix,
                model_type="unigram",
                vocab_size=vocabulary,
                character_coverage=0.9998,
                normalization_rule_name="nmt_nfkc",
                max_sentence_length=4 * characters,
                max_sentencepiece_length=16,
                num_threads=2,
                seed_sentencepiece_size=1_000_000,
                train_extremely_large_corpus=False,
                unk_surface="<unk>",
            )
        except RuntimeError as error:
            raise TrainingError(f"SentencePiece could not train on {data}: {error}") from error
        return convert(Path(f"{prefix}.model"), vocabulary)


def convert(model: Path, vocabulary: int) -> Tokenizer:
    """A SentencePiece Unigram model as a `tokenizers` Tokenizer of XLM-RoBERTa's form, of ``vocabulary`` pieces."""
    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    proto.ParseFromString(model.read_bytes())
    learned = [(p.piece, p.score) for p in proto.pieces if p.type == p.NORMAL]
    # SentencePiece counts three special pieces, XLM-RoBERTa four: the least likely learned piece gives way.
    pieces = ([(piece, 0.0) for piece in SPECIAL_PIECES] + learned)[:vocabulary]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=SPECIAL_PIECES.index("<unk>"), byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens([AddedToken(piece, special=True, normalized=False) for piece in SPECIAL_PIECES])
    return tokenizer
