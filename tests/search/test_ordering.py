"""Hits by a field of their documents, and newer ones moved up."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from sakuin import Index
from sakuin.search import MODES, Searcher, SearchError, SearchResult

TODAY = date.today()
ROWS: list[dict[str, Any]] = [
    {"id": "old", "text": "会議の議事録。予算の話。", "date": (TODAY - timedelta(days=900)).isoformat(), "n": 3},
    {"id": "new", "text": "会議の議事録。予算の話も。", "date": TODAY.isoformat(), "n": 20},
    {
        "id": "mid",
        "text": "会議の議事録、予算の話です。",
        "modified": (TODAY - timedelta(days=90)).isoformat(),
        "n": 100,
    },
    {"id": "none", "text": "会議の議事録。人事の話。"},
]


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    with Index.open(tmp_path_factory.mktemp("ordering") / "index") as index:
        index.add(ROWS)
        index.add([{"id": f"other-{n}", "text": f"猫と犬の話。{n}"} for n in range(30)])
        with index.searcher() as searcher:
            yield searcher


def names(searcher: Searcher, **settings: Any) -> list[str]:
    return [hit.document.id for hit in searcher.search("会議の議事録", mode="bm25", **settings).hits]


@pytest.mark.parametrize("group", ["document", "passage"])
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("date", ["old", "mid", "new", "none"]),
        ("-date", ["new", "mid", "old", "none"]),
        ("n", ["old", "new", "mid", "none"]),
        ("-n", ["mid", "new", "old", "none"]),
        ("id", ["mid", "new", "none", "old"]),
    ],
)
def test_hits_are_sorted_by_a_field(searcher: Searcher, sort: str, expected: list[str], group: str) -> None:
    assert names(searcher, sort=sort, group=group) == expected
    assert names(searcher, sort=sort, group=group, k=2, offset=1) == expected[1:3]
    result = searcher.search("会議の議事録", sort=sort, group=group)
    assert [hit.rank for hit in result.hits] == list(range(1, len(result.hits) + 1))


@pytest.mark.parametrize("mode", MODES)
def test_newer_documents_gain_a_bounded_share_that_adds_up(searcher: Searcher, mode: str) -> None:
    plain = {hit.document.id: hit for hit in searcher.search("会議の議事録", mode=mode).hits}
    result = searcher.search("会議の議事録", mode=mode, recency="90d", explain=True)
    best = max(hit.score for hit in plain.values())
    for hit in result.hits:
        before = plain[hit.document.id].score
        gained = hit.recency.share if hit.recency else 0.0
        assert hit.score == pytest.approx(before + gained, abs=1e-6)
        assert sum(leg.share for leg in hit.legs.values()) == pytest.approx(hit.score, abs=1e-6)
        assert hit.explanation
        assert hit.explanation.value == pytest.approx(hit.score, abs=1e-6)
        assert sum(part.value for part in hit.explanation.details) == pytest.approx(hit.score, abs=1e-5)
        assert all(one.recency == hit.recency for one in hit.passages)
    shares = {hit.document.id: hit.recency.share if hit.recency else 0.0 for hit in result.hits}
    assert shares["new"] == pytest.approx(0.1 * best, rel=0.02)
    assert shares["mid"] == pytest.approx(0.05 * best, rel=0.02)
    assert 0 < shares["old"] < 0.001 * best
    assert shares["none"] == 0
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)


def test_a_date_of_any_name_is_sorted_by(tmp_path: Any, searcher: Searcher) -> None:
    with Index.open(tmp_path / "index", model=searcher.model) as index:
        index.add([{"id": "a", "text": "猫", "modified": "2020-01-01"}, {"id": "b", "text": "猫", "created": "2024"}])
        index.add([{"id": "c", "text": "猫です", "modified": "2022-01-01"}])
        with index.searcher() as found:
            assert names_of(found.search("猫", sort="-date")) == ["b", "c", "a"]


def test_a_row_of_a_table_has_the_date_of_its_japanese_column(tmp_path: Path, searcher: Searcher) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.csv").write_text("件名,内容,日付\n納期,苦情の話,2025/2/3\n宛名,苦情の件,2023/6/1\n", encoding="utf-8")
    (corpus / "b.csv").write_text("件名,内容,更新日\n在庫,苦情の品,2024年5月1日\n", encoding="utf-8")
    with Index.open(tmp_path / "index", model=searcher.model) as index:
        index.sync(corpus)
        with index.searcher() as found:
            assert names_of(found.search("苦情", sort="-date")) == ["a.csv#row=1", "b.csv#row=1", "a.csv#row=2"]
            assert sorted(names_of(found.search("苦情 after:2024"))) == ["a.csv#row=1", "b.csv#row=1"]


def names_of(result: SearchResult) -> list[str]:
    return [hit.document.id for hit in result.hits]


def test_what_makes_no_order_is_refused(searcher: Searcher) -> None:
    with pytest.raises(SearchError, match="half-life"):
        searcher.search("x", recency="soon")
    with pytest.raises(SearchError, match="field 'colour'"):
        searcher.search("会議", sort="-colour")
