"""Damage to documents.db that SQLite itself takes for data: seen before it is parsed, shown or built upon."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sakuin.errors import SakuinError
from sakuin.index.build import build
from sakuin.index.integrity import verify
from sakuin.index.maintenance import repair
from sakuin.index.problems import Problem
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
        ("passages", b"passages (id INTEGER PRIMARY", b"passages (id INTEGDR PRIMARY"),
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
