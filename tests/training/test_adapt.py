"""Adapting a model to documents made of made-up words that belong together."""

import errno
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sakuin.cli.main import cli
from sakuin.cli.training import cli as training_cli
from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import read_model
from sakuin.errors import SakuinError
from sakuin.training.adapt import AdaptResult, adapt
from sakuin.training.corpus_pairs import pieces_of, read_documents, training_pairs
from sakuin.training.errors import TrainingError
from sakuin.training.held_out import Questions, hold_out, name_questions, ndcgs, neighbour_questions
from tests.durable import synced
from tests.training.made_up import (
    BODY_WORDS,
    TITLE_WORDS,
    TOPICS,
    WORDS,
    sentence,
    write_belonging,
    write_made_up_model,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made_up")
    write_made_up_model(folder)
    return folder


@pytest.fixture
def belonging(tmp_path: Path) -> Path:
    folder = tmp_path / "belonging"
    write_belonging(folder)
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture
def repeating(tmp_path: Path) -> Path:
    """One file of records whose titles are their texts in another order: there is nothing left to learn."""
    rng = random.Random(0)
    path = tmp_path / "repeating.jsonl"
    records = []
    for _ in range(100):
        words = rng.sample(WORDS, 8)
        records.append({"title": " ".join(words), "text": " ".join(reversed(words))})
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return path


def run(corpus: Path, model: Path, out: Path, steps: int = 60) -> AdaptResult:
    return adapt(corpus, out, model=str(model), steps=steps)


def test_adapting_learns_which_words_belong_together(belonging: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with synced() as seen:
        result = run(belonging, model, out)
    assert result.folder == out
    # Of half a model, its settings missing, a power cut would make another one.
    assert os.name != "posix" or all(seen.has(path, below=tmp_path) for path in (out, *out.rglob("*")))
    assert result.after[64] > result.before[64] + 0.2
    assert result.difference.p < 0.01
    assert result.difference.value == pytest.approx(result.after[64] - result.before[64])
    adapted, before = StaticEmbedder.load(out), StaticEmbedder.load(model)
    pair = [" ".join(TITLE_WORDS[3]), " ".join(BODY_WORDS[3]), " ".join(BODY_WORDS[4])]
    near, far = adapted.similarity(adapted.encode(pair[:1]), adapted.encode(pair[1:]))[0]
    assert near > far + 0.2
    assert abs(near) > abs(before.similarity(before.encode(pair[:1]), before.encode(pair[1:2]))[0, 0])
    assert (adapted.dimension, adapted.pooling) == (64, "mean")
    assert "Adapted to belonging" in (out / "README.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["belonging", "out"]


def test_the_same_seed_and_steps_give_the_same_model(belonging: Path, model: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(belonging, model, tmp_path / name, steps=20)
    one, two = (StaticEmbedder.load(tmp_path / name).encode(WORDS) for name in ("one", "two"))
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_what_is_no_better_is_not_written(repeating: Path, model: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["adapt", str(repeating), "--out", str(tmp_path / "out"), "--model", str(model)])
    assert result.exit_code == 0, result.output
    assert "100.0 -> " in result.stdout
    assert "none written" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["repeating.jsonl"]


def test_the_command_says_what_it_did_and_what_comes_next(
    belonging: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["adapt", "belonging", "--out", "new model", "--model", str(model), "--steps", "30"]
    result = CliRunner().invoke(training_cli, arguments)
    assert result.exit_code == 0, result.output
    assert "96 documents" in result.stdout
    assert "picture.png" in result.stdout
    assert "64 dimensions" in result.stdout
    assert result.stdout.endswith("index build belonging --model 'new model' --index 'new model.index'\n")
    next_command = ["build", "belonging", "--model", "new model"]
    assert CliRunner().invoke(cli, next_command).exit_code == 0


def test_time_bounds_the_training(belonging: Path, model: Path, tmp_path: Path) -> None:
    assert adapt(belonging, tmp_path / "out", model=str(model), minutes=1e-9).steps == 1


def test_nothing_of_held_out_documents_is_trained_on(tmp_path: Path) -> None:
    notice = "This notice stands below a good many of the documents, word for word."
    for number in range(60):
        lines = [f"# Manual {number}", f"How machine {number} is switched on by its big red lever."]
        lines += ["## Cleaning", f"Machine {number} is cleaned with warm water once a week.", "## Notice", notice]
        (tmp_path / f"{number}.md").write_text("\n\n".join(lines), encoding="utf-8")
    documents, _ = read_documents(tmp_path)
    pieces = pieces_of(documents)
    choosing, reporting = hold_out(pieces, share=0.15, least=12, seed=0)
    assert (len(choosing), len(reporting)) == (4, 8)
    assert not choosing & reporting
    held = [piece for piece in pieces if piece.unit in choosing | reporting]
    secret = {piece.text for piece in held} | {piece.name for piece in held}
    assert notice in secret
    pairs = training_pairs(pieces, choosing | reporting)
    assert len(pairs["titles"]) == len(pairs["passages"]) == 96
    assert len(pairs["neighbours"]) == 48
    for listed in pairs.values():
        assert secret.isdisjoint(text for pair in listed for text in pair)
    questions = name_questions(pieces, reporting)
    assert {query.split()[1] for query in questions.queries} == {unit.split()[1] for unit in reporting}


def test_passages_are_without_the_words_that_name_them(tmp_path: Path) -> None:
    body = "All that stands below the title is what has to be found."
    (tmp_path / "a.txt").write_text(f"A short title\n\n{body}\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text(f"item,purpose\nWater pump,{body}\nFuel pump,{body}\n", encoding="utf-8")
    (tmp_path / "c.md").write_text(f"# Handbook\n\n{body}\n\n## Breaks\n\n{body}\n", encoding="utf-8")
    pieces = pieces_of(read_documents(tmp_path)[0])
    assert [(piece.name, piece.text) for piece in pieces] == [
        ("A short title", body),
        ("Water pump", f"purpose: {body}"),
        ("Fuel pump", f"purpose: {body}"),
        ("Handbook", body),
        ("Handbook Breaks", body),
    ]


def test_titles_that_say_nothing_are_no_questions(tmp_path: Path) -> None:
    records = [{"title": "Monday", "text": f"On the Monday of week {n} there is soup of {n} kinds."} for n in range(11)]
    records += [{"title": "2024", "text": "In that year there was no soup at all, of any kind."}]
    (tmp_path / "menu.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    (tmp_path / "IMG_0001.txt").write_text("A text of one line only, whose title is its file's name.")
    pieces = pieces_of(read_documents(tmp_path)[0])
    assert len(pieces) == 13
    assert {piece.name for piece in pieces} == {""}
    assert len({piece.unit for piece in pieces}) == 13


def test_documents_of_one_title_are_held_out_together(tmp_path: Path) -> None:
    records = [{"title": f"City {n // 3}", "text": f"Part {n} of what there is to say of it."} for n in range(90)]
    (tmp_path / "cities.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    pieces = pieces_of(read_documents(tmp_path)[0])
    _, reporting = hold_out(pieces, share=0.3, least=3, seed=1)
    questions = name_questions(pieces, reporting)
    assert set(questions.queries) == reporting
    assert {len(relevant) for relevant in questions.relevant} == {3}


def test_without_titles_passages_should_find_the_next(belonging: Path, model: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    corpus = tmp_path / "untitled"
    corpus.mkdir()
    for number in range(60):
        words = BODY_WORDS[number % TOPICS]
        text = "\n\n".join(" ".join(sentence(words, 7, rng) for _ in range(7)) for _ in range(3))
        (corpus / f"{number}.txt").write_text(text, encoding="utf-8")
    pieces = pieces_of(read_documents(corpus)[0])
    questions = neighbour_questions(pieces, {piece.unit for piece in pieces})
    assert len(questions) > 100
    assert all(itself not in relevant for itself, relevant in zip(questions.itself, questions.relevant, strict=True))
    assert run(corpus, model, tmp_path / "out", steps=2).kind == "preceding passages"


def test_a_passage_that_asks_for_the_next_is_not_its_own_answer(model: Path) -> None:
    texts = [" ".join(BODY_WORDS[0]), " ".join(reversed(BODY_WORDS[0])), " ".join(BODY_WORDS[1])]
    questions = Questions((texts[0], texts[0]), (frozenset([1]), frozenset([2])), (0, 0))
    files = read_model(model)
    # Second best of what is left scores 1 / log2(3).
    assert ndcgs(files, files.table, texts, questions, dim=64) == pytest.approx([1, 1 / np.log2(3)])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([f"Title {n}\n\nThere are {n} things to say about it here." for n in range(29)], "at least 30 documents.*29"),
        ([f"Too short {n}" for n in range(80)], "at least 30 documents.* 0"),
        (
            [f"There are {n} things to be said about it here, all of them on one long line." for n in range(40)],
            "fewer than 15",
        ),
    ],
)
def test_too_little_is_explained(texts: list[str], message: str, model: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "little"
    corpus.mkdir()
    for number, text in enumerate(texts):
        (corpus / f"{number}.txt").write_text(text, encoding="utf-8")
    with pytest.raises(TrainingError, match=message):
        run(corpus, model, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["little"]


def test_a_corpus_of_nothing_readable_is_explained(model: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "pictures"
    corpus.mkdir()
    (corpus / "cat.png").write_bytes(b"\x89PNG")
    with pytest.raises(TrainingError, match=r"no document in .*pictures .*Files of these types can: .*\.csv"):
        run(corpus, model, tmp_path / "out")


def test_a_folder_that_exists_or_lies_in_the_corpus_is_refused(belonging: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(TrainingError, match="exists"):
        run(belonging, model, tmp_path / "notes")
    with pytest.raises(TrainingError, match="in the corpus"):
        run(belonging, model, belonging / "out")
    with pytest.raises(TrainingError, match="No folder"):
        run(belonging, model, tmp_path / "missing" / "out")
    with pytest.raises(SakuinError, match="No file or folder"):
        run(tmp_path / "nowhere", model, tmp_path / "out")


def test_an_interruption_leaves_nothing(
    belonging: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **named: object) -> float:
        assert list(tmp_path.glob(".adapting-*"))
        raise KeyboardInterrupt

    monkeypatch.setattr("sakuin.training.trainer.train_step", interrupted)
    out = str(tmp_path / "out")
    result = CliRunner().invoke(cli, ["adapt", str(belonging), "--out", out, "--model", str(model), "--steps", "5"])
    assert result.exit_code == 130
    assert "Nothing was written" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["belonging"]


@pytest.mark.parametrize("where", ["sakuin.training.adapt.write_model", "sakuin.training.checkpoint.save_file"])
def test_a_full_disk_is_called_so(
    belonging: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(where, full)
    with pytest.raises(TrainingError, match="is full: no model was written"):
        run(belonging, model, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["belonging"]
