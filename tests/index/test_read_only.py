"""An index that may only be read, on a disk that others may write to: what they commit is seen, once."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sakuin.index.build import build
from sakuin.index.snapshot import Snapshot
from sakuin.index.store import Unchanging
from sakuin.search import Searcher


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.txt").write_text("最初の文書です。", encoding="utf-8")
    build(corpus, tmp_path / "index")
    return corpus


def checkpointed(index: Path) -> None:
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_commits_to_a_disk_that_is_read_only_for_a_reader_are_seen(corpus: Path) -> None:
    """As in a container to which the folder is given to read: SQLite looks there for nobody else's writing."""
    index = corpus.with_name("index")
    checkpointed(index)
    address = f"{(index / 'documents.db').as_uri()}?immutable=1"
    snapshot = Snapshot(index, sqlite3.connect(address, uri=True, check_same_thread=False, factory=Unchanging))
    assert not snapshot.outdated()
    snapshot.counts()
    assert not snapshot.outdated()
    # So that the commit stays in the log, and the database as it was.
    with closing(sqlite3.connect(index / "documents.db")) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM documents").fetchone()
        (corpus / "b.txt").write_text("次の文書です。", encoding="utf-8")
        build(corpus, index)
        assert (index / "documents.db-wal").stat().st_size
        assert snapshot.outdated()
    snapshot.close()


@pytest.mark.timeout(60)
def test_a_log_that_cannot_be_shared_is_searched_once(corpus: Path) -> None:
    """Each transaction of a reader has a version of its own there, as if somebody had committed."""
    index = corpus.with_name("index")
    checkpointed(index)
    (index / "documents.db-shm").mkdir()
    with Searcher.open(index) as searcher:
        assert searcher.search("文書").hits
        assert searcher.search("文書", group="passage", where={"type": "txt"}).hits


def test_what_is_no_commit_costs_no_new_opening(corpus: Path) -> None:
    index = corpus.with_name("index")
    with Searcher.open(index) as searcher, closing(sqlite3.connect(index / "documents.db")) as other:
        before = searcher.snapshot
        other.execute("UPDATE files SET inode = 7")
        other.commit()
        searcher.search("文書")
        assert searcher.snapshot is before
        (corpus / "b.txt").write_text("次の文書です。", encoding="utf-8")
        build(corpus, index)
        assert len(searcher.search("文書").hits) == 2
