"""From pairs to a model folder, small but whole."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import zstandard
from click.testing import CliRunner
from tokenizers import Tokenizer

from sakuin.cli.training import cli
from sakuin.embedder import StaticEmbedder
from sakuin.embedder.pooling import make_bags, pool
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.errors import SakuinError
from sakuin.training.checkpoint import CHECKPOINT
from sakuin.training.errors import TrainingError, write_errors
from sakuin.training.package import package
from sakuin.training.pairs import Source, read_pairs
from sakuin.training.recipe import Recipe, read_recipe
from sakuin.training.sampling import load_source, pair_batches, schedule
from sakuin.training.tokenizer import SEAM, train_tokenizer, unidic_seams
from sakuin.training.trainer import alone_in, train
from sakuin.training.whitening import whiten_table
from tests.training.records import ANIMALS, RECORDS, write_records


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sources: animals and their cries, numbers and their squares; one compressed."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    write_records(folder / "animals.jsonl", RECORDS["animals"])
    packed = zstandard.ZstdCompressor().compress("\n".join(map(json.dumps, RECORDS["numbers"])).encode())
    (folder / "numbers.jsonl.zst").write_bytes(packed)
    return folder


@pytest.fixture
def recipe(tmp_path: Path, data: Path, tokenizer_file: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(
        f"""
name = "tiny"
data = "{data}"
tokenizer = "{tokenizer_file}"
dims = [32, 16]
batch = 32
steps = 12
checkpoint_every = 5

[[source]]
name = "animals"
licence = "none"

[[source]]
name = "numbers"
weight = 0.5
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def run(recipe: Path, tmp_path: Path) -> Path:
    """The model of a finished run of the recipe."""
    return train(read_recipe(recipe), tmp_path / "run", show_progress=False)


def test_training_brings_pairs_together(recipe: Path, data: Path, tmp_path: Path) -> None:
    queries, passages = ANIMALS[:8], ANIMALS[8:]
    pairs = [{"query": query, "passage": passage} for query, passage in zip(queries, passages, strict=True)]
    write_records(data / "animals.jsonl", pairs)
    settings = replace(read_recipe(recipe), sources=(Source("animals"),))
    model = StaticEmbedder.load(train(settings, tmp_path / "run", show_progress=False))
    assert (model.dimension, model.pooling) == (32, "damped")
    scores = model.similarity(model.encode(queries), model.encode(passages))
    assert scores.argmax(axis=1).tolist() == list(range(8))


