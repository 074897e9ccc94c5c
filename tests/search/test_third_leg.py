"""The third leg: what it adds, to which passages, and that it is explained."""

import math
import random
from collections.abc import Iterator

import pytest

from sakuin import Index
from sakuin.embedder.interaction import WINDOWS
from sakuin.index.documents import Document
from sakuin.search import Explanation, Hit, Searcher
from sakuin.search.late_interaction import FIRST, WEIGHT
from sakuin.search.spans import Indexed

WORDS = ["猫", "犬", "出張", "経費", "申請", "休暇", "password", "reset", "電車", "遅延", "温泉", "meeting"]
QUERIES = ["出張の経費を申請する", "reset my password", "猫と犬", "電車の遅延とmeeting", "休暇"]


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    chance = random.Random(3)
    documents = [
        Document(
            id=f"d{number}",
            text="。".join("の".join(chance.sample(WORDS, 4)) for _ in range(9)),
            title=f"文書{number}",
        )
        for number in range(150)
    ]
    with Index.open(tmp_path_factory.mktemp("late") / "index") as index:
        index.add(documents)
    with Searcher.open(index.folder) as opened:
        yield opened


def without(hit: Hit) -> float:
    """The score of both other legs."""
    assert hit.dense
    assert hit.bm25
    return hit.dense.share + hit.bm25.share


@pytest.mark.parametrize("query", QUERIES)
def test_the_first_of_both_other_legs_are_put_into_order_and_the_rest_stays(searcher: Searcher, query: str) -> None:
    hits = searcher.search(query, k=60, group="passage").hits
    both = sorted(hits, key=lambda hit: (-without(hit), int(hit.passage_id, 16)))
    assert {hit.passage_id for hit in hits[:FIRST]} == {hit.passage_id for hit in both[:FIRST]}
    assert [hit.passage_id for hit in hits[FIRST:]] == [hit.passage_id for hit in both[FIRST:]]
    assert all(hit.interaction is None for hit in hits[FIRST:])
    texts = [Indexed.passage(hit.document.title, hit.heading, hit.text).text for hit in hits[:FIRST]]
    scores = searcher.model.interactions(query, texts) @ list(WINDOWS.values())
    legs = [hit.interaction for hit in hits[:FIRST] if hit.interaction]
    assert [leg.score for leg in legs] == pytest.approx(scores.tolist(), abs=1e-9)
    assert [leg.share for leg in legs] == pytest.approx((WEIGHT * (scores - scores.min())).tolist(), abs=1e-9)
    assert [leg.score for leg in sorted(legs, key=lambda leg: leg.rank or 0)] == sorted(scores, reverse=True)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("query", QUERIES)
def test_pages_are_those_of_one_list(searcher: Searcher, query: str) -> None:
    listed = searcher.search(query, k=60, group="passage").hits
    for k, offset in ((3, 0), (10, 10), (10, 15), (7, 40)):
        page = searcher.search(query, k=k, offset=offset, group="passage").hits
        assert [(hit.passage_id, hit.score) for hit in page] == [
            (hit.passage_id, hit.score) for hit in listed[offset : offset + k]
        ]


@pytest.mark.parametrize("mode", ["dense", "bm25"])
def test_a_leg_that_is_alone_stays_alone(searcher: Searcher, mode: str) -> None:
    assert all(set(hit.legs) == {mode} for hit in searcher.search(QUERIES[0], mode=mode).hits)
    assert all(set(hit.legs) == {"dense"} for hit in searcher.search("feline zzzzz").hits)


def parts(explanation: Explanation, code: str) -> list[Explanation]:
    own = [explanation] if explanation.code == code else []
    return own + [found for detail in explanation.details for found in parts(detail, code)]


@pytest.mark.parametrize("query", QUERIES)
def test_it_is_explained_by_pairs_of_tokens(searcher: Searcher, query: str) -> None:
    for hit in searcher.search(query, k=10, explain=True, dim=64).hits:
        assert hit.explanation
        assert hit.interaction
        (whole,) = parts(hit.explanation, "interaction")
        assert whole.value == hit.interaction.score
        assert math.fsum(share.value for share in whole.details) == pytest.approx(whole.value, abs=1e-9)
        for window in parts(whole, "best_window"):
            assert math.fsum(pair.value for pair in window.details) == pytest.approx(window.value, abs=1e-9)
            for pair in window.details:
                weight, cosine = pair.details
                assert pair.value == pytest.approx(weight.value * cosine.value)
                nearest = [span for span in pair.spans if span.part != "query"]
                assert cosine.value == 0 or len(nearest) == 1 or pair.data["nearest"] == "▁"
        written = {"title": hit.document.title, "heading": hit.heading, "text": hit.text, "query": query}
        same = [pair for pair in parts(whole, "nearest_token") if pair.details[1].value > 0.999]
        assert all(len({written[span.part][span.start : span.end] for span in pair.spans}) == 1 for pair in same)


def test_texts_that_are_gone_are_left_as_they_were(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = searcher.snapshot
    some = snapshot.vectors.ids[:30].tolist()
    rows = snapshot.passages(some)
    places = {one: row.places[0] for one, row in rows.items()}
    expected = {one: Indexed.passage(at.title, at.heading, rows[one].text).text for one, at in places.items()}
    assert snapshot.indexed([*some, 1]) == expected
    hits = searcher.search(QUERIES[0], k=5).hits
    gone = int(hits[0].passage_id, 16)
    real = type(snapshot).indexed
    monkeypatch.setattr(
        type(snapshot), "indexed", lambda self, ids: {one: text for one, text in real(self, ids).items() if one != gone}
    )
    again = searcher.search(QUERIES[0], k=FIRST, group="passage").hits
    of_gone = next(hit for hit in again if int(hit.passage_id, 16) == gone)
    assert of_gone.interaction is None
    assert sum(hit.interaction is not None for hit in again) == FIRST - 1
