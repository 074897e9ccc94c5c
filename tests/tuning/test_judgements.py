"""Judgements of hits: written so that none is lost, read as they stand, used by tuning, and exported."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import pytrec_eval
from click.testing import CliRunner

from sakuin import Index
from sakuin.cli.main import cli
from sakuin.index.build import build
from sakuin.index.integrity import verify
from sakuin.index.outliving import OUTLIVING, judging
from sakuin.index.settings import Settings
from sakuin.tuning import judgements as module
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.judged import read_judged
from sakuin.tuning.judgements import NAME, append, judged_queries, judgement_of, read
from sakuin.tuning.qrels import QRELS, QUERIES, plain

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture
def index(corpus: Path, tmp_path: Path, toy_model: Path) -> Index:
    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    return Index.open(tmp_path / "index")


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def said(index: Index) -> list[tuple[str, str | None, str]]:
    return [(one.query, one.document, one.judgement) for one in index.judgements()]


def test_the_last_word_on_a_document_stands(index: Index) -> None:
    assert index.judgements() == []
    made = index.judge("  休みたい ", "leave.txt", answers=True, passage="0" * 16)
    assert (made.query, made.passage) == ("休みたい", "0" * 16)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", made.time)
    index.judge("休みたい", "vpn.md", answers=False)
    index.judge("猫", "rows.jsonl", answers=True)
    index.judge("休みたい", "leave.txt", answers=False)
    assert said(index) == [
        ("休みたい", "vpn.md", "does_not_answer"),
        ("猫", "rows.jsonl", "answers"),
        ("休みたい", "leave.txt", "does_not_answer"),
    ]
    index.judge("休みたい", "leave.txt", answers=None)
    index.judge("休みたい", "vpn.md", answers=None)
    assert said(index) == [("猫", "rows.jsonl", "answers")]
    assert len((index.folder / NAME).read_bytes().splitlines()) == 6


def test_nothing_answers_and_an_answer_exclude_each_other(index: Index) -> None:
    index.judge("猫", "rows.jsonl", answers=True)
    index.judge("猫", "vpn.md", answers=False)
    index.judge("猫", None, answers=False)
    assert said(index) == [("猫", "vpn.md", "does_not_answer"), ("猫", None, "nothing_answers")]
    assert judged_queries(index.judgements()) == []
    index.judge("猫", "leave.txt", answers=True)
    assert said(index) == [("猫", "vpn.md", "does_not_answer"), ("猫", "leave.txt", "answers")]
    assert [query.gains for query in judged_queries(index.judgements())] == [{"vpn.md": 0.0, "leave.txt": 1.0}]


def test_what_cannot_be_judged_is_refused(index: Index) -> None:
    with pytest.raises(EvaluationError, match="query is empty"):
        index.judge(" ", "leave.txt", answers=True)
    with pytest.raises(EvaluationError, match="say which one"):
        index.judge("猫", None, answers=True)
    with pytest.raises(EvaluationError, match=re.escape("cat.txt is not in the index")):
        index.judge("猫", "cat.txt", answers=True)
    assert not (index.folder / NAME).exists()
    # What was said of a document that has gone can be taken back.
    index.judge("猫", "cat.txt", answers=None)


def test_half_a_line_of_a_killed_writer_is_no_judgement_and_spoils_none(index: Index) -> None:
    index.judge("猫", "leave.txt", answers=True)
    path = index.folder / NAME
    whole = path.read_bytes()
    for cut in (1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole + whole[:cut])
        assert said(index) == [("猫", "leave.txt", "answers")]
        index.judge("犬", "vpn.md", answers=True)
        assert said(index)[-1] == ("犬", "vpn.md", "answers")
        assert path.read_bytes().startswith(whole + b'{"query"')


def test_a_disk_that_fails_leaves_the_file_as_it_was(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.judge("猫", "leave.txt", answers=True)
    before = (index.folder / NAME).read_bytes()

    def failing(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", failing)
    with pytest.raises(EvaluationError, match=r"The disk is full.*judge again"):
        index.judge("犬", "vpn.md", answers=True)
    assert (index.folder / NAME).read_bytes() == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query": "a"', "line 2: not JSON"),
        ('{"query": "a", "document": 1, "passage": null, "judgement": "answers", "time": ""}', "document must be"),
        ('{"query": "a", "document": "b", "passage": null, "judgement": "good", "time": ""}', "good is no judgement"),
        ('{"query": "a", "document": "b", "passage": null, "judgement": "nothing_answers", "time": ""}', "of b"),
    ],
)
def test_a_damaged_line_is_named(index: Index, line: str, message: str) -> None:
    index.judge("猫", "leave.txt", answers=True)
    with (index.folder / NAME).open("a") as log:
        log.write(line + "\n")
    with pytest.raises(EvaluationError, match=message):
        index.judgements()


def test_several_writers_lose_nothing(index: Index) -> None:
    program = (
        "import sys; from pathlib import Path; from sakuin.tuning.judgements import append, judgement_of\n"
        "for i in range(30): append(Path(sys.argv[1]), judgement_of(f'{sys.argv[2]} {i}', 'leave.txt', answers=True))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, index.folder, name]) for name in "abc"]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    made = index.judgements()
    assert len(made) == 90
    assert {one.query for one in made} == {f"{name} {i}" for name in "abc" for i in range(30)}


def test_a_writer_waits_for_its_turn(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)
    with judging(index.folder), pytest.raises(EvaluationError, match="Others are still writing"):
        index.judge("猫", "leave.txt", answers=True)
    index.judge("猫", "leave.txt", answers=True)


def test_an_index_keeps_its_judgements_and_is_whole(index: Index, corpus: Path) -> None:
    index.judge("猫", "leave.txt", answers=True)
    (corpus / "new.txt").write_text("A new file.", encoding="utf-8")
    index.sync(corpus)
    index.compact()
    assert said(index) == [("猫", "leave.txt", "answers")]
    assert verify(index.folder) == []


def test_judgements_outlive_the_index_that_was_judged(index: Index, corpus: Path) -> None:
    index.judge("猫", "leave.txt", answers=True)
    for path in index.folder.iterdir():
        if path.name not in OUTLIVING:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = Index.open(index.folder, model=index.model)
    again.sync(corpus)
    assert said(again) == [("猫", "leave.txt", "answers")]


def test_what_was_judged_is_what_tune_uses(example_index: Path, tmp_path: Path) -> None:
    shutil.copytree(example_index, tmp_path / "index")
    folder = tmp_path / "index"
    refused = CliRunner().invoke(cli, ["tune", "--index", str(folder)])
    assert refused.exit_code != 0
    assert "judge hits on the page" in str(refused.exception)
    rows = [json.loads(line) for line in (EXAMPLES / "queries.jsonl").read_text(encoding="utf-8").splitlines()][:25]
    for row in rows:
        for name in row["relevant"]:
            append(folder, judgement_of(row["query"], name, answers=True))
    append(folder, judgement_of("no such thing", None, answers=False))
    (tmp_path / "file.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    options = ["--index", folder, "--dry-run", "--json"]
    own = json.loads(run("tune", *options))
    assert own == json.loads(run("tune", "--queries", tmp_path / "file.jsonl", *options))
    assert own["queries"] == 25
    assert Index.open(folder).tune().to_dict()["rows"] == own["rows"]


def test_the_command_shows_and_exports(index: Index, tmp_path: Path) -> None:
    assert "Nothing was judged yet" in run("judgements", "--index", index.folder)
    index.judge("休み たい", "leave.txt", answers=True)
    index.judge("猫", "rows.jsonl", answers=True)
    index.judge("猫\tdog", None, answers=False)
    index.judge("休み たい", "vpn.md", answers=False)
    assert run("judgements", "--index", index.folder).splitlines() == [
        "休み たい",
        "  + leave.txt",
        "  - vpn.md",
        "猫",
        "  + rows.jsonl",
        "猫 dog",
        "  nothing answers",
    ]
    lines = run("judgements", "--index", index.folder, "--jsonl")
    (tmp_path / "judged.jsonl").write_text(lines, encoding="utf-8")
    assert read_judged(tmp_path / "judged.jsonl") == judged_queries(read(index.folder))
    run("judgements", "--index", index.folder, "--trec", tmp_path / "trec")
    assert (tmp_path / "trec" / QUERIES).read_text(encoding="utf-8") == "q1\t休み たい\nq2\t猫\nq3\t猫 dog\n"
    with (tmp_path / "trec" / QRELS).open(encoding="utf-8") as qrels:
        assert pytrec_eval.parse_qrel(qrels) == {"q1": {"leave.txt": 1, "vpn.md": 0}, "q2": {"rows.jsonl": 1}}


def test_names_in_qrels_have_no_space() -> None:
    assert plain("a b/c%.txt") == "a%20b%2Fc%25.txt"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_said_to_be_one(index: Index) -> None:
    index.folder.chmod(0o500)
    with pytest.raises(EvaluationError, match="may be written"):
        index.judge("猫", "leave.txt", answers=True)
