"""Relevance: what a hit's score says, and when a search says that it found nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from experiments.examples import EXAMPLES
from sakuin.cli.main import cli
from sakuin.index.build import build
from sakuin.index.store import Manifest
from sakuin.search import MODES, Notice, Searcher, SearchError
from sakuin.search.ranked import Ranked
from sakuin.search.relevance import GOOD_MATCH, relevances
from sakuin.search.results import LegScore

QUESTIONS = ["有給休暇の申請方法", "setting up two-factor authentication", "温泉の入浴マナー"]
# Of queries on other matters about half are told, hence some for each mode.
NONSENSE = {
    "hybrid": ["徳川家康の生涯", "鎌倉時代の仏像", "フランス革命の原因", "medieval castles of France"],
    "dense": ["徳川家康の生涯", "フランス革命の原因", "medieval castles of France"],
    "bm25": ["徳川家康の生涯", "鎌倉時代の仏像"],
}


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "index"
    build(EXAMPLES / "corpus", folder)
    return folder


def manifest(**changed: float) -> Manifest:
    background = {"coverage": 0.4, "std_64": 0.14, "std_256": 0.08} | changed
    return Manifest(2, 1, "", "", "", 256, "", 480, [], 1000, 0, {}, {}, {}, background=background)


def hit(cosine: float | None, match: float | None, score: float) -> Ranked:
    dense, bm25 = (None if value is None else LegScore(1, value, 0.0) for value in (cosine, match))
    return Ranked(1, 1, score, dense, bm25)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dim", [256, 64])
def test_good_hits_are_told_from_the_nearest_of_nothing(examples: Path, mode: str, dim: int) -> None:
    with Searcher.open(examples) as searcher:
        for query in QUESTIONS:
            result = searcher.search(query, mode=mode, dim=dim)
            assert result.answered
            assert Notice("no_good_match") not in result.notices
            assert all(hit.relevance is not None and 0 <= hit.relevance <= 1 for hit in result.hits)
            assert max(hit.relevance or 0 for hit in result.hits) >= 2 * GOOD_MATCH[mode]
        for query in NONSENSE[mode]:
            result = searcher.search(query, mode=mode, dim=dim)
            assert result.answered is False
            assert result.hits
            assert Notice("no_good_match") in result.notices


@pytest.mark.parametrize("mode", ["dense", "bm25"])
def test_a_single_leg_ranks_by_relevance(examples: Path, mode: str) -> None:
    with Searcher.open(examples) as searcher:
        found = [hit.relevance or 0 for hit in searcher.search(QUESTIONS[0], k=30, mode=mode).hits]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_relevance_does_not_depend_on_how_many_hits_are_asked_for(examples: Path) -> None:
    with Searcher.open(examples) as searcher:
        for mode in MODES:
            few, many = (searcher.search(QUESTIONS[1], k=k, mode=mode).hits for k in (3, 40))
            assert [hit.relevance for hit in few] == pytest.approx([hit.relevance for hit in many[:3]])


def test_whether_a_query_is_answered_does_not_depend_on_how_many_hits_are_asked_for(examples: Path) -> None:
    lines = (EXAMPLES / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    queries = [json.loads(line)["query"] for line in lines] + NONSENSE["hybrid"]
    with Searcher.open(examples) as searcher:
        for query in queries:
            answers = {k: searcher.search(query, k=k) for k in (1, 10, 40)}
            assert len({result.answered for result in answers.values()}) == 1, query
            assert len(answers[1].hits) == 1


def test_hits_of_low_relevance_are_left_out(examples: Path) -> None:
    with Searcher.open(examples) as searcher:
        everything = searcher.search(QUESTIONS[0], k=30, group="passage")
        some = searcher.search(QUESTIONS[0], k=30, min_relevance=0.3, group="passage")
        none = searcher.search(NONSENSE["hybrid"][0], min_relevance=0.9)
        for wrong in (-0.1, 1.1):
            with pytest.raises(SearchError, match="0 to 1"):
                searcher.search(QUESTIONS[0], min_relevance=wrong)
    kept = [hit for hit in everything.hits if (hit.relevance or 0) >= 0.3]
    assert some.hits == tuple(kept)
    assert 0 < len(kept) < len(everything.hits)
    assert some.answered
    assert none.hits == ()
    assert none.answered is False


def test_a_small_index_has_no_relevance(corpus: Path, tmp_path: Path) -> None:
    build(corpus, tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        result = searcher.search("猫")
        assert result.answered is None
        assert result.hits
        assert {hit.relevance for hit in result.hits} == {None}
        assert result.notices == ()
        with pytest.raises(SearchError, match="no relevance to be left out by"):
            searcher.search("猫", min_relevance=0.1)


def test_where_nothing_is_found_nothing_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    build(tmp_path / "corpus", tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        assert searcher.search("猫", min_relevance=0.1).hits == ()


def test_an_empty_query_is_neither_answered_nor_not(examples: Path) -> None:
    with Searcher.open(examples) as searcher:
        result = searcher.search(" ")
    assert result.answered is None
    assert result.notices == (Notice("empty"),)


def test_the_command_line_shows_it(examples: Path) -> None:
    shown = CliRunner().invoke(cli, ["search", QUESTIONS[0], "--index", str(examples), "-k", "1"])
    assert "relevance" in shown.stdout
    assert " %" in shown.stdout
    assert "No good match" not in shown.output
    nothing = CliRunner().invoke(
        cli, ["search", NONSENSE["hybrid"][0], "--index", str(examples), "--min-relevance", "0.5"]
    )
    assert nothing.stdout.strip() == "Nothing found."
    nearest = CliRunner().invoke(cli, ["search", NONSENSE["hybrid"][0], "--index", str(examples)])
    assert str(Notice("no_good_match")) in nearest.stderr
    data = json.loads(CliRunner().invoke(cli, ["search", QUESTIONS[0], "--index", str(examples), "--json"]).stdout)
    assert data["answered"] is True
    assert 0 < data["hits"][0]["relevance"] < 1


@given(
    cosine=st.floats(-1, 1),
    match=st.floats(0, 100),
    more=st.floats(0, 1),
    dim=st.integers(1, 4096),
)
def test_more_of_either_score_is_never_less_relevant(cosine: float, match: float, more: float, dim: int) -> None:
    def best(cosine: float | None, match: float | None) -> float:
        found = relevances([hit(cosine, match, 1.0)], None if cosine is None else 0.2, 30.0, dim, manifest())
        assert found is not None
        return found[0]

    assert 0 < best(cosine, match) < 1
    assert best(cosine + more, match) >= best(cosine, match)
    assert best(cosine, match + more) >= best(cosine, match)
    assert best(cosine + more, None) >= best(cosine, None)
    assert best(None, match + more) >= best(None, match)


def test_the_same_score_says_less_where_chance_gives_more_and_among_more_passages() -> None:
    hits = [hit(0.4, 15.0, 1.0)]
    [usual] = relevances(hits, 0.2, 30.0, 256, manifest()) or []
    [alike] = relevances(hits, 0.2, 30.0, 256, manifest(coverage=0.8)) or []
    [spread] = relevances(hits, 0.2, 30.0, 256, manifest(std_256=0.12)) or []
    [many] = relevances(hits, 0.2, 30.0, 256, replace(manifest(), passages=1_000_000)) or []
    [crowded] = relevances(hits, 0.35, 30.0, 256, manifest()) or []
    assert max(alike, spread, many, crowded) < usual


def test_words_that_no_passage_has_speak_against_all() -> None:
    hits = [hit(0.4, None, 0.4), hit(0.3, None, 0.3)]
    alone = relevances(hits, 0.2, 30.0, 256, manifest()) or []
    unmatched = relevances(hits, 0.2, 30.0, 256, manifest(), bm25_no_match=True) or []
    assert all(less < more for less, more in zip(unmatched, alone, strict=True))
    assert unmatched == sorted(unmatched, reverse=True)


def test_nothing_found_and_nothing_known() -> None:
    assert relevances([], None, 0.0, 256, manifest()) == []
    assert relevances([], None, 0.0, 256, replace(manifest(), background={})) is None
    # A query of no word that the index has.
    assert relevances([hit(0.4, 0.0, 1.0)], 0.2, 0.0, 256, manifest()) is not None
