"""Searching a cluster: ranked as one index, in one state at a time, whatever is committed meanwhile."""

import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from sakuin import Index, Searcher
from sakuin.cli.main import cli
from sakuin.cluster import serving
from sakuin.cluster.absent import Absent
from sakuin.cluster.building import build_of_rows
from sakuin.cluster.changing import add_documents, compact, delete
from sakuin.cluster.dealing import home
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import ClusterManifest, require
from sakuin.cluster.moving import restore
from sakuin.cluster.nodes import ThisProcess
from sakuin.cluster.opening import OpenedCluster, open_cluster
from sakuin.cluster.places import Disk
from sakuin.cluster.remote import RemoteShard, RemoteShards
from sakuin.cluster.replicas import ShardUnavailableError
from sakuin.cluster.serving import RemoteSearcher
from sakuin.cluster.shards import LocalShards, OpenedShard
from sakuin.cluster.tasks import as_record
from sakuin.index.documents import Document
from sakuin.index.settings import Settings
from sakuin.search import SearchError, SimilarDocuments
from sakuin.search.duplicates import find_duplicates
from sakuin.search.parts import Doubled, Parts
from sakuin.search.reading import UnknownDocumentError
from sakuin.search.whole_terms import SummedCounts
from tests.cluster.test_building_clusters import write_rows
from tests.search.test_several import QUERIES, SEARCHES, documents, require_same

NUMBERS = (1, pytest.param(2, marks=pytest.mark.slow), 3, pytest.param(7, marks=pytest.mark.slow))
HERE = ThisProcess()
LONG = 60.0


def rows_of(some: list[Document]) -> list[dict[str, Any]]:
    return [{**as_record(one), "metadata": dict(one.metadata)} for one in some]


@pytest.fixture(scope="module", params=NUMBERS)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, toy_model: Path
) -> Iterator[tuple[Searcher, Searcher]]:
    """A cluster of so many shards, and one index of the same documents."""
    folder = tmp_path_factory.mktemp("both")
    # The documents of a passage are in the order in which they came, in a cluster shard by shard.
    made = sorted(documents(), key=lambda one: home(one.id, request.param))
    rows = str(write_rows(folder / "rows.jsonl", rows_of(made)))
    settings = Settings(model=str(toy_model), dim=64)
    build_of_rows(rows, Disk(folder / "cluster"), HERE, shards=request.param, settings=settings)
    with Index.open(folder / "one", model=str(toy_model), dim=64) as index:
        index.add(made)
    with Searcher.open(folder / "cluster") as cluster, Searcher.open(folder / "one") as one:
        yield cluster, one


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_a_cluster_ranks_as_one_index(both: tuple[Searcher, Searcher], search: dict[str, Any]) -> None:
    cluster, one = both
    for query in QUERIES:
        require_same(cluster.search(query, **search), one.search(query, **search))


def test_explanations_are_those_of_one_index(both: tuple[Searcher, Searcher]) -> None:
    cluster, one = both
    found, expected = (each.search("出張の経費を申請する", explain=True, k=5) for each in both)
    require_same(found, expected)
    for hit, other in zip(found.hits, expected.hits, strict=True):
        assert hit.explanation is not None
        assert other.explanation is not None
        assert hit.explanation.value == pytest.approx(other.explanation.value, abs=1e-4)
        assert hit.explanation.to_dict().keys() == other.explanation.to_dict().keys()
    assert cluster.counts()["documents"] == one.counts()["documents"]
    assert cluster.manifest.passages == one.manifest.passages


def test_documents_are_read_from_their_shards(both: tuple[Searcher, Searcher]) -> None:
    cluster, one = both
    for hit in one.search("猫", k=20).hits:
        name = hit.document.id
        assert cluster.document(name) == one.document(name)
        assert cluster.read(hit) == one.read(hit)
        assert cluster.read(1, document=name) == one.read(1, document=name)
        assert cluster.read(hit.passage_id) == one.read(hit.passage_id)
    with pytest.raises(SearchError, match="a cluster has many"):
        cluster.skipped()
    with pytest.raises(UnknownDocumentError, match="no document"):
        cluster.document("nobody")
    with pytest.raises(UnknownDocumentError, match="no passage"):
        cluster.read("0" * 16)


