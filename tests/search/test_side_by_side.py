"""The lists beside one another are those of the single searches."""

from collections.abc import Iterator

import pytest

from sakuin.index.build import build
from sakuin.search import Notice, Searcher
from sakuin.search.candidates import CANDIDATES
from sakuin.search.side_by_side import side_by_side
from tests.examples import EXAMPLES

QUERY = "電車が遅れた証拠がほしい"


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    folder = tmp_path_factory.mktemp("lists") / "index"
    build(EXAMPLES, folder)
    with Searcher.open(folder) as opened:
        yield opened


@pytest.mark.parametrize(("dim", "where"), [(None, None), (64, None), (None, {"folder": ["travel", "office"]})])
def test_each_list_is_that_of_its_own_search(
    searcher: Searcher, dim: int | None, where: dict[str, list[str]] | None
) -> None:
    lists = side_by_side(searcher, QUERY, k=10, dim=dim, where=where)
    for mode in ("dense", "hybrid", "bm25"):
        alone = searcher.search(QUERY, k=CANDIDATES, mode=mode, dim=dim, where=where, group="passage").hits
        listed = getattr(lists, mode)
        assert [entry.hit.passage_id for entry in listed] == [hit.passage_id for hit in alone[:10]]
        # Every hit of any list has, of this list, the place that it has in the search by itself.
        places = {hit.passage_id: hit.rank for hit in alone}
        for entry in (*lists.dense, *lists.hybrid, *lists.bm25):
            assert getattr(entry, mode) == places.get(entry.hit.passage_id)
    assert any(entry.hybrid != entry.bm25 for entry in lists.bm25)


def test_a_leg_that_sees_nothing_has_an_empty_list(searcher: Searcher) -> None:
    lists = side_by_side(searcher, "\U00013000\U00013001")
    assert lists.bm25 == ()
    assert Notice("bm25_no_match") in lists.notices
