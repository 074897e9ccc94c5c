"""A SentencePiece Unigram tokenizer, saved in the form XLM-RoBERTa's tokenizers have.

The form matters: fast tokenising libraries know it, and `tokenizers`, sentence-transformers and transformers read it.
"""

import json
import os
import random
import re
import string
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

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
# Pieces of Latin letters; and of a folded text what no such piece holds, which a letter of another script stands for,
# since SentencePiece's pieces never reach from one script into another.
LATIN = re.compile("▁?[A-Za-z]+")
OTHER = re.compile("[^a-z ]+")
HIRAGANA = "の"
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
    texts = sample_texts(pair_files(data), per_source=per_source, characters=characters, seed=seed)
    if words == "unidic":
        texts = map(unidic_seams(), texts)
    seam = SEAM if words == "unidic" else ""
    return convert(learn(texts, vocabulary, data=data, characters=characters, seam=seam), vocabulary)


def pair_files(data: Path) -> list[Path]:
    """The pair files of a folder whose texts are learnt from; raises TrainingError where there are none."""
    paths = sorted(path for path in data.iterdir() if path.name.endswith(SUFFIXES) and "_scored" not in path.name)
    if not paths:
        raise TrainingError(f"No pair files ({', '.join(SUFFIXES)}) in {data}: name the folder with --data.")
    return paths


def learn(
    texts: Iterable[str],
    vocabulary: int,
    *,
    data: Path,
    characters: int,
    seam: str = "",
    fold_case: bool = False,
    beside: int = 0,
) -> Any:
    """SentencePiece's model (a ModelProto) of texts.

    Args:
        texts: Of one line each.
        vocabulary: Number of pieces, with SentencePiece's three special ones.
        data: Where the texts are from, for errors.
        characters: Length of a text at most.
        seam: What no piece may reach over, "" for nothing.
        fold_case: Whether capitals are read as small letters.
        beside: Pieces that the tokenizer will have beside these, for errors.

    Returns:
        The model.

    Raises:
        TrainingError: no such number of pieces can be learnt.
    """
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(Path(folder) / "pieces")
        try:
            spm.SentencePieceTrainer.train(
                sentence_iterator=iter(texts),
                model_prefix=prefix,
                model_type="unigram",
                vocab_size=vocabulary,
                character_coverage=0.9998,
                normalization_rule_name="nmt_nfkc_cf" if fold_case else "nmt_nfkc",
                max_sentence_length=8 * characters,
                pretokenization_delimiter=seam,
                max_sentencepiece_length=16,
                num_threads=2,
                seed_sentencepiece_size=1_000_000,
                train_extremely_large_corpus=False,
                unk_surface="<unk>",
                minloglevel=2,
            )
        except RuntimeError as error:
            raise TrainingError(
                f"SentencePiece could not learn {vocabulary + beside} pieces from {data}: {remedy(error, beside)}."
            ) from error
        proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
        proto.ParseFromString(Path(f"{prefix}.model").read_bytes())
        return proto


def grow_tokenizer(
    base: Path, data: Path, vocabulary: int, *, per_source: int = 8000, characters: int = 400, seed: int = 0
) -> Tokenizer:
    """A tokenizer that folds case and has more pieces of Latin letters; of other scripts it has the same.

    What texts without Latin letters are cut into stays as it was, and so may the rows of those pieces.

    Args:
        base: A ``tokenizer.json`` of the form that `train_tokenizer` gives.
        data: Folder of pair files; of their texts the runs of Latin letters are learnt from.
        vocabulary: Number of pieces in all.
        per_source: Pairs taken from each file.
        characters: Texts are cut to this length.
        seed: Of the sample.

    Returns:
        The tokenizer. Pieces that were there come first, in the same order.

    Raises:
        TrainingError: the base cannot be read or has another form, or no such number of pieces can be learnt.
    """
    try:
        form = json.loads(base.read_bytes())
        pieces = [(piece, score) for piece, score in form["model"]["vocab"]]
        steps = form["normalizer"]["normalizers"]
        known = form["model"]["type"] == "Unigram" and steps[0]["type"] == "Precompiled"
    except OSError as error:
        raise TrainingError(f"Cannot read the tokenizer {base}: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, IndexError):
        known = False
    if not known:
        raise TrainingError(
            f"{base} is no Unigram tokenizer of XLM-RoBERTa's form: give one by `python -m sakuin.training tokenizer`."
        )
    texts = sample_texts(pair_files(data), per_source=per_source, characters=characters, seed=seed)
    kept = {piece: score for piece, score in pieces if not LATIN.fullmatch(piece)}
    wanted = vocabulary - len(kept)
    if wanted < 2 * len(string.ascii_lowercase):
        raise TrainingError(f"{base} has {len(kept)} pieces without Latin letters: raise --vocabulary above that.")
    # SentencePiece counts its special pieces and the hiragana as well: the least likely pieces give way.
    texts = filter(None, map(latin_only, texts))
    proto = learn(texts, wanted + 32, data=data, characters=characters, fold_case=True, beside=len(kept) - 32)
    normalizer = normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)
    folded: dict[str, float] = {}
    for piece, score in kept.items():
        # A capital of another script would never be met again.
        name = piece if piece in SPECIAL_PIECES else "▁".join(map(normalizer.normalize_str, piece.split("▁")))
        folded[name] = max(score, folded.get(name, score))
    learnt = [(p.piece, p.score) for p in proto.pieces if p.type == p.NORMAL and LATIN.fullmatch(p.piece)]
    # Letters alone first, for they are needed however rare they are.
    learnt.sort(key=lambda of: (len(of[0].removeprefix("▁")) > 1, -of[1]))
    grown = Tokenizer.from_str(json.dumps(form))
    grown.model = models.Unigram([*folded.items(), *learnt][:vocabulary], unk_id=form["model"]["unk_id"])
    grown.normalizer = normalizers.Sequence([normalizer, normalizers.Replace(Regex(" {2,}"), " ")])
    return grown


def latin_only(text: str) -> str:
    """A text in lower case with a hiragana in place of what is no Latin letter; "" where no letter is left.

    A letter after a space, and one after a sign or another script, are told apart, as by the tokenizer.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return OTHER.sub(HIRAGANA, folded) if any(letter in folded for letter in string.ascii_lowercase) else ""


def remedy(error: RuntimeError, beside: int) -> str:
    """What to do about an error of SentencePiece, which speaks of lines of C++ and of options that are not ours."""
    if most := re.search(r"value <= (\d+)", str(error)):
        return f"lower --vocabulary to {int(most[1]) + beside}, or give more texts"
    if characters := re.search(r"required_chars\. \d+ vs (\d+)", str(error)):
        return f"the texts have {characters[1]} different characters, so set --vocabulary well above that"
    # Of "INTERNAL: file.cc(line) [condition] reason" the reason, where there is one.
    return str(error).rpartition("] ")[2].strip() or "the texts are too few"


def convert(proto: Any, vocabulary: int) -> Tokenizer:
    """SentencePiece's Unigram model as a `tokenizers` Tokenizer of XLM-RoBERTa's form, of ``vocabulary`` pieces."""
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
