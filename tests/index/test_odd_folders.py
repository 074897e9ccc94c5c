"""Index folders in states that no writer leaves: each question is answered, or refused in a sentence."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from sakuin import Index
from sakuin.cli.main import cli
from sakuin.errors import SakuinError
from sakuin.index.backup import backup
from sakuin.index.build import build
from sakuin.index.integrity import verify
from sakuin.index.maintenance import repair
from sakuin.index.salvage import salvage
from sakuin.index.store import listing
from sakuin.index.store.checksums import place_checksum, row_checksum
from sakuin.index.store.manifest import manifest_checksum
from sakuin.search import Searcher

DEEP = "[" * 100_000 + "]" * 100_000
LONG = "9" * 5_000
REMEDIES = (
    "index verify",
    "index repair",
    "index restore",
    "index build",
    "again",
    "choose another",
    "move it away",
    "index tune",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    (folder / "corpus").mkdir()
    rows = ({"id": i, "title": f"題{i}", "text": f"{i}番目の文書です。", "year": 2001} for i in range(5))
    (folder / "corpus" / "many.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build(folder / "corpus", folder / "index")
    with closing(sqlite3.connect(folder / "index" / "documents.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "index"


def rewritten(index: Path, write: Callable[[sqlite3.Connection], object]) -> None:
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        write(connection)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def manifest(name: str, value: str) -> Callable[[Path], None]:
    """Another value in the manifest, with its checksum."""

    def write(connection: sqlite3.Connection) -> None:
        rows = dict(connection.execute("SELECT key, value FROM manifest WHERE key != 'checksum'")) | {name: value}
        rows["checksum"] = json.dumps(manifest_checksum(rows))
        connection.executemany("INSERT OR REPLACE INTO manifest VALUES (?, ?)", rows.items())

    return lambda index: rewritten(index, write)


def label(column: str, value: str) -> Callable[[Path], None]:
    """Another value in a column of a document, with its checksum."""
    columns = ("id", "uri", "file", "title", "metadata", "headings")

    def write(connection: sqlite3.Connection) -> None:
        connection.execute(f"UPDATE documents SET {column} = ? WHERE number = 3", (value,))
        row = connection.execute(f"SELECT {', '.join(columns)} FROM documents WHERE number = 3").fetchone()
        connection.execute("UPDATE documents SET label_checksum = ? WHERE number = 3", (row_checksum(row),))

    return lambda index: rewritten(index, write)


def position(value: str) -> Callable[[Path], None]:
    """Another position of a passage, with its checksum."""

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE passages SET position = ? WHERE document = 3", (value,))
        row = connection.execute(
            "SELECT d.id, passage_id, start, end, heading, position FROM passages "
            "JOIN documents d ON number = document WHERE document = 3"
        ).fetchone()
        connection.execute("UPDATE passages SET checksum = ? WHERE document = 3", (place_checksum(*row),))

    return lambda index: rewritten(index, write)


def reason(value: str) -> Callable[[Path], None]:
    """Another reason why not all of a file was taken, with its checksum."""

    def write(connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT uri, size, mtime_ns, sha256 FROM files").fetchone()
        connection.execute("UPDATE files SET reason = ?, checksum = ?", (value, row_checksum((*row, value))))

    return lambda index: rewritten(index, write)


def emptied(pattern: str) -> Callable[[Path], None]:
    return lambda index: next(index.glob(pattern)).write_bytes(b"") and None


def swapped(pattern: str) -> Callable[[Path], None]:
    """A folder in the place of a file, or a file in that of a folder."""

    def swap(index: Path) -> None:
        path = next(iter(index.glob(pattern)), index / pattern)
        if path.is_dir():
            shutil.rmtree(path)
            path.write_bytes(b"x")
        else:
            path.unlink(missing_ok=True)
            path.mkdir()

    return swap


def another_program(index: Path) -> None:
    (index / "documents.db").unlink()
    rewritten(index, lambda connection: connection.execute("CREATE TABLE notes (text)"))


def random_log(index: Path) -> None:
    (index / "documents.db-wal").write_bytes(os.urandom(40_000))
    (index / "documents.db-shm").write_bytes(os.urandom(32_768))


STATES: dict[str, Callable[[Path], None]] = {
    **{
        f"{name} {value[:12]}": manifest(name, value)
        for name, value in [
            ("generation", '"1"'),
            ("generation", "1.5"),
            ("generation", "-5"),
            ("generation", LONG),
            ("dim", "null"),
            ("dim", str(2**70)),
            ("dim", '{"a": 1, "a": 2}'),
            ("passages", '"x"'),
            ("segments", "null"),
            ("segments", '["../../x"]'),
            ("sizes", '{"/etc/passwd": 5}'),
            ("sizes", '{"a\\u0000": 5}'),
            ("checksums", "[]"),
            ("checksums", "{}"),
            ("fusion", '{"what": 1}'),
            ("rows", "7"),
            ("background", "[1]"),
            ("model", "7"),
            ("passage_width", "0"),
            ("stale_terms", "null"),
        ]
    },
    **{f"metadata {value[:12]}": label("metadata", value) for value in ("[]", "5", "{", f'{{"a": {DEEP}}}')},
    "metadata half": label("metadata", '{"a": "\\ud800"}'),
    "metadata long": label("metadata", f'{{"a": {LONG}}}'),
    **{f"headings {value[:12]}": label("headings", value) for value in ("null", "[[1]]", '[["a", 1, 2]]', DEEP)},
    **{f"position {value[:12]}": position(value) for value in ("null", "{", DEEP)},
    **{f"reason {value[:12]}": reason(value) for value in ("[]", '{"code": "no such"}', DEEP)},
    **{f"empty {name}": emptied(name) for name in ("documents.db", "vectors/*.ids.npy", "terms/*/meta.json")},
    **{
        f"swapped {name}": swapped(name)
        for name in ("documents.db", "documents.db-wal", "vectors/*.ids.npy", "terms/*/meta.json", "vectors", "terms/*")
    },
    "another program": another_program,
    "random log": random_log,
}


def ask_all(index: Path) -> dict[str, Callable[[], object]]:
    """What reads an index, and what writes to one."""

    def searches() -> None:
        with Searcher.open(index) as searcher:
            searcher.search("番目の文書", mode="dense")
            searcher.search("番目の文書", where={"year": 2001})
            searcher.facets()
            searcher.skipped()

    def lists() -> None:
        with listing.reading(index) as connection:
            for listed in listing.list_documents(connection):
                listing.list_passages(connection, listed.number)
                listing.read_metadata(connection, listed.number)

    return {
        "verify": lambda: [str(problem) for problem in verify(index)],
        "search": searches,
        "lists": lists,
        "documents": lambda: list(Index.open(index).documents()),
        "backup": lambda: backup(index, index.with_name("copy")),
        "add": lambda: Index.open(index).add([{"id": "new", "text": "新しい"}]),
        "repair": lambda: repair(index),
        "salvage": lambda: salvage(index),
    }


WRITING = ("add", "repair", "salvage")
OF_ROWS = ("metadata", "headings", "position", "reason")
"""States that are read when rows are shown: a writer, which takes longer, need not be asked."""


@pytest.mark.parametrize("state", STATES)
def test_an_odd_folder_is_told_of_in_a_sentence(whole: Path, tmp_path: Path, state: str) -> None:
    index = tmp_path / "index"
    shutil.copytree(whole, index)
    STATES[state](index)
    told = {}
    for name, ask in ask_all(index).items():
        if name in WRITING and state.startswith(OF_ROWS):
            continue
        try:
            ask()
        except SakuinError as error:
            told[name] = str(error)
    assert [one for one in told.items() if not any(remedy in one[1] for remedy in REMEDIES)] == []
    assert told or state == "random log"


def test_a_folder_in_the_place_of_a_derived_file_is_repaired(whole: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    shutil.copytree(whole, index)
    swapped("vectors/*.ids.npy")(index)
    repair(index)
    assert verify(index) == []


def test_a_corpus_whose_name_is_not_utf_8_is_named(whole: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    shutil.copytree(whole, index)
    manifest("corpus", json.dumps("/data/\udc83x"))(index)
    told = CliRunner().invoke(cli, ["info", "--index", str(index), "--json"], catch_exceptions=False)
    assert json.loads(told.stdout)["corpus"] == "/data/\\udc83x"
