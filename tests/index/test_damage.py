"""Disks that fail: flipped bits, missing and foreign files, no room, no right to write."""

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sakuin.errors import SakuinError
from sakuin.index.build import build, remove
from sakuin.index.integrity import verify
from sakuin.index.maintenance import repair
from sakuin.index.problems import Problem
from sakuin.index.snapshot import open_index
from sakuin.search import Searcher

FLIPS = 40


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index with every kind of file: segments with codes and without, removed passages."""

    monkeypatch.setattr("sakuin.index.vectors.segment.CODED_FROM", 700)
    monkeypatch.setattr("sakuin.index.vectors.codes.TRAINED_ON", 640)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    lines = (
        f'{{"id": {i}, "title": "題{i}", "text": "{i}番目の文書です。number {i * i}", "n": {i}}}' for i in range(800)
    )
    (corpus / "many.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (corpus / "other.txt").write_text("別の文書", encoding="utf-8")
    (corpus / "long.txt").write_text("".join(f"長い文書の{i}番目の文です。" for i in range(3_000)), encoding="utf-8")
    build(corpus, tmp_path / "index")
    (corpus / "few.md").write_text("# 見出し\n\n少しの文。", encoding="utf-8")
    build(corpus, tmp_path / "index")
    remove(["other.txt"], tmp_path / "index")
    return tmp_path / "index"


def rows(folder: Path) -> list[tuple[object, ...]] | None:
    """All that the database holds; None where it cannot be read."""
    try:
        with closing(sqlite3.connect(folder / "documents.db")) as connection:
            return [
                row
                for table in ("manifest", "files", "documents", "text_blocks", "passages", "removed_passages")
                for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")
            ]
    except (sqlite3.Error, ValueError):
        return None


def found_by_verify(folder: Path) -> bool:
    try:
        return bool(verify(folder))
    except SakuinError:
        return True


@pytest.mark.parametrize(
    "kind", [".ids.npy", ".int8.npy", ".codes.faiss", ".idx", ".term", ".store", ".fast", "meta.json"]
)
def test_a_flipped_bit_in_a_derived_file_is_found_refused_and_repaired(index: Path, kind: str) -> None:
    with Searcher.open(index) as searcher:
        before = searcher.search("文書 number 9", mode="dense").hits
    path = max((p for p in index.rglob("*") if p.name.endswith(kind)), key=lambda p: p.stat().st_size)
    data = bytearray(path.read_bytes())
    rng = random.Random(kind)
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    (problem,) = verify(index)
    assert (problem.code, problem.data) == ("changed_file", {"path": path.relative_to(index).as_posix()})
    assert problem.repairable
    with pytest.raises(SakuinError, match="index repair"):
        open_index(index)
    whole = "vectors" if path.parent.parent.name == "terms" else "terms"
    names = {file.name for file in (index / whole).rglob("*.*")}
    repair(index)
    assert verify(index) == []
    # What is whole is not made anew: tantivy's files have names at random, and segments that of their commit.
    assert names <= {file.name for file in (index / whole).rglob("*.*")}
    with Searcher.open(index) as searcher:
        assert searcher.search("文書 number 9", mode="dense").hits == before


@pytest.mark.parametrize("kind", [".term", ".idx"])
def test_nothing_is_added_to_damaged_terms(index: Path, tmp_path: Path, kind: str) -> None:
    """tantivy reads them in a thread of its own, whose failure ends the process."""
    path = max((p for p in index.rglob(f"*{kind}")), key=lambda p: p.stat().st_size)
    data = path.read_bytes()
    path.write_bytes(data[:80] + bytes(255 - byte for byte in data[80:99]) + data[99:])
    command = [sys.executable, "-m", "sakuin", "remove", "few.md", "--index", str(index)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[:6]) == (1, "Error:")
    assert "has changed since it was written" in done.stderr
    with pytest.raises(SakuinError, match="index repair"):
        build(tmp_path / "corpus", index)
    repair(index)
    remove(["few.md"], index)
    assert verify(index) == []


def test_repairing_what_is_whole_makes_all_anew(index: Path) -> None:
    before = {file.name for file in (index / "terms").rglob("*.idx")}
    repair(index)
    assert verify(index) == []
    assert not before & {file.name for file in (index / "terms").rglob("*.idx")}


def test_flipped_bits_in_the_documents_are_found_or_change_nothing(index: Path) -> None:
    path = index / "documents.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole, content = path.read_bytes(), rows(index)
    rng = random.Random(0)
    found = 0
    for _ in range(FLIPS):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        problem = found_by_verify(index)
        found += problem
        assert problem or rows(index) == content
    assert found >= FLIPS // 3
    path.write_bytes(whole)
    assert verify(index) == []


def test_damaged_pages_of_the_documents_end_in_a_sentence(index: Path) -> None:
    path = index / "documents.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    refused = []
    for start in range(0, len(whole), 4096):
        data = bytearray(whole)
        data[start : start + 40] = bytes(255 - byte for byte in data[start : start + 40])
        path.write_bytes(data)
        try:
            with Searcher.open(index) as searcher:
                searcher.search("文書 number 9")
                searcher.facets()
        except SakuinError as error:
            refused.append(str(error))
    assert refused
    assert all("index verify" in text or "build it again" in text or "index repair" in text for text in refused)


def test_a_changed_passage_is_not_shown(index: Path) -> None:
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute("UPDATE documents SET text = replace(text, '5番目', '6番目')")
        connection.commit()
    assert Problem("document", {"document": "many.jsonl#5"}) in verify(index)
    assert not any(problem.repairable for problem in verify(index))
    with Searcher.open(index) as searcher, pytest.raises(SakuinError, match="index verify"):
        searcher.search("題5 5番目の文書です")
    with pytest.raises(SakuinError, match="build it again"):
        repair(index)


@pytest.mark.parametrize("column", ["uri", "title", "metadata"])
def test_a_changed_label_of_a_document_is_not_shown(index: Path, column: str) -> None:
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute(f"UPDATE documents SET {column} = replace({column}, '5', 'five') WHERE {column} LIKE '%5%'")
        connection.commit()
    assert found_by_verify(index)
    with Searcher.open(index) as searcher:
        with pytest.raises(SakuinError, match="index verify"):
            searcher.search("題5 5番目の文書です")
        with pytest.raises(SakuinError, match="index verify"):
            searcher.snapshot.glimpses([int(hit, 16) for hit in ids(searcher)])


def ids(searcher: Searcher) -> list[str]:
    """Of all passages of the index."""
    found = searcher.snapshot._connection.execute("SELECT DISTINCT passage_id FROM passages").fetchall()
    return [f"{passage_id:016x}" for (passage_id,) in found]


def test_what_is_noted_of_a_file_is_not_believed_when_it_has_changed(index: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute("UPDATE files SET uri = 'mary.jsonl' WHERE uri = 'many.jsonl'")
        connection.commit()
    assert verify(index) == [Problem("file_state", {"file": "mary.jsonl"})]
    before = rows(index)
    with pytest.raises(SakuinError, match="index verify"):
        build(tmp_path / "corpus", index)
    assert rows(index) == before


def test_a_document_that_lost_its_file_is_not_written_over(index: Path, tmp_path: Path) -> None:
    """A flipped bit in a document's file hides it from that file, and its name is taken when the file is read again."""
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute("UPDATE documents SET file = 'lost' WHERE file = 'few.md'")
        connection.commit()
    (tmp_path / "corpus" / "few.md").write_text("# 見出し\n\nほかの文。", encoding="utf-8")
    before = rows(index)
    with pytest.raises(SakuinError, match="index verify"):
        build(tmp_path / "corpus", index)
    assert rows(index) == before


