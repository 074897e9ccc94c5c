"""In a large index BM25 finds its candidates by the terms that few passages have; scores are exact all the same.

The limits that make an index large are lowered, so that one of 600 passages is.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sakuin.index import store
from sakuin.index.documents import Document, Passage
from sakuin.index.settings import Settings
from sakuin.index.terms import FirstStage
from sakuin.index.writer import IndexWriter
from sakuin.search import Searcher
from sakuin.search.candidates import CANDIDATES, FEWEST_RESCORED, rescored_for
from sakuin.search.fusion import Fusion
from sakuin.tuning.candidate_table import fetch
from sakuin.tuning.judged import JudgedQuery

# Half of the passages have each of these, few any one of the others.
COMMON = ["東京", "meeting", "予定"]
RARE = [f"{first}{second}" for first in "猫犬鳥魚虫" for second in "餌声爪羽骨"]
QUERIES = [f"{a}の{b}は{c}か" for a, b, c in zip(RARE, RARE[7:] + RARE[:7], COMMON * 9, strict=False)]


def add(writer: IndexWriter, uri: str, text: str) -> None:
    writer.add(Document(id=uri, text=text, metadata={"kind": "made"}), uri, [Passage(0, len(text), "")])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = random.Random(0)
    folder = tmp_path_factory.mktemp("ranking")
    with IndexWriter(folder, Settings(dim=64)) as writer:
        for number in range(600):
            words = [word for word in COMMON if rng.random() < 0.5] + rng.sample(RARE, 3)
            text = "、".join(words) + f"の話その{number}。"
            add(writer, f"{number}.txt", text)
        for number, query in enumerate(QUERIES):
            add(writer, f"asked-{number}.txt", f"{query}と聞かれた。")
        writer.commit()
    return folder


@pytest.fixture
def searcher(folder: Path) -> Iterator[Searcher]:
    """Of an index that counts as large."""
    with Searcher.open(folder) as searcher:
        searcher.snapshot.terms.first_stage = FirstStage(from_passages=500, common=0.3, enough=20)
        yield searcher


def test_common_terms_are_left_out_of_the_first_stage(searcher: Searcher) -> None:
    found = searcher.snapshot.terms
    assert "東京" in found.terms_of("猫餌と東京")
    assert "東京" not in found.first_stage_terms("猫餌と東京")
    assert "猫餌" in found.first_stage_terms("猫餌と東京")
    assert found.leaves_out("猫餌と東京")


@pytest.mark.parametrize("query", ["東京の予定", "東京 zebra", "zebra", ""])
def test_all_terms_count_where_too_few_passages_would_be_left(searcher: Searcher, query: str) -> None:
    found = searcher.snapshot.terms
    assert not found.leaves_out(query)
    assert set(found.first_stage_terms(query)) == set(found.terms_of(query))
    ids, scores = found.search(query, 50, first_stage=True)
    assert np.array_equal(ids, found.search(query, 50)[0])
    assert np.array_equal(scores, found.search(query, 50)[1])


def test_in_a_small_index_all_terms_count(searcher: Searcher, folder: Path) -> None:
    assert all(searcher.snapshot.terms.leaves_out(query) for query in QUERIES)
    with Searcher.open(folder) as small:
        small.snapshot.terms.first_stage = FirstStage(from_passages=1000, common=0.3, enough=20)
        assert not any(small.snapshot.terms.leaves_out(query) for query in QUERIES)


def test_words_alone_are_ranked_by_all_terms(searcher: Searcher) -> None:
    for query in QUERIES:
        hits = searcher.search(query, k=10, mode="bm25").hits
        assert [int(hit.passage_id, 16) for hit in hits] == searcher.snapshot.terms.search(query, 10)[0].tolist()


def test_bm25_ranks_what_it_lists_by_all_terms(searcher: Searcher) -> None:
    """A hit's rank by words is its rank among the first of the first stage, ordered by exact scores."""
    found = searcher.snapshot.terms
    for query in QUERIES:
        listed, _ = found.search(query, FEWEST_RESCORED, first_stage=True)
        exact = found.scores(query, listed.tolist())
        ranks = {number: rank for rank, number in enumerate(listed[np.lexsort((listed, -exact))].tolist(), 1)}
        hits = searcher.search(query, k=10, group="passage").hits
        assert any(hit.bm25 and hit.bm25.rank == 1 for hit in hits)
        for hit in hits:
            assert hit.bm25
            if int(hit.passage_id, 16) in ranks:
                assert hit.bm25.rank == ranks[int(hit.passage_id, 16)]
            else:
                assert hit.bm25.rank is None or hit.bm25.rank > FEWEST_RESCORED