def test_every_step_is_logged(run: Path) -> None:
    log = [json.loads(line) for line in (run.parent / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == list(range(1, 13))


def test_the_run_loads_in_sentence_transformers(run: Path) -> None:
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(run), device="cpu").encode(["猫について", "cat"])
    np.testing.assert_allclose(StaticEmbedder.load(run, "mean").encode(["猫について", "cat"]), theirs, atol=1e-5)


def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sakuin.training.trainer as trainer

    whole = StaticEmbedder.load(train(read_recipe(recipe), tmp_path / "whole", show_progress=False))
    real, calls = trainer.train_step, 0

    def interrupted(*arguments: object, **named: object) -> float:
        nonlocal calls
        calls += 1
        if calls == 8:
            raise KeyboardInterrupt
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(read_recipe(recipe), tmp_path / "broken", show_progress=False)
    monkeypatch.setattr(trainer, "train_step", real)
    resumed = StaticEmbedder.load(train(read_recipe(recipe), tmp_path / "broken", show_progress=False))
    log = (tmp_path / "broken" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in log] == list(range(1, 13))
    texts = ["猫について1", "square of 7"]
    np.testing.assert_allclose(resumed.encode(texts), whole.encode(texts), rtol=1e-3, atol=1e-3)


def test_a_text_of_unknown_pieces_has_a_zero_vector(run: Path) -> None:
    assert not StaticEmbedder.load(run).encode(["\U00012000\U00012001", " "]).any()


def test_batches_hold_no_text_twice(data: Path, tokenizer_file: Path) -> None:
    lines = [json.dumps({"query": f"q{n % 7}", "passage": f"p{n % 11}"}) for n in range(60)]
    (data / "repeats.jsonl").write_text("\n".join(lines), encoding="utf-8")
    tokenizer = FlatTokenizer(tokenizer_file)
    pairs = load_source(Source("repeats"), data, tokenizer=tokenizer, max_tokens=64)
    stream = pair_batches(pairs, 16, rng=np.random.default_rng(0))
    seen: list[int] = []
    while len(seen) < 120:
        rows = next(stream)
        assert len(rows) >= 1
        assert len(set(pairs.queries.keys[rows].tolist())) == len(rows)
        assert len(set(pairs.passages.keys[rows].tolist())) == len(rows)
        seen += rows.tolist()
    assert set(seen[:60]) == set(range(60))


def test_the_schedule_repeats_itself(data: Path, tokenizer_file: Path) -> None:
    tokenizer = FlatTokenizer(tokenizer_file)
    sources = [load_source(Source(name), data, tokenizer=tokenizer, max_tokens=64) for name in ("animals", "numbers")]
    first, second = schedule(sources, 16, seed=3), schedule(sources, 16, seed=3)
    for _ in range(40):
        (source, rows), (again, same) = next(first), next(second)
        assert source is again
        assert rows.tolist() == same.tolist()


def test_texts_are_cut_to_max_tokens(data: Path, tokenizer_file: Path) -> None:
    tokenizer = FlatTokenizer(tokenizer_file)
    pairs = load_source(Source("animals"), data, tokenizer=tokenizer, max_tokens=3)
    assert np.diff(pairs.passages.offsets).max() == 3
    ids, lengths = pairs.passages.take(np.array([5, 0]))
    expected = tokenizer.exact.encode("虎は動物です。番号0", add_special_tokens=False).ids[:3]
    assert lengths.tolist() == [3, 3]
    assert ids[3:].tolist() == tokenizer.exact.encode("猫は動物です。番号0", add_special_tokens=False).ids[:3]
    assert pairs.passages.take(np.array([6]))[0].tolist() == expected


def test_tokenizer_has_the_form_asked_for(data: Path) -> None:
    tokenizer = train_tokenizer(data, vocabulary=120)
    assert tokenizer.get_vocab_size() == 120
    assert [tokenizer.id_to_token(i) for i in range(4)] == ["<s>", "<pad>", "</s>", "<unk>"]
    again = Tokenizer.from_str(tokenizer.to_str())
    ids = again.encode("ＣＡＴ について square", add_special_tokens=False).ids
    assert ids == again.encode("CAT について square", add_special_tokens=False).ids
    assert again.decode(again.encode("square of 9", add_special_tokens=False).ids) == "square of 9"


def test_pieces_do_not_reach_beyond_words(tmp_path: Path) -> None:
    cities = ("東京", "大阪", "京都", "札幌", "福岡", "仙台")
    # The cities vary and what follows them does not, so that pieces which may join words do.
    asked = ("の天気予報について調べています", "の観光案内を読んでいます", "で美味しい料理を食べました")
    lines = [f"{city}{end}{number}" for city in cities for end in asked for number in range(30)]
    rows = [json.dumps({"query": line, "passage": line}) for line in lines]
    (tmp_path / "weather.jsonl").write_text("\n".join(rows), encoding="utf-8")
    free, words = (
        {piece.strip("▁") for piece in train_tokenizer(tmp_path, 54, words=kind).get_vocab()}
        for kind in ("free", "unidic")
    )
    known = unidic_seams()("".join(lines)).split(SEAM)
    inside = {word[start:end] for word in known for end in range(len(word) + 1) for start in range(end)} | {""}
    assert words - inside <= {"<s>", "<pad>", "</s>", "<unk>"}
    assert free - inside - {"<s>", "<pad>", "</s>", "<unk>"}


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        pytest.raises(TrainingError, match=r"Cannot write .*new\.json \(No space.*: free some"),
        write_errors(tmp_path / "new.json"),
    ):
        raise full


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("not json", "line 2"),
        ('{"query": "a"}', "line 2"),
        ('{"query": "a", "passage": " "}', "line 2"),
        ('{"query": 1, "passage": "b"}', "line 2"),
        ("[1, 2]", "line 2: not a pair .not a JSON object"),
        ('{"query": "a", "passage": "b", "negatives": "foo"}', "negatives. is no list"),
        ('{"query": "a", "passage": "b", "negatives": [1]}', "negatives. is no text"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"query": "q", "passage": "p"}\n' + line, encoding="utf-8")
    with pytest.raises(TrainingError, match=reason):
        read_pairs(path, cap=10)


