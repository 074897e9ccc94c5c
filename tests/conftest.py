"""A small model and small corpora, made on the spot; nothing is downloaded."""

import json
import os
import shutil
from pathlib import Path

# Before torch, FAISS and numpy are loaded, here and in the processes that tests start: on a busy machine threads that
# wait for each other take far longer than one alone, and what tests compute is small.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from sakuin.embedder.folder import DEFAULT_FOLDER, ModelFiles, write_model
from sakuin.embedder.table import Table
from sakuin.index.build import build
from tests.examples import EXAMPLES, HOSTILE

# No test is a matter of time: machines are busy.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

WORDS = [
    "▁the",
    "▁cat",
    "▁sat",
    "▁on",
    "▁mat",
    "猫",
    "が",
    "好き",
    "です",
    "会社",
    "を",
    "休む",
    "。",
    "▁",
    "a",
    "b",
    "c",
]


@pytest.fixture(scope="session")
def toy_tokenizer() -> Tokenizer:
    """XLM-RoBERTa's form with the packaged model's normaliser and a few pieces."""
    packaged = Tokenizer.from_file(str(DEFAULT_FOLDER / "tokenizer.json"))
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(word, -float(rank)) for rank, word in enumerate(WORDS, 1)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = packaged.normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory, toy_tokenizer: Tokenizer) -> Path:
    """A folder in sentence-transformers' format: random table of 64 dimensions, mean pooling."""
    folder = tmp_path_factory.mktemp("toy")
    toy_tokenizer.save(str(folder / "source.json"))
    table = np.random.default_rng(0).normal(size=(toy_tokenizer.get_vocab_size(), 64)).astype(np.float32)
    write_model(folder, ModelFiles(Table(table), folder / "source.json", "mean", normalize=False))
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder of three small documents."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "leave.txt").write_text("有給休暇の申請は三日前までに人事部へ出してください。", encoding="utf-8")
    (folder / "vpn.md").write_text("# VPN\n\nReset your password before you connect.\n", encoding="utf-8")
    (folder / "rows.jsonl").write_text(
        '{"id": "a", "title": "猫", "text": "猫は魚が好きです。"}\n{"id": "b", "text": "The dog likes bones."}\n',
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="session")
def example_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLES, base / "examples" / "corpus")
    build(base / "examples" / "corpus", base / ".sakuin")
    return base / ".sakuin"


@pytest.fixture(scope="session")
def hostile_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("hostile")
    corpus = base / "corpus"
    corpus.mkdir()
    (corpus / "<img src=x onerror=alert(1)> [x](javascript:alert(1)) $a$ :smile: **b**.txt").write_text(
        HOSTILE, encoding="utf-8"
    )
    rows = {"id": "javascript:alert(1)", "title": HOSTILE, "text": HOSTILE, "<b>author</b>": HOSTILE}
    (corpus / "rows.jsonl").write_text(json.dumps(rows), encoding="utf-8")
    (corpus / "<script>alert(1)</script>.zip".replace("/", "⁄")).write_bytes(b"PK")
    build(corpus, base / "<b>index</b>".replace("/", "⁄"))
    return base / "<b>index</b>".replace("/", "⁄")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in a browser come last: Playwright keeps a loop of events running, beside which no other can be started."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