def test_a_disk_without_room_costs_nothing(index: Path, tmp_path: Path) -> None:
    """The real command under a limit on the size of files, from none at all to nearly enough."""
    before = rows(index)
    corpus = tmp_path / "corpus"
    lines = (f'{{"id": {i}, "text": "新しい{i}番目の文書です。{i**3}"}}' for i in range(6000))
    (corpus / "new.jsonl").write_text("\n".join(lines), encoding="utf-8")
    failed = 0
    for limit in (20_000, 200_000, 900_000, 1_300_000):

        def limited(limit: int = limit) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = subprocess.run(
            [sys.executable, "-m", "sakuin", "build", str(corpus), "--index", str(index)],
            preexec_fn=limited,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            failed += 1
            assert done.stderr.startswith("Error:"), done.stderr
            assert "Traceback" not in done.stderr
            assert rows(index) == before
        assert verify(index) == []
    assert failed >= 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_still_searched(index: Path, tmp_path: Path) -> None:
    paths = [index, *index.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        with Searcher.open(index) as searcher:
            assert searcher.search("文書").hits
        with pytest.raises(SakuinError, match="Cannot write"):
            build(tmp_path / "corpus", index)
    finally:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)


def test_a_damaged_text_is_no_part_of_what_is_said_of_it(index: Path) -> None:
    with closing(sqlite3.connect(index / "documents.db")) as connection, connection:
        connection.execute("UPDATE documents SET title = CAST(x'1b5b324aff' AS TEXT) WHERE rowid = 1")
    (problem,) = verify(index)
    assert problem.code == "database"
    assert "'title'" in str(problem)
    assert "\x1b" not in str(problem)
