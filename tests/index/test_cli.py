"""The command `index`, run as a user runs it."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click import Context
from click.testing import CliRunner

from sakuin.cli.main import cli
from sakuin.index.store.listing import list_skipped, reading
from sakuin.index.vectors import rescored_at


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sakuin", *arguments], capture_output=True, text=True, cwd=cwd, timeout=100
    )


@pytest.fixture
def index(corpus: Path, tmp_path: Path) -> Path:
    assert run("build", str(corpus), "--index", str(tmp_path / "index")).returncode == 0
    return tmp_path / "index"


def test_help_teaches() -> None:
    overview = run("--help")
    assert overview.returncode == 0
    for name, command in cli.commands.items():
        assert name in overview.stdout
        shown = CliRunner().invoke(cli, [name, "--help"]).output
        assert command.help
        for option in command.params:
            names = (option.opts[0], option.name.upper().rstrip("S"), option.make_metavar(Context(command)))  # type: ignore[union-attr]
            assert any(one in shown for one in names)


UNNEEDED = {
    *("torch", "transformers", "sentence_transformers", "streamlit", "sqlite_utils", "pandas"),
    *("faiss", "rapidfuzz", "httpx", "fastapi", "pydantic"),
    *("asyncio", "ssl", "email", "importlib.metadata", "importlib.resources", "tomllib"),
    *(f"sakuin.search.{name}" for name in ("duplicates", "similar", "side_by_side")),
    *(f"sakuin.cli.{name}" for name in ("building", "clusters", "serving", "tuning", "upkeep")),
    *("sakuin.cluster", "sakuin.service", "sakuin.ui", "sakuin.api"),
}
"""What a search of a small index needs nothing of; importing them took half of its time."""

UNNEEDED_TO_BUILD = {"torch", "faiss", "fastapi", "streamlit"}
"""The same of making one."""


def test_a_search_from_the_command_line_loads_only_what_it_needs(index: Path) -> None:
    code = (
        "import sys; from sakuin.cli.main import cli\n"
        f"cli(['search', '猫', '--index', {str(index)!r}], standalone_mode=False)\n"
        f"assert not {UNNEEDED!r} & sys.modules.keys(), {UNNEEDED!r} & sys.modules.keys()"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8")
    assert "猫は魚" in found.stdout


def test_a_small_index_is_made_with_only_what_that_needs(corpus: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sakuin.index.build import build\n"
        f"build(Path({str(corpus)!r}), Path({str(tmp_path / 'new')!r}))\n"
        f"assert not {UNNEEDED_TO_BUILD!r} & sys.modules.keys(), {UNNEEDED_TO_BUILD!r} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_version_is_told_without_numpy() -> None:
    code = (
        "import sys; from sakuin.cli.main import cli; cli(['--version'], standalone_mode=False)\n"
        "assert not {'numpy', 'sakuin.cli.searching', 'sakuin.cli.serving'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_search_explains_its_scores(index: Path) -> None:
    plain = run("search", "password 有給休暇", "--index", str(index), "-k", "2")
    told = run("search", "password 有給休暇", "--index", str(index), "-k", "2", "--explain")
    assert told.returncode == 0
    assert "fused score, sum of:" in told.stdout
    assert "passage token" in told.stdout
    assert "fused score" not in plain.stdout
    told = run("search", "password 有給休暇", "--index", str(index), "-k", "1", "--explain", "--json")
    explanation = json.loads(told.stdout)["hits"][0]["explanation"]
    assert sum(detail["value"] for detail in explanation["details"]) == pytest.approx(explanation["value"], abs=1e-5)


def test_compact_and_repair_say_what_they_did(index: Path) -> None:
    assert "is compact already; nothing was done" in run("compact", "--index", str(index)).stdout
    removed = run("remove", "leave.txt", "--index", str(index))
    assert removed.returncode == 0
    compacted = run("compact", "--index", str(index)).stdout
    assert "is compact now" in compacted
    assert "Index:     3 documents" in compacted
    repaired = run("repair", "--index", str(index)).stdout
    assert "is repaired" in repaired
    assert "3 passages made anew" in repaired
    # They touch no file and skip none.
    assert "Files:" not in compacted + repaired
    assert "is whole" in run("verify", "--index", str(index)).stdout


def test_an_empty_index_says_so_and_what_to_do(tmp_path: Path) -> None:
    corpus, index = tmp_path / "my corpus", tmp_path / "index"
    corpus.mkdir()
    (corpus / "picture.png").write_bytes(b"\x89PNG")
    run("build", str(corpus), "--index", str(index))
    for options in ([], ["--min-relevance", "0.3"], ["--where", "type=md"]):
        result = run("search", "猫", "--index", str(index), *options)
        assert (result.returncode, result.stdout) == (0, "")
        assert result.stderr.splitlines() == [
            f"The index in {index} holds no documents.",
            f"1 file could not be read: `index info --index {index}` says why.",
            f"Put documents into {corpus} and run `index build '{corpus}' --index {index}`.",
        ]
    result = run("search", "猫", "--index", str(index), "--json")
    assert json.loads(result.stdout)["hits"] == []
    assert "holds no documents" in result.stderr


def test_the_default_of_rescore_is_the_true_one() -> None:
    shown = " ".join(CliRunner().invoke(cli, ["search", "--help"]).output.split())
    assert f"{rescored_at(256, 256)} at 256 dimensions" in shown


def test_search_prints_json_for_programs(index: Path) -> None:
    result = run("search", "password", "--index", str(index), "--json", "-k", "2", "--mode", "bm25")
    answer = json.loads(result.stdout)
    assert answer["query"] == "password"
    assert answer["hits"][0]["document"]["uri"] == "vpn.md"
    assert answer["hits"][0]["bm25"]["rank"] == 1
    assert answer["hits"][0]["dense"] is None


def test_search_offers_what_may_have_been_meant(index: Path) -> None:
    assert "Did you mean: reset password\n" in run("search", "reset pasword", "--index", str(index)).stderr
    assert "Did you mean" not in run("search", "reset password", "--index", str(index)).stderr


def test_search_gives_documents_with_their_passages_or_passages(index: Path, tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("".join(f"# 犬 {n}\n\n犬の散歩 {n}。\n\n" for n in range(6)), encoding="utf-8")
    run("add", str(tmp_path / "long.md"), "--index", str(index))
    asked = ("search", "犬の散歩", "--index", str(index), "--where", "type=md", "--mode", "bm25")
    shown = run(*asked, "--passages", "2").stdout
    assert shown.count("long.md") == 1
    assert shown.count("犬の散歩") == 2
    assert "4 more passages in this document" in shown
    assert run(*asked, "--group", "passage").stdout.count("long.md") == 6
    hits = json.loads(run(*asked, "--group", "passage", "--offset", "4", "--json").stdout)["hits"]
    assert [hit["rank"] for hit in hits] == [5, 6]


def test_info_says_what_is_there(index: Path, corpus: Path) -> None:
    facts = json.loads(run("info", "--index", str(index), "--json", "--files").stdout)
    assert (facts["documents"], facts["passages"], facts["dim"], facts["model"]) == (4, 4, 256, "default")
    assert {"uri": "rows.jsonl", "documents": 2} in facts["files"]
    said = run("info", "--index", str(index)).stdout
    assert str(corpus) in said
    # No line has a name and nothing behind it.
    assert "rerank       none\n" in said


def test_add_remove_verify(index: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("もう一つの文書。", encoding="utf-8")
    assert "1 added" in run("add", str(tmp_path / "more.txt"), "--index", str(index)).stdout
    assert "1 removed" in run("remove", "vpn.md", "--index", str(index)).stdout
    assert "whole" in run("verify", "--index", str(index)).stdout
    path = next((index / "vectors").glob("*.int8.npy"))
    path.write_bytes(b"")
    damaged = run("verify", "--index", str(index))
    assert damaged.returncode == 1
    assert "has changed" in damaged.stdout
    assert "`index repair`" in damaged.stderr
    (problem,) = json.loads(run("verify", "--json", "--index", str(index)).stdout)["problems"]
    assert (problem["code"], problem["data"]) == ("changed_file", {"path": f"vectors/{path.name}"})


def test_many_files_that_are_not_read_hide_no_damaged_document(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "page.md").write_text("# Page\n\nA text.", encoding="utf-8")
    for number in range(30):
        (corpus / f"a{number}.png").write_bytes(b"\x89PNG")
        (corpus / f"b{number}.inv").write_bytes(b"\0")
    (corpus / "z.pdf").write_bytes(b"%PDF-1.4 cut off")
    built = run("build", str(corpus), "--index", str(tmp_path / "index")).stdout
    lines = built[built.index("Skipped:") :].splitlines()
    assert lines[0] == "Skipped:   61 files"
    assert lines[1].startswith("  z.pdf: ")
    assert lines[2].startswith("  30 files, such as a0.png: a picture")
    assert lines[3] == "  30 files, such as b0.inv: files of type .inv are not read"
    assert lines[4] == "  `index info --files` lists all."
    listed = run("info", "--files", "--index", str(tmp_path / "index")).stdout
    assert listed.count(".png: a picture") == 30
    # So do lists that are cut, such as the page's.
    with reading(tmp_path / "index") as connection:
        assert [item.uri for item in list_skipped(connection, 1)[0]] == ["z.pdf"]


def test_numbers_are_of_what_they_say(corpus: Path, tmp_path: Path) -> None:
    (corpus / "picture.png").write_bytes(b"\x89PNG")
    (corpus / "table.csv").write_text("title,text\nA,first\nB,\nC,\nD,last\n", encoding="utf-8")
    index = str(tmp_path / "index")
    for files in ("4 added", "4 unchanged"):
        shown = run("build", str(corpus), "--index", index).stdout
        assert f"Files:     {files}\nIndex:     6 documents, 6 passages" in shown
        assert (
            "Skipped:   1 file, parts of 1 file\n  table.csv: row 2: its text is empty; row 3: its text is empty\n"
            in shown
        )
        # What nobody expects to be read comes behind what has something missing.
        assert "\n  picture.png: a picture: OCR reads its text, with --ocr" in shown
    table, picture = json.loads(run("info", "--index", index, "--json").stdout)["skipped"]
    assert (picture["uri"], picture["documents"], picture["reason"]["code"]) == ("picture.png", 0, "picture")
    assert table["documents"] == 2
    assert [(part["position"], part["code"]) for part in table["reason"]["parts"]] == [
        ({"row": 2}, "empty_row"),
        ({"row": 3}, "empty_row"),
    ]
    assert table["reason"]["message"] == "row 2: its text is empty; row 3: its text is empty"
    shown = run("info", "--index", index).stdout
    assert "files        5, of which nothing was taken from 1\ndocuments    6\n" in shown
    assert "Skipped:   1 file, parts of 1 file\n" in shown
    shown = run("remove", "table.csv#row=1", "table.csv#row=4", "--index", index).stdout
    assert "Documents: 2 removed\nIndex:     4 documents" in shown
    shown = run("remove", "rows.jsonl", "rows.jsonl#a", "table.csv", "--index", index).stdout
    assert "Files:     2 removed\nIndex:     2 documents" in shown


def test_default_folder_is_the_current_one(corpus: Path, tmp_path: Path) -> None:
    assert run("build", "corpus", cwd=tmp_path).returncode == 0
    assert (tmp_path / ".sakuin" / "documents.db").is_file()
    assert "leave.txt" in run("search", "有給休暇", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["search", "猫", "--index", "nowhere"], 1, "index build"),
        (["build", "nowhere"], 1, "No folder nowhere"),
        (["build", __file__], 1, "index add"),
        (["add", "nowhere"], 1, "No file or folder"),
        (["remove", "x", "--index", "nowhere"], 1, "No index"),
        (["search"], 2, "Missing argument"),
        (["search", "x", "--mode", "fuzzy"], 2, "fuzzy"),
        (["build", ".", "--dim", "0"], 2, "--dim"),
        (["build", ".", "--model", "./no-model"], 1, "No model folder"),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_errors_say_what_to_do(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_in_use_is_told_before_any_address(index: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("ui", "--no-browser", "--port", str(port), "--index", str(index))
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert f"Port {port} of 127.0.0.1" in result.stderr
    assert "--port" in result.stderr


def test_control_characters_of_documents_do_not_reach_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "evil.txt").write_text(
        "危険 \x1b]0;owned\x07 \x1b[31m赤" + "い普通の文が続きます。" * 20, "utf-8"
    )
    run("build", "corpus", cwd=tmp_path)
    shown = run("search", "危険", cwd=tmp_path)
    assert "危険" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "\x07" not in shown.stdout
