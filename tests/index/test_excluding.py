"""What patterns leave out: neither read nor counted as unreadable, but told."""

import json
import os
import random
import time
import unicodedata
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner
from pathspec import GitIgnoreSpec

from sakuin.cli.main import cli as command
from sakuin.index.build import add, build
from sakuin.index.corpus import find_files
from sakuin.index.errors import IndexFolderError
from sakuin.index.excluding import Patterns
from sakuin.index.reasons import Reason
from sakuin.index.report import Report, no_progress
from sakuin.index.settings import Settings
from sakuin.index.snapshot import open_index
from sakuin.index.store.listing import list_skipped, reading
from sakuin.index.watch import watch
from sakuin.search import Searcher


def put(folder: Path, *names: str) -> Path:
    """A folder with files of these names, each of one word."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("文書", encoding="utf-8")
    return folder


def found(folder: Path, *exclude: str) -> tuple[list[str], dict[str, str]]:
    """What is to be read of a folder, and what is left out, with the codes of the reasons."""
    files = list(find_files(folder, folder, exclude))
    return [file.uri for file in files if not file.reason], {f.uri: f.reason.code for f in files if f.reason}


def test_what_programs_leave_beside_documents_is_left_out(tmp_path: Path) -> None:
    names = ["~$報告.docx", "Thumbs.db", "desktop.ini", ".DS_Store", ".git/config", "js/node_modules/x/readme.md"]
    put(tmp_path, *names, "a.txt", "案内.html", "案内_files/ad.html", "plan_files/b.txt", "old.htm", "old.files/x.txt")
    read, left_out = found(tmp_path)
    assert read == ["a.txt", "old.htm", "案内.html", "plan_files/b.txt"]
    assert left_out == {
        **dict.fromkeys((*names[:4], ".git/", "js/node_modules/"), "excluded_by_default"),
        **dict.fromkeys(("案内_files/", "old.files/"), "excluded_with_page"),
    }


def test_what_programs_make_of_other_files_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    names = ["a.min.js", "a.js.map", "x/Cargo.lock", "x/package-lock.json", "z.min.css"]
    put(tmp_path, *names, "a.js", "admin.js", "package.json", "x/lock")
    read, left_out = found(tmp_path)
    assert read == ["a.js", "admin.js", "package.json", "x/lock"]
    assert left_out == dict.fromkeys(names, "excluded_by_default")
    (tmp_path / ".sakuinignore").write_text("!Cargo.lock\n", encoding="utf-8")
    assert "x/Cargo.lock" in found(tmp_path)[0]


def test_what_the_pages_of_a_manual_were_made_of_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "man/index.html", "man/_sources/index.rst.txt", "man/_sources/a/b.rst.txt", "own/_sources/c.rst")
    read, left_out = found(tmp_path)
    assert read == ["man/index.html", "own/_sources/c.rst"]
    assert left_out == {"man/_sources/": "excluded_sources"}
    (tmp_path / ".sakuinignore").write_text("!_sources/\n", encoding="utf-8")
    assert found(tmp_path)[1] == {}


def test_minified_programs_are_left_out_whatever_they_are_called(tmp_path: Path) -> None:
    line = f"window.search={{{','.join(f'a{n}:{n}' for n in range(200))}}};"
    written = "".join(f"function f{n}() {{\n  return {n}; // 猫の話\n}}\n" for n in range(200))
    for name, text in {"index.js": line, "own.js": f"{written}// {'x' * 5_000}", "index.txt": line}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (reason,) = [one.reason for one in build(tmp_path, tmp_path / "index").skipped]
    assert (reason.code, reason.data) == ("minified", {"characters": len(line)})
    with Searcher.open(tmp_path / "index") as searcher:
        assert {hit.document.id for hit in searcher.search("猫 search").hits} == {"index.txt", "own.js"}


def test_patterns_are_those_of_git_and_the_last_one_counts(tmp_path: Path) -> None:
    put(tmp_path, "a.bak", "keep.bak", "b/a.bak", "b/x.txt", "b/c/x.txt", "下書き/x.txt", "Thumbs.db", "b/.hidden.txt")
    drafts = unicodedata.normalize("NFD", "下書き/")
    (tmp_path / ".sakuinignore").write_text(f"# kept aside\n\n*.bak\n!keep.bak\n{drafts}\n!Thumbs.db\n", "utf-8")
    (tmp_path / "b" / ".sakuinignore").write_text("/x.txt\n!a.bak\n", encoding="utf-8")
    read, left_out = found(tmp_path)
    assert read == ["Thumbs.db", "keep.bak", "b/a.bak", "b/c/x.txt"]
    assert left_out == dict.fromkeys(("a.bak", "下書き/", "b/x.txt"), "excluded_by_file")
    read, left_out = found(tmp_path, "b/c/", "!x.txt", "keep.*")
    assert read == ["Thumbs.db", "b/a.bak", "b/x.txt"]
    assert (left_out["b/c/"], left_out["keep.bak"]) == ("excluded_by_option", "excluded_by_option")


def test_patterns_above_hold_in_a_folder_that_is_added_unless_they_leave_it_out(tmp_path: Path) -> None:
    put(tmp_path, "a/x.txt", "a/y.txt", "b/x.txt")
    (tmp_path / ".sakuinignore").write_text("b/\n/a/x.txt\n", encoding="utf-8")
    for name, expected in (("a", ["a/y.txt"]), ("b", ["b/x.txt"]), ("a/x.txt", ["a/x.txt"])):
        assert [file.uri for file in find_files(tmp_path / name, tmp_path) if not file.reason] == expected


def test_a_line_that_is_no_pattern_costs_that_line(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "b.txt")
    (tmp_path / ".sakuinignore").write_bytes("a.txt\n\\\n# 予算".encode("cp932"))
    assert found(tmp_path) == (["b.txt"], {".sakuinignore": "bad_pattern", "a.txt": "excluded_by_file"})
    with pytest.raises(IndexFolderError, match="none that gitignore knows"):
        found(tmp_path, "\\")
    (tmp_path / ".sakuinignore").unlink()
    os.mkfifo(tmp_path / ".sakuinignore")
    assert found(tmp_path) == (["a.txt", "b.txt"], {".sakuinignore": "cannot_read"})


def test_what_is_left_out_is_told_and_not_counted(tmp_path: Path) -> None:
    corpus, folder = put(tmp_path / "docs", "a.txt", "drafts/b.txt", "drafts/c.txt", "x.bin"), tmp_path / "index"
    (corpus / "x.bin").write_bytes(b"\0\1")
    assert build(corpus, folder).added == 3
    (corpus / ".sakuinignore").write_text("drafts/\na.txt\n", encoding="utf-8")
    (corpus / "d.txt").write_text("文書", encoding="utf-8")
    report = build(corpus, folder)
    assert (report.added, report.removed, report.excluded, len(report.skipped)) == (1, 3, 2, 1)
    report = build(corpus, folder)
    assert (report.removed, report.unchanged, report.excluded, len(report.skipped)) == (0, 1, 2, 1)
    snapshot = open_index(folder)
    assert (snapshot.counts()["files"], snapshot.counts()["skipped"]) == (2, 1)
    assert [item.uri for item in snapshot.skipped()] == ["x.bin"]
    assert dict(snapshot.files()) == {"d.txt": 1, "x.bin": 0}
    snapshot.close()
    with reading(folder) as connection:
        assert list_skipped(connection, 10)[1] == 1
    told = CliRunner().invoke(command, ["info", "--files", "--index", str(folder)]).output
    assert "Left out:  2 by patterns\n  a.txt: left out by a.txt in .sakuinignore\n  drafts/: left" in told
    facts = json.loads(CliRunner().invoke(command, ["info", "--files", "--json", "--index", str(folder)]).output)
    assert [item["uri"] for item in facts["excluded"]] == ["a.txt", "drafts/"]
    (corpus / ".sakuinignore").unlink()
    report = build(corpus, folder)
    assert (report.added, report.removed, report.excluded) == (3, 0, 0)


def test_adding_a_folder_again_forgets_what_is_left_out_now(tmp_path: Path) -> None:
    corpus, folder = put(tmp_path / "docs", "a.txt", "drafts/b.txt"), tmp_path / "index"
    add([corpus], folder)
    report = add([corpus], folder, exclude=["drafts/"])
    assert (report.removed, report.unchanged) == (1, 1)
    assert add([corpus], folder).added == 1


@pytest.mark.parametrize("there", [True, False])
def test_adding_nothing_that_can_be_read_fails_and_makes_no_index(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "index"
    if there:
        folder.mkdir()
    (tmp_path / "x.bin").write_bytes(b"\0\1")
    (tmp_path / "empty").mkdir()
    for path in ("x.bin", "empty"):
        result = CliRunner().invoke(command, ["add", str(tmp_path / path), "--index", str(folder)])
        assert result.exit_code == 1
        assert f"nothing of {tmp_path / path} could be read, so nothing was added" in result.output
        assert ("x.bin: " in result.output) == (path == "x.bin")
        assert folder.exists() == there
        assert not there or list(folder.iterdir()) == []
    put(tmp_path, "a.txt")
    assert CliRunner().invoke(command, ["add", str(tmp_path / "a.txt"), "--index", str(folder)]).exit_code == 0
    assert CliRunner().invoke(command, ["add", str(tmp_path / "a.txt"), "--index", str(folder)]).exit_code == 0
    assert CliRunner().invoke(command, ["add", str(tmp_path / "x.bin"), "--index", str(folder)]).exit_code == 1
    assert open_index(folder).counts()["documents"] == 1


def test_watching_tells_what_is_skipped_once(tmp_path: Path) -> None:
    corpus, folder = put(tmp_path / "docs", "a.txt"), tmp_path / "index"
    (corpus / "x.bin").write_bytes(b"\0\1")
    reports = watch(corpus, folder, Settings(), lambda: nullcontext(no_progress), exclude=["*.bak"], still_ms=50)
    first = next(reports)
    assert isinstance(first, Report)
    assert [item.uri for item in first.skipped] == ["x.bin"]
    put(corpus, "b.txt", "b.bak")
    (corpus / "y.bin").write_bytes(b"\0\1")
    (corpus / "bad.jsonl").write_text('{"text": "一つ"}\n{\n', encoding="utf-8")
    second = next(reports)
    assert isinstance(second, Report)
    assert [item.uri for item in second.skipped] == ["bad.jsonl", "y.bin"]
    assert (second.added, second.partly, second.excluded) == (2, 1, 1)
    (corpus / ".sakuinignore").write_text("b.txt\n", encoding="utf-8")
    third = next(reports)
    assert isinstance(third, Report)
    assert (third.removed, third.skipped) == (1, [])


def test_patterns_of_many_stars_match_the_same_in_little_time() -> None:
    def reason(pattern: str, name: str) -> bool:
        return isinstance(Patterns.of([pattern], base="", code="excluded_by_option").reason(name), Reason)

    draw = random.Random(5)
    for _ in range(3000):
        pattern = "".join(draw.choice(["a", "b", "*", "*", "?", "/", "/**/", "[ab]", "**", "."]) for _ in range(8))
        name = "/".join("".join(draw.choice("ab.") for _ in range(draw.randint(1, 4))) for _ in range(3))
        try:
            expected = GitIgnoreSpec.from_lines([pattern]).match_file(name)
        except ValueError:
            continue
        assert reason(pattern, name) == expected, (pattern, name)
    started = time.process_time()
    for pattern, name in (
        ("*a" * 30 + "b", "a" * 255),
        ("a/**/" * 20 + "b", "a/" * 500 + "c"),
        ("**" * 20 + "b", "a" * 99),
    ):
        assert not reason(pattern, name)
    assert time.process_time() - started < 5