@pytest.mark.parametrize("mode", ["hybrid", "bm25"])
def test_scores_are_exact_and_explanations_add_up(searcher: Searcher, mode: str) -> None:
    snapshot = searcher.snapshot
    for query in QUERIES:
        vector = searcher.model.encode([query], truncate_dim=64, normalize=True)[0]
        result = searcher.search(query, k=10, mode=mode)
        assert len(result.hits) == 10
        assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
        for hit in result.hits:
            number = int(hit.passage_id, 16)
            assert hit.bm25
            assert hit.bm25.score == snapshot.terms.scores(query, [number])[0]
            if mode == "hybrid":
                assert hit.dense
                assert hit.dense.score == snapshot.vectors.scores(vector, np.array([number]))[0]
                assert hit.score == pytest.approx(sum(leg.share for leg in hit.legs.values()), abs=1e-6)
                assert 0 <= hit.bm25.share <= 1
            assert searcher.explain(query, hit).value == pytest.approx(hit.score, abs=1e-5)


def test_a_hit_has_the_same_scores_however_many_are_wanted(searcher: Searcher) -> None:
    for query in QUERIES:
        few, many = (searcher.search(query, k=k, group="passage").hits for k in (5, CANDIDATES))
        known = {hit.passage_id: hit for hit in many}
        for hit in few:
            more = known[hit.passage_id]
            assert (hit.score, hit.dense.score, hit.bm25.score) == (more.score, more.dense.score, more.bm25.score)


@pytest.mark.parametrize("mode", ["hybrid", "bm25"])
def test_what_has_all_terms_comes_first(searcher: Searcher, mode: str) -> None:
    for query in QUERIES:
        assert query in searcher.search(query, k=1, mode=mode).hits[0].text


def test_a_filter_searches_by_all_terms(searcher: Searcher) -> None:
    query = QUERIES[0]
    ids = np.sort(searcher.snapshot.terms.search(query, 600)[0])
    listed, _ = searcher.snapshot.terms.search(query, CANDIDATES, ids)
    ranks = {number: rank for rank, number in enumerate(listed.tolist(), 1)}
    hits = searcher.search(query, k=10, where={"kind": "made"}).hits
    assert [hit.bm25 and hit.bm25.rank for hit in hits] == [ranks.get(int(hit.passage_id, 16)) for hit in hits]


def test_judged_queries_are_fused_as_searches_are(searcher: Searcher) -> None:
    """What `index tune` measures scores passages as a search does, which looks at the first of both lists first."""
    judged = [JudgedQuery(query, {"1.txt": 1.0}) for query in QUERIES]
    assert rescored_for(FEWEST_RESCORED) == FEWEST_RESCORED
    with store.connect(searcher.folder, read_only=True) as connection:
        found = fetch(searcher.whole, searcher.model, judged, connections=[connection], dim=64)
    fused = found.by_fusion(Fusion())
    for row, query in enumerate(QUERIES):
        scores = [hit.score for hit in searcher.search(query, k=FEWEST_RESCORED, group="passage").hits]
        known = np.sort(fused[row][np.isfinite(fused[row])])
        nearest = known[np.minimum(np.searchsorted(known, np.array(scores) - 1e-6), len(known) - 1)]
        assert nearest == pytest.approx(scores, abs=1e-6)
        # The best of all is among the first of a list.
        assert known[-1] == pytest.approx(scores[0], abs=1e-6)


def test_what_is_rescored_for_many_hits_alone_stands_behind(searcher: Searcher) -> None:
    for query in QUERIES[:5]:
        few, many = (searcher.search(query, k=k, group="passage").hits for k in (FEWEST_RESCORED, CANDIDATES))
        assert [hit.passage_id for hit in many[:FEWEST_RESCORED]] == [hit.passage_id for hit in few]
        found = searcher.snapshot.terms
        first = set(found.search(query, FEWEST_RESCORED, first_stage=True)[0].tolist())
        vector = searcher.model.encode([query], truncate_dim=64, normalize=True)[0]
        first |= set(searcher.snapshot.vectors.search(vector, FEWEST_RESCORED)[0].tolist())
        assert {int(hit.passage_id, 16) for hit in many[: len(first)]} == first
        scores = [hit.score for hit in many]
        assert scores == sorted(scores, reverse=True)
        for hit in many:
            assert hit.score == pytest.approx(sum(leg.share for leg in hit.legs.values()), abs=1e-6)
