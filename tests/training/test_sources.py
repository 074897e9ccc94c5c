"""Kinds of sources, hard negatives, and what a table starts from."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models

from sakuin.cli.training import cli
from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import read_model
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.training.batches import batch_bags
from sakuin.training.distillation import load_teacher_texts
from sakuin.training.errors import TrainingError
from sakuin.training.initial import initial_table
from sakuin.training.merging import merge_tables
from sakuin.training.mining import mine, write_mined
from sakuin.training.pairs import Pairs, Source, read_pairs
from sakuin.training.recipe import Recipe, read_recipe
from sakuin.training.sampling import cut_spans, load_source
from sakuin.training.teacher import PIECES, read_teacher_texts, teach
from sakuin.training.trainer import Watch, train
from tests.training.records import FRUIT, RECORDS, write_records


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A source of each kind."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for name in ("fruit", "alike", "stories"):
        write_records(folder / f"{name}.jsonl", RECORDS[name])
    return folder


@pytest.fixture
def tokenizer(tokenizer_file: Path) -> FlatTokenizer:
    return FlatTokenizer(tokenizer_file)


@pytest.fixture
def recipe(data: Path, tokenizer_file: Path) -> Recipe:
    return Recipe("tiny", tokenizer_file, (Source("fruit"),), data, dims=(32, 16), batch=32, steps=10)


def test_a_span_and_the_rest_make_up_the_passage(data: Path, tokenizer: FlatTokenizer) -> None:
    pairs = load_source(Source("stories", kind="spans"), data, tokenizer=tokenizer, max_tokens=256)
    assert len(pairs) == 64
    rows = np.array([3, 60, 17])
    (spans, sizes), (rest, left) = cut_spans(pairs.passages, rows, np.random.default_rng(0))
    whole, lengths = pairs.passages.take(rows)
    np.testing.assert_array_equal(sizes + left, lengths)
    assert sizes.min() >= 4
    ends, at, after = np.cumsum(lengths), np.cumsum(sizes), np.cumsum(left)
    for i, end in enumerate(ends):
        text = whole[end - lengths[i] : end].tolist()
        span = spans[at[i] - sizes[i] : at[i]].tolist()
        without = rest[after[i] - left[i] : after[i]].tolist()
        starts = [s for s in range(len(text)) if text[s : s + len(span)] == span]
        assert any(text[:s] + text[s + len(span) :] == without for s in starts)


def test_spans_find_their_passages(tmp_path: Path, recipe: Recipe) -> None:
    assert train(
        replace(recipe, sources=(Source("stories", kind="spans"),)), tmp_path / "run", show_progress=False
    ).is_dir()


def test_negatives_follow_the_passages(data: Path, recipe: Recipe, tokenizer: FlatTokenizer) -> None:
    source = load_source(Source("fruit"), data, tokenizer=tokenizer, max_tokens=256)
    rows = np.arange(0, 24)
    recipe = replace(recipe, negatives=2)
    queries, passages = batch_bags(source, rows, recipe=recipe, step=0)
    assert len(queries) == 24
    assert 24 + 12 < len(passages) <= 24 + 48
    known = {tuple(source.negatives.take(np.array([i]))[0]) for i in range(len(source.negatives))}
    picked = source.some_negatives(rows, 2, np.random.default_rng(0))
    assert {tuple(source.negatives.take(np.array([i]))[0]) for i in picked} <= known
    assert len(set(source.negatives.keys[picked].tolist())) == len(picked)


def test_symmetric_sources_are_asked_both_ways(data: Path, recipe: Recipe, tokenizer: FlatTokenizer) -> None:
    source = load_source(Source("fruit", symmetric=True), data, tokenizer=tokenizer, max_tokens=256)
    rows = np.arange(8)
    first = {batch_bags(source, rows, recipe=recipe, step=step)[0].ids.tobytes() for step in range(20)}
    assert len(first) == 2


def test_mined_negatives_are_near_and_no_answers(tmp_path: Path) -> None:
    pairs = Pairs(
        ["りんごの季節", "りんごの季節", "自動車の修理"],
        ["りんごは秋においしい。", "りんごの旬は秋から冬です。", "車が壊れたら工場へ運びます。"],
    )
    fillers = [f"{fruit}の値段は{n}円です。" for n, fruit in enumerate(FRUIT)]
    pairs.queries += [f"{fruit}の値段" for fruit in FRUIT]
    pairs.passages += fillers
    mined = list(mine(pairs, StaticEmbedder.load(), per_pair=3, alike=2.0))
    assert all(len(negatives) == 3 for negatives in mined)
    assert not {*pairs.passages[:2]} & {*mined[0], *mined[1]}
    assert "りんごの値段は0円です。" in mined[0]
    strict = list(mine(pairs, StaticEmbedder.load(), per_pair=3, alike=0.01))
    assert sum(map(len, strict)) < sum(map(len, mined))
    out = tmp_path / "mined.jsonl.zst"
    write_mined(pairs, mined, out)
    assert read_pairs(out, cap=100).negatives == mined


def test_mining_does_not_replace_the_pairs(data: Path) -> None:
    before = (data / "fruit.jsonl").read_bytes()
    mined = CliRunner().invoke(cli, ["mine", "fruit", "--data", str(data), "--out", str(data)])
    assert isinstance(mined.exception, TrainingError)
    assert "choose another --out" in str(mined.exception)
    assert (data / "fruit.jsonl").read_bytes() == before
    assert {path.name for path in data.iterdir()} == {"fruit.jsonl", "alike.jsonl", "stories.jsonl"}


@pytest.mark.parametrize("option", [("--alike", "nan"), ("--alike", "0"), ("--depth", "0"), ("--per-pair", "0")])
def test_mining_refuses_what_would_find_nothing(data: Path, tmp_path: Path, option: tuple[str, str]) -> None:
    mined = CliRunner().invoke(cli, ["mine", "fruit", "--data", str(data), "--out", str(tmp_path / "mined"), *option])
    assert mined.exit_code == 2
    assert option[0] in mined.output


def test_a_run_can_start_from_a_model(tmp_path: Path, recipe: Recipe, tokenizer: FlatTokenizer, teacher: str) -> None:
    recipe = replace(recipe, start=teacher)
    expected = read_model(Path(teacher)).table.prefix(32)
    np.testing.assert_array_equal(initial_table(recipe, tokenizer, []), expected)
    with pytest.raises(TrainingError, match="64 dimensions, the recipe wants 128"):
        initial_table(replace(recipe, dims=(128,)), tokenizer, [])
    other = tmp_path / "other.json"
    other.write_text(recipe.tokenizer.read_text(encoding="utf-8") + " ", encoding="utf-8")
    np.testing.assert_array_equal(initial_table(replace(recipe, tokenizer=other), FlatTokenizer(other), []), expected)
    Tokenizer(models.WordLevel({"猫": 0, "<unk>": 1}, unk_token="<unk>")).save(str(other))
    with pytest.raises(TrainingError, match="another kind of tokenizer"):
        initial_table(replace(recipe, tokenizer=other), FlatTokenizer(other), [])


def test_a_teacher_says_which_rows_are_alike(
    data: Path, tmp_path: Path, recipe: Recipe, tokenizer: FlatTokenizer
) -> None:
    sources = [load_source(Source("fruit"), data, tokenizer=tokenizer, max_tokens=256)]
    vectors = np.random.default_rng(0).normal(size=(tokenizer.exact.get_vocab_size(), 24)).astype(np.float32)
    vectors[201] = vectors[200]
    save_file({PIECES: vectors}, tmp_path / "teacher.safetensors")
    recipe = replace(recipe, teacher=tmp_path / "teacher.safetensors", teacher_share=0.8)
    table = initial_table(recipe, tokenizer, sources).numpy()
    rows = table / np.linalg.norm(table, axis=1, keepdims=True)
    assert rows[200] @ rows[201] > 0.6
    assert abs(np.mean(rows[:200] @ rows[200])) < 0.1
    save_file({PIECES: vectors[:-1]}, tmp_path / "teacher.safetensors")
    with pytest.raises(TrainingError, match="make it again"):
        initial_table(recipe, tokenizer, sources)


def test_texts_are_ranked_as_a_teacher_does(
    tmp_path: Path, teacher: str, recipe: Recipe, tokenizer: FlatTokenizer
) -> None:
    file = tmp_path / "teacher.safetensors"
    recipe = replace(recipe, teacher=file, teacher_share=0.0, steps=80)
    pieces, texts = teach(teacher, recipe, per_source=1000, prompt="")
    assert (pieces, texts) == (tokenizer.exact.get_vocab_size(), 192)
    held, vectors = read_teacher_texts(file)
    np.testing.assert_allclose(vectors, StaticEmbedder.load(teacher, "mean").encode(held, normalize=True), atol=2e-3)

    def agreement(model: StaticEmbedder) -> float:
        """Correlation of the cosines of all texts with each other with those of the teacher."""
        ours, theirs = (
            model.encode(held, normalize=True),
            load_teacher_texts(file, tokenizer=tokenizer, max_tokens=256).vectors.numpy(),
        )
        return float(np.corrcoef((ours @ ours.T).ravel(), (theirs @ theirs.T).ravel())[0, 1])

    plain, distilled = (
        StaticEmbedder.load(
            train(replace(recipe, distillation_share=share), tmp_path / f"{share}", show_progress=False)
        )
        for share in (0.0, 0.8)
    )
    assert agreement(distilled) > agreement(plain) + 0.1
    log = (tmp_path / "0.8" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["source"] for line in log} == {"fruit", "(teacher)"}


def test_sources_of_distillation_are_taken_whole_and_are_no_pairs(tmp_path: Path, teacher: str, recipe: Recipe) -> None:
    sources = (Source("fruit"), Source("alike", kind="distillation"))
    recipe = replace(recipe, sources=sources, teacher=tmp_path / "teacher.safetensors", distillation_share=0.5)
    assert teach(teacher, recipe, per_source=3, prompt="")[1] == 6 + 32
    train(recipe, tmp_path / "run", show_progress=False)
    log = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["source"] for line in log} == {"fruit", "(teacher)"}


def test_a_teachers_file_without_texts_is_explained(
    tmp_path: Path, teacher: str, recipe: Recipe, tokenizer: FlatTokenizer
) -> None:
    recipe = replace(recipe, teacher=tmp_path / "teacher.safetensors", distillation_share=0.5)
    teach(teacher, recipe, per_source=0, prompt="")
    with pytest.raises(TrainingError, match="training teach"):
        load_teacher_texts(tmp_path / "teacher.safetensors", tokenizer=tokenizer, max_tokens=256)


def test_several_runs_are_merged(data: Path, tmp_path: Path, recipe: Recipe, tokenizer: FlatTokenizer) -> None:
    recipe = replace(recipe, seed=5)
    both = StaticEmbedder.load(train(replace(recipe, runs=2), tmp_path / "both", show_progress=False))
    alone = [
        StaticEmbedder.load(train(replace(recipe, seed=seed), tmp_path / f"{seed}", show_progress=False))
        for seed in (5, 6)
    ]
    tables = [torch.from_numpy(model._files.table.prefix(32)) for model in alone]
    sources = [load_source(Source("fruit"), data, tokenizer=tokenizer, max_tokens=recipe.max_tokens)]
    expected = merge_tables(tables, sources, recipe).numpy()
    np.testing.assert_allclose(both._files.table.prefix(32), expected, rtol=1e-2, atol=1e-2)
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"run-1", "run-2", "model"}
    assert "components of 2 such runs" in (tmp_path / "both" / "model" / "README.md").read_text(encoding="utf-8")


def test_epochs_count_pairs(tmp_path: Path, recipe: Recipe) -> None:
    recipe = replace(recipe, sources=(Source("fruit", weight=0.5),), steps=0, epochs=4)
    train(recipe, tmp_path / "run", show_progress=False)
    log = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(log) == 4 * 96 * 0.5 / 32


def test_evaluations_are_logged_and_change_nothing(tmp_path: Path, recipe: Recipe) -> None:
    plain = StaticEmbedder.load(train(recipe, tmp_path / "plain", show_progress=False))
    seen: list[int] = []
    watch = Watch(lambda model: {"dimension": float(seen.append(model.dimension) or model.dimension)}, every=4)
    watched = StaticEmbedder.load(train(recipe, tmp_path / "watched", show_progress=False, watch=watch))
    log = [json.loads(line) for line in (tmp_path / "watched" / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log if "evaluation" in entry] == [4, 8, 10]
    assert seen == [32, 32, 32]
    np.testing.assert_allclose(watched.encode(["りんご"]), plain.encode(["りんご"]), rtol=1e-3, atol=1e-3)


@pytest.fixture
def recipe_file(tmp_path: Path, data: Path, tokenizer_file: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(
        f'name = "tiny"\ndata = "{data}"\ntokenizer = "{tokenizer_file}"\ndims = [32]\nbatch = 32\n'
        'steps = 1_000_000\ncheckpoint_every = 1_000_000\n[[source]]\nname = "fruit"\n',
        encoding="utf-8",
    )
    return path


def logged_steps(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_ctrl_c_keeps_the_steps_taken(recipe_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sakuin.training", "run", str(recipe_file), "--out", str(tmp_path / "run")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}) as run:
        log = tmp_path / "run" / "log.jsonl"
        while not (log.is_file() and log.stat().st_size > 0):
            assert run.poll() is None
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate()
    assert run.returncode == 130
    assert "goes on from the last checkpoint" in errors
    assert "Traceback" not in errors
    steps = logged_steps(tmp_path / "run")
    assert steps == list(range(1, len(steps) + 1))
    with pytest.raises(KeyboardInterrupt):
        train(read_recipe(recipe_file), tmp_path / "run", show_progress=False, watch=Watch(press_ctrl_c, every=1))
    assert logged_steps(tmp_path / "run") == [*steps, len(steps) + 1, len(steps) + 1]


def press_ctrl_c(model: StaticEmbedder) -> dict[str, float]:
    signal.raise_signal(signal.SIGINT)
    return {}


def test_a_full_disk_is_explained(recipe_file: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="needs limits on the size of files")
    recipe_file.write_text(recipe_file.read_text(encoding="utf-8").replace("1_000_000", "2"), encoding="utf-8")
    arguments = ["run", str(recipe_file), "--out", str(tmp_path / "run")]
    # No file may grow beyond 10 kB: as with a full disk, writing a checkpoint fails half-way.
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (10_000, 10_000))
    command = [sys.executable, "-m", "sakuin.training", *arguments]
    full = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True)
    assert full.returncode == 1
    assert "free some space" in full.stderr
    assert "Traceback" not in full.stderr
    assert not list((tmp_path / "run").glob("*.part"))
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    assert (tmp_path / "run" / "curves.png").is_file()
