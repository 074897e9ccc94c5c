"""Rows of a large index are compared by and by: what damage hides is found without `verify`."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sakuin.index import store
from sakuin.index.build import build
from sakuin.index.errors import IndexFolderError
from sakuin.index.store import whole
from sakuin.search import Searcher

COUNT = 30
STEP = 4
ASKS = 2 * (COUNT // STEP + 2)
"""After which every row was compared, wherever the first step was."""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(whole, "MOST_ROWS", 0)
    monkeypatch.setattr(whole, "STEP", STEP)
    monkeypatch.setattr(whole, "_looked", {})
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    rows = ({"id": i, "text": f"text number {i}", "year": 2001} for i in range(COUNT))
    (corpus / "many.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build(corpus, tmp_path / "index")
    return tmp_path / "index"


def change(index: Path, *statements: str) -> None:
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def without_index(index: Path, name: str, *statements: str) -> None:
    """Change rows while an index of the table is not there, so that it goes on saying what was."""
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        row = connection.execute("SELECT * FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    change(index, f"DELETE FROM sqlite_master WHERE name = '{name}'")
    change(index, *statements)
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
        connection.commit()


DAMAGE: dict[str, Callable[[Path], None]] = {
    "metadata": lambda index: change(index, "UPDATE documents SET metadata = '{\"year\": 1999}' WHERE number = 9"),
    "name": lambda index: change(index, "UPDATE files SET uri = 'mary.jsonl'"),
    "place": lambda index: change(index, "UPDATE passages SET passage_id = passage_id + 1 WHERE document = 20"),
    "homeless": lambda index: change(index, "UPDATE passages SET document = 99 WHERE document = 20"),
    "index of documents": lambda index: without_index(
        index, "idx_documents_file", "UPDATE documents SET number = 77 WHERE number = 30"
    ),
    "index of passages": lambda index: without_index(
        index, "idx_passages_passage_id", "UPDATE passages SET id = 1000 WHERE document = 20"
    ),
    "row": lambda index: change(index, "DELETE FROM documents WHERE number = 7"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_that_hides_documents_is_found_by_filters(index: Path, what: str) -> None:
    DAMAGE[what](index)

    def ask_again_and_again() -> None:
        with Searcher.open(index) as searcher:
            for year in range(ASKS):
                searcher.search("unknown", mode="bm25", where={"year": {"$gt": year}})

    with pytest.raises(IndexFolderError, match="index verify"):
        ask_again_and_again()


def test_rows_that_a_table_does_not_give_are_missed(index: Path) -> None:
    with closing(store.connect(index, read_only=True)) as connection:
        looked = whole.Looked({"documents": COUNT + 1}, {"documents": 0}, {"documents": COUNT + 1})
        for _ in range(COUNT // STEP):
            whole.require_step(connection, "documents", looked)
        with pytest.raises(IndexFolderError, match="number of rows"):
            whole.require_step(connection, "documents", looked)


def test_what_is_whole_is_compared_once(index: Path) -> None:
    with closing(store.connect(index, read_only=True)) as connection:
        for _ in range(ASKS):
            whole.require_whole(connection)
        ((looked,),) = [whole._looked.values()]
        assert looked.numbers == {}
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        whole.require_whole(connection)
        assert not [one for one in statements if "label_checksum" in one]


def test_a_block_of_a_text_that_is_gone_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "_looked", {})
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "long.txt").write_text("長い文です。" * 9_000, encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index")
    for sql in ("DELETE FROM text_blocks WHERE start = 8192", "DELETE FROM text_blocks"):
        change(tmp_path / "index", sql)
        with (
            closing(store.connect(tmp_path / "index", read_only=True)) as connection,
            pytest.raises(IndexFolderError, match="the text of document number 1"),
        ):
            whole.require_whole(connection)


@pytest.mark.parametrize("large", [False, True])
def test_nothing_is_written_where_an_index_of_a_table_hides_rows(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    """What is noted of a file would be there twice, and its documents would stay."""
    if not large:
        monkeypatch.setattr(whole, "MOST_ROWS", 1000)
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_files_1'")
        number = page.fetchone()[0]
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray((index / "documents.db").read_bytes())
    place = data.index(b"many.jsonl", (number - 1) * 4096)
    assert place < number * 4096
    data[place] ^= 4
    (index / "documents.db").write_bytes(data)
    with (tmp_path / "corpus" / "many.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"text": "one more"}')
    with pytest.raises(IndexFolderError, match="index verify"):
        build(tmp_path / "corpus", index)


def test_a_commit_of_what_is_whole_is_taken_for_whole(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "MOST_ROWS", 1000)
    compared = []
    for name in ("_require_all", "_require_sound"):
        monkeypatch.setattr(whole, name, lambda connection, name=name: compared.append(name))
    for number in range(3):
        (tmp_path / "corpus" / "new.txt").write_text(f"new {number}", encoding="utf-8")
        build(tmp_path / "corpus", index)
        with Searcher.open(index) as searcher:
            assert searcher.facets()
    assert compared == ["_require_sound", "_require_all"]