def test_documents_are_listed_a_page_at_a_time(both: tuple[Searcher, Searcher]) -> None:
    cluster, one = both
    for where in ({}, {"year": {"$gte": 2020}}):
        whole = one.documents(where=where, most=1_000).documents
        assert len(whole) > 20
        expected = [replace(document, number=0) for document in whole]
        for sizes in ({"most": 7}, {"most": len(whole)}, {"most": 1_000, "most_bytes": 500}):
            found, after, more = [], 0, True
            while more:
                page = cluster.documents(where=where, after=after, **sizes)
                assert page.documents
                found += [replace(document, number=0) for document in page.documents]
                after, more = page.documents[-1].number, page.more
            assert found == expected
    assert cluster.documents(where={"year": 1}) == one.documents(where={"year": 1})
    with pytest.raises(SearchError, match="nothing"):
        cluster.documents(where={"nothing": 1})
    assert cluster.file_location(whole[0].id) == one.file_location(whole[0].id)
    assert cluster.file_location("nobody") is None


@pytest.mark.parametrize(
    "options", [{}, {"k": 3}, {"passage": 1}, {"where": {"year": {"$gte": 2020}}, "k": 40}], ids=str
)
def test_the_same_documents_are_similar_as_in_one_index(
    both: tuple[Searcher, Searcher], options: dict[str, Any]
) -> None:
    for name in [one.id for one in documents()][::7]:
        found, expected = (each.similar(name, **options) for each in both)
        require_similar(found, expected)
    hit = both[1].search("猫", group="passage").hits[0]
    require_similar(*(each.similar(hit) for each in both))
    for wrong in ({"of": "nobody"}, {"of": hit, "k": 0}, {"of": hit, "where": {"nothing": 1}}):
        with pytest.raises(SearchError):
            both[0].similar(**wrong)  # type: ignore[arg-type]


def require_similar(found: SimilarDocuments, expected: SimilarDocuments) -> None:
    assert (found.id, found.by) == (expected.id, expected.by)
    assert [one.score for one in found.documents] == pytest.approx([one.score for one in expected.documents], abs=2e-6)
    theirs = {one.document.id: one for one in expected.documents}
    last = expected.documents[-1].score
    for one in found.documents:
        if one.document.id in theirs:
            assert one.document == theirs[one.document.id].document
            assert one.score == pytest.approx(theirs[one.document.id].score, abs=2e-6)
        else:
            assert one.score == pytest.approx(last, abs=2e-6)
    scores = [round(one.score, 4) for one in expected.documents]
    if len(set(scores)) == len(scores):
        assert [one.nearest for one in found.documents] == [one.nearest for one in expected.documents]


@pytest.mark.parametrize("compared_all", [10, 1_000])
@pytest.mark.parametrize(
    "options", [{"above": 0.9}, {"above": 0.7, "most": 5}, {"above": 0.8, "where": {"year": {"$gte": 2018}}}], ids=str
)
def test_the_same_documents_say_the_same_as_in_one_index(
    both: tuple[Searcher, Searcher], options: dict[str, Any], compared_all: int
) -> None:
    found, expected = (find_duplicates(each.whole, compared_all=compared_all, **options) for each in both)
    assert found.exact == expected.exact
    assert found.exact[0].count > 1
    assert found.more == expected.more
    cosines = [pair.cosine for pair in expected.near]
    assert cosines
    assert [pair.cosine for pair in found.near] == pytest.approx(cosines, abs=2e-6)
    pairs, theirs = ({frozenset(one.id for one in pair.documents) for pair in each.near} for each in (found, expected))
    assert len(pairs - theirs) <= sum(cosine < cosines[-1] + 2e-6 for cosine in cosines)


@pytest.fixture
def place(tmp_path: Path, toy_model: Path) -> Disk:
    place = Disk(tmp_path / "out")
    rows = str(write_rows(tmp_path / "rows.jsonl", rows_of(documents()[:60])))
    build_of_rows(rows, place, HERE, shards=3, settings=Settings(model=str(toy_model)))
    return place


