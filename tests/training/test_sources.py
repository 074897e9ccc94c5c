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

from sakuin.cli.training import cli
from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import DEFAULT_FOLDER
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.training.batches import batch_bags
from sakuin.training.distillation import load_teacher_texts
from sakuin.training.errors import TrainingError
from sakuin.training.initial import initial_table
from sakuin.training.merging import merge_tables
from sakuin.training.mining import mine, write_mined
from sakuin.training.pairs import Pairs, Source, read_pairs
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import cut_spans, load_source
from sakuin.training.teacher import PIECES, read_teacher_texts, teach
from sakuin.training.trainer import Watch, train

TOKENIZER = DEFAULT_FOLDER / "tokenizer.json"
FRUIT = ["りんご", "みかん", "ぶどう", "もも", "なし", "かき", "いちご", "メロン"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A source of each kind."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    write(
        folder / "fruit.jsonl",
        [
            {
                "query": f"{fruit}の季節 {n}",
                "passage": f"{fruit}がおいしいのは秋です。番号{n}",
                "negatives": [f"{fruit}の値段は{n}円です。", f"{other}は春のものです。"],
            }
            for n in range(12)
            for fruit, other in zip(FRUIT, FRUIT[1:] + FRUIT[:1], strict=True)
        ],
    )
    write(
        folder / "alike.jsonl",
        [
            {
                "sentence1": f"{fruit}を{n}個買う",
                "sentence2": f"{other}を{n}個買う",
                "score": 5 if fruit == other else 1,
            }
            for n in range(4)
            for fruit in FRUIT
            for other in FRUIT
        ],
    )
    long = "昔々あるところに、{}が大好きなおじいさんと{}が嫌いなおばあさんがいました。毎朝{}番目の山へ出かけます。"
    write(
        folder / "stories.jsonl",
        [{"query": "話", "passage": long.format(a, b, n)} for n, a in enumerate(FRUIT) for b in FRUIT],
    )
    return folder


def write(path: Path, records: list[dict[str, object]]) -> None:
    path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records), encoding="utf-8")


def recipe_of(data: Path, *sources: Source) -> Recipe:
    return Recipe("tiny", TOKENIZER, sources, data, dims=(32, 16), batch=32, steps=10)


def test_a_span_and_the_rest_make_up_the_passage(data: Path) -> None:
    pairs = load_source(Source("stories", kind="spans"), data, tokenizer=FlatTokenizer(TOKENIZER), max_tokens=256)
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


def test_spans_find_their_passages(data: Path, tmp_path: Path) -> None:
    assert train(recipe_of(data, Source("stories", kind="spans")), tmp_path / "run", show_progress=False).is_dir()


def test_negatives_follow_the_passages(data: Path) -> None:
    source = load_source(Source("fruit"), data, tokenizer=FlatTokenizer(TOKENIZER), max_tokens=256)
    rows = np.arange(0, 24)
    recipe = replace(recipe_of(data, source.source), negatives=2)
    queries, passages = batch_bags(source, rows, recipe=recipe, step=0)
    assert len(queries) == 24
    assert 24 + 12 < len(passages) <= 24 + 48
    known = {tuple(source.negatives.take(np.array([i]))[0]) for i in range(len(source.negatives))}
    picked = source.some_negatives(rows, 2, np.random.default_rng(0))
    assert {tuple(source.negatives.take(np.array([i]))[0]) for i in picked} <= known
    assert len(set(source.negatives.keys[picked].tolist())) == len(picked)


def test_symmetric_sources_are_asked_both_ways(data: Path) -> None:
    source = load_source(Source("fruit", symmetric=True), data, tokenizer=FlatTokenizer(TOKENIZER), max_tokens=256)
    recipe = recipe_of(data, source.source)
    rows = np.arange(8)
    first = {batch_bags(source, rows, recipe=recipe, step=step)[0].ids.tobytes() for step in range(20)}
    assert len(first) == 2


def test_mined_negatives_are_near_and_no_answers(data: Path, tmp_path: Path) -> None:
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


