"""Maps of indexes: positions, clusters, labels, and where they are kept."""

import json
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from sakuin.files import cache_folder
from sakuin.index.build import build
from sakuin.index.integrity import verify
from sakuin.index.snapshot import Snapshot, open_index
from sakuin.index.text import Analyser
from sakuin.search import projection
from sakuin.search.projection import MAPS, Method, Projection, Step, fitted, placed, project
from sakuin.search.searcher import Searcher

TOPICS = (
    ("スープ", "野菜", "鍋", "塩", "料理", "煮る", "切る", "味", "材料", "台所"),
    ("電車", "駅", "切符", "遅延", "線路", "乗客", "改札", "ホーム", "運転", "時刻"),
    ("cat", "kitten", "whiskers", "purring", "sofa", "fur", "litter", "vet", "paws", "naps"),
)
METHODS = ["clusters", pytest.param("tsne", marks=pytest.mark.skipif(not find_spec("openTSNE"), reason="no openTSNE"))]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write_corpus(folder: Path, number: int, seed: int = 0, name: str = "rows.jsonl") -> None:
    """Passages of the topics in turn; the id says which."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    rows = []
    for i in range(number):
        words = rng.choice(TOPICS[i % 3], 6)
        text = (" ".join(words) if i % 3 == 2 else "と".join(words) + "のこと。") + f" {seed}{i}"
        rows.append(json.dumps({"id": f"{i % 3}-{i}", "text": text, "topic": i % 3}, ensure_ascii=False))
    (folder / name).write_text("\n".join(rows), encoding="utf-8")


@pytest.fixture(scope="module")
def topics_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("topics")
    write_corpus(base / "corpus", 150)
    build(base / "corpus", base / "index")
    return base / "index"


@pytest.fixture
def topics(topics_index: Path) -> Iterator[Snapshot]:
    with closing(open_index(topics_index)) as snapshot:
        yield snapshot


def topic_of(snapshot: Snapshot, made: Projection) -> list[int]:
    glimpses = snapshot.glimpses(made.passage_ids.tolist())
    return [int(glimpses[passage_id].metadata["topic"]) for passage_id in made.passage_ids.tolist()]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("number", [0, 1, 2, 3, 5, 9, 10, 11, 30])
def test_an_index_of_any_size_has_a_map(tmp_path: Path, number: int, method: Method) -> None:
    write_corpus(tmp_path / "corpus", number)
    build(tmp_path / "corpus", tmp_path / "index")
    with closing(open_index(tmp_path / "index")) as snapshot:
        made = project(snapshot, method=method)
    assert made.passage_ids.shape == made.clusters.shape == (number,)
    assert made.positions.shape == (number, 2)
    assert np.isfinite(made.positions).all()
    assert np.abs(made.positions).max(initial=0) <= 1 + 1e-6
    assert sorted(set(made.clusters.tolist())) == list(range(len(made.labels)))
    assert number < 2 or np.abs(made.positions).max() > 0.99


def test_the_same_passage_many_times_over_and_unknown_ones(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    rows = [{"id": str(i), "title": f"\U00013000{chr(0x13010 + i)}", "text": "\U00013000"} for i in range(12)]
    rows += [{"id": f"b{i}", "text": "猫" + "。" * i} for i in range(12)]
    (tmp_path / "corpus" / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index")
    with closing(open_index(tmp_path / "index")) as snapshot:
        made = project(snapshot)
        assert np.isfinite(made.positions).all()
        known = snapshot.vectors.rows(made.passage_ids, snapshot.manifest.dim)
        assert known.any(axis=1).all()
        assert len(made.passage_ids) < len(snapshot.vectors)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_alike_is_near_and_in_one_cluster(topics: Snapshot, method: Method) -> None:
    made = project(topics, method=method)
    topic = np.array(topic_of(topics, made))
    apart = np.linalg.norm(made.positions[:, None] - made.positions[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :5]
    assert (topic[nearest] == topic[:, None]).mean() > 0.95
    for cluster in range(len(made.labels)):
        counts = np.bincount(topic[made.clusters == cluster], minlength=3)
        assert counts.max() >= 0.9 * counts.sum()
        words = made.labels[cluster].replace("・", ", ").split(", ")
        assert set(words) <= set(TOPICS[counts.argmax()])
        assert len(words) == 3


def test_small_english_words_are_no_label(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    rows = [{"id": str(i), "text": f"The tea is on the table of the kitchen, and it is hot {i}."} for i in range(30)]
    rows += [{"id": f"b{i}", "text": f"駅で電車を待つ {i}"} for i in range(30)]
    (tmp_path / "corpus" / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index")
    with closing(open_index(tmp_path / "index")) as snapshot:
        labels = ", ".join(project(snapshot).labels)
    assert {"tea", "table", "kitchen", "hot"} & set(labels.split(", "))
    assert not {"the", "is", "on", "of", "and", "it"} & set(labels.split(", "))


@pytest.mark.parametrize("method", METHODS)
def test_a_map_is_the_same_each_time(topics: Snapshot, method: Method, tmp_path: Path) -> None:
    first = project(topics, method=method)
    for kept in cache_folder(MAPS).iterdir():
        kept.unlink()
    second = project(topics, method=method)
    np.testing.assert_array_equal(first.positions, second.positions)
    np.testing.assert_array_equal(first.clusters, second.clusters)
    assert first.labels == second.labels


def test_a_map_is_kept_beside_nothing_of_the_index(topics: Snapshot) -> None:
    before = sorted(path.name for path in topics.folder.rglob("*"))
    steps: list[Step] = []
    made = project(topics, progress=lambda done, step: steps.append(step))
    assert steps[-1] == "labels"
    steps.clear()
    again = project(topics, progress=lambda done, step: steps.append(step))
    assert not steps
    np.testing.assert_array_equal(made.passage_ids, again.passage_ids)
    np.testing.assert_array_equal(made.positions, again.positions)
    assert (made.labels, made.method, made.sampled) == (again.labels, again.method, again.sampled)
    assert sorted(path.name for path in topics.folder.rglob("*")) == before
    assert verify(topics.folder) == []


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no zip", None])
def test_a_damaged_map_is_made_anew(topics: Snapshot, damage: bytes | None) -> None:
    made = project(topics)
    (kept,) = cache_folder(MAPS).iterdir()
    kept.write_bytes(kept.read_bytes()[:-200] if damage is None else damage)
    np.testing.assert_array_equal(project(topics).positions, made.positions)


def test_a_map_of_other_arrays_is_made_anew(topics: Snapshot) -> None:
    made = project(topics)
    (kept,) = cache_folder(MAPS).iterdir()
    with np.load(kept) as arrays:
        values = dict(arrays)
    for wrong in ({"positions": values["positions"] * np.nan}, {"clusters": values["clusters"] + 1}, {"labels": None}):
        np.savez(kept, **{name: np.asarray(value) for name, value in (values | wrong).items() if value is not None})
        np.testing.assert_array_equal(project(topics).positions, made.positions)


def test_maps_that_cannot_be_kept_are_made_all_the_same(topics: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = topics.folder / "documents.db"
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert len(project(topics).passage_ids) == 150


def test_only_the_last_maps_are_kept(topics: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MAPS_KEPT", 2)
    for most in (20, 21, 22, 23):
        project(topics, most)
    assert len(list(cache_folder(MAPS).iterdir())) == 2


def test_work_that_is_ended_leaves_nothing(topics: Snapshot) -> None:
    def end(done: float, step: Step) -> None:
        if step == "labels":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project(topics, progress=end)
    assert not cache_folder(MAPS).exists() or not list(cache_folder(MAPS).iterdir())


def test_a_sample_stays_when_passages_are_added_and_others_removed(tmp_path: Path) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    write_corpus(corpus, 100, name="first.jsonl")
    build(corpus, index)
    with closing(open_index(index)) as snapshot:
        small, vectors = snapshot.vectors.sample(40)
        everything, _ = snapshot.vectors.sample(1000)
        assert small.tolist() == snapshot.vectors.ids[:40].tolist()
        assert everything.tolist() == snapshot.vectors.ids.tolist()
        np.testing.assert_allclose(vectors, snapshot.vectors.rows(small, snapshot.manifest.dim), atol=1e-3)
        assert project(snapshot, 40).sampled
        assert not project(snapshot, 100).sampled
    write_corpus(corpus, 60, seed=5, name="second.jsonl")
    build(corpus, index)
    with closing(open_index(index)) as snapshot:
        more, _ = snapshot.vectors.sample(120)
        assert more.tolist() == snapshot.vectors.ids[:120].tolist()
        assert set(more.tolist()) & set(everything.tolist()) == {i for i in everything.tolist() if i <= more[-1]}
    (corpus / "first.jsonl").unlink()
    build(corpus, index)
    with closing(open_index(index)) as snapshot:
        left, _ = snapshot.vectors.sample(120)
        assert len(left) == 60
        assert not set(left.tolist()) & set(everything.tolist())


def test_glimpses_are_the_passages(topics: Snapshot, tmp_path: Path) -> None:
    passage_ids = topics.vectors.ids.tolist()
    glimpses = topics.glimpses(passage_ids)
    passages = topics.passages(passage_ids)
    assert glimpses.keys() == passages.keys()
    for passage_id, glimpse in glimpses.items():
        row = passages[passage_id]
        assert (glimpse.file, glimpse.title, glimpse.text) == ("rows.jsonl", row.places[0].title, row.text)
        assert glimpse.metadata == row.places[0].metadata


def test_a_query_is_placed_among_its_like(topics_index: Path) -> None:
    with Searcher.open(topics_index) as searcher:
        snapshot = searcher.snapshot
        made = project(snapshot)
        topic = topic_of(snapshot, made)
        queries = ["駅で切符を買う", "sleepy kitten", "\U00013000"]
        vectors = searcher.model.encode(queries, normalize=True, truncate_dim=snapshot.manifest.dim)
        positions = placed(made, snapshot.vectors, vectors)
    for position, wanted in zip(positions[:2], (1, 2), strict=True):
        assert topic[int(np.linalg.norm(made.positions - position, axis=1).argmin())] == wanted
    assert positions[2].tolist() == [0, 0]


def test_positions_keep_their_shape_when_fitted() -> None:
    shown = fitted(np.array([[2, 2], [6, 2], [2, 4]], np.float32))
    np.testing.assert_allclose(shown, [[-1, -0.5], [1, -0.5], [-1, 0.5]])
    assert fitted(np.ones((3, 2), np.float32)).tolist() == [[0, 0]] * 3


def test_words_are_whole_words() -> None:
    words = dict(Analyser().words("有給休暇の申請は Connections で行った。"))
    assert words.keys() == {"有給", "休暇", "申請", "connect", "行う"}
    assert words["connect"] == "Connections"
    assert words["行う"] == "行っ"
