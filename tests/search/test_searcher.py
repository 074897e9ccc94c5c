"""Searching a real index."""

import json
import os
import pickle
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from experiments.examples import EXAMPLES, queries_found
from sakuin.embedder import StaticEmbedder
from sakuin.index.build import add, build, remove
from sakuin.index.errors import IndexFolderError
from sakuin.index.settings import Settings
from sakuin.index.snapshot import open_index
from sakuin.index.writer import IndexWriter
from sakuin.search import MODES, Notice, Searcher, SearchError, windows
from sakuin.search import searcher as searcher_module
from sakuin.search.candidates import CANDIDATES
from sakuin.search.ranking import Ranking, rank
from sakuin.tuning.records import read_records


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "index"
    build(EXAMPLES / "corpus", folder)
    return folder


def test_the_example_queries_find_their_documents(examples: Path) -> None:
    """Words alone find what shares words; the hybrid finds paraphrases too, and loses nothing to BM25."""
    queries = read_records(EXAMPLES / "queries.jsonl")
    paraphrases = [query for query in queries if query["paraphrase"]]
    others = [query for query in queries if not query["paraphrase"]]
    with Searcher.open(examples) as searcher:
        assert queries_found(searcher, others, "hybrid") >= 0.95 * len(others)
        assert queries_found(searcher, paraphrases, "hybrid") >= 0.4 * len(paraphrases)
        assert queries_found(searcher, paraphrases, "hybrid") >= 2 * queries_found(searcher, paraphrases, "bm25")


@pytest.mark.parametrize("mode", MODES)
def test_hits_are_consistent(examples: Path, mode: str) -> None:
    with Searcher.open(examples) as searcher:
        result = searcher.search("経費の精算はいつまで", k=7, mode=mode)
    assert [hit.rank for hit in result.hits] == list(range(1, 8))
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    for hit in result.hits:
        assert set(hit.legs) == ({"dense", "bm25", "interaction"} if mode == "hybrid" else {mode})
        assert sum(leg.share for leg in hit.legs.values()) == pytest.approx(hit.score, abs=1e-6)
        assert all(0 <= start < end <= len(hit.text) for start, end in hit.highlights)
        assert all(a[1] < b[0] for a, b in zip(hit.highlights, hit.highlights[1:], strict=False))
        assert hit.end - hit.start == len(hit.text)
    assert mode == "dense" or any("経費" in hit.text[start:end] for hit in result.hits for start, end in hit.highlights)
    data = json.loads(json.dumps(result.to_dict()))
    assert data["query"] == "経費の精算はいつまで"
    assert data["hits"][0]["document"]["uri"] == result.hits[0].document.uri


def test_each_legs_scores_in_a_hybrid_are_its_own(examples: Path) -> None:
    query = "how do I reset my password"
    with Searcher.open(examples) as searcher:
        hybrid = searcher.search(query, k=10, group="passage")
        own = {mode: searcher.search(query, k=200, mode=mode, group="passage") for mode in ("dense", "bm25")}
    for mode, result in own.items():
        known = {hit.passage_id: hit for hit in result.hits}
        for hit in hybrid.hits:
            leg = getattr(hit, mode)
            if hit.passage_id in known:
                assert leg.score == pytest.approx(known[hit.passage_id].score, abs=2e-3)
                rank = known[hit.passage_id].rank
                assert leg.rank == (rank if rank <= CANDIDATES else None)
            else:
                assert leg.score == 0


def test_dimension_is_a_dial(examples: Path) -> None:
    with Searcher.open(examples) as searcher:
        full, short = (searcher.search("猫の世話", mode="dense", dim=dim) for dim in (None, 32))
        assert (full.dim, short.dim) == (256, 32)
        assert full.hits[0].score != short.hits[0].score
        for dim in (0, 257):
            with pytest.raises(SearchError, match="1 to"):
                searcher.search("猫", dim=dim)