def test_a_run_can_start_from_a_model(data: Path, tmp_path: Path) -> None:
    sources = [load_source(Source("fruit"), data, tokenizer=FlatTokenizer(TOKENIZER), max_tokens=256)]
    recipe = replace(recipe_of(data, sources[0].source), start="default", dims=(1024, 64))
    table = initial_table(recipe, FlatTokenizer(TOKENIZER), sources)
    np.testing.assert_allclose(table[500], StaticEmbedder.load()._files.table.rows(np.array([500]), 1024)[0])
    other = tmp_path / "other.json"
    other.write_text(TOKENIZER.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(TrainingError, match="another tokenizer"):
        initial_table(replace(recipe, tokenizer=other), FlatTokenizer(other), sources)


def test_a_teacher_says_which_rows_are_alike(data: Path, tmp_path: Path) -> None:
    tokenizer = FlatTokenizer(TOKENIZER)
    sources = [load_source(Source("fruit"), data, tokenizer=tokenizer, max_tokens=256)]
    vectors = np.random.default_rng(0).normal(size=(tokenizer.exact.get_vocab_size(), 24)).astype(np.float32)
    vectors[701] = vectors[700]
    save_file({PIECES: vectors}, tmp_path / "teacher.safetensors")
    recipe = replace(recipe_of(data, sources[0].source), teacher=tmp_path / "teacher.safetensors", teacher_share=0.8)
    table = initial_table(recipe, tokenizer, sources).numpy()
    rows = table / np.linalg.norm(table, axis=1, keepdims=True)
    assert rows[700] @ rows[701] > 0.6
    assert abs(np.mean(rows[:500] @ rows[700])) < 0.1
    save_file({PIECES: vectors[:-1]}, tmp_path / "teacher.safetensors")
    with pytest.raises(TrainingError, match="make it again"):
        initial_table(recipe, tokenizer, sources)


@pytest.fixture
def teacher(tmp_path: Path) -> str:
    """A sentence-transformers model: the packaged one."""
    StaticEmbedder.load().save(tmp_path / "teacher")
    return str(tmp_path / "teacher")


def test_texts_are_ranked_as_a_teacher_does(data: Path, tmp_path: Path, teacher: str) -> None:
    file = tmp_path / "teacher.safetensors"
    recipe = replace(recipe_of(data, Source("fruit")), teacher=file, teacher_share=0.0, steps=80)
    pieces, texts = teach(teacher, recipe, per_source=1000, prompt="")
    assert (pieces, texts) == (32768, 192)
    held, vectors = read_teacher_texts(file)
    np.testing.assert_allclose(vectors, StaticEmbedder.load(teacher, "mean").encode(held, normalize=True), atol=2e-3)

    def agreement(model: StaticEmbedder) -> float:
        """Correlation of the cosines of all texts with each other with those of the teacher."""
        ours, theirs = (
            model.encode(held, normalize=True),
            load_teacher_texts(file, tokenizer=FlatTokenizer(TOKENIZER), max_tokens=256).vectors.numpy(),
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


def test_sources_of_distillation_are_taken_whole_and_are_no_pairs(data: Path, tmp_path: Path, teacher: str) -> None:
    sources = (Source("fruit"), Source("alike", kind="distillation"))
    recipe = replace(recipe_of(data, *sources), teacher=tmp_path / "teacher.safetensors", distillation_share=0.5)
    assert teach(teacher, recipe, per_source=3, prompt="")[1] == 6 + 32
    train(recipe, tmp_path / "run", show_progress=False)
    log = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["source"] for line in log} == {"fruit", "(teacher)"}


def test_a_teachers_file_without_texts_is_explained(data: Path, tmp_path: Path, teacher: str) -> None:
    recipe = replace(recipe_of(data, Source("fruit")), teacher=tmp_path / "teacher.safetensors", distillation_share=0.5)
    teach(teacher, recipe, per_source=0, prompt="")
    with pytest.raises(TrainingError, match="training teach"):
        load_teacher_texts(tmp_path / "teacher.safetensors", tokenizer=FlatTokenizer(TOKENIZER), max_tokens=256)


def test_several_runs_are_merged(data: Path, tmp_path: Path) -> None:
    recipe = replace(recipe_of(data, Source("fruit")), seed=5)
    both = StaticEmbedder.load(train(replace(recipe, runs=2), tmp_path / "both", show_progress=False))
    alone = [
        StaticEmbedder.load(train(replace(recipe, seed=seed), tmp_path / f"{seed}", show_progress=False))
        for seed in (5, 6)
    ]
    tables = [torch.from_numpy(model._files.table.prefix(32)) for model in alone]
    sources = [load_source(Source("fruit"), data, tokenizer=FlatTokenizer(TOKENIZER), max_tokens=recipe.max_tokens)]
    expected = merge_tables(tables, sources, recipe).numpy()
    np.testing.assert_allclose(both._files.table.prefix(32), expected, rtol=1e-2, atol=1e-2)
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"run-1", "run-2", "model"}
    assert "components of 2 such runs" in (tmp_path / "both" / "model" / "README.md").read_text(encoding="utf-8")


