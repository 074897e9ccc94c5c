"""Building, adding, removing: what the index holds afterwards, and what it says it did."""

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from sakuin.embedder import StaticEmbedder
from sakuin.errors import SakuinError
from sakuin.index.build import add, build, remove
from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import IndexFolderError
from sakuin.index.integrity import verify
from sakuin.index.maintenance import compact, repair
from sakuin.index.problems import Problem
from sakuin.index.reasons import Reason
from sakuin.index.settings import Settings
from sakuin.index.snapshot import open_index
from sakuin.index.store import connect, indexed_text, stored_documents
from sakuin.index.writer import IndexWriter
from sakuin.search import Searcher


def uris(folder: Path) -> set[str]:
    snapshot = open_index(folder)
    try:
        return {row.places[0].uri for row in snapshot.passages(snapshot.vectors.ids.tolist()).values()}
    finally:
        snapshot.close()


def test_build_reads_every_document(corpus: Path, tmp_path: Path) -> None:
    report = build(corpus, tmp_path / "index")
    assert (report.added, report.documents, report.passages, report.skipped) == (3, 4, 4, [])
    assert uris(tmp_path / "index") == {"leave.txt", "vpn.md", "rows.jsonl#a", "rows.jsonl#b"}
    assert verify(tmp_path / "index") == []


