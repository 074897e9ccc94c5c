"""Building a cluster: every document in one shard, each shard an ordinary index, and one commit of all of them."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sakuin import Document, Index
from sakuin.cli.main import cli
from sakuin.cluster import changing, tasks
from sakuin.cluster.building import build_of_files, build_of_rows
from sakuin.cluster.dealing import home
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import ClusterManifest, commit, next_generation, require
from sakuin.cluster.nodes import ThisProcess
from sakuin.cluster.places import Disk, Place, place_of
from sakuin.cluster.rows import documents_in, parts_of
from sakuin.index import store
from sakuin.index.documents import Position
from sakuin.index.errors import DocumentError
from sakuin.index.integrity import verify
from sakuin.index.settings import Settings
from sakuin.index.store.listing import reading

ROWS = [
    {"id": f"d{number}", "text": f"the cat {number} sat on the mat。", "year": 2000 + number} for number in range(40)
]


def write_rows(path: Path, rows: Sequence[dict[str, Any]] = ROWS) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def held(place: Disk, manifest: ClusterManifest) -> list[dict[str, Any]]:
    """By shard the documents, by id, with text and metadata."""
    found = []
    for shard in manifest.shards:
        with reading(place.folder / shard.folder) as connection:
            documents = store.stored_documents(connection, None)
            found.append({document.id: (document.text, dict(document.metadata)) for document in documents})
    return found


class Dying(ThisProcess):
    """Runs so many tasks, then fails as a driver that is killed does."""

    def __init__(self, tasks: int) -> None:
        self.left = tasks

    def run(
        self, task: Callable[..., Any], calls: Sequence[tuple[Any, ...]], *, whole: bool = False
    ) -> Iterator[tuple[int, Any]]:
        for number, arguments in enumerate(calls):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            yield number, task(*arguments)


@pytest.mark.parametrize("part_bytes", [900, 1 << 20])
def test_every_row_is_in_the_shard_of_its_id(tmp_path: Path, toy_model: Path, part_bytes: int) -> None:
    place = Disk(tmp_path / "out")
    rows = [*ROWS, {"id": "d7", "text": "another cat", "year": 1}]
    corpus = str(write_rows(tmp_path / "rows.jsonl", rows))
    settings = Settings(model=str(toy_model), dim=32)
    built = build_of_rows(corpus, place, ThisProcess(), shards=3, settings=settings, part_bytes=part_bytes)
    shards = held(place, built.manifest)
    assert all(shards)
    assert {one: row for shard in shards for one, row in shard.items()} == {
        row["id"]: (row["text"], {"year": row["year"]}) for row in rows
    }
    assert all(home(one, 3) == number for number, shard in enumerate(shards) for one in shard)
    assert sum(len(shard) for shard in shards) == len(ROWS) == built.manifest.documents
    assert built.manifest.dim == 32
    assert not any(verify(place.folder / shard.folder) for shard in built.manifest.shards)
    assert require(place) == built.manifest
    assert place.names("building") == place.names("work") == []


def test_rows_of_parquet_are_dealt_by_row_groups(tmp_path: Path, toy_model: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `cluster` is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{**row, "day": date(2024, 5, 1 + row["year"] % 9), "none": None} for row in ROWS]
    (tmp_path / "rows").mkdir()
    parquet.write_table(pyarrow.Table.from_pylist(rows[:30]), tmp_path / "rows" / "a.parquet", row_group_size=7)
    parquet.write_table(pyarrow.Table.from_pylist(rows[30:]), tmp_path / "rows" / "b.parquet", row_group_size=7)
    assert len(parts_of(str(tmp_path / "rows"), 1)) == 7
    place = Disk(tmp_path / "out")
    settings = Settings(model=str(toy_model))
    built = build_of_rows(str(tmp_path / "rows"), place, ThisProcess(), shards=2, settings=settings, part_bytes=500)
    documents = {one: row for shard in held(place, built.manifest) for one, row in shard.items()}
    assert documents == {row["id"]: (row["text"], {"year": row["year"], "day": row["day"].isoformat()}) for row in rows}


@pytest.mark.parametrize("size", [1, 7, 64, 65, 1000])
def test_parts_of_json_lines_have_each_line_once(tmp_path: Path, size: int) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps(row).encode() for row in ROWS]
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([*lines[:20], b"", *lines[20:]]))
    found = [document.id for part in parts_of(str(path), size) for document in documents_in(part)]
    assert found == [row["id"] for row in ROWS]


def test_files_lie_with_all_that_is_in_them(tmp_path: Path, toy_model: Path, corpus: Path) -> None:
    for number in range(9):
        (corpus / f"{number}.txt").write_text(f"the cat {number} sat", encoding="utf-8")
    (corpus / "empty.txt").touch()
    place = Disk(tmp_path / "out")
    files = tasks.Corpus(folder=str(corpus))
    built = build_of_files(files, place, ThisProcess(), shards=3, settings=Settings(model=str(toy_model)))
    with Index.open(tmp_path / "one", model=str(toy_model)) as one:
        one.sync(corpus)
        whole = {document.id: (document.text, dict(document.metadata)) for document in one.documents()}
    shards = held(place, built.manifest)
    assert {one: row for shard in shards for one, row in shard.items()} == whole
    assert sum(len(shard) for shard in shards) == len(whole)
    assert any({"rows.jsonl#a", "rows.jsonl#b"} <= shard.keys() for shard in shards)
    assert sum(shard.skipped for shard in built.manifest.shards) == 1
    assert built.manifest.corpus == str(corpus.resolve())


@pytest.mark.parametrize("finished", range(7))
def test_a_build_goes_on_where_it_was_interrupted(
    tmp_path: Path, toy_model: Path, finished: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Disk(tmp_path / "out")
    corpus = str(write_rows(tmp_path / "rows.jsonl"))
    settings = Settings(model=str(toy_model))
    size = -(-Path(corpus).stat().st_size // 4)
    with pytest.raises(KeyboardInterrupt):
        build_of_rows(corpus, place, Dying(finished), shards=3, settings=settings, part_bytes=size)
    with pytest.raises(ClusterError, match="There is no cluster"):
        require(place)
    built = build_of_rows(corpus, place, Dying(7 - finished), shards=3, settings=settings, part_bytes=size)
    assert built.resumed == finished
    assert built.manifest.documents == len(ROWS)


def test_another_build_begins_from_nothing(tmp_path: Path, toy_model: Path) -> None:
    place = Disk(tmp_path / "out")
    settings = Settings(model=str(toy_model))
    corpus = write_rows(tmp_path / "rows.jsonl")
    with pytest.raises(KeyboardInterrupt):
        build_of_rows(str(corpus), place, Dying(3), shards=3, settings=settings)
    write_rows(corpus, ROWS[:10])
    built = build_of_rows(str(corpus), place, ThisProcess(), shards=1, settings=settings)
    assert (built.resumed, built.manifest.documents) == (0, 10)
    assert place.names("shards") == ["0000", "0001"]
    assert place.names("shards/0001") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [('{"id": "x"}', "line at byte 22: Document 'x' has no text"), ("{", "line at byte 22: it is no JSON")],
)
def test_a_row_that_is_no_document_is_named(tmp_path: Path, toy_model: Path, line: str, said: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id":"a","text":"b"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(DocumentError, match=said):
        build_of_rows(str(path), Disk(tmp_path / "out"), ThisProcess(), shards=2, settings=Settings(str(toy_model)))


def test_a_cluster_is_not_built_over_another(tmp_path: Path, toy_model: Path) -> None:
    corpus = str(write_rows(tmp_path / "rows.jsonl"))
    settings = Settings(model=str(toy_model))
    place = Disk(tmp_path / "out")
    build_of_rows(corpus, place, ThisProcess(), shards=2, settings=settings)
    before = place.read("cluster.json")
    with pytest.raises(ClusterError, match="already"):
        build_of_rows(corpus, place, ThisProcess(), shards=2, settings=settings)
    assert place.read("cluster.json") == before


def test_no_commit_takes_the_place_of_anothers(tmp_path: Path, toy_model: Path) -> None:
    place = Disk(tmp_path / "out")
    corpus = str(write_rows(tmp_path / "rows.jsonl"))
    manifest = build_of_rows(corpus, place, ThisProcess(), shards=2, settings=Settings(model=str(toy_model))).manifest
    commit(place, next_generation(manifest, manifest.shards))
    with pytest.raises(ClusterError, match="changed by somebody else"):
        commit(place, next_generation(manifest, manifest.shards))
    (tmp_path / "out" / "cluster.json").write_bytes(place.read("cluster.json").replace(b'"dim": 64', b'"dim": 63'))
    with pytest.raises(ClusterError, match="has changed since"):
        require(place)


@pytest.fixture
def bucket(tmp_path: Path) -> Place:
    fsspec = pytest.importorskip("fsspec", reason="the extra `cluster` is not installed")
    fsspec.filesystem("memory").rm("/", recursive=True) if fsspec.filesystem("memory").ls("/") else None
    return place_of("memory://bucket/papers")


def test_a_cluster_in_a_bucket_is_the_same(tmp_path: Path, toy_model: Path, bucket: Place) -> None:
    fsspec = pytest.importorskip("fsspec", reason="the extra `cluster` is not installed")
    local = write_rows(tmp_path / "rows.jsonl")
    fsspec.filesystem("memory").pipe_file("/bucket/rows/rows.jsonl", local.read_bytes())
    settings = Settings(model=str(toy_model))
    built = build_of_rows("memory://bucket/rows", bucket, ThisProcess(), shards=2, settings=settings, part_bytes=500)
    assert require(bucket) == built.manifest
    assert bucket.names("building") == []
    documents = {}
    for shard in built.manifest.shards:
        folder = tmp_path / shard.folder
        bucket.copy(shard.folder, folder)
        assert verify(folder) == []
        with Index.open(folder) as index:
            documents |= {document.id: document.text for document in index.documents()}
    assert documents == {row["id"]: row["text"] for row in ROWS}


def test_the_command_builds_and_shows(tmp_path: Path, toy_model: Path) -> None:
    corpus = str(write_rows(tmp_path / "rows.jsonl"))
    out = str(tmp_path / "out")
    command = ["cluster", "build", corpus, "--shards", "2", "--out", out, "--model", str(toy_model)]
    built = CliRunner().invoke(cli, command, catch_exceptions=False, standalone_mode=False)
    assert "Cluster:   40 documents, 40 passages" in built.output
    shown = CliRunner().invoke(cli, ["cluster", "info", out, "--json"], catch_exceptions=False).output
    assert [shard["folder"].rpartition("-")[0] for shard in json.loads(shown)["shards"]] == [
        "shards/0000/00000001",
        "shards/0001/00000001",
    ]
    refused = CliRunner().invoke(cli, ["cluster", "build", "s3://b/docs", "--shards", "2", "--out", out])
    assert refused.exit_code == 2
    assert "--rows" in refused.output


@pytest.mark.parametrize("there", ["letter.txt", "papers/letter.txt"])
def test_nothing_of_others_is_deleted(there: str, tmp_path: Path, toy_model: Path) -> None:
    corpus = str(write_rows(tmp_path / "rows.jsonl"))
    out = tmp_path / "out"
    (out / "work").mkdir(parents=True)
    kept = [out / "work" / "plan.txt", out / there]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text("ours", encoding="utf-8")
    with pytest.raises(ClusterError, match="no part of a cluster"):
        build_of_rows(corpus, place_of(str(out)), ThisProcess(), shards=2, settings=Settings(str(toy_model)))
    assert [path.read_text(encoding="utf-8") for path in kept] == ["ours", "ours"]


def test_what_was_dealt_and_is_lost_is_told(tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = str(write_rows(tmp_path / "rows.jsonl"))
    place = place_of(str(tmp_path / "out"))

    def dealt(*arguments: Any) -> None:
        tasks.deal(*arguments)
        path = tmp_path / "out" / tasks.dealt_name(0)
        path.write_bytes(path.read_bytes()[:-10])

    monkeypatch.setattr("sakuin.cluster.building.deal", dealt)
    with pytest.raises(ClusterError, match="lost some"):
        build_of_rows(corpus, place, ThisProcess(), shards=1, settings=Settings(str(toy_model)))


def test_positions_come_along(tmp_path: Path, toy_model: Path) -> None:
    corpus = str(write_rows(tmp_path / "rows.jsonl"))
    place = place_of(str(tmp_path / "out"))
    build_of_rows(corpus, place, ThisProcess(), shards=2, settings=Settings(str(toy_model)))
    document = Document(id="book", text="一頁目の本文。", positions=(Position(0, {"page": 3}),))
    changing.add_documents([document], place, ThisProcess())
    found = [
        document
        for shard in require(place).shards
        for document in Index.open(tmp_path / "out" / shard.folder).documents()
    ]
    assert [one.positions for one in found if one.id == "book"] == [(Position(0, {"page": 3}),)]
