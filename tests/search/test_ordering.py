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


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, searcher: Searcher) -> Iterator[Searcher]:
    """230 documents that answer alike well, and whose dates go to and fro."""
    with Index.open(tmp_path_factory.mktemp("many") / "index", model=searcher.model) as index:
        index.add(
            {
                "id": f"{n:03}",
                "text": f"会議の議事録。{'予算の話。' * (n % 7 + 1)}第{n}回。",
                "date": (date(2020, 1, 1) + timedelta(days=n * 37 % 229)).isoformat(),
            }
            for n in range(230)
        )
        index.add([{"id": f"other-{n}", "text": f"猫と犬の話。{n}"} for n in range(40)])
        with index.searcher() as found:
            yield found


@pytest.mark.parametrize("order", [{"sort": "-date"}, {"sort": "date"}, {"recency": "90d"}], ids=str)
@pytest.mark.parametrize("group", ["document", "passage"])
@pytest.mark.parametrize("k", [30, 110])
def test_pages_of_a_sorted_list_neither_repeat_nor_drop_hits(
    many: Searcher, order: dict[str, str], group: str, k: int
) -> None:
    asked: dict[str, Any] = {"query": "会議の議事録", "mode": "bm25", "group": group, **order}
    pages = [many.search(k=k, offset=offset, **asked).hits for offset in range(0, 300, k)]
    listed = [hit for page in pages for hit in page]
    names = [hit.document.id for hit in listed]
    assert len(set(names)) == len(names)
    assert [hit.rank for hit in listed] == list(range(1, len(listed) + 1))
    assert len([name for name in names if name.isdecimal()]) == 230
    # Another size of pages, the same list.
    if k < 100:
        one = many.search(k=37, offset=85, **asked).hits
        assert [hit.document.id for hit in one] == names[85:122]
    if "sort" in order:
        first = 100 if k < 100 else len(names)
        dates = [hit.sorted_by for hit in listed[:first] if hit.sorted_by]
        assert dates == sorted(dates, reverse=order["sort"].startswith("-"))


def test_hits_show_what_they_are_sorted_by(searcher: Searcher) -> None:
    shown = {hit.document.id: hit.sorted_by for hit in searcher.search("会議の議事録", mode="bm25", sort="-date").hits}
    assert shown == {row["id"]: row.get("date", row.get("modified")) for row in ROWS}
    assert [hit.sorted_by for hit in searcher.search("会議の議事録", mode="bm25", sort="n").hits] == [
        "3",
        "20",
        "100",
        None,
    ]
    assert {hit.sorted_by for hit in searcher.search("会議", recency="90d").hits} >= {TODAY.isoformat()}
    assert {hit.sorted_by for hit in searcher.search("会議").hits} == {None}
    assert searcher.search("会議", sort="n").to_dict()["hits"][0]["sorted_by"]


def test_types_and_folders_are_sorted_by_what_filters_compare(tmp_path: Path, searcher: Searcher) -> None:
    corpus = tmp_path / "corpus"
    for name in ("b/z.MD", "a/x/y.txt", "a/c.html", "top.txt"):
        (corpus / name).parent.mkdir(parents=True, exist_ok=True)
        (corpus / name).write_text(
            f"<p>会議の話。{name}</p>" if name.endswith("html") else f"会議の話。{name}", encoding="utf-8"
        )
    with Index.open(tmp_path / "index", model=searcher.model) as index:
        index.sync(corpus)
        # Where it is from is not its file.
        index.add([{"id": "added", "text": "会議の話。", "uri": "http://example.com/page.aspx"}])
        with index.searcher() as found:
            by_folder = found.search("会議の話", sort="folder").hits
            assert [(hit.document.id, hit.sorted_by) for hit in by_folder] == [
                ("top.txt", "."),
                ("a/c.html", "a"),
                ("a/x/y.txt", "a/x"),
                ("b/z.MD", "b"),
                ("added", None),
            ]
            for hit in by_folder[:4]:
                kept = found.search("会議の話", where={"folder": str(hit.sorted_by)}).hits
                assert hit.document.id in names_of_hits(kept)
            by_type = found.search("会議の話", sort="-type").hits
            assert [hit.sorted_by for hit in by_type] == ["txt", "txt", "md", "html", None]


def names_of_hits(hits: Any) -> list[str]:
    return [hit.document.id for hit in hits]


def test_what_makes_no_order_is_refused(searcher: Searcher) -> None:
    with pytest.raises(SearchError, match="half-life"):
        searcher.search("x", recency="soon")
    with pytest.raises(SearchError, match="field 'colour'"):
        searcher.search("会議", sort="-colour")