def test_second_build_does_only_what_changed(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    # Files that were written in the very moment before a build are looked into once more, and noted.
    time.sleep(0.1)
    build(corpus, folder)
    generation = open_index(folder).manifest.generation
    report = build(corpus, folder)
    assert (report.unchanged, report.new_passages) == (3, 0)
    assert open_index(folder).manifest.generation == generation

    (corpus / "leave.txt").write_text("育児休業は一年とれます。", encoding="utf-8")
    (corpus / "vpn.md").unlink()
    (corpus / "new.txt").write_text("A new file.", encoding="utf-8")
    os.utime(corpus / "rows.jsonl")  # touched, not changed
    report = build(corpus, folder)
    assert (report.added, report.updated, report.removed, report.unchanged) == (1, 1, 1, 1)
    assert report.new_passages == 2
    assert uris(folder) == {"leave.txt", "new.txt", "rows.jsonl#a", "rows.jsonl#b"}
    assert verify(folder) == []


def test_stored_vectors_are_those_of_title_heading_and_text(corpus: Path, tmp_path: Path) -> None:
    build(corpus, tmp_path / "index", Settings(dim=128))
    snapshot = open_index(tmp_path / "index")
    rows = snapshot.passages(snapshot.vectors.ids.tolist())
    firsts = [(rows[i].places[0], rows[i].text) for i in snapshot.vectors.ids.tolist()]
    texts = [indexed_text(place.title, place.heading, text) for place, text in firsts]
    for dim in (128, 32):
        expected = StaticEmbedder.load().encode(texts, truncate_dim=dim, normalize=True)
        np.testing.assert_allclose(snapshot.vectors.rows(snapshot.vectors.ids, dim), expected, atol=3e-3)


def test_a_passage_that_stands_twice_is_stored_once(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    footer = "同じ注意書きがどの文書にもあります。"
    for name in ("a.jsonl", "b.jsonl"):
        lines = (json.dumps({"id": i, "title": "注意", "text": footer}) for i in range(3))
        (corpus / name).write_text("\n".join(lines), encoding="utf-8")
    report = build(corpus, folder)
    assert (report.documents, report.passages, report.duplicates) == (10, 5, 5)
    with Searcher.open(folder) as searcher:
        hits = [hit for hit in searcher.search(footer, group="passage").hits if hit.text == footer]
        assert [(hit.document.uri, hit.place_count) for hit in hits] == [("a.jsonl#0", 6)]
    # It stays for as long as it stands anywhere.
    remove(["a.jsonl", "b.jsonl#0"], folder)
    with Searcher.open(folder) as searcher:
        assert [(h.document.uri, h.place_count) for h in searcher.search(footer, k=1).hits] == [("b.jsonl#1", 2)]
    remove(["b.jsonl"], folder)
    with Searcher.open(folder) as searcher:
        assert all(hit.text != footer for hit in searcher.search(footer).hits)
    # Gone and back again, in one commit and in several.
    build(corpus, folder)
    os.utime(corpus / "a.jsonl")
    (corpus / "b.jsonl").write_text('{"id": 9, "title": "注意", "text": "' + footer + '"}', encoding="utf-8")
    build(corpus, folder)
    with Searcher.open(folder) as searcher:
        assert [(h.document.uri, h.place_count) for h in searcher.search(footer, k=1).hits] == [("a.jsonl#0", 4)]
    assert verify(folder) == []


def test_a_huge_file_is_committed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr("sakuin.index.ingest.COMMIT_PASSAGES", 100)
    corpus, folder = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    lines = [json.dumps({"id": i, "text": f"{i}番目の文書、number {i * i}"}, ensure_ascii=False) for i in range(350)]
    (corpus / "huge.jsonl").write_text("\n".join(lines), encoding="utf-8")

    def interrupted(name: str, done: int, total: int) -> None:
        if done > total * 0.8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(corpus, folder, progress=interrupted)
    with Searcher.open(folder) as searcher:
        part = searcher.counts()
        assert 100 <= part["passages"] < 350
        assert searcher.skipped()[0].reason == Reason("interrupted")
    assert verify(folder) == []
    encoded: list[int] = []
    encode = StaticEmbedder.encode
    monkeypatch.setattr(
        StaticEmbedder,
        "encode",
        lambda self, texts, *a, **k: encoded.append(len(texts)) or encode(self, texts, *a, **k),
    )
    # A commit encodes some made-up queries too, which are not counted here.
    monkeypatch.setattr("sakuin.index.writer.background_of", lambda *arguments: {})
    report = build(corpus, folder)
    assert (report.passages, report.duplicates, report.skipped) == (350, 0, [])
    assert sum(encoded) == 350 - part["passages"]
    assert verify(folder) == []
    assert build(corpus, folder).unchanged == 1


@pytest.mark.parametrize("together", [1, 2, 3, 256])
def test_of_documents_of_one_name_the_first_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """However many documents of a file are stored together."""
    corpus, folder = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    monkeypatch.setattr("sakuin.index.lots.DOCUMENTS_AT_ONCE", together)
    items: list[Document | Skipped] = []
    monkeypatch.setattr("sakuin.index.readers.guarded.GuardedReader.read", lambda *_: iter(items))

    def built(*texts: str) -> tuple[dict[str, str], list[str]]:
        items[:] = [Document(id=f"a.jsonl#{text[0]}", text=text) for text in texts]
        (corpus / "a.jsonl").write_text(" ".join(texts), encoding="utf-8")
        report = build(corpus, folder)
        assert verify(folder) == []
        reasons = [part.reason.code for one in report.skipped for part in one.reason.parts]
        with closing(connect(folder, read_only=True)) as connection:
            return {one.id[-1]: one.text for one in stored_documents(connection)}, reasons

    assert built("a 1", "b 1", "a 2", "c 1", "a 3") == (
        {"a": "a 1", "b": "b 1", "c": "c 1"},
        ["same_document_name"] * 2,
    )
    # Of those that the index has already one is as it was, one changes, one goes and one comes.
    assert built("a 1", "b 2", "a 4", "b 1", "d 1") == (
        {"a": "a 1", "b": "b 2", "d": "d 1"},
        ["same_document_name"] * 2,
    )


def test_compacting_leaves_one_segment_and_statistics_of_what_is_there(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    remove(["leave.txt"], folder)
    (corpus / "leave.txt").unlink()
    assert compact(folder) is not None
    assert compact(folder) is None
    build(corpus, tmp_path / "fresh")
    assert verify(folder) == []
    for name in ("ids.npy", "int8.npy"):
        segments = [sorted(Path(where, "vectors").glob(f"*.{name}")) for where in (folder, tmp_path / "fresh")]
        assert [len(paths) for paths in segments] == [1, 1]
        assert segments[0][0].read_bytes() == segments[1][0].read_bytes()
    with Searcher.open(folder) as one, Searcher.open(tmp_path / "fresh") as other:
        for query in ("有給休暇", "VPN 接続"):
            assert one.search(query).hits == other.search(query).hits


def test_repair_makes_derived_files_anew(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    with Searcher.open(folder) as searcher:
        before = searcher.search("有給休暇").hits
    next((folder / "vectors").glob("*.int8.npy")).unlink()
    next((folder / "terms").glob("*/*.idx")).write_bytes(b"")
    with pytest.raises(IndexFolderError, match="index repair"):
        open_index(folder)
    repair(folder)
    assert verify(folder) == []
    with Searcher.open(folder) as searcher:
        assert searcher.search("有給休暇").hits == before


def test_add_and_remove(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    other = tmp_path / "elsewhere.txt"
    other.write_text("Elsewhere.", encoding="utf-8")
    (corpus / "inside.txt").write_text("Inside.", encoding="utf-8")
    add([other, corpus / "inside.txt"], folder)
    assert {other.as_posix(), "inside.txt"} <= uris(folder)
    # A build keeps what came from elsewhere.
    build(corpus, folder)
    assert other.as_posix() in uris(folder)
    report = remove(["rows.jsonl#a", "leave.txt", str(other)], folder)
    assert (report.removed, report.removed_documents) == (2, 1)
    assert uris(folder) == {"vpn.md", "rows.jsonl#b", "inside.txt"}
    assert verify(folder) == []


def test_remove_of_the_unknown_removes_nothing(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(corpus, tmp_path / "index")
    with pytest.raises(IndexFolderError, match=r"nothing called 'no-such.txt', 'none/'; nothing was removed"):
        remove(["leave.txt", "no-such.txt", "none/"], tmp_path / "index")
    # As a script says with a variable that was never set.
    monkeypatch.chdir(corpus)
    with pytest.raises(IndexFolderError, match="nothing was removed"):
        remove([""], tmp_path / "index")
    assert len(uris(tmp_path / "index")) == 4


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """A folder beside the corpus."""
    folder = tmp_path / "papers"
    (folder / "deep").mkdir(parents=True)
    for name in ("one.txt", "two.txt", "deep/three.txt"):
        (folder / name).write_text(f"Paper {name}.", encoding="utf-8")
    # Not below the folder, though its name begins alike.
    (tmp_path / "papers.txt").write_text("No paper.", encoding="utf-8")
    return folder


def test_removing_a_folder_removes_what_adding_it_added(
    corpus: Path, papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    (tmp_path / "link").symlink_to(papers)
    monkeypatch.chdir(tmp_path)
    for name in (str(papers), f"{papers}/", "papers", "./papers/", "corpus/../papers", "link"):
        (papers / "one.txt").write_text("Paper one.", encoding="utf-8")
        add([Path(name), tmp_path / "papers.txt"], folder)
        assert len(uris(folder)) == 4 + 4
        # What is gone from the disk is removed with the rest.
        (papers / "one.txt").unlink()
        assert remove([name], folder).removed == 3
        assert uris(folder) == {"leave.txt", "vpn.md", "rows.jsonl#a", "rows.jsonl#b", f"{tmp_path}/papers.txt"}


def test_a_folder_of_the_corpus_is_removed_by_name_and_by_path(
    corpus: Path, papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"
    monkeypatch.chdir(papers)
    for name in ("sub", f"{corpus}/sub/"):
        (corpus / "sub").mkdir(exist_ok=True)
        (corpus / "sub" / "a.txt").write_text("In a folder.", encoding="utf-8")
        build(corpus, folder)
        assert remove([name, "sub/a.txt"], folder).removed == 1
        assert len(uris(folder)) == 4
    add([papers], folder)
    assert remove([str(corpus)], folder).removed == 3
    assert remove([str(tmp_path)], folder).removed == 3
    assert uris(folder) == set()


def test_a_folder_that_may_be_either_of_two_is_not_removed(
    corpus: Path, papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"
    (corpus / "papers").mkdir()
    (corpus / "papers" / "inside.txt").write_text("Inside.", encoding="utf-8")
    build(corpus, folder)
    add([papers], folder)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IndexFolderError, match="whole path"):
        remove(["papers"], folder)
    assert len(uris(folder)) == 5 + 3
    assert remove([str(corpus / "papers")], folder).removed == 1
    assert remove(["papers"], folder).removed == 3


def test_adding_a_folder_again_forgets_what_is_gone_from_it(corpus: Path, papers: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    (papers / ".hidden").mkdir()
    (papers / ".hidden" / "four.txt").write_text("Paper four.", encoding="utf-8")
    build(corpus, folder)
    add([papers, papers / ".hidden", tmp_path / "papers.txt"], folder)
    (papers / "one.txt").unlink()
    (papers / "deep" / "three.txt").unlink()
    (papers / "deep").rmdir()
    (tmp_path / "papers.txt").unlink()
    # Neither a build nor an addition of something else.
    assert build(corpus, folder).removed == add([papers / "two.txt"], folder).removed == 0
    report = add([papers], folder)
    assert (report.removed, report.unchanged) == (2, 1)
    stay = {f"{papers}/two.txt", f"{papers}/.hidden/four.txt", f"{tmp_path}/papers.txt"}
    assert uris(folder) == {"leave.txt", "vpn.md", "rows.jsonl#a", "rows.jsonl#b"} | stay


def test_a_folder_that_is_suddenly_empty_is_not_forgotten(corpus: Path, papers: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    add([papers], folder)
    # As when the disk is not there.
    papers.rename(tmp_path / "elsewhere")
    papers.mkdir()
    (tmp_path / "new.txt").write_text("New.", encoding="utf-8")
    with pytest.raises(IndexFolderError, match="index remove"):
        add([tmp_path / "new.txt", papers], folder)
    assert len(uris(folder)) == 4 + 3
    corpus.rename(tmp_path / "corpus-elsewhere")
    corpus.mkdir()
    with pytest.raises(IndexFolderError, match=r"has files of it \(3\).*index remove"):
        build(corpus, folder)
    assert len(uris(folder)) == 4 + 3
    # What was added from elsewhere is no part of the corpus, which may be empty from the first.
    remove([str(corpus)], folder)
    assert build(corpus, folder).removed == 0
    assert len(uris(folder)) == 3
    assert remove([str(papers)], folder).removed == 3
    assert add([papers], folder).removed == 0


def test_many_small_additions_are_merged(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    for number in range(12):
        path = tmp_path / f"note{number}.txt"
        path.write_text(f"Note number {number}.", encoding="utf-8")
        add([path], folder)
    assert len(open_index(folder).manifest.segments) <= 5
    assert len(uris(folder)) == 4 + 12
    assert verify(folder) == []


def test_unreadable_files_are_reported_and_remembered(corpus: Path, tmp_path: Path) -> None:
    (corpus / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (corpus / "empty.txt").write_bytes(b"")
    (corpus / "picture.png").write_bytes(b"\x89PNG")
    (corpus / "rows.jsonl").write_text('{"id": "a", "text": "良い行"}\nnot json\n', encoding="utf-8")
    first, second = (build(corpus, tmp_path / "index") for _ in range(2))
    # Files are counted once, those of which nothing was taken only as skipped.
    assert (first.added, first.unchanged, len(first.skipped), first.partly) == (3, 0, 4, 1)
    assert (second.added, second.unchanged, second.skipped, second.partly) == (0, 3, first.skipped, 1)
    assert {item.uri for item in first.skipped} == {"broken.pdf", "empty.txt", "picture.png", "rows.jsonl"}
    assert "rows.jsonl#a" in uris(tmp_path / "index")
    # What can be read no longer is gone from the index; what can be read now is new in it.
    (corpus / "vpn.md").write_bytes(b"\x00\x01\x02" * 100)
    (corpus / "empty.txt").write_text("Not empty any more.", encoding="utf-8")
    third = build(corpus, tmp_path / "index")
    assert (third.added, third.updated, third.removed, third.unchanged, third.partly) == (1, 0, 1, 2, 1)
    assert {item.uri for item in third.skipped} == {"broken.pdf", "vpn.md", "picture.png", "rows.jsonl"}


def test_contradicting_settings_are_refused(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder, Settings(dim=64))
    with pytest.raises(IndexFolderError, match="dim 64"):
        build(corpus, folder, Settings(dim=128))
    with pytest.raises(IndexFolderError, match="corpus"):
        build(tmp_path, folder)


@pytest.mark.parametrize("settings", [Settings(dim=4096), Settings(model="./no-model"), Settings(model="")])
def test_what_cannot_be_built_leaves_no_folder_behind(corpus: Path, tmp_path: Path, settings: Settings) -> None:
    folder = tmp_path / "parent" / "index"
    with pytest.raises(SakuinError, match=r"the model has 1 to|No model folder|No file or folder"):
        add([corpus if settings.model != "" else corpus / "nowhere"], folder, settings)
    assert not folder.parent.exists()


def test_another_model_of_the_same_name_is_refused(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    from sakuin.search import Searcher

    model = tmp_path / "model"
    StaticEmbedder.load(toy_model).save(model)
    build(corpus, tmp_path / "index", Settings(model=str(model)))
    StaticEmbedder.load(toy_model, pooling="damped").save(model)
    with pytest.raises(IndexFolderError, match="another version of the model"):
        Searcher.open(tmp_path / "index")
    with pytest.raises(IndexFolderError, match="another version of the model"):
        build(corpus, tmp_path / "index")


def test_two_writers(corpus: Path, tmp_path: Path) -> None:
    with IndexWriter(tmp_path / "index"), pytest.raises(IndexFolderError, match=rf"Process {os.getpid()} is writing"):
        build(corpus, tmp_path / "index", timeout=0.1)


def test_a_number_that_no_document_has_is_damage(corpus: Path, tmp_path: Path) -> None:
    """The next document would have none."""
    folder = tmp_path / "index"
    build(corpus, folder)
    with closing(sqlite3.connect(folder / "documents.db")) as connection:
        connection.execute("UPDATE documents SET number = ? WHERE id = 'leave.txt'", (2**63 - 1,))
        connection.commit()
    (corpus / "new.txt").write_text("New.", encoding="utf-8")
    with pytest.raises(IndexFolderError, match="the number of a document"):
        build(corpus, folder)


def test_what_is_not_committed_is_not_there(corpus: Path, tmp_path: Path) -> None:
    from sakuin.index.passages import split
    from sakuin.index.readers import read_file

    folder = tmp_path / "index"
    build(corpus, folder)
    before = uris(folder)
    (document,) = read_file(corpus / "vpn.md", "other.md")
    with IndexWriter(folder) as writer:
        writer.add(document, "other.md", split(document))  # type: ignore[arg-type]
        writer.remove([1])
    assert uris(folder) == before
    assert verify(folder) == []
    assert len(list((folder / "terms").iterdir())) == 1


def test_verify_finds_every_damaged_file(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    for path in [*(folder / "vectors").iterdir(), *(folder / "terms").rglob("*")]:
        if not path.is_file() or path.suffix == ".lock" or not path.stat().st_size:
            continue
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert any(path.name in str(problem) for problem in verify(folder)), path
        path.write_bytes(whole)
    assert verify(folder) == []


def test_an_index_inside_its_corpus_is_not_read(corpus: Path) -> None:
    assert build(corpus, corpus / "index").skipped == []
    assert build(corpus, corpus / "index").unchanged == 3


def test_odd_files_do_no_harm(corpus: Path, tmp_path: Path) -> None:
    os.mkfifo(corpus / "pipe.txt")
    (corpus / "loop").symlink_to(corpus)
    (corpus / "gone.txt").symlink_to(corpus / "nowhere")
    (corpus / ".hidden.txt").write_text("hidden", encoding="utf-8")
    name = "日本語.txt".encode("cp932")
    old = Path(os.fsdecode(os.fsencode(corpus) + b"/" + name))
    old.write_text("古い名前", encoding="utf-8")
    build(corpus, tmp_path / "index")
    assert uris(tmp_path / "index") == {"leave.txt", "vpn.md", "rows.jsonl#a", "rows.jsonl#b", "日本語.txt"}
    assert remove([str(old)], tmp_path / "index").removed == 1


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="index build"):
        open_index(tmp_path / "nowhere")
    (tmp_path / "documents.db").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(IndexFolderError):
        open_index(tmp_path)


def test_a_folder_of_other_files_is_never_touched(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "terms" / "00000001").mkdir(parents=True)
    (project / "vectors").mkdir()
    (project / "terms" / "00000001" / "tos.md").write_text("# Terms of service", encoding="utf-8")
    (project / "vectors" / "00000001.ids.npy").write_bytes(b"mine")
    before = sorted(project.rglob("*"))
    with pytest.raises(IndexFolderError, match="other files"):
        build(project, project)
    import sqlite3

    with sqlite3.connect(tmp_path / "documents.db") as foreign:
        foreign.execute("CREATE TABLE mine (id)")
    with pytest.raises(IndexFolderError, match="no index of ours"):
        add([project], tmp_path)
    assert sorted(project.rglob("*")) == before


def test_a_file_has_one_name_however_it_is_reached(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    (tmp_path / "outside.txt").write_text("外の文書", encoding="utf-8")
    (tmp_path / "link").symlink_to(corpus)
    build(tmp_path / "link", folder)
    add([corpus / ".." / "outside.txt", tmp_path / "link" / "leave.txt", corpus / "." / "vpn.md"], folder)
    expected = {"leave.txt", "vpn.md", "rows.jsonl#a", "rows.jsonl#b", (tmp_path / "outside.txt").as_posix()}
    assert uris(folder) == expected
    build(corpus, folder)
    assert uris(folder) == expected


def test_a_corpus_that_was_added_file_by_file_is_taken_over(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    add([corpus], folder)
    build(corpus, folder)
    assert uris(folder) == {"leave.txt", "vpn.md", "rows.jsonl#a", "rows.jsonl#b"}
    assert open_index(folder).manifest.corpus == str(corpus)


def test_a_file_that_could_not_be_opened_is_tried_again(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sakuin.index.errors import ReadError

    def refuse(path: Path) -> str:
        raise ReadError(Reason("cannot_read", {"detail": "Permission denied"}))

    folder = tmp_path / "index"
    with monkeypatch.context() as patched:
        patched.setattr("sakuin.index.ingest.hash_file", refuse)
        assert len(build(corpus, folder).skipped) == 3
        generation = open_index(folder).manifest.generation
        assert len(build(corpus, folder).skipped) == 3
        assert open_index(folder).manifest.generation == generation
    assert build(corpus, folder).skipped == []
    assert len(uris(folder)) == 4


def test_an_unreadable_folder_stops_the_build_and_loses_nothing(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (corpus / "sub").mkdir()
    (corpus / "sub" / "deep.txt").write_text("奥の文書", encoding="utf-8")
    build(corpus, tmp_path / "index")
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(IndexFolderError, match="sub"):
        build(corpus, tmp_path / "index")
    monkeypatch.undo()
    assert "sub/deep.txt" in uris(tmp_path / "index")


def test_documents_of_the_same_name_do_not_stop_a_build(corpus: Path, tmp_path: Path) -> None:
    (corpus / "rows.jsonl#a").write_text("file", encoding="utf-8")
    (corpus / "rows.jsonl#a.txt").write_text("file", encoding="utf-8")
    (corpus / "rows.jsonl").write_text('{"id": "a.txt", "text": "row"}', encoding="utf-8")
    report = build(corpus, tmp_path / "index")
    assert "same name" in " ".join(str(item.reason) for item in report.skipped)
    assert len([uri for uri in uris(tmp_path / "index") if uri == "rows.jsonl#a.txt"]) == 1


def test_a_model_folder_is_found_from_anywhere(
    corpus: Path, tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sakuin.search import Searcher

    monkeypatch.chdir(toy_model.parent)
    build(corpus, tmp_path / "index", Settings(model=toy_model.name))
    monkeypatch.chdir(tmp_path)
    with Searcher.open(tmp_path / "index") as searcher:
        assert searcher.model.dimension == 64


def test_a_full_disk_is_explained(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    build(corpus, tmp_path / "index")
    (corpus / "new.txt").write_text("新しい文書", encoding="utf-8")
    monkeypatch.setattr("sakuin.index.pending.write_segment", full)
    with pytest.raises(IndexFolderError, match="disk is full"):
        build(corpus, tmp_path / "index")
    monkeypatch.undo()
    assert verify(tmp_path / "index") == []
    assert len(uris(tmp_path / "index")) == 4


def test_verify_beside_a_writer_finds_nothing_wrong(corpus: Path, tmp_path: Path) -> None:
    import threading

    folder = tmp_path / "index"
    build(corpus, folder)
    done = threading.Event()
    problems: list[Problem] = []

    def look() -> None:
        while not done.is_set():
            problems.extend(verify(folder))

    thread = threading.Thread(target=look)
    thread.start()
    for number in range(8):
        (corpus / "changing.txt").write_text(f"変わる文書 {number}", encoding="utf-8")
        build(corpus, folder)
    done.set()
    thread.join()
    assert problems == []
