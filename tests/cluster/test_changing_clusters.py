"""Changing a cluster: readers see the old state or the new one, whole; whatever moment a writer dies at."""

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from sakuin import Searcher
from sakuin.cli.main import cli
from sakuin.cluster.building import build_of_files, build_of_rows
from sakuin.cluster.changing import add_documents, add_rows, compact, delete, sync_files
from sakuin.cluster.dealing import home
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import require
from sakuin.cluster.moving import backup, restore
from sakuin.cluster.nodes import ThisProcess
from sakuin.cluster.places import Disk, place_of
from sakuin.cluster.rebalancing import rebalance
from sakuin.cluster.tasks import Corpus
from sakuin.index.errors import DocumentError
from sakuin.index.integrity import verify
from sakuin.index.settings import Settings
from tests.cluster.test_building_clusters import ROWS, held, write_rows
from tests.durable import synced

SHARDS = 3
HERE = ThisProcess()


@pytest.fixture
def place(tmp_path: Path, toy_model: Path) -> Disk:
    place = Disk(tmp_path / "out")
    corpus = str(write_rows(tmp_path / "rows.jsonl"))
    build_of_rows(corpus, place, HERE, shards=SHARDS, settings=Settings(model=str(toy_model)))
    return place


def documents(place: Disk) -> dict[str, str]:
    """The texts of all documents by their ids, each from the shard of its id."""
    shards = held(place, require(place))
    for number, shard in enumerate(shards):
        assert all(home(one, len(shards)) == number for one in shard)
    return {one: text for shard in shards for one, (text, _) in shard.items()}


def ids_in(shard: int, number: int) -> list[str]:
    return [row["id"] for row in ROWS if home(row["id"], SHARDS) == shard][:number]


