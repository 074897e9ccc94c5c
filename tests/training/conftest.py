"""What tests of training share: one thread, and a tokenizer and a teacher of a few hundred pieces."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from sakuin.embedder.folder import ModelFiles, write_model
from sakuin.embedder.table import Table
from sakuin.training.tokenizer import train_tokenizer
from tests.training.records import RECORDS, write_records

VOCABULARY = 220


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of torch wait for each other by spinning: on a busy machine two are many times slower than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of some hundred pieces, learnt from the texts of these tests."""
    folder = tmp_path_factory.mktemp("tokenizer")
    for name in ("animals", "numbers", "fruit", "stories"):
        write_records(folder / f"{name}.jsonl", RECORDS[name])
    path = folder / "tokenizer.json"
    path.write_text(train_tokenizer(folder, VOCABULARY).to_str(), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> str:
    """A sentence-transformers model: a static one with random rows."""
    folder = tmp_path_factory.mktemp("teacher")
    vocabulary = Tokenizer.from_file(str(tokenizer_file)).get_vocab_size()
    table = np.random.default_rng(0).normal(size=(vocabulary, 64)).astype(np.float32)
    write_model(folder, ModelFiles(Table(table), tokenizer_file, "mean", normalize=False))
    return str(folder)
