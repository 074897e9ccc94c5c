"""Documents that say the same."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sakuin import Index, SearchError
from sakuin.cli.main import cli
from sakuin.search import Searcher, duplicates
from sakuin.search.duplicates import DocumentVectors, Pairs, exactly, find_duplicates

WORDS = ["猫", "犬", "税金", "電車", "会議", "天気", "料理", "音楽", "学校", "病院", "旅行", "契約", "給料", "休暇"]


def text(number: int) -> str:
    """A text on its own matters, in several passages."""
    chosen = [WORDS[(number * step + step) % len(WORDS)] for step in (1, 3, 5)]
    return "".join(f"{word}について述べる第{number}号の{i}番目の文章です。" * 9 for i, word in enumerate(chosen))


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """Forty documents; of one two copies, of another one, of a third one with a word changed."""
    documents = [{"id": f"{number}", "text": text(number), "part": number % 2} for number in range(40)]
    documents += [{"id": name, "text": text(3), "title": "写し", "part": 1} for name in ("3-copy", "3-again")]
    documents += [{"id": "4-copy", "text": text(4), "part": 0}]
    documents += [{"id": "5-changed", "text": text(5).replace("述べる", "説く", 1), "part": 1}]
    with Index.open(tmp_path_factory.mktemp("duplicates") / "index") as index:
        index.add(documents)
        with index.searcher() as searcher:
            yield searcher


def test_the_same_texts_come_first_and_the_largest_group_of_them(searcher: Searcher) -> None:
    found = searcher.duplicates()
    assert [[one.id for one in group.documents] for group in found.exact] == [
        ["3", "3-copy", "3-again"],
        ["4", "4-copy"],
    ]
    assert [group.count for group in found.exact] == [3, 2]
    assert found.exact[0].documents[1].title == "写し"
    assert not found.more


def test_pairs_are_all_that_are_near_enough_in_order(searcher: Searcher) -> None:
    names = [str(number) for number in range(40)] + ["5-changed"]
    rows = np.stack([mean(searcher, name) for name in names])
    cosines = np.triu(rows @ rows.T, 1)
    above = float(np.sort(cosines.ravel())[-25]) - 1e-5
    found = searcher.duplicates(above=above).near
    expected = {frozenset((names[i], names[j])) for i, j in zip(*np.nonzero(cosines >= above), strict=True)}
    assert {frozenset(one.id for one in pair.documents) for pair in found} == expected
    assert len(found) == len(expected) == 25
    assert [one.id for one in found[0].documents] == ["5", "5-changed"]
    assert found[0].cosine > 0.95
    given = [pair.cosine for pair in found]
    assert given == sorted(given, reverse=True)
    for pair in found:
        i, j = (names.index(one.id) for one in pair.documents)
        assert pair.cosine == pytest.approx(float(cosines[i, j]), abs=1e-5)


def mean(searcher: Searcher, name: str) -> np.ndarray:
    ids = np.array([int(one.passage_id, 16) for one in searcher.document(name).passages], np.int64)
    row = searcher.snapshot.vectors.rows(ids, searcher.manifest.dim).sum(axis=0)
    return row / np.linalg.norm(row)


def test_of_many_documents_those_near_each_other_are_found(searcher: Searcher) -> None:
    """As where comparing each with each would take too long."""
    every = find_duplicates(searcher.whole, above=0.8)
    near = find_duplicates(searcher.whole, above=0.8, compared_all=10)
    assert near.exact == every.exact
    assert len(near.near) > 10
    assert near == every


def test_what_is_asked_for_bounds_what_is_given(searcher: Searcher) -> None:
    whole = searcher.duplicates(above=0.5)
    for compared_all in (10, 100):
        cut = find_duplicates(searcher.whole, above=0.5, most=1, compared_all=compared_all)
        assert (cut.exact, cut.near) == (whole.exact[:1], whole.near[:1])
        assert cut.more
    odd = searcher.duplicates(where={"part": 1})
    assert [group.count for group in odd.exact] == [3]
    assert [one.id for pair in odd.near for one in pair.documents] == ["5", "5-changed"]


def test_what_is_removed_meanwhile_is_left_out(
    tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Index.open(tmp_path / "index", model=str(toy_model)) as index, index.searcher() as searcher:
        index.add([{"id": name, "text": "猫は眠る。"} for name in ("a", "a-copy", "a-again")])
        index.add([{"id": name, "text": "犬は走る。"} for name in ("b", "b-copy")])
        index.add({"id": "c", "text": "猫は眠る。犬は走る。"})

        def removing(vectors: DocumentVectors, pairs: Pairs, above: float) -> Pairs:
            index.delete(["a-copy", "b"])
            return exactly(vectors, pairs, above)

        assert len(searcher.duplicates(above=0).near) == 3
        monkeypatch.setattr(duplicates, "exactly", removing)
        found = searcher.duplicates(above=0)
    assert [(one.count, [each.id for each in one.documents]) for one in found.exact] == [(2, ["a", "a-again"])]
    assert [{one.id for one in pair.documents} for pair in found.near] == [{"a", "c"}]
    assert not found.more


def test_documents_of_which_the_model_knows_nothing_are_no_pair(tmp_path: Path) -> None:
    with Index.open(tmp_path / "index") as index, index.searcher() as searcher:
        assert searcher.duplicates().near == ()
        index.add([{"id": "a", "text": "\U00010330\U00010331"}, {"id": "b", "text": "\U00010332\U00010333"}])
        found = searcher.duplicates(above=0.1)
        assert (found.exact, found.near) == ((), ())
        index.add([{"id": "c", "text": "\U00010332\U00010333"}])
        assert [group.count for group in searcher.duplicates().exact] == [2]


@pytest.mark.parametrize("options", [{"above": 1.1}, {"above": -0.1}, {"above": "0.9"}, {"most": 0}, {"most": 10**6}])
def test_what_cannot_be_is_refused(searcher: Searcher, options: dict[str, object]) -> None:
    with pytest.raises(SearchError, match="Cannot"):
        searcher.duplicates(**options)


def test_the_command_prints_what_the_library_finds(searcher: Searcher) -> None:
    index = ["--index", str(searcher.folder)]
    runner = CliRunner()
    printed = runner.invoke(cli, ["duplicates", "--json", *index], catch_exceptions=False).output
    assert json.loads(printed) == json.loads(json.dumps(searcher.duplicates().to_dict()))
    told = runner.invoke(cli, ["duplicates", *index], catch_exceptions=False).output
    assert told.index("The same text, 3 documents:") < told.index("The same text, 2 documents:") < told.index("Cosine")
    assert "5-changed" in told
    few = runner.invoke(cli, ["duplicates", "--above", "1", "--where", "part=7", *index]).output
    assert "No two documents" in few
