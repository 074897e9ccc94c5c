"""A model of made-up words, and documents whose titles say in one set of them what their texts say in another."""

import random
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

from sakuin.embedder.folder import ModelFiles, write_model
from sakuin.embedder.table import Table

TOPICS = 8
TITLE_WORDS = [[f"ti{'abcdefgh'[topic]}{'uvwx'[word]}ka" for word in range(4)] for topic in range(TOPICS)]
BODY_WORDS = [[f"bo{'abcdefgh'[topic]}{letter}mo" for letter in "klmnopqrst"] for topic in range(TOPICS)]
WORDS = [word for words in (*TITLE_WORDS, *BODY_WORDS) for word in words]


def write_made_up_model(folder: Path) -> None:
    """Every made-up word has a row of its own, at random, so that no two of them are alike."""
    folder.mkdir(exist_ok=True)
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -20.0)]
    pieces += [(f"▁{word}", -float(rank)) for rank, word in enumerate(WORDS, 1)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.save(str(folder / "source.json"))
    table = np.random.default_rng(0).normal(size=(len(pieces), 64)).astype(np.float32)
    write_model(folder, ModelFiles(Table(table), folder / "source.json", "mean", normalize=False))


def write_belonging(folder: Path) -> None:
    """Documents of which it has to be learnt which words belong together."""
    rng = random.Random(0)
    folder.mkdir(exist_ok=True)
    for topic in range(TOPICS):
        for number in range(12):
            title = " ".join(rng.sample(TITLE_WORDS[topic], 3)) + f" {topic}{number}"
            body = sentence(BODY_WORDS[topic], 8, rng)
            (folder / f"{topic}-{number}.txt").write_text(f"{title}\n\n{body}\n", encoding="utf-8")


def sentence(words: list[str], number: int, rng: random.Random) -> str:
    """A sentence of so many of some words."""
    return " ".join(rng.sample(words, number)) + "."
