"""Facets of one search: values of the documents that match, shown or not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sakuin import Index, Searcher
from sakuin.search import SearchError, SearchResult

KINDS = ("会議", "出張", "休暇")


def row(number: int) -> dict[str, Any]:
    kind = KINDS[number % 3]
    return {
        "id": f"{number}.md",
        "text": f"{kind}の記録。{'秘密の' if not number % 4 else ''}話、その{number}。",
        "kind": kind,
        "year": 2020 + number % 5,
        "number": number,
        "tags": ["a", "b"] if number % 2 else ["a"],
    }


ROWS = [row(number) for number in range(120)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("matches")
    for name, rows in (("all", ROWS), ("a", ROWS[:70]), ("b", ROWS[70:])):
        with Index.open(folder / name, model=str(toy_model)) as index:
            index.add(rows)
    return [folder / "all", folder / "a", folder / "b"]


@pytest.fixture(scope="module", params=["one", "several"])
def searcher(folders: list[Path], request: pytest.FixtureRequest) -> Iterator[Searcher]:
    with Searcher.open(folders[:1] if request.param == "one" else folders[1:]) as opened:
        yield opened


def counted(result: SearchResult) -> dict[str, dict[str, int]]:
    assert result.matches is not None
    return {facet.name: dict(facet.values) for facet in result.matches.facets}


@pytest.mark.parametrize("mode", ["bm25", "hybrid"])
def test_documents_that_match_are_counted_shown_or_not(searcher: Searcher, mode: str) -> None:
    result = searcher.search("会議", k=2, mode=mode, facets=True)
    assert len(result.hits) == 2
    found = counted(result)
    assert result.matches is not None
    assert found["kind"]["会議"] == 40
    assert sum(found["kind"].values()) == result.matches.documents
    assert set(found["year"]) == {str(2020 + year) for year in range(5)}
    assert found["tags"]["a"] == result.matches.documents > found["tags"]["b"]
    assert result.to_dict()["matches"]["facets"][0].keys() == {"name", "values"}
    assert searcher.search("会議").matches is None
    if mode == "bm25":
        # A single word: all that have it, and nothing else.
        assert result.matches.documents == 40
    else:
        # By meaning all are near. A field with a value for each says nothing.
        assert "number" not in found


def test_the_same_are_counted_in_parts_as_in_one(folders: list[Path]) -> None:
    with Searcher.open(folders[0]) as one, Searcher.open(folders[1:]) as several:
        for query in ("会議の記録", '出張 "秘密"', "会議 OR 休暇", "話 year:2021", "どこにもない zzz"):
            for group in ("document", "passage"):
                asked: dict[str, Any] = {"query": query, "group": group, "facets": True}
                assert several.search(**asked).matches == one.search(**asked).matches


@pytest.mark.parametrize("group", ["document", "passage"])
def test_filters_and_words_hold(searcher: Searcher, group: str) -> None:
    def years(query: str, **asked: Any) -> dict[str, int]:
        return counted(searcher.search(query, group=group, facets=["year"], mode="bm25", **asked))["year"]

    assert years("会議", where={"year": 2021}) == {"2021": sum(one["year"] == 2021 for one in ROWS[::3])}
    kept = [one for one in ROWS[::3] if "秘密" in one["text"]]
    assert sum(years('"会議" "秘密"').values()) == len(kept)
    assert sum(years("会議 -秘密").values()) == 40 - len(kept)


def test_fields_may_be_named(searcher: Searcher) -> None:
    assert counted(searcher.search("会議", mode="bm25", facets=["number"]))["number"]["3"] == 1
    with pytest.raises(SearchError, match="field 'colour'"):
        searcher.search("会議", facets=["colour"])
    with pytest.raises(SearchError, match="list of names"):
        searcher.search("会議", facets="year")


def test_where_nothing_is_found_nothing_is_counted(searcher: Searcher) -> None:
    result = searcher.search("", facets=True)
    assert result.matches is not None
    assert (result.matches.documents, result.matches.facets) == (0, ())
    none = searcher.search("会議", where={"year": 1999}, facets=True)
    assert none.matches is not None
    assert none.matches.documents == 0
