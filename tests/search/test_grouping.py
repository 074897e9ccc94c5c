"""Hits that are documents."""

from collections.abc import Iterator

import pytest

from sakuin import Index
from sakuin.search import MODES, Searcher

SAME = "共通の注意書き。猫の写真は撮影の許可を取ってから載せてください。"


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """One long document about cats and thirty short ones that mention them; two hold the same passage."""
    folder = tmp_path_factory.mktemp("grouping") / "index"
    long = "\n\n".join(f"# 猫の世話 {number}\n\n猫の世話。猫の世話は {number} 回。" for number in range(900))
    with Index.open(folder) as index:
        index.add([{"id": "long", "title": "猫", "text": long}])
        index.add([{"id": f"short-{n}", "text": f"{n} 番の家には犬と、たまに猫が来る庭がある。"} for n in range(30)])
        index.add([{"id": name, "text": SAME} for name in ("copy-1", "copy-2")])
        with index.searcher() as searcher:
            yield searcher


@pytest.mark.parametrize("mode", MODES)
def test_k_documents_are_found_though_one_has_the_first_hundred_passages(searcher: Searcher, mode: str) -> None:
    passages = searcher.search("猫の世話", k=100, mode=mode, group="passage")
    assert {hit.document.id for hit in passages.hits} == {"long"}
    result = searcher.search("猫の世話", k=10, mode=mode, group="document")
    names = [hit.document.id for hit in result.hits]
    assert len(set(names)) == len(names) == 10
    assert names[0] == "long"
    assert [hit.rank for hit in result.hits] == list(range(1, 11))
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)


def test_a_document_has_its_best_passages_and_the_number_of_others(searcher: Searcher) -> None:
    best = searcher.search("猫の世話", k=1, passages=4, group="document").hits[0]
    listed = searcher.search("猫の世話", k=4, group="passage").hits
    assert [one.passage_id for one in best.passages] == [hit.passage_id for hit in listed]
    assert [one.text for one in best.passages] == [hit.text for hit in listed]
    assert best.passage_id == best.passages[0].passage_id
    assert best.passages[1].highlights
    assert best.more_passages >= 5
    for one in best.passages:
        assert sum(leg.share for leg in (one.dense, one.bm25, one.interaction) if leg) == pytest.approx(
            one.score, abs=1e-6
        )
    assert all(hit.passages == () and not hit.more_passages for hit in listed)


def test_each_document_of_a_passage_is_found_and_is_the_first_of_its_places(searcher: Searcher) -> None:
    result = searcher.search(SAME, k=2, group="document")
    assert [hit.document.id for hit in result.hits] == ["copy-1", "copy-2"]
    assert [hit.places[0].document.id for hit in result.hits] == ["copy-1", "copy-2"]
    assert {place.document.id for place in result.hits[1].places} == {"copy-1", "copy-2"}
    only = searcher.search(SAME, k=2, where={"id": "copy-2"}, group="document")
    assert [hit.document.id for hit in only.hits] == ["copy-2"]
    assert len(searcher.search(SAME, k=1, group="passage").hits[0].places) == 2


@pytest.mark.parametrize("group", ["document", "passage"])
def test_pages_follow_each_other(searcher: Searcher, group: str) -> None:
    whole = searcher.search("猫の庭", k=12, group=group).hits
    pages = [searcher.search("猫の庭", k=4, offset=offset, group=group).hits for offset in (0, 4, 8)]
    assert [hit.rank for page in pages for hit in page] == list(range(1, 13))
    assert [hit.document.id for page in pages for hit in page] == [hit.document.id for hit in whole]
    assert searcher.search("猫の庭", k=4, offset=5_000, group=group).hits == ()


def test_all_documents_are_found_where_fewer_than_k_are_there(searcher: Searcher) -> None:
    assert len(searcher.search("猫", k=100, group="document").hits) == 33
