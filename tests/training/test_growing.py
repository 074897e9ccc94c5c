"""A tokenizer with more pieces of Latin letters, a table that goes on from another tokenizer's, and rows that stay."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tokenizers import Tokenizer

from sakuin.cli.training import cli
from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import DEFAULT_FOLDER, find_model, read_model
from sakuin.embedder.tokenising import PROBES, PROVEN_FROM, FlatTokenizer
from sakuin.index.passages import text_width
from sakuin.training.errors import TrainingError
from sakuin.training.initial import initial_table, rows_of_pieces
from sakuin.training.pairs import Source, read_pairs, write_pairs
from sakuin.training.recipe import Recipe
from sakuin.training.teacher import TEXT_WIDTH, read_teacher_texts, sample_texts, teach
from sakuin.training.tokenizer import LATIN, grow_tokenizer
from sakuin.training.trainer import train

PACKAGED = DEFAULT_FOLDER / "tokenizer.json"
# Words that the packaged tokenizer has no pieces for.
SYLLABLES = [
    f"{a}{b}{c}" for a in ("quix", "splon", "brin", "zor", "fru") for b in "aeiou" for c in ("narf", "kery", "blatt")
]
WORDS = ["zorblatt", "Frumiodal", *SYLLABLES]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 4)) + f", {rng.choice(WORDS)}の設定" for _ in range(800)]
    write_pairs(pairwise(texts), folder / "made-up.jsonl.zst")
    return folder


@pytest.fixture(scope="module")
def grown(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged tokenizer with 55 pieces of made-up words in place of those it has of Latin letters."""
    others = sum(not LATIN.fullmatch(piece) for piece in Tokenizer.from_file(str(PACKAGED)).get_vocab())
    out = tmp_path_factory.mktemp("grown") / "tokenizer.json"
    options = ["--data", str(data), "--base", str(PACKAGED), "--vocabulary", str(others + 55), "--out", str(out)]
    made = CliRunner().invoke(cli, ["tokenizer", *options])
    assert made.exit_code == 0, made.output
    return out


def test_what_has_no_latin_letters_is_cut_as_before(grown: Path) -> None:
    before, after = Tokenizer.from_file(str(PACKAGED)), Tokenizer.from_file(str(grown))
    for text in (
        "検索の速さを2024年に測った。",
        "サーバーを再起動し、もう一度お試しください",
        "１２３ 円（税込）",
        "「また」 15 個",
    ):
        assert after.encode(text).tokens == before.encode(text).tokens


def test_latin_words_have_pieces_of_their_own_in_any_case(grown: Path) -> None:
    tokenizer = Tokenizer.from_file(str(grown))
    assert tokenizer.encode("Zorblatt FRUMIODALの").tokens == ["▁zorblatt", "▁frumiodal", "の"]


def test_the_compiled_core_reads_it(grown: Path) -> None:
    pytest.importorskip("sakuin.embedder.native", reason="nothing was compiled")
    flat = FlatTokenizer(grown)
    assert flat.compiled(PROVEN_FROM) is not None
    texts = [*PROBES, *("Zorblatt、の Frumiodal-Quixanarf 2",) * 300]
    ids, lengths = flat.encode(texts)
    expected = [flat.exact.encode(text, add_special_tokens=False).ids for text in texts]
    assert lengths.tolist() == list(map(len, expected))
    assert ids.tolist() == [one for row in expected for one in row]


def test_what_cannot_be_grown_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="raise --vocabulary"):
        grow_tokenizer(PACKAGED, data, 20000)
    broken = tmp_path / "broken.json"
    broken.write_text("{}", encoding="utf-8")
    with pytest.raises(TrainingError, match="no Unigram tokenizer"):
        grow_tokenizer(broken, data, 40000)


def test_rows_mean_what_they_meant(grown: Path) -> None:
    files = read_model(find_model(None))
    rows = torch.from_numpy(files.table.prefix(32))
    known, wanted = Tokenizer.from_file(str(PACKAGED)), Tokenizer.from_file(str(grown))
    found = rows_of_pieces(rows, known, wanted)
    assert len(found) == wanted.get_vocab_size()
    same = known.token_to_id("検索"), wanted.token_to_id("検索")
    assert torch.equal(rows[same[0]], found[same[1]])
    parts = known.model.tokenize("▁zorblatt")
    assert len(parts) > 1
    expected = torch.stack([rows[part.id] for part in parts]).sum(0)
    torch.testing.assert_close(found[wanted.token_to_id("▁zorblatt")], expected)


def test_a_run_changes_only_the_pieces_it_is_to_train(data: Path, grown: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        "grown",
        grown,
        (Source("made-up"),),
        data,
        dims=(32, 16),
        batch=32,
        steps=4,
        start="default",
        train_pieces="▁?[a-z]+",
        runs=2,
    )
    tokenizer = FlatTokenizer(grown)
    before = initial_table(recipe, tokenizer, []).numpy()
    after = read_model(train(recipe, tmp_path / "run", show_progress=False)).table.prefix(32)
    latin = [row for piece, row in tokenizer.exact.get_vocab().items() if LATIN.fullmatch(piece)]
    others = np.setdiff1d(np.arange(len(before)), latin)
    others = others[others != tokenizer.exact.token_to_id("<unk>")]
    others = others[others != tokenizer.exact.token_to_id("▁")]
    np.testing.assert_array_equal(before[others], after[others])
    moved = tokenizer.exact.token_to_id("▁zorblatt")
    assert np.abs(before[moved] - after[moved]).max() > 0.01


def test_a_teacher_may_know_some_sources_alone(data: Path, grown: Path, tmp_path: Path) -> None:
    model = tmp_path / "teacher"
    recipe = Recipe(
        "taught",
        grown,
        (Source("made-up"), Source("some", file="made-up", kind="distillation", cap=5)),
        data,
        teacher=tmp_path / "teacher.safetensors",
        distillation_share=0.5,
        steps=1,
    )
    StaticEmbedder.load().save(model)
    assert teach(str(model), recipe, per_source=0, prompt="")[1] == 10
    assert len(read_teacher_texts(tmp_path / "teacher.safetensors")[0]) == 10


def test_a_teachers_texts_are_cut_by_their_width(tmp_path: Path) -> None:
    write_pairs([("word " * 200, "漢字" * 200), ("漢字 and words " * 60, "短い")], tmp_path / "long.jsonl.zst")
    asked = sample_texts((Source("long"),), tmp_path, per_source=2, seed=0)
    assert {len(text) for text in asked if set(text) <= set("word 漢字")} == {256, 128}
    assert all(TEXT_WIDTH - 3 < text_width(text) <= TEXT_WIDTH for text in asked if text != "短い")
    assert "短い" in asked


def test_documents_make_pairs(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(3):
        body = f"How the thing number {number} is set up and taken down again."
        text = f"# Manual {number}\n\n## Section {number}\n\n{body}\n"
        (corpus / f"{number}.md").write_text(text, encoding="utf-8")
    made = CliRunner().invoke(cli, ["pairs", str(corpus), "--out", str(tmp_path / "manuals.jsonl.zst")])
    assert made.exit_code == 0, made.output
    pairs = read_pairs(tmp_path / "manuals.jsonl.zst", cap=100)
    assert ("Manual 1 Section 1", "How the thing number 1 is set up and taken down again.") in zip(
        pairs.queries, pairs.passages, strict=True
    )
    assert (tmp_path / "manuals_next.jsonl.zst").is_file()
