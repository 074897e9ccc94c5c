"""What commands say where the locale is Japanese."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import click
import pytest

from sakuin.cli import language
from sakuin.cli.japanese import wrapped
from sakuin.cli.main import cli
from sakuin.cli.output import columns
from sakuin.facts import Fact
from sakuin.index.build import build
from sakuin.index.problems import Problem
from sakuin.index.settings import Settings
from sakuin.search.explanation import Explanation
from sakuin.ui.errors import patterns, sentences, translated
from sakuin.ui.words import facts
from tests.examples import ROOT

ELSEWHERE = ("language", "japanese", "training", "evaluation")
"""Modules of commands that say nothing, or are for those who train models."""

ERRORS = re.compile(
    r"(IndexFolder|ClusterFolder|Search|Filter|Evaluation|Synonym|UnknownDocument|Service|Address|Cluster|ShardUnavailable)Error"
)
ENGLISH = re.compile(r"\b[A-Za-z]+ [a-z]+ [a-z]+\b")


def said() -> Iterator[tuple[str, str]]:
    """The English sentences of all commands, with where they stand."""
    for path in sorted((ROOT / "sakuin" / "cli").glob("*.py")):
        if path.stem in ELSEWHERE:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
            names: set[str] = set()
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "say":
                    yield from ((path.name, text) for text in constants(call.args[0]))
                    names |= {node.id for node in ast.walk(call.args[0]) if isinstance(node, ast.Name)}
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and names & {ast.unparse(target) for target in node.targets}:
                    yield from ((path.name, text) for text in constants(node.value))


def constants(node: ast.AST) -> list[str]:
    """The texts that an expression may be, without those that it is chosen by."""
    if isinstance(node, ast.IfExp):
        return constants(node.body) + constants(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_whatever_a_command_says_is_there_in_japanese() -> None:
    found = set(said())
    assert len(found) > 90
    missing = [one for one in found if one[1] not in language.messages()]
    assert not missing


def test_japanese_has_no_values_of_its_own() -> None:
    for english, japanese in [*language.messages().items(), *sentences().items()]:
        assert fields(japanese) <= fields(english), english
    for english, japanese in language.texts()["click"].items():
        assert fields(japanese) <= fields(english), english


@pytest.mark.parametrize("kind", [Problem, Explanation])
def test_facts_of_commands_are_there_in_japanese(kind: type[Fact]) -> None:
    assert facts("ja")[kind.__name__].keys() == kind.SENTENCES.keys()
    for code, japanese in facts("ja")[kind.__name__].items():
        assert fields(japanese) <= fields(kind.SENTENCES[code])


def raised(*rooms: str) -> Iterator[str]:
    """The sentences of errors that people meet, with something in place of values."""
    for room in rooms:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args and ERRORS.fullmatch(ast.unparse(node.func)):
                    match node.args[0]:
                        case ast.Constant(value=str(text)):
                            yield text
                        case ast.JoinedStr(values=parts):
                            texts = (part.value if isinstance(part, ast.Constant) else "Xy" for part in parts)
                            yield "".join(map(str, texts))


def test_nearly_all_errors_that_people_meet_are_there_in_japanese() -> None:
    """What is missing is shown in English behind its kind; most of that is for programs."""
    found = list(raised("index", "search", "sakuin/tuning", "sakuin/service"))
    assert len(found) > 100
    known = sum(any(english.fullmatch(text) for english, _ in patterns()) for text in found)
    assert known >= 0.75 * len(found)


def test_all_errors_of_clusters_are_there_in_japanese() -> None:
    found = set(raised("sakuin/cluster"))
    assert len(found) > 25
    assert not [text for text in found if not any(english.fullmatch(text) for english, _ in patterns())]
    reason = "it did not answer within 10 seconds"
    sentence = (
        f"Shard 3 of the cluster in s3://b/papers has no replica that answers ({reason}): ask again in a moment, for "
        f"others are started; see whether the machines of the Ray cluster live (`ray status`)."
    )
    assert (told := translated(sentence))
    assert "10 秒以内に答えませんでした" in told
    assert "シャード 3" in told


def test_an_error_is_put_in_japanese_with_its_values() -> None:
    assert translated("Cannot give 0 hits: ask for k = 1 to 10,000.") == "0 件は出せません。1～10,000 にしてください。"
    begin = "The manifest in a b has changed since it was written: delete the folder and build it again."
    assert translated(begin) == (
        "a b の索引の目録が、書いた後に変わっています。フォルダーを削除して作り直してください。"
    )
    # The same folder twice is the same.
    asked = "No index in x: build one with `index build CORPUS_DIR --index x`."
    assert translated(asked) == "x に索引がありません。`index build CORPUS_DIR --index x` で作れます。"
    assert translated("Something else.") is None


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ja_JP.eucJP"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": ""}, "ja"),
        ({}, "en"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such variables")
def test_the_locale_says_which_language(
    variables: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in language.LOCALE:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language.language() == wanted


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for below, each in command.commands.items():
            yield from commands(each, f"{name} {below}")


def test_nearly_all_commands_and_options_have_japanese_help() -> None:
    table = language.texts("help")
    there = dict(commands(cli, "index"))
    options = {one.help for each in there.values() for one in each.params if isinstance(one, click.Option) and one.help}
    for known, wanted in ((table["commands"].keys(), there.keys()), (table["options"].keys(), options)):
        assert len(known & wanted) >= 0.85 * len(wanted)
        # What commands no longer say is no longer there.
        assert len(known & wanted) >= 0.85 * len(known)


def test_japanese_help_is_as_wide_as_a_terminal() -> None:
    text = "索引をフォルダー CORPUS に合わせます。" * 9 + "\n\n\b\nindex build docs/\n  index ui"
    lines = wrapped(text, 40, "  ", "  ", preserve_paragraphs=True).split("\n")
    assert lines[-3:] == ["", "  index build docs/", "    index ui"]
    assert "".join(line.strip() for line in lines[:-3]).replace(" ", "") == ("索引をフォルダーCORPUSに合わせます。" * 9)
    for line in lines[:-3]:
        assert 30 < columns(line) <= 44 or line == lines[-4]
        assert line.startswith("  ")
        assert line.strip()[0] not in "、。ーっ"
    assert all("CORPUS" in line for line in lines[:-3] if re.search("[A-Z]", line))


def told(*arguments: str, code: int = 0) -> str:
    """What a command writes to a terminal of Japanese."""
    done = subprocess.run(
        [sys.executable, "-m", "sakuin", *arguments],
        env={**os.environ, "LC_ALL": "ja_JP.UTF-8", "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == code, done.stdout
    # Commands are called what they are called.
    return re.sub(r"`[^`]*`", "", done.stdout)


def test_what_another_encoding_cannot_hold_is_no_failure(tmp_path: Path, toy_model: Path) -> None:
    index = ("--index", str(tmp_path / "index"))
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.md").write_text("# cats \N{CAT}\n\ncats \N{CAT}\n", encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index", Settings(str(toy_model)))
    environment = {**os.environ, "PYTHONIOENCODING": "cp932", "PYTHONUTF8": "0"}
    for options in ([], ["--json"]):
        command = [sys.executable, "-m", "sakuin", "search", "cats", *index, *options]
        done = subprocess.run(command, env=environment, capture_output=True, cwd=ROOT, check=True)
        if options:
            assert json.loads(done.stdout)["hits"][0]["document"]["title"] == "cats \N{CAT}"
        else:
            assert "cats ?" in done.stdout.decode("cp932")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such variables")
def test_commands_speak_japanese(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    index = ("--index", str(tmp_path / "index"))
    (corpus / "picture.bin").write_bytes(b"\0\1\2")
    built = told("build", str(corpus), "--model", str(toy_model), *index)
    assert "ファイル:  追加" in built
    found = told("search", "password zzqx", "--explain", "-k", "1", *index)
    assert "点数" in found
    # Legs, ranks and parts of passages, too.
    assert re.search(r"\((意味|単語) 1 位 ", found)
    assert re.search(r"\[質問 \d", found)
    assert not re.search(r"bm25|dense|interaction|\[(query|title|heading|text) ", found)
    asked = told("search", "password", "-k", "0", *index, code=1)
    assert asked == "エラー: 0 件は出せません。1～10,000 にしてください。\n"
    wrong = told("search", "--foo", code=2)
    assert "オプション '--foo' はありません。" in wrong
    helped = told("search", "-h")
    assert "使い方: index search [OPTIONS] QUERY" in helped
    assert "  QUERY に答える文書を、よく合う箇所とともに探します。" in helped
    texts = {path.read_text(encoding="utf-8", errors="replace") for path in corpus.rglob("*.md")}
    for output in (built, found, asked, wrong, helped.replace("how do I reset my password", "")):
        lines = [line for line in output.splitlines() if not any(line.strip(" -…")[:30] in text for text in texts)]
        assert not [line for line in lines if ENGLISH.search(line)]