def test_a_changed_cluster_ranks_as_one_index_once_it_is_compact(place: Disk, tmp_path: Path, toy_model: Path) -> None:
    with Searcher.open(place.folder / "cluster.json") as cluster:
        before = cluster.search("猫", k=100)
        made = documents()
        add_documents(made[60:70], place, HERE)
        delete([one.id for one in made[:10]], place, HERE)
        compact(place, HERE)
        found = cluster.search("猫", k=100)
        assert {hit.document.id for hit in before.hits} != {hit.document.id for hit in found.hits}
        assert cluster.manifest.generation == require(place).generation == 4
        with Index.open(tmp_path / "one", model=str(toy_model), dim=64) as index:
            index.add(sorted(made[10:70], key=lambda one: home(one.id, 3)))
            with index.searcher() as one:
                require_same(cluster.search("出張の経費", k=20), one.search("出張の経費", k=20))


def test_a_reader_never_sees_shards_of_two_states(place: Disk) -> None:
    made = documents()[:60]
    with Searcher.open(place.folder) as cluster:
        for version in range(2):
            rows = [{"id": one.id, "text": f"版数{version}の猫"} for one in made]
            add_documents(rows, place, HERE)
            hits = cluster.search("猫", k=100, mode="bm25").hits
            assert [hit.text for hit in hits] == [f"版数{version}の猫"] * len(made)
            # What was opened two commits ago is gone from the disk.
            assert all(len(place.names(f"shards/{shard}")) == 2 for shard in place.names("shards"))