def test_a_blind_leg_is_dropped_and_reported(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    from sakuin.index.settings import Settings

    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    with Searcher.open(tmp_path / "index") as searcher:
        words = searcher.search("zzzz qqqq")
        assert Notice("bm25_no_match") in words.notices
        assert all(hit.bm25 is None for hit in words.hits)
        for mode in MODES:
            nothing = searcher.search("", mode=mode)
            assert nothing.hits == ()
            assert [str(notice) for notice in nothing.notices] == ["The query is empty."]


def test_dense_is_left_out_where_the_model_knows_nothing(corpus: Path, tmp_path: Path) -> None:
    build(corpus, tmp_path / "index")
    (corpus / "thai.txt").write_text("\u10a0\u10a1\u10a2 สวัสดี", encoding="utf-8")
    build(corpus, tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        result = searcher.search("\u10a0\u10a1\u10a2")
        assert Notice("dense_no_match") in result.notices
        assert [hit.document.uri for hit in result.hits] == ["thai.txt"]


@pytest.mark.parametrize(("k", "mode"), [(0, "hybrid"), (-1, "hybrid"), (10**9, "hybrid"), (3, "fuzzy")])
def test_wrong_arguments(examples: Path, k: int, mode: str) -> None:
    with Searcher.open(examples) as searcher, pytest.raises(SearchError):
        searcher.search("猫", k=k, mode=mode)


def test_an_empty_index_answers_nothing(tmp_path: Path) -> None:
    with IndexWriter(tmp_path) as writer:
        writer.commit()
    with Searcher.open(tmp_path) as searcher:
        assert searcher.search("anything").hits == ()


def test_sees_what_others_commit(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    with Searcher.open(folder) as searcher:
        assert not any("鳥" in hit.text for hit in searcher.search("鳥").hits)
        (corpus / "bird.txt").write_text("鳥は空を飛ぶ。", encoding="utf-8")
        add([corpus / "bird.txt"], folder)
        assert searcher.search("鳥").hits[0].document.uri == "bird.txt"
        remove(["bird.txt"], folder)
        assert all(hit.document.uri != "bird.txt" for hit in searcher.search("鳥").hits)


def test_many_threads_search_while_a_writer_commits(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    failures: list[BaseException] = []
    done = threading.Event()

    def ask(searcher: Searcher) -> None:
        try:
            while not done.is_set():
                assert searcher.search("猫は魚が好き", k=1).hits[0].document.uri == "rows.jsonl#a"
        except BaseException as error:
            failures.append(error)

    with Searcher.open(folder) as searcher:
        threads = [threading.Thread(target=ask, args=(searcher,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(6):
            path = corpus / "changing.txt"
            path.write_text(f"変わる文書 {number}", encoding="utf-8")
            build(corpus, folder)
        done.set()
        for thread in threads:
            thread.join()
    assert not failures


def test_a_manifest_of_another_format_is_refused(corpus: Path, tmp_path: Path) -> None:
    from sakuin.index import store

    build(corpus, tmp_path / "index")
    connection = store.connect(tmp_path / "index", read_only=False)
    manifest = store.read_manifest(connection, tmp_path)
    assert manifest.version == version("sakuin")
    for fmt, made_by, told in (
        (99, "7.8", "made by sakuin 7.8, in format 99; .*: install sakuin 7.8, or delete"),
        (1, "", "made by another version, in format 1; .* reads format [0-9]: delete"),
    ):
        store.write_manifest(connection, replace(manifest, format=fmt, version=made_by))
        with pytest.raises(IndexFolderError, match=told):
            open_index(tmp_path / "index")
    connection.close()


def test_a_manifest_with_what_only_a_newer_version_knows_is_not_called_damaged(corpus: Path, tmp_path: Path) -> None:
    from sakuin.index import store
    from sakuin.index.store.manifest import manifest_checksum

    build(corpus, tmp_path / "index")
    connection = store.connect(tmp_path / "index", read_only=False)
    connection.execute("INSERT INTO manifest VALUES ('novelty', '1')")
    with pytest.raises(IndexFolderError, match="has changed"):
        store.read_manifest(connection, tmp_path / "index")
    rows = dict(connection.execute("SELECT key, value FROM manifest").fetchall())
    connection.execute("UPDATE manifest SET value = ? WHERE key = 'checksum'", [str(manifest_checksum(rows))])
    with pytest.raises(IndexFolderError, match="install sakuin"):
        store.read_manifest(connection, tmp_path / "index")
    connection.close()


def test_a_model_of_the_hub_is_fetched_when_it_is_needed(
    corpus: Path, tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here, fetched = False, []

    def fetch(name: str, *, local_files_only: bool = False, **_: object) -> str:
        if local_files_only and not here:
            raise LocalEntryNotFoundError("not here")
        if not local_files_only:
            fetched.append(name)
        return str(toy_model)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    build(corpus, tmp_path / "index", Settings("owner/name"))
    fetched.clear()
    caplog.clear()
    with Searcher.open(tmp_path / "index") as searcher:
        assert searcher.document(next(iter(searcher.snapshot.files()))[0]).text
        assert not fetched
        assert not caplog.records
        assert searcher.search("password").hits
    assert fetched == ["owner/name"]
    assert "Fetching the model owner/name from the Hugging Face hub" in caplog.text
    here = True
    with Searcher.open(tmp_path / "index") as searcher:
        assert searcher.model.dimension
    assert fetched == ["owner/name"]


def test_a_single_perfect_hit_does_not_score_zero(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "cats.txt").write_text("cats", encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        assert searcher.search("cats").hits[0].score == pytest.approx(1)


def test_old_states_are_let_go(corpus: Path, tmp_path: Path) -> None:
    import gc
    import weakref

    build(corpus, tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        searcher.search("猫")
        old = [weakref.ref(part) for part in (searcher.snapshot.vectors, searcher.snapshot.terms)]
        (corpus / "new.txt").write_text("新しい文書", encoding="utf-8")
        build(corpus, tmp_path / "index")
        gc.disable()
        try:
            searcher.search("猫")
            assert [part() for part in old] == [None, None]
        finally:
            gc.enable()


def test_rankings_of_passages_that_are_not_there_are_refused(corpus: Path, tmp_path: Path) -> None:
    from sakuin.index import store

    build(corpus, tmp_path / "index")
    connection = store.connect(tmp_path / "index", read_only=False)
    connection.execute("DELETE FROM passages")
    connection.close()
    with Searcher.open(tmp_path / "index") as searcher, pytest.raises(IndexFolderError, match="index verify"):
        searcher.search("猫", group="passage")


def test_a_closed_searcher_says_so(corpus: Path, tmp_path: Path) -> None:
    build(corpus, tmp_path / "index")
    searcher = Searcher.open(tmp_path / "index")
    hit = searcher.search("猫").hits[0]
    searcher.close()
    searcher.close()
    for ask in (lambda: searcher.search("猫"), searcher.counts, searcher.facets, lambda: searcher.explain("猫", hit)):
        with pytest.raises(SearchError, match="closed"):
            ask()


def test_closing_waits_for_searches_under_way(corpus: Path, tmp_path: Path) -> None:
    build(corpus, tmp_path / "index")
    searcher = Searcher.open(tmp_path / "index")
    ends: list[str] = []

    def ask() -> None:
        try:
            while True:
                searcher.search("猫は魚が好き", k=1)
        except BaseException as error:
            ends.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    closing = [threading.Thread(target=searcher.close) for _ in range(2)]
    for thread in closing:
        thread.start()
    for thread in (*threads, *closing):
        thread.join(30)
    assert ends == ["This searcher is closed: open another."] * 4


def test_an_index_that_may_not_be_written_is_searched(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    folder = tmp_path / "index"
    build(corpus, folder)
    modes = {path.stat().st_mode & 0o777 for path in (folder / "terms").rglob("*.json")}
    assert modes == {(folder / "documents.db").stat().st_mode & 0o777}
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
    before = sorted(path.name for path in folder.rglob("*") if path.suffix != ".lock")
    for lock in folder.rglob("*.lock"):
        lock.unlink()
    with Searcher.open(folder) as searcher:
        assert searcher.search("猫は魚が好き").hits[0].document.uri == "rows.jsonl#a"
    after = sorted(path.name for path in folder.rglob("*"))
    assert [name for name in after if "wal" not in name and "shm" not in name] == before


def test_a_commit_during_a_filtered_search_lets_nothing_else_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    for folder, name in (("hidden", "b.txt"), ("open", "a.txt"), ("open", "z.txt")):
        (corpus / folder).mkdir(parents=True, exist_ok=True)
        (corpus / folder / name).write_text(f"{name} について、鍵の返し方。", encoding="utf-8")
    build(corpus, index)
    text = (corpus / "open" / "z.txt").read_text(encoding="utf-8")

    def commit_meanwhile(*args: Any, **kwargs: Any) -> Ranking:
        ranking = rank(*args, **kwargs)
        monkeypatch.setattr(windows, "rank", rank)
        # SQLite gives the number of the last document that was removed to the next one.
        remove([str(corpus / "open" / "z.txt")], index)
        (corpus / "hidden" / "z.txt").write_text(text, encoding="utf-8")
        add([corpus / "hidden" / "z.txt"], index)
        return ranking

    with Searcher.open(index) as searcher:
        before = {hit.document.uri for hit in searcher.search("鍵の返し方", where={"folder": ["open"]}).hits}
        assert len(before) == 2
        monkeypatch.setattr(windows, "rank", commit_meanwhile)
        found = [hit.document.uri for hit in searcher.search("鍵の返し方", where={"folder": ["open"]}).hits]
    assert len(found) == 1
    assert found[0].endswith("a.txt")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("busy", [False, True])
def test_a_forked_process_is_told_to_open_its_own(
    corpus: Path, tmp_path: Path, toy_model: Path, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    under_way, go_on = threading.Barrier(searcher_module.AT_ONCE + 1), threading.Event()

    def slow(*args: Any, **kwargs: Any) -> Ranking:
        under_way.wait()
        go_on.wait()
        return rank(*args, **kwargs)

    with Searcher.open(tmp_path / "index") as searcher, ThreadPoolExecutor(searcher_module.AT_ONCE) as others:
        before = searcher.search("猫")
        if busy:
            monkeypatch.setattr(windows, "rank", slow)
            searches = [others.submit(searcher.search, "猫") for _ in range(searcher_module.AT_ONCE)]
            under_way.wait()
        child = os.fork()
        if not child:
            refused = 0
            try:
                # Rather killed than waiting for a thread that only the parent has.
                signal.alarm(20)
                for ask in (lambda: searcher.search("猫"), lambda: searcher.search_vector([1.0]), searcher.counts):
                    try:
                        ask()
                    except SearchError as error:
                        refused += "forked" in str(error)
                searcher.close()
            finally:
                os._exit(0 if refused == 3 else 1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        go_on.set()
        assert status == 0
        if busy:
            assert [search.result().hits for search in searches] == [before.hits] * searcher_module.AT_ONCE


def test_a_searcher_is_not_sent_to_other_processes(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    with (
        Searcher.open(tmp_path / "index") as searcher,
        pytest.raises(SearchError, match=r"open one there, by Searcher\.open"),
    ):
        pickle.dumps(searcher.search)


def test_another_working_folder_changes_nothing(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(corpus, tmp_path / "one" / "index")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    with Searcher.open("index") as searcher:
        before = searcher.search("猫").hits
        monkeypatch.chdir(tmp_path / "other")
        assert searcher.folder == tmp_path / "one" / "index"
        assert searcher.search("猫").hits == before
        (corpus / "new.txt").write_text("新しい文書", encoding="utf-8")
        build(corpus, tmp_path / "one" / "index")
        assert searcher.search("新しい文書").hits[0].document.uri == "new.txt"


def test_an_index_that_was_deleted_or_replaced_is_noticed(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(corpus, folder)
    with Searcher.open(folder) as searcher:
        hit = searcher.search("猫").hits[0]
        moved = folder.rename(tmp_path / "elsewhere")
        asked = (
            lambda: searcher.search("猫"),
            lambda: searcher.explain("猫", hit),
            lambda: searcher.vectors([hit]),
            searcher.facets,
            searcher.counts,
        )
        for ask in asked:
            with pytest.raises(IndexFolderError, match=r"deleted or replaced .* open it again"):
                ask()
        build(corpus, folder)
        with pytest.raises(IndexFolderError, match="deleted or replaced"):
            searcher.search("猫")
        shutil.rmtree(folder)
        moved.rename(folder)
        assert searcher.search("猫").hits[0] == hit


def test_a_model_that_is_loaded_is_shared(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    build(corpus, tmp_path / "index")
    model = StaticEmbedder.load()
    with Searcher.open(tmp_path / "index", model=model) as searcher:
        assert searcher.model is model
        assert searcher.search("猫").hits
    with pytest.raises(IndexFolderError, match="another model"):
        Searcher.open(tmp_path / "index", model=StaticEmbedder.load(toy_model))


@pytest.mark.parametrize("dim", [None, 64])
def test_the_vector_of_a_query_finds_what_the_query_finds(examples: Path, dim: int | None) -> None:
    query = "在宅で仕事をするときの決まり"
    with Searcher.open(examples) as searcher:
        by_query = searcher.search(query, k=20, mode="dense", dim=dim, group="passage")
        vector = searcher.model.encode([query], truncate_dim=dim or 256, normalize=True)[0]
        by_vector = searcher.search_vector(vector, k=20)
        plain = [replace(hit, highlights=()) for hit in by_query.hits]
        assert list(by_vector.hits) == plain
        assert (by_vector.query, by_vector.mode, by_vector.dim) == ("", "dense", by_query.dim)
        assert (by_vector.notices, by_vector.answered) == ((), None)
        longer = searcher.search_vector((7 * vector).tolist(), k=20)
        assert [hit.passage_id for hit in longer.hits] == [hit.passage_id for hit in plain]
        office = searcher.search_vector(vector, where={"folder": "office"})
        assert office.hits == tuple(
            replace(hit, highlights=())
            for hit in searcher.search(query, mode="dense", dim=dim, where={"folder": "office"}, group="passage").hits
        )


@pytest.mark.parametrize(
    "wrong", [[], [0.0] * 256, [float("nan")] + [1.0] * 255, [float("inf")] * 256, [[1.0] * 256], [1.0] * 257, 3.0]
)
def test_what_is_no_vector_is_not_searched_for(examples: Path, wrong: Any) -> None:
    with Searcher.open(examples) as searcher, pytest.raises(SearchError, match="Cannot"):
        searcher.search_vector(wrong)


def test_hits_have_vectors(examples: Path) -> None:
    query = "有給休暇の申請"
    with Searcher.open(examples) as searcher:
        result = searcher.search(query)
        for dim in (256, 64):
            vectors = searcher.vectors(result.hits, dim=dim)
            assert (vectors.shape, vectors.dtype) == ((10, dim), np.float32)
            np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
            asked = searcher.model.encode([query], truncate_dim=dim, normalize=True)[0]
            if dim == 256:
                scores = [hit.dense.score for hit in result.hits if hit.dense]
                np.testing.assert_allclose(vectors @ asked, scores, atol=1e-5)
        # A hit is the passage nearest to its own vector.
        assert searcher.search_vector(vectors[0], k=1).hits[0].passage_id == result.hits[0].passage_id
        gone = replace(result.hits[0], passage_id=f"{1:016x}")
        assert not searcher.vectors([gone]).any()
        assert searcher.vectors([]).shape == (0, 256)
        with pytest.raises(SearchError, match="257"):
            searcher.vectors(result.hits, dim=257)