def state(folder: Path) -> dict[str, str]:
    """What the files of a folder hold."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal", ".lock"))
    }


def test_documents_are_added_replaced_and_removed_where_their_ids_say(place: Disk, tmp_path: Path) -> None:
    before = documents(place)
    one, other = ids_in(0, 1)[0], ids_in(1, 1)[0]
    rows = [
        {"id": one, "text": "another cat"},
        {"id": "new", "text": "the new cat"},
        next(row for row in ROWS if row["id"] == other),
    ]
    changes = add_rows(str(write_rows(tmp_path / "more.jsonl", rows)), place, HERE)
    assert changes.numbers == {"added": 1, "updated": 1, "unchanged": 1, "removed": 0}
    assert documents(place) == before | {one: "another cat", "new": "the new cat"}
    assert changes.shards == len({home("new", SHARDS), 0})
    changes = delete([one, "new", "nobody"], place, HERE)
    assert changes.numbers["removed"] == 2
    del before[one]
    assert documents(place) == before
    assert require(place).generation == changes.manifest.generation == 3
    assert place.names("work") == place.names("building") == []


def test_what_changes_nothing_is_no_commit(place: Disk) -> None:
    before = place.read("cluster.json")
    changes = add_documents(ROWS[:3], place, HERE)
    assert (changes.numbers["unchanged"], changes.shards) == (3, 0)
    assert delete("nobody", place, HERE).shards == 0
    assert place.read("cluster.json") == before


def test_what_readers_have_open_stays_as_it_is_for_one_more_commit(place: Disk) -> None:
    first = require(place)
    folders = {shard.folder: state(place.folder / shard.folder) for shard in first.shards}
    add_documents([{"id": one, "text": "another"} for one in ids_in(0, 5)], place, HERE)
    assert {name: state(place.folder / name) for name in folders} == folders
    assert compact(place, HERE).shards == 1
    add_documents([{"id": ids_in(1, 1)[0], "text": "another"}], place, HERE)
    left = {f"shards/{shard}/{name}" for shard in place.names("shards") for name in place.names(f"shards/{shard}")}
    assert first.shards[0].folder not in left
    assert {first.shards[1].folder, first.shards[2].folder} < left
    assert not any(verify(place.folder / shard.folder) for shard in require(place).shards)


def test_a_document_that_cannot_be_added_changes_nothing(place: Disk) -> None:
    before = place.read("cluster.json"), documents(place)
    with pytest.raises(DocumentError):
        add_documents([{"id": "new", "text": "the cat"}, {"id": "bad", "text": ""}], place, HERE)
    assert (place.read("cluster.json"), documents(place)) == before
    with pytest.raises(ClusterError, match="There is no cluster"):
        delete("d1", Disk(place.folder / "elsewhere"), HERE)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere names are made durable without being asked")
def test_what_is_committed_outlives_a_power_cut(tmp_path: Path, toy_model: Path) -> None:
    place = Disk(tmp_path / "new" / "out")
    rows = str(write_rows(tmp_path / "rows.jsonl", ROWS[:3]))
    with synced() as seen:
        made = build_of_rows(rows, place, HERE, shards=2, settings=Settings(model=str(toy_model))).manifest
    assert seen.has(place.folder / "cluster.json", below=tmp_path)
    assert all(seen.has(place.folder / shard.folder, below=tmp_path) for shard in made.shards)


def test_a_full_disk_is_called_so(place: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = place.read("cluster.json")

    def full(self: Disk, folder: Path, name: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Disk, "publish", full)
    with pytest.raises(ClusterError, match="The disk is full"):
        delete("d1", place, HERE)
    assert place.read("cluster.json") == before


def refuse_after_commit(monkeypatch: pytest.MonkeyPatch, manifest: str = "cluster.json") -> None:
    """Have the system refuse to list and to delete anything in a place from the next commit on."""
    write = Disk.write

    def refused(self: Disk, name: str) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)

    def committing(self: Disk, name: str, content: bytes) -> None:
        write(self, name, content)
        if name == manifest:
            monkeypatch.setattr(Disk, "names", refused)
            monkeypatch.setattr(Disk, "remove", refused)

    monkeypatch.setattr(Disk, "write", committing)


CHANGES = {
    "delete": lambda place: delete("d1", place, HERE),
    "rebalance": lambda place: rebalance(place, HERE, shards=SHARDS - 1),
    "restore": lambda place: restore(place, Disk(place.folder.with_name("other")), HERE),
    "build": lambda place: build_of_rows(
        str(place.folder.with_name("rows.jsonl")),
        Disk(place.folder.with_name("other")),
        HERE,
        shards=2,
        settings=Settings(model=require(place).model),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_committed_is_not_said_to_have_failed_where_nothing_can_be_deleted(
    place: Disk, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    changed = place if change in ("delete", "rebalance") else Disk(place.folder.with_name("other"))
    generation = require(place).generation
    with monkeypatch.context() as refusing:
        refuse_after_commit(refusing)
        CHANGES[change](place)
    assert require(changed).generation == (generation + 1 if changed is place else 1)
    assert ("d1" in documents(changed)) is (change != "delete")
    # What was left is deleted by the next change.
    delete("d2", changed, HERE)
    assert not changed.names("building")
    assert not changed.names("work")


class Killed(BaseException):
    pass


class Dying(Disk):
    """Does so many things to the disk, then nothing more, as one whose machine was switched off."""

    left = 0

    def count(self) -> None:
        type(self).left -= 1
        if self.left < 0:
            raise Killed

    def write(self, name: str, content: bytes) -> None:
        self.count()
        super().write(name, content)

    def publish(self, folder: Path, name: str) -> None:
        self.count()
        super().publish(folder, name)

    def remove(self, name: str) -> None:
        self.count()
        super().remove(name)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        self.count()
        folder = self.folder / "work" / str(self.left)
        folder.mkdir(parents=True)
        yield folder


def test_a_change_that_dies_at_any_moment_is_done_or_not(
    place: Disk, monkeypatch: pytest.MonkeyPatch, toy_model: Path
) -> None:
    from sakuin.cluster import tasks

    old = documents(place)
    # More than one shard, so that one of them is there anew while the others are not.
    wanted = [one for shard in (0, 1) for one in ids_in(shard, 2)]
    outcomes = []
    for moment in range(40):
        new = dict.fromkeys(wanted, f"version {moment} of the cat")
        Dying.left = moment
        monkeypatch.setattr(tasks, "place_of", lambda uri: Dying(Path(uri)))
        try:
            add_documents([{"id": one, "text": text} for one, text in new.items()], Dying(place.folder), HERE)
            outcome = "done"
        except Killed:
            outcome = "killed"
        monkeypatch.undo()
        found = documents(place)
        assert found in (old, old | new)
        assert outcome == "killed" or found == old | new
        outcomes.append((outcome, found == old | new))
        old = found
        if outcome == "done":
            break
    # It was killed before and after its commit, and got through in the end.
    assert {("killed", False), ("killed", True), ("done", True)} == set(outcomes)
    delete(wanted[0], place, HERE)
    assert documents(place) == {one: text for one, text in old.items() if one != wanted[0]}
    assert place.names("work") == place.names("building") == []
    assert not any(verify(place.folder / shard.folder) for shard in require(place).shards)


def test_files_are_kept_in_step(tmp_path: Path, toy_model: Path, corpus: Path) -> None:
    for number in range(9):
        (corpus / f"{number}.txt").write_text(f"the cat {number} sat", encoding="utf-8")
    place = Disk(tmp_path / "out")
    files = Corpus(folder=str(corpus))
    build_of_files(files, place, HERE, shards=SHARDS, settings=Settings(model=str(toy_model)))
    before = documents(place)
    # Of files that were written just before they were read, the time is noted by the next run alone.
    sync_files(files, place, HERE)
    assert sync_files(files, place, HERE).shards == 0
    generation = require(place).generation
    (corpus / "0.txt").write_text("another cat", encoding="utf-8")
    (corpus / "1.txt").unlink()
    (corpus / "new.txt").write_text("the new cat", encoding="utf-8")
    changes = sync_files(files, place, HERE)
    assert changes.numbers == {"added": 1, "updated": 1, "removed": 1, "unchanged": len(before) - 3}
    del before["1.txt"]
    assert documents(place) == before | {"0.txt": "another cat", "new.txt": "the new cat"}
    assert changes.shards <= 3
    assert require(place).generation == generation + 1
    with pytest.raises(ClusterError, match="built of files"):
        rebalance(place, HERE, shards=2)
    with pytest.raises(DocumentError, match=r"of the file 0\.txt"):
        add_documents([{"id": "0.txt", "text": "mine"}], place, HERE)


def test_a_backup_is_a_cluster_and_can_be_put_back(place: Disk, tmp_path: Path) -> None:
    before = documents(place)
    copy = Disk(tmp_path / "copy")
    backup(place, copy, HERE)
    assert documents(copy) == before
    delete(["d1", "d2"], place, HERE)
    with pytest.raises(ClusterError, match="already"):
        backup(place, copy, HERE)
    inodes = {path.stat().st_ino for path in copy.folder.rglob("*") if path.is_file()}
    assert not inodes & {path.stat().st_ino for path in place.folder.rglob("*") if path.is_file()}
    restored = restore(copy, place, HERE)
    assert restored.generation == 3
    assert documents(place) == before
    damaged = next((copy.folder / require(copy).shards[0].folder / "vectors").glob("*.int8.npy"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    with pytest.raises(ClusterError, match="is damaged"):
        restore(copy, place, HERE)
    assert require(place) == restored


def test_a_backup_on_a_disk_that_is_only_read_can_be_put_back(
    place: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, copy = documents(place), Disk(tmp_path / "copy")
    backup(place, copy, HERE)
    delete(["d1", "d2"], place, HERE)
    (copy.folder / "cluster.lock").unlink()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != copy.folder and access(path, mode))
    restore(copy, place, HERE)
    assert documents(place) == before
    # One there would be refused.
    assert not (copy.folder / "cluster.lock").exists()


def test_a_cluster_is_backed_up_while_nobody_changes_it_whoever_may_write_it(
    place: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, writing = [], Disk.writing

    def noting(self: Disk) -> AbstractContextManager[None]:
        locked.append(self.folder)
        return writing(self)

    monkeypatch.setattr(Disk, "writing", noting)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    backup(place, Disk(tmp_path / "copy"), HERE)
    assert place.folder in locked


@pytest.mark.parametrize("shards", [1, 5])
def test_documents_are_dealt_to_another_number_of_shards(place: Disk, toy_model: Path, shards: int) -> None:
    add_documents([{"id": "new", "text": "the new cat", "title": "猫", "tags": ["a", "b"]}], place, HERE)
    before, first = documents(place), require(place)
    with Searcher.open(place.folder) as searcher:
        scores = [hit.score for hit in searcher.search("the cat", k=100).hits]
        manifest = rebalance(place, HERE, shards=shards, at_a_time=200)
        assert len(manifest.shards) == shards
        assert documents(place) == before
        assert manifest.id == first.id
        assert all((place.folder / shard.folder).exists() for shard in first.shards)
        assert [hit.score for hit in searcher.search("the cat", k=100).hits] == pytest.approx(scores, abs=1e-4)
        assert searcher.document("new").metadata == {"tags": ["a", "b"]}
    delete("d1", place, HERE)
    delete("d2", place, HERE)
    assert not any((place.folder / shard.folder).exists() for shard in first.shards)
    assert not any(verify(place.folder / shard.folder) for shard in require(place).shards)
    assert documents(place).keys() == before.keys() - {"d1", "d2"}


def test_a_cluster_in_a_bucket_is_changed_the_same(place: Disk, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="the extra `cluster` is not installed")
    if fsspec.filesystem("memory").exists("/change"):
        fsspec.filesystem("memory").rm("/change", recursive=True)
    bucket = place_of("memory://change/papers")
    backup(place, bucket, HERE)
    add_documents([{"id": "new", "text": "the new cat"}], bucket, HERE)
    delete("d3", bucket, HERE)
    delete("d4", bucket, HERE)
    back = Disk(tmp_path / "back")
    restore(bucket, back, HERE)
    expected = documents(place) | {"new": "the new cat"}
    assert documents(back) == {one: text for one, text in expected.items() if one not in ("d3", "d4")}
    shard = home("new", SHARDS)
    assert len(bucket.names(f"shards/{shard:04d}")) <= 2


def run(*arguments: str) -> str:
    return CliRunner().invoke(cli, ["cluster", *arguments], catch_exceptions=False, standalone_mode=False).output


def test_the_commands_change_a_cluster(place: Disk, tmp_path: Path) -> None:
    out = str(place.folder)
    rows = str(write_rows(tmp_path / "more.jsonl", [{"id": "new", "text": "the new cat"}]))
    assert "Changes:   1 added; shards written anew: 1" in run("add", out, rows)
    assert "Changes:   2 removed" in run("delete", out, "new", "d1")
    assert "39 documents" in run("compact", out)
    assert "Shards:    2 of" in run("rebalance", out, "--shards", "2")
    assert "39 documents" in run("backup", out, str(tmp_path / "copy"))
    assert "39 documents" in run("restore", out, str(tmp_path / "copy"))
    with pytest.raises(ClusterError, match="built of rows"):
        run("sync", out)