def test_shards_are_copied_where_that_is_wanted(place: Disk, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    with open_cluster(place.folder, copies=copies) as cluster:
        first = sorted(copies.glob("*/shards/*/*"))
        assert len(first) == 3
        one = documents()[0].id
        add_documents([{"id": one, "text": "版数の猫"}], place, HERE)
        assert cluster.search("版数", k=1).hits[0].document.id == one
        # Searches of before may still be at the old state: it is let go of when the next one comes.
        assert len(sorted(copies.glob("*/shards/*/*"))) == 4
        assert cluster.search("版数", k=1).hits
        second = sorted(copies.glob("*/shards/*/*"))
        assert len(second) == 3
        assert len({*first} - {*second}) == 1
    with open_cluster(place.folder, copies=copies) as again:
        assert again.document(one).text == "版数の猫"
    assert sorted(copies.glob("*/shards/*/*")) == second


def test_a_cluster_in_a_bucket_is_searched(place: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec", reason="the extra `cluster` is not installed")
    from sakuin.cluster.moving import backup
    from sakuin.cluster.places import place_of

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    backup(place, place_of(f"memory://search/{tmp_path.name}"), HERE)
    with Searcher.open(f"memory://search/{tmp_path.name}") as bucket, Searcher.open(place.folder) as disk:
        assert bucket.search("猫").hits == disk.search("猫").hits


def test_what_is_missing_is_told(place: Disk) -> None:
    folder = place.folder / require(place).shards[1].folder
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(Exception, match="0001") as caught:
        Searcher.open(place.folder)
    assert "No index" in str(caught.value) or "missing" in str(caught.value)
    (place.folder / "cluster.json").write_text("{}")
    with pytest.raises(ClusterError, match="cannot be read"):
        Searcher.open(place.folder)


def test_the_command_searches_a_cluster(place: Disk) -> None:
    done = CliRunner().invoke(cli, ["search", "猫", "--index", str(place.folder), "--json"], catch_exceptions=False)
    with Searcher.open(place.folder) as cluster:
        expected = [hit.document.id for hit in cluster.search("猫").hits]
    assert [hit["document"]["id"] for hit in json.loads(done.output)["hits"]] == expected


def test_a_shard_that_vanishes_while_it_is_copied_is_an_error_of_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swept(*_: object, **__: object) -> None:
        raise FileNotFoundError("documents.db")

    place = Disk(tmp_path / "cluster")
    monkeypatch.setattr(place, "copy", swept)
    with pytest.raises(ClusterError, match="cannot be copied") as caught:
        LocalShards(place, tmp_path / "copies").part("id", "shards/0000/1")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_who_looks_for_commits_outlives_whatever_looking_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, looks = threading.Event(), [OSError("the store hiccups"), ClusterError("gone"), ValueError("no JSON")]

    def refresh(*, anew: bool) -> None:
        if not looks:
            ended.set()
            return
        raise looks.pop(0)

    monkeypatch.setattr(serving, "LOOK_SECONDS", 0.0)
    opened = SimpleNamespace(manifest=None, refresh=refresh)
    shards = SimpleNamespace(look=lambda manifest: None, missing=list)
    watch(opened, shards, ended)
    assert not looks


def watch(opened: Any, shards: Any, ended: threading.Event) -> None:
    """Look for commits and replicas until that is to end."""
    watchers = serving._watchers(opened, shards, ended)
    for watcher in watchers:
        watcher.start()
    assert ended.wait(LONG)
    for watcher in watchers:
        watcher.join(LONG)


def test_replicas_are_looked_after_while_a_state_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, opening, looked = threading.Event(), threading.Event(), threading.Event()

    def refresh(*, anew: bool) -> None:
        opening.set()
        if not looked.wait(5):
            raise AssertionError("nobody looks")
        ended.set()

    def look(manifest: object) -> None:
        if opening.is_set():
            looked.set()

    monkeypatch.setattr(serving, "LOOK_SECONDS", 0.01)
    watch(SimpleNamespace(manifest=None, refresh=refresh), SimpleNamespace(look=look, missing=list), ended)
    assert looked.is_set()


def test_what_is_still_searched_is_kept_until_that_has_ended() -> None:
    told: list[list[str]] = []

    class Told(Replicas):
        def tell(self, cluster: str, folders: list[str]) -> None:
            told.append(folders)

    shards = RemoteShards(cast(Any, None), Disk(Path("papers")), 0, replicas=0, seconds=1.0)
    shards.replicas = cast(Any, [Told()])
    shards._number = 1
    states = [cast(Any, SimpleNamespace(id="id", shards=[SimpleNamespace(folder=str(number))])) for number in range(2)]
    searched = shards.parts(states[0])
    assert shards.keep(states[0])
    shards.parts(states[1])
    assert not shards.keep(states[1])
    del searched
    assert shards.keep(states[1])
    assert told == [["0"], ["1", "0"], ["1"]]


class Replicas:
    """Of a shard; each answers."""

    def open(self, *which: str) -> None:
        """Do as if."""

    def ask(self, *question: Any) -> None:
        """Answer nothing."""


class Dying:
    """A shard of which no replica answers a question, nor any that comes after."""

    shard = 1

    def __init__(self, part: OpenedShard, last: str) -> None:
        self.part = part
        self.last = last
        self.dead = False

    def open(self, *which: str) -> Any:
        return self.part.state()

    def ask(self, cluster: str, folder: str, question: str, *arguments: Any, waits: bool = True) -> Any:
        self.dead |= question == self.last
        if self.dead:
            raise ShardUnavailableError("dead", self.shard)
        return getattr(self.part, question)(*arguments)


class DyingShards(LocalShards):
    """Three shards, of which the second may be dying."""

    replicas = (None, None, None)
    dying: Dying | None = None

    def parts(self, manifest: ClusterManifest) -> Any:
        parts: list[Any] = list(super().parts(manifest))
        self.dying = self.dying or Dying(parts[1], "")
        parts[1] = RemoteShard(cast(Any, self.dying), "id", "folder")
        return parts


@pytest.mark.parametrize("last", ["having", "listed", "passages"])
def test_a_search_does_without_a_shard_that_dies_at_any_question_and_counts_nothing_without_it(
    tmp_path: Path, toy_model: Path, last: str
) -> None:
    # Words that the shard has, and nothing has asked for before.
    query = next(one.text for one in documents() if home(one.id, 3) == 1)
    rows = str(write_rows(tmp_path / "rows.jsonl", rows_of(documents())))
    place = Disk(tmp_path / "cluster")
    build_of_rows(rows, place, HERE, shards=3, settings=Settings(model=str(toy_model)))
    shards = DyingShards(place)
    opened = OpenedCluster(place, shards)
    beside = ThreadPoolExecutor(1)
    with (
        RemoteSearcher(opened, cast(Any, shards), beside, allow_partial=True) as searcher,
        open_cluster(place.uri) as all_,
    ):
        assert shards.dying
        shards.dying.last = last
        found = searcher.search(query, k=100)
        assert found.notices[-1].to_dict()["data"] == {"shards": "1"}
        assert found.hits
        assert all(home(hit.document.id, 3) != 1 for hit in found.hits)
        shards.dying.last, shards.dying.dead = "", False
        require_same(searcher.search(query, k=100), all_.search(query, k=100))
        asked, expected = (each.whole.terms.asked(query) for each in (searcher, all_))
        assert (asked.weights, asked.statistics) == (expected.weights, expected.statistics)


def test_a_search_does_without_no_shard_that_can_be_had_in_the_state_of_now(place: Disk) -> None:
    shards = DyingShards(place)
    opened = OpenedCluster(place, shards)
    # As where somebody looks for commits, and has not yet.
    opened.watched = True
    name = next(one.id for one in documents() if home(one.id, 3) == 1)
    with RemoteSearcher(opened, cast(Any, shards), ThreadPoolExecutor(1), allow_partial=True) as searcher:
        assert shards.dying
        shards.dying.dead = True
        assert searcher.search("猫").notices[-1].code == "missing_shards"
        add_documents([{"id": name, "text": "版数の猫"}], place, HERE)
        # Another is asked for the new state.
        shards.dying = None
        found = searcher.search("版数", k=1)
        assert [hit.document.id for hit in found.hits] == [name]
        assert "missing_shards" not in [notice.code for notice in found.notices]


def test_a_search_is_asked_again_as_often_as_commits_overtake_it(place: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = LocalShards(place)
    opened = OpenedCluster(place, shards)
    opened.watched = True
    answered = RemoteSearcher._answered
    overtaken = 3

    def answer(self: RemoteSearcher, *asked: Any) -> Any:
        nonlocal overtaken
        if overtaken:
            overtaken -= 1
            add_documents([{"id": "version", "text": f"版数 {overtaken}"}], place, HERE)
            raise ShardUnavailableError("gone", 0)
        return answered(self, *asked)

    monkeypatch.setattr(RemoteSearcher, "_answered", answer)
    with RemoteSearcher(opened, cast(Any, shards), ThreadPoolExecutor(1), allow_partial=False) as searcher:
        assert searcher.search("版数", mode="bm25").hits[0].text == "版数 0"


class Readable:
    """Replicas of a shard, in this process, which may not be able to read it."""

    def __init__(self, shards: LocalShards, shard: int) -> None:
        self.shards = shards
        self.shard = shard
        self.can_be_read = True

    def open(self, *which: str) -> Any:
        return self.ask(*which, "state")

    def ask(self, cluster: str, folder: str, question: str, *arguments: Any, waits: bool = True) -> Any:
        if not self.can_be_read:
            raise ShardUnavailableError(f"shard {self.shard} cannot be read", self.shard)
        return getattr(self.shards.part(cluster, folder), question)(*arguments)

    def tell(self, cluster: str, folders: list[str]) -> None:
        """What is open stays open."""

    def stop(self) -> None:
        """Nothing is to be ended."""


def test_a_cluster_is_opened_without_a_shard_that_cannot_be_read_where_that_is_allowed(place: Disk) -> None:
    local = LocalShards(place)
    names = [next(one.id for one in documents()[:60] if home(one.id, 3) == shard) for shard in range(3)]

    def shards_of(*, allow_partial: bool) -> RemoteShards:
        made = RemoteShards(cast(Any, None), place, 0, replicas=0, seconds=1.0, allow_partial=allow_partial)
        made.replicas = cast(Any, [Readable(local, shard) for shard in range(3)])
        made.replicas[1].can_be_read = False  # type: ignore[attr-defined]
        return made

    with pytest.raises(ShardUnavailableError, match="shard 1"):
        OpenedCluster(place, shards_of(allow_partial=False))
    shards = shards_of(allow_partial=True)
    opened = OpenedCluster(place, shards)
    opened.watched = True
    with (
        RemoteSearcher(opened, shards, ThreadPoolExecutor(1), allow_partial=True) as searcher,
        open_cluster(place.uri) as all_,
    ):
        found, expected = searcher.search("猫", k=100), all_.search("猫", k=100)
        assert found.notices[-1].to_dict()["data"] == {"shards": "1"}
        assert found.hits
        assert all(home(hit.document.id, 3) != 1 for hit in found.hits)
        assert searcher.document(names[0]) == all_.document(names[0])
        with pytest.raises(ShardUnavailableError, match="shard 1"):
            searcher.document(names[1])
        # Once it can be read, whoever looks opens the state anew.
        shards.replicas[1].can_be_read = True  # type: ignore[attr-defined]
        opened.refresh(anew=True)
        require_same(searcher.search("猫", k=100), expected)
        assert searcher.document(names[1]) == all_.document(names[1])
        for each in shards.replicas:
            each.can_be_read = False  # type: ignore[attr-defined]
        shards._parts.clear()
        with pytest.raises(ShardUnavailableError, match="shard 0"):
            opened.refresh(anew=True)
    local.close()


def test_of_parts_that_share_passages_and_are_absent_no_term_has_fewer_than_none() -> None:
    absent = SimpleNamespace(having=Absent.having, beginning=lambda prefix: [("猫", 1)])
    state = SimpleNamespace(manifest=SimpleNamespace(passages=3), counted=3, mean_length=2.0)
    less = Doubled(passages=1, length=2, having={"猫": 2})
    counts = SummedCounts(Parts([cast(Any, absent)]), [cast(Any, state)], [less])
    assert counts.having_each(["猫"]) == {"猫": 0}
    assert counts.beginning("") == [("猫", 0)]


def test_shards_are_asked_many_things_at_once(place: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each time takes its time where shards are on other machines.
    asked: list[object] = []
    ask = Parts.ask

    def counted(self: Parts, question: Any) -> list[Any]:
        asked.append(question)
        return ask(self, question)

    monkeypatch.setattr(Parts, "ask", counted)
    with open_cluster(place.uri) as searcher:
        assert searcher.manifest.background
        assert len(asked) < 25
        del asked[:]
        searcher.whole.terms.asked("ここにはないかなのことばをならべたもの パスワード")
        # Of readings, and of what hangs on an answer, there may be some more.
        assert len(asked) < 5


def test_a_shard_that_is_open_is_read_where_its_folder_was_deleted(place: Disk) -> None:
    with open_cluster(place.uri) as searcher:
        part = searcher._opened.parts[0]
        before = part.pool(5)
        ids = before[0].tolist()
        shutil.rmtree(place.folder / require(place).shards[0].folder)
        assert part.sources(ids) == before[1]


def test_a_cluster_that_is_restored_is_searched_with_its_model(tmp_path: Path, toy_model: Path) -> None:
    rows = str(write_rows(tmp_path / "rows.jsonl", rows_of(documents())))
    here, other = Disk(tmp_path / "cluster"), Disk(tmp_path / "other")
    folder = tmp_path / "model"
    shutil.copytree(toy_model, folder)
    table = folder / "model.safetensors"
    tensors = {name: values[:, ::-1].copy() for name, values in load_file(table).items()}
    save_file(tensors, table)
    for place, model in ((here, toy_model), (other, folder)):
        build_of_rows(rows, place, HERE, shards=2, settings=Settings(model=str(model)))
    with open_cluster(here.uri) as searcher, open_cluster(other.uri) as fresh:
        before = searcher.model.fingerprint
        restore(other, here, HERE)
        require_same(searcher.search("猫", mode="dense"), fresh.search("猫", mode="dense"))
        assert searcher.model.fingerprint == fresh.model.fingerprint != before
