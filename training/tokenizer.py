"""A SentencePiece Unigram tokenizer, saved in the form XLM-RoBERTa's tokenizers have.

The form matters: fast tokenising libraries know it, and `tokenizers`, sentence-transformers and transformers read it.
"""

import os
import random
import re
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tqdm import tqdm

from sakuin.extras import missing
from sakuin.training.errors import TrainingError
from sakuin.training.pairs import SUFFIXES, read_pairs

Words = Literal["free", "unidic"]
# What stands between two words that no piece may join: a private character, since SentencePiece's normalisation takes
# control characters away before it looks for it.
SEAM = "\ue000"
# XLM-RoBERTa's order of special pieces.
SPECIAL_PIECES = ("<s>", "<pad>", "</s>", "<unk>")


def sample_texts(paths: list[Path], *, per_source: int, characters: int, seed: int) -> Iterator[str]:
    """Texts to learn pieces from: both sides of random pairs.

    Args:
        paths: Pair files.
        per_source: Pairs of each at most.
        characters: Texts are cut to this length.
        seed: Of the choice.

    Yields:
        The texts, each on one line.
    """
    rng = random.Random(seed)
    for path in tqdm(paths, "Reading pairs", unit=" files"):
        pairs = read_pairs(path, cap=10**9)
        rows = range(len(pairs))
        for row in rng.sample(rows, per_source) if len(rows) > per_source else rows:
            for text in (pairs.queries[row], pairs.passages[row]):
                yield text[:characters].replace("\n", " ").replace(SEAM, "")
    tqdm.write("Learning pieces: of many pairs it takes some minutes.", sys.stderr)


def unidic_seams() -> Callable[[str], str]:
    """A function that marks in a text where UniDic's short-unit words meet."""
    try:
        import fugashi
        import unidic_lite
    except ImportError as error:
        raise TrainingError(f"Words are cut by UniDic. {missing('unidic_lite', 'train')}") from error
    tagger = fugashi.GenericTagger(f'-d "{unidic_lite.DICDIR}" -r {os.devnull} -Owakati')

    def mark(text: str) -> str:
        text = unicodedata.normalize("NFKC", text).replace(SEAM, " ")
        marked: list[str] = []
        position = 0
        for word in tagger.parse(text).split():
            start = text.index(word, position)
            marked.append(text[position:start] if start > position else SEAM if marked else "")
            marked.append(word)
            position = start + len(word)
        return "".join(marked)

    return mark


def train_tokenizer(
    data: Path,
    vocabulary: int,
    *,
    per_source: int = 8000,
    characters: int = 400,
    seed: int = 0,
    words: Words = "free",
) -> Tokenizer:
    """Learn Unigram pieces (Kudo 2018, arXiv:1804.10959) from every pair file in ``data``.

    Args:
        data: Folder of ``.jsonl`` / ``.jsonl.zst`` pair files.
        vocabulary: Number of pieces, the four special ones included.
        per_source: Pairs taken from each file, so that a large source does not drown a small one.
        characters: Texts are cut to this length.
        seed: Of the sample.
        words: "unidic": no piece reaches over the end of a word that UniDic knows, so that pieces are words and parts
            of words; "free": pieces are whatever is frequent. The tokenizer itself needs no dictionary either way.

    Returns:
        The tokenizer.

    Raises:
        TrainingError: there are no pair files, or no such number of pieces can be learnt from them.
    """
    paths = sorted(path for path in data.iterdir() if path.name.endswith(SUFFIXES) and "_scored" not in path.name)
    if not paths:
        raise TrainingError(f"No pair files ({', '.join(SUFFIXES)}) in {data}: name the folder with --data.")
    texts = sample_texts(paths, per_source=per_source, characters=characters, seed=seed)
    if words == "unidic":
        texts = map(unidic_seams(), texts)
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(Path(folder) / "pieces")
        try:
            spm.SentencePieceTrainer.train(
                sentence_iterator=texts,
                model_prefix=prefix,
                model_type="unigram",
                vocab_size=vocabulary,
                character_coverage=0.9998,
                normalization_rule_name="nmt_nfkc",
                max_sentence_length=8 * characters,
                pretokenization_delimiter=SEAM if words == "unidic" else "",
                max_sentencepiece_length=16,
                num_threads=2,
                seed_sentencepiece_size=1_000_000,
                train_extremely_large_corpus=False,
                unk_surface="<unk>",
                minloglevel=2,
            )
        except RuntimeError as error:
            raise TrainingError(
                f"SentencePiece could not learn {vocabulary} pieces from {data}: {remedy(error)}."
            ) from error
        return convert(Path(f"{prefix}.model"), vocabulary)


def remedy(error: RuntimeError) -> str:
    """What to do about an error of SentencePiece, which speaks of lines of C++ and of options that are not ours."""
    if most := re.search(r"value <= (\d+)", str(error)):
        return f"lower --vocabulary to {most[1]}, or give more texts"
    if characters := re.search(r"required_chars\. \d+ vs (\d+)", str(error)):
        return f"the texts have {characters[1]} different characters, so set --vocabulary well above that"
    # Of "INTERNAL: file.cc(line) [condition] reason" the reason, where there is one.
    return str(error).rpartition("] ")[2].strip() or "the texts are too few"


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