def test_pairs_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"query": "q", "passage": "p"}\n', encoding="utf-8-sig")
    assert len(read_pairs(path, cap=10)) == 1


def test_a_cut_archive_is_named(tmp_path: Path, data: Path) -> None:
    whole = (data / "numbers.jsonl.zst").read_bytes()
    (tmp_path / "cut.jsonl.zst").write_bytes(b"junk" + whole)
    with pytest.raises(TrainingError, match="Zstandard"):
        read_pairs(tmp_path / "cut.jsonl.zst", cap=1000)
    (tmp_path / "cut.jsonl.zst").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match=r"Zstandard.*in the middle"):
        read_pairs(tmp_path / "cut.jsonl.zst", cap=1000)
    (tmp_path / "cut.jsonl.zst").write_bytes(whole + zstandard.compress(b"\n") + whole)
    assert len(read_pairs(tmp_path / "cut.jsonl.zst", cap=1000)) == 180


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("steps = 12", "steps = 0", "steps"),
        ("steps = 12", "stepps = 3", "unknown setting stepps"),
        ("steps = 12", "steps = ", "TOML"),
        ('name = "animals"', 'name = "plants"', "plants"),
        ('licence = "none"', 'license = "none"', "license"),
        ("dims = [32, 16]", "dims = []", "dims"),
    ],
)
def test_a_wrong_recipe_is_explained(recipe: Path, tmp_path: Path, before: str, after: str, message: str) -> None:
    recipe.write_text(recipe.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    with pytest.raises(TrainingError, match=message):
        train(read_recipe(recipe), tmp_path / "run", show_progress=False)


def test_a_damaged_checkpoint_is_explained(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / CHECKPOINT).write_bytes(b"\x00" * 50)
    with pytest.raises(TrainingError, match="delete it"):
        train(read_recipe(recipe), tmp_path / "run", show_progress=False)


def test_a_run_that_diverges_says_so(recipe: Path, tmp_path: Path) -> None:
    settings = replace(read_recipe(recipe), learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"diverged in batch .*`learning_rate`"):
        train(settings, tmp_path / "run", show_progress=False)
    assert not (tmp_path / "run" / "model").exists()


def test_other_pairs_do_not_go_on_from_this_runs_checkpoint(run: Path, recipe: Path, data: Path) -> None:
    with (data / "animals.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps({"query": "象について", "passage": "象は動物です。"}))
    with pytest.raises(TrainingError, match="other pairs"):
        train(read_recipe(recipe), run.parent, show_progress=False)


def test_two_runs_do_not_share_a_folder(recipe: Path, tmp_path: Path) -> None:
    with alone_in(tmp_path / "run"), pytest.raises(TrainingError, match="Another process"):
        train(read_recipe(recipe), tmp_path / "run", show_progress=False)
    assert train(read_recipe(recipe), tmp_path / "run", show_progress=False).is_dir()


def test_a_finished_run_says_that_it_was(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(read_recipe(recipe), tmp_path / "run")
    assert "done before" not in capsys.readouterr().err
    train(read_recipe(recipe), tmp_path / "run")
    assert "all batches were done before" in capsys.readouterr().err


def test_negatives_that_no_source_has_are_asked_for(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="training mine"):
        train(replace(read_recipe(recipe), negatives=2), tmp_path / "run", show_progress=False)


def test_a_tokenizer_that_cannot_be_read_is_named(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("no JSON", encoding="utf-8")
    settings = replace(read_recipe(recipe), tokenizer=tmp_path / "tokenizer.json")
    with pytest.raises(SakuinError, match=r"tokenizer\.json cannot be read"):
        train(settings, tmp_path / "run", show_progress=False)


def test_package_refuses_what_the_card_would_be_wrong_about(run: Path, recipe: Path, tmp_path: Path) -> None:
    settings = read_recipe(recipe)
    for other in (replace(settings, dims=(64, 32)), replace(settings, pooling="mean")):
        with pytest.raises(TrainingError, match="give the recipe that made it"):
            package(run, other, out=tmp_path / "out", figures=None)
    (tmp_path / "figures.json").write_text('{"models": {}}', encoding="utf-8")
    with pytest.raises(TrainingError, match="figures of 0"):
        package(run, settings, out=tmp_path / "out", figures=tmp_path / "figures.json")
    assert not (tmp_path / "out").exists()
    before = (run / "model.safetensors").read_bytes()
    with pytest.raises(TrainingError, match="choose another OUT"):
        package(run, settings, out=run, figures=None)
    assert (run / "model.safetensors").read_bytes() == before


def test_package_writes_int8_and_a_card(recipe: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke(cli, ["run", str(recipe), "--out", str(tmp_path / "run")])
    assert run.exit_code == 0, run.output
    figures = tmp_path / "figures.json"
    figures.write_text(
        json.dumps({"models": {"x": {"pooling": "mean", "tasks": {"some_task": {"scores": {"32": 0.123}}}}}}),
        encoding="utf-8",
    )
    model = str(tmp_path / "run" / "model")
    out = tmp_path / "out"
    packed = CliRunner().invoke(cli, ["package", model, str(out), "--recipe", str(recipe), "--figures", str(figures)])
    assert packed.exit_code == 0, packed.output
    texts = ["猫について1", "square of 7"]
    ours, theirs = StaticEmbedder.load(out).encode(texts, normalize=True), StaticEmbedder.load(model)
    np.testing.assert_allclose(ours, theirs.encode(texts, normalize=True), atol=0.02)
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "| some_task | 12.3 |" in card
    assert "| animals |  | none |" in card


def test_another_recipe_does_not_go_on_from_this_runs_checkpoint(run: Path, recipe: Path) -> None:
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("steps = 12", "steps = 20"), encoding="utf-8")
    with pytest.raises(TrainingError, match="another recipe"):
        train(read_recipe(recipe), run.parent, show_progress=False)


def test_a_source_that_only_repeats_itself_is_named(recipe: Path, tmp_path: Path, data: Path) -> None:
    rows = [json.dumps({"query": f"q{n}", "passage": "always the same"}) for n in range(40)]
    (data / "animals.jsonl").write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(TrainingError, match="repeats its texts"):
        train(read_recipe(recipe), tmp_path / "run", show_progress=False)


def test_whitening_evens_out_directions(data: Path, tokenizer_file: Path) -> None:
    tokenizer = FlatTokenizer(tokenizer_file)
    sources = [load_source(Source(name), data, tokenizer=tokenizer, max_tokens=64) for name in ("animals", "numbers")]
    table = torch.randn(tokenizer.exact.get_vocab_size(), 8, generator=torch.Generator().manual_seed(0))
    table[:, 0] += 5
    recipe = Recipe("x", tokenizer_file, (), pooling="damped", steps=1)

    def variances(rows: torch.Tensor) -> torch.Tensor:
        texts = [side.take(np.arange(len(source))) for source in sources for side in (source.queries, source.passages)]
        vectors = torch.cat([pool(rows, make_bags(*text, pooling="damped")) for text in texts])
        vectors /= vectors.norm(dim=1, keepdim=True)
        return torch.linalg.eigvalsh(vectors.T @ vectors / len(vectors))

    before, after = variances(table), variances(whiten_table(table, sources, replace(recipe, whiten=0.25)))
    assert after[-1] / after[0] < (before[-1] / before[0]) ** 0.7
    np.testing.assert_allclose(whiten_table(table, sources, replace(recipe, whiten=1e-9)), table, atol=1e-4)