def test_epochs_count_pairs(data: Path, tmp_path: Path) -> None:
    recipe = replace(recipe_of(data, Source("fruit", weight=0.5)), steps=0, epochs=4)
    train(recipe, tmp_path / "run", show_progress=False)
    log = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(log) == 4 * 96 * 0.5 / 32


def test_evaluations_are_logged_and_change_nothing(data: Path, tmp_path: Path) -> None:
    recipe = recipe_of(data, Source("fruit"))
    plain = StaticEmbedder.load(train(recipe, tmp_path / "plain", show_progress=False))
    seen: list[int] = []
    watch = Watch(lambda model: {"dimension": float(seen.append(model.dimension) or model.dimension)}, every=4)
    watched = StaticEmbedder.load(train(recipe, tmp_path / "watched", show_progress=False, watch=watch))
    log = [json.loads(line) for line in (tmp_path / "watched" / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log if "evaluation" in entry] == [4, 8, 10]
    assert seen == [32, 32, 32]
    np.testing.assert_allclose(watched.encode(["りんご"]), plain.encode(["りんご"]), rtol=1e-3, atol=1e-3)


def test_ctrl_c_keeps_the_steps_taken(data: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    settings = f'name = "tiny"\ndata = "{data}"\ntokenizer = "{TOKENIZER}"\ndims = [32]\nbatch = 32\nsteps = 5000\n'
    recipe.write_text(settings + 'checkpoint_every = 5000\n[[source]]\nname = "fruit"\n', encoding="utf-8")
    command = [sys.executable, "-m", "sakuin.training", "run", str(recipe), "--out", str(tmp_path / "run")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}) as run:
        log = tmp_path / "run" / "log.jsonl"
        while not (log.is_file() and log.stat().st_size > 0):
            assert run.poll() is None
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    assert run.returncode != 0
    assert "Traceback" not in errors
    steps = len(log.read_text(encoding="utf-8").splitlines())
    assert 0 < steps < 5000
    assert (tmp_path / "run" / "checkpoint.safetensors").is_file()
    resumed = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while len(log.read_text(encoding="utf-8").splitlines()) <= steps + 1:
        assert resumed.poll() is None
        time.sleep(0.05)
    resumed.send_signal(signal.SIGINT)
    resumed.communicate(timeout=60)
    numbers = [json.loads(line)["step"] for line in log.read_text(encoding="utf-8").splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > steps


def test_a_full_disk_is_explained(data: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="needs limits on the size of files")
    recipe = tmp_path / "recipe.toml"
    settings = f'name = "tiny"\ndata = "{data}"\ntokenizer = "{TOKENIZER}"\ndims = [32]\nbatch = 32\nsteps = 6\n'
    recipe.write_text(settings + 'checkpoint_every = 2\n[[source]]\nname = "fruit"\n', encoding="utf-8")
    command = [sys.executable, "-m", "sakuin.training", "run", str(recipe), "--out", str(tmp_path / "run")]
    # No file may grow beyond a megabyte: as with a full disk, writing a checkpoint fails half-way.
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    full = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, timeout=100)
    assert full.returncode == 1
    assert "free some space" in full.stderr
    assert "Traceback" not in full.stderr
    assert not list((tmp_path / "run").glob("*.part"))
    assert subprocess.run(command, capture_output=True, timeout=100).returncode == 0
    assert (tmp_path / "run" / "curves.png").is_file()
