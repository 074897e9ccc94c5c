"""Damage to documents.db that SQLite itself takes for data: seen before it is parsed, shown or built upon."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from sakuin import Index
from sakuin.errors import SakuinError
from sakuin.index import unchanged
from sakuin.index.build import build
from sakuin.index.integrity import verify
from sakuin.index.maintenance import repair
from sakuin.index.problems import Problem
from sakuin.index.store import listing
from sakuin.index.store.manifest import manifest_checksum
from sakuin.index.store.passages import documents_and_titles
from sakuin.search import Searcher

COUNT = 20


@pytest.fixture
def index(tmp_path: Path) -> Path:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    lines = (json.dumps({"id": i, "title": str(i), "text": f"text number {i}", "year": 2001}) for i in range(COUNT))
    (corpus / "many.jsonl").write_text("\n".join(lines), encoding="utf-8")
    build(corpus, tmp_path / "index")
    with closing(sqlite3.connect(tmp_path / "index" / "documents.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return tmp_path / "index"


def change(index: Path, sql: str) -> None:
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(sql)
        connection.commit()


def passages(index: Path) -> int:
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM passages").fetchone()[0])


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("documents", b'"number" INTEGER PRIMARY', b'"number" INTEGES PRIMARY'),
        ("passages", b" id INTEGER PRIMARY", b" id INTEGDR PRIMARY"),
        ("passages", b"heading TEXT NOT NULL", b"heading TEPT NOT NULL"),
        ("passages", b"ON DELETE CASCADE", b"ON DELETE RESTRICT"),
    ],
)
def test_a_changed_schema_is_found_and_nothing_is_made_of_it(index: Path, table: str, old: bytes, new: bytes) -> None:
    was, now = old.decode(), new.decode()
    change(index, f"UPDATE sqlite_master SET sql = replace(sql, '{was}', '{now}') WHERE name = '{table}'")
    before = passages(index)
    problems = verify(index)
    assert problems
    assert {problem.code for problem in problems} == {"schema"}
    with pytest.raises(SakuinError, match="schema"):
        repair(index)
    assert passages(index) == before == COUNT


def test_a_later_column_with_a_default_is_no_damage(index: Path) -> None:
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute("ALTER TABLE documents ADD COLUMN later TEXT NOT NULL DEFAULT ''")
        connection.execute("ALTER TABLE files DROP COLUMN inode")
    assert verify(index) == []


def test_repair_of_passages_that_lost_their_document_is_refused(index: Path) -> None:
    change(index, "UPDATE passages SET document = 999 WHERE id = 3")
    assert Problem("homeless_passages", {"number": 1}) in verify(index)
    with pytest.raises(SakuinError, match="not there"):
        repair(index)


def test_repair_of_an_index_that_lost_rows_is_refused(index: Path) -> None:
    change(index, "DELETE FROM passages WHERE document = 3")
    with pytest.raises(SakuinError, match="the manifest says 20"):
        repair(index)


def test_metadata_is_compared_before_it_is_counted_or_filtered_by(index: Path) -> None:
    change(index, "UPDATE documents SET metadata = replace(metadata, '2001', '2011') WHERE number = 3")
    with Searcher.open(index) as searcher:
        with pytest.raises(SakuinError, match="index verify"):
            searcher.facets()
        with pytest.raises(SakuinError, match="index verify"):
            searcher.search("number", where={"year": 2011})


@pytest.mark.parametrize("value", ["5", "CAST('a' AS BLOB)"])
@pytest.mark.parametrize("column", ["title", "id", "metadata", "text"])
def test_values_of_another_type_are_found(index: Path, column: str, value: str) -> None:
    loosen(index, "documents", f'"{column}" TEXT', f'"{column}" BLOB')
    change(index, f"UPDATE documents SET {column} = {value} WHERE number = 6")
    loosen(index, "documents", f'"{column}" BLOB', f'"{column}" TEXT')
    problems = verify(index)
    assert problems
    assert not any(problem.repairable for problem in problems)
    json.dumps([problem.to_dict() for problem in problems])
    with pytest.raises(SakuinError):
        repair(index)


def loosen(index: Path, table: str, old: str, new: str) -> None:
    """Give a column another affinity, by which SQLite stores what a flipped bit would make of a value."""
    change(index, f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}') WHERE name = '{table}'")


@pytest.mark.parametrize("value", ["NULL", "CAST('5' AS BLOB)"])
@pytest.mark.parametrize("column", ["key", "value"])
def test_a_manifest_that_is_not_text_ends_in_a_sentence(index: Path, column: str, value: str) -> None:
    change(index, f"UPDATE manifest SET {column} = {value} WHERE key = 'dim'")
    for use in (verify, repair, Searcher.open):
        with pytest.raises(SakuinError, match="manifest"):
            use(index)


def flip_text(index: Path, old: str, new: str) -> None:
    """Change bytes of documents.db by another way than SQLite's, as a disk does: all that is made of rows stays."""
    path = index / "documents.db"
    data = path.read_bytes()
    assert len(old.encode()) == len(new.encode())
    assert old.encode() in data
    path.write_bytes(data.replace(old.encode(), new.encode()))


def test_a_damaged_schema_is_refused_when_it_is_opened(index: Path, tmp_path: Path) -> None:
    change(index, "UPDATE sqlite_master SET sql = replace(sql, 'heading TEXT', 'heading TEPT') WHERE name = 'passages'")
    for use in (Searcher.open, lambda folder: list(Index.open(folder).documents())):
        with pytest.raises(SakuinError, match="index verify"):
            use(index)
    with pytest.raises(SakuinError, match="index verify"):
        build(tmp_path / "corpus", index)


def test_a_filter_whose_rows_are_damaged_does_not_find_nothing(index: Path) -> None:
    flip_text(index, '"year": 2001}', '"yeas": 2001}')
    with Searcher.open(index) as searcher, pytest.raises(SakuinError, match="index verify"):
        searcher.search("number", where={"year": 2001})


def test_names_of_files_are_compared_before_they_are_counted_or_filtered_by(index: Path) -> None:
    flip_text(index, "many.jsonl", "mary.jsonl")
    with Searcher.open(index) as searcher:
        for ask in (searcher.facets, searcher.snapshot.files, lambda: searcher.search("a", where={"type": "jsonl"})):
            with pytest.raises(SakuinError, match="index verify"):
                ask()


def test_lists_show_nothing_that_has_changed(index: Path) -> None:
    with listing.reading(index) as connection:
        number = listing.list_documents(connection)[3].number
        assert listing.list_passages(connection, number)
    change(index, f"UPDATE documents SET text = replace(text, 'text', 'next') WHERE number = {number}")
    with listing.reading(index) as connection:
        for ask in (listing.list_documents, lambda connection: listing.list_passages(connection, number)):
            with pytest.raises(SakuinError, match="index verify"):
                ask(connection)


def test_rows_that_are_gone_are_missed(index: Path) -> None:
    change(index, "DELETE FROM passages WHERE document = 3")
    change(index, "DELETE FROM documents WHERE number = 3")
    assert Problem("row_count", {"kind": "documents", "number": COUNT - 1, "noted": COUNT}) in verify(index)
    with Searcher.open(index) as searcher, pytest.raises(SakuinError, match="number of rows"):
        searcher.counts()


def test_an_index_whose_rows_were_not_counted_goes_on(index: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        rows = dict(connection.execute("SELECT key, value FROM manifest WHERE key != 'rows'"))
        connection.execute("DELETE FROM manifest WHERE key = 'rows'")
        value = json.dumps(manifest_checksum(rows))
        connection.execute("UPDATE manifest SET value = ? WHERE key = 'checksum'", (value,))
        connection.commit()
    assert verify(index) == []
    with Searcher.open(index) as searcher:
        assert searcher.counts()["documents"] == COUNT
        assert searcher.search("number", where={"year": 2001}).hits
    (tmp_path / "corpus" / "new.txt").write_text("new", encoding="utf-8")
    build(tmp_path / "corpus", index)
    change(index, "DELETE FROM files WHERE uri = 'new.txt'")
    assert Problem("row_count", {"kind": "files", "number": 1, "noted": 2}) in verify(index)


def test_a_commit_that_was_lost_with_the_log_is_missed(index: Path, tmp_path: Path) -> None:
    """SQLite passes over a log that is damaged, or gone, without a word."""
    before = (index / "documents.db").read_bytes()
    (tmp_path / "corpus" / "new.txt").write_text("new", encoding="utf-8")
    build(tmp_path / "corpus", index)
    (index / "documents.db").write_bytes(before)
    (index / "documents.db-wal").unlink(missing_ok=True)
    for use in (verify, repair, Searcher.open, lambda folder: build(tmp_path / "corpus", folder)):
        with pytest.raises(SakuinError, match="last commit"):
            use(index)
    with pytest.raises(SakuinError, match="last commit"), listing.reading(index):
        pass


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", ["0", "fresh"])
def test_flipped_bits_anywhere_make_nobody_tell_a_falsehood(seed: str) -> None:
    harness = Path(__file__).with_name("flips.py")
    command = [sys.executable, str(harness), "--flips", "16", "--seed", seed]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # With the seed in it, for who reads of a failure.
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def test_a_removed_passage_that_counts_again_is_noticed(index: Path) -> None:
    """Else what chance scores, and so every score of several indexes, would be measured with it."""
    with Index.open(index) as opened:
        opened.add([{"id": f"own{i}", "text": f"my own {i}"} for i in range(5)])
        opened.delete(["own0"])
    with Searcher.open(index) as searcher:
        expected = searcher.search("text number 7").to_dict()["hits"]
    change(index, "UPDATE removed_passages SET passage_id = passage_id + 1")
    with pytest.raises(SakuinError, match="damaged: vectors of 25 passages count, and it has 24"):
        Searcher.open(index)
    repair(index)
    with Searcher.open(index) as searcher:
        found = searcher.search("text number 7").to_dict()["hits"]
    assert [hit["document"]["id"] for hit in found] == [hit["document"]["id"] for hit in expected]


def test_damage_to_the_keys_of_the_manifest_hides_nothing(index: Path) -> None:
    with Searcher.open(index) as searcher:
        expected = searcher.counts()
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name LIKE '%autoindex_manifest%'"
        ).fetchone()
    data = bytearray((index / "documents.db").read_bytes())
    # How many keys there are.
    data[(page - 1) * 4096 + 3 : (page - 1) * 4096 + 5] = bytes(2)
    (index / "documents.db").write_bytes(data)
    with Searcher.open(index) as searcher:
        assert searcher.counts() == expected


def test_an_index_of_places_that_leads_elsewhere_is_noticed(index: Path) -> None:
    """Else what chance scores in several indexes would be measured by the documents of others."""
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'idx_passages_passage_id'"
        (page,) = connection.execute(sql).fetchone()
        passage_id, row = connection.execute("SELECT passage_id, id FROM passages WHERE id = 18").fetchone()
    data = bytearray((index / "documents.db").read_bytes())
    cell = passage_id.to_bytes(8, "big", signed=True) + bytes([row])
    at = data.index(cell, (page - 1) * 4096, page * 4096) + 8
    data[at] ^= 1
    (index / "documents.db").write_bytes(data)
    with Searcher.open(index) as searcher, pytest.raises(SakuinError, match="damaged"):
        searcher.snapshot.sources_of([passage_id])


def test_rows_that_were_not_asked_for_are_damage() -> None:
    class Elsewhere:
        def execute(self, *_: object) -> list[tuple[int, int, str]]:
            return [(99, 1, "")]

    with pytest.raises(SakuinError, match="damaged"):
        documents_and_titles(cast("sqlite3.Connection", Elsewhere()), [98])


def test_what_is_known_of_files_is_bounded(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that commits for days would remember the files of each commit."""
    monkeypatch.setattr(unchanged, "MOST_KEPT", 5)
    with Index.open(index) as opened:
        for number in range(3):
            opened.add([{"id": "own", "text": f"my own {number}"}])
            assert 0 < len(unchanged._compared) <= 5
