"""Tuning of the fusion: its figures against pytrec_eval and against searches, its choice, and what it leaves behind."""

import json
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sakuin.cli.main import cli
from sakuin.index import store
from sakuin.index.build import add, build
from sakuin.index.errors import IndexFolderError
from sakuin.index.integrity import verify
from sakuin.index.maintenance import compact
from sakuin.index.snapshot import open_index
from sakuin.index.writer import IndexWriter
from sakuin.search import Searcher
from sakuin.search.fusion import Fusion
from sakuin.search.late_interaction import FIRST
from sakuin.tuning.candidate_table import CandidateTable, QueryFigures, fetch
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.fitting import (
    ADAPTIVE,
    BM25,
    DENSE,
    FIXED,
    IN_USE,
    RRF,
    TUNED,
    FusionComparison,
    best,
    compare_fusions,
    cross_validated,
    grid,
    keep,
)
from sakuin.tuning.judged import JudgedQuery, Judgements, databases, names_in_ranking, read_judged, sources_of
from sakuin.tuning.metrics import ndcg_at, recall_at, reciprocal_rank_at
from sakuin.tuning.significance import estimate

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
QUERIES = EXAMPLES / "queries.jsonl"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, example_index: Path) -> Path:
    folder = tmp_path_factory.mktemp("tuning") / "index"
    shutil.copytree(example_index, folder)
    return folder


@pytest.fixture
def index(built: Path) -> Path:
    """An index that was not tuned."""
    keep(built, None)
    return built


@pytest.fixture(scope="module")
def judged() -> list[JudgedQuery]:
    """With queries that each leg has no match for."""
    strangers = [
        JudgedQuery("feline", {"office/ikuji-kyugyo.md": 1}),
        JudgedQuery("\u10a0", {"office/kaigo-kyuka.txt": 1}),
    ]
    return read_judged(QUERIES) + strangers


def candidates_of(index: Path, judged: Sequence[JudgedQuery], dim: int = 256) -> CandidateTable:
    with Searcher.open(index) as searcher, databases(searcher) as connections:
        return fetch(searcher.whole, searcher.model, judged, connections=connections, dim=dim)


def searched(index: Path, judged: Sequence[JudgedQuery], mode: str, dim: int) -> QueryFigures:
    """Figures of the documents that searches list, by `tuning.metrics`."""
    rows = []
    with Searcher.open(index) as searcher, closing(store.connect(index, read_only=True)) as connection:
        for query in judged:
            passage_ids = [
                int(hit.passage_id, 16) for hit in searcher.search(query.query, k=60, mode=mode, dim=dim).hits
            ]
            sources = sources_of(passage_ids, connection)
            called = [names_in_ranking(passage_id, sources[passage_id], query.gains) for passage_id in passage_ids]
            ranked = list(dict.fromkeys(name for names in called for name in names))
            rows.append([own(10, ranked, query.gains) for own in (ndcg_at, reciprocal_rank_at, recall_at)])
    return QueryFigures(*np.array(rows, np.float64).T)


def assert_equal(a: QueryFigures, b: QueryFigures) -> None:
    for name in ("ndcg", "mrr", "recall"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    ("tuned", "dim"), [(None, 256), (Fusion(0.3, 1.0), 32), (Fusion(0.0, 0.0), 256), (Fusion(0.9, 0.0), 64)]
)
def test_a_setting_is_scored_as_searches_rank_by_it(
    index: Path, judged: list[JudgedQuery], tuned: Fusion | None, dim: int
) -> None:
    keep(index, tuned)
    some = judged[::4] + judged[-2:]
    found = candidates_of(index, some, dim)
    assert_equal(found.figures(found.by_fusion(tuned or Fusion())), searched(index, some, "hybrid", dim))


def test_the_legs_are_scored_as_searches_by_them_rank(index: Path, judged: list[JudgedQuery]) -> None:
    some = judged[::4] + judged[-2:]
    found = candidates_of(index, some)
    assert found.dense_no_match.sum() == 1
    assert found.bm25_no_match.sum() >= 1
    assert_equal(found.figures(found.by_dense()), searched(index, some, "dense", 256))
    assert_equal(found.figures(found.by_bm25()), searched(index, some, "bm25", 256))


def drawn(seed: int, queries: int, width: int) -> CandidateTable:
    """CandidateTable of chance, with ties, repeated documents and rows of unequal length."""
    generator = np.random.default_rng(seed)
    shape = (queries, width)
    there = np.arange(width) < generator.integers(1, width + 1, (queries, 1))
    documents = np.where(there, generator.integers(0, max(1, width // 2), shape), -1).astype(np.int32)
    gain_of = generator.integers(0, 4, (queries, width)).astype(np.float64)
    gains = np.where(there, np.take_along_axis(gain_of, np.maximum(documents, 0).astype(np.int64), 1), 0.0)
    # One more document that should be found and is not proposed.
    ideals = [sorted([2.0, *gain_of[i][: max(1, width // 2)]], reverse=True) for i in range(queries)]
    discounts = 1 / np.log2(np.arange(10) + 2)
    ranks = np.where(there, np.argsort(np.argsort(generator.random(shape))) + 1, 0).astype(np.int32)
    return CandidateTable(
        dense=np.where(there, generator.integers(0, 5, shape) / 4, 0),
        bm25=np.where(there, generator.integers(0, 5, shape) / 4, 0),
        dense_ranks=ranks,
        bm25_ranks=np.where(generator.random(shape) < 0.5, ranks, 0).astype(np.int32),
        interactions=np.where(there, generator.integers(0, 5, shape) / 8, np.nan),
        passages=np.where(there, np.arange(width), -1).astype(np.int32),
        documents=documents,
        gains=gains,
        ideal=np.array([sum(g * d for g, d in zip(own, discounts, strict=False)) for own in ideals]),
        relevant=np.array([sum(g > 0 for g in own) for own in ideals]),
        best=generator.random(queries),
        full=np.ones(queries),
    )


def by_trec_eval(found: CandidateTable, scores: NDArray[np.float64]) -> dict[str, list[float]]:
    """nDCG@10 and recall@10 by pytrec_eval, which gets each document once, at the place of its first candidate."""
    qrels: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    for i, row in enumerate(scores):
        listed = [j for j in np.argsort(-row, kind="stable") if np.isfinite(row[j])]
        ranked = list(dict.fromkeys(int(found.documents[i, j]) for j in listed))
        run[f"q{i}"] = {f"d{name}": 1000.0 - place for place, name in enumerate(ranked)}
        qrels[f"q{i}"] = {f"d{found.documents[i, j]}": int(found.gains[i, j]) for j in range(len(row))}
        qrels[f"q{i}"].pop("d-1", None)
    measured = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.10"}).evaluate(run)
    return {name: [measured[f"q{i}"][name] for i in range(len(scores))] for name in ("ndcg_cut_10", "recall_10")}


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 40), st.sampled_from(["rrf", "fusion", "bm25"]))
def test_figures_agree_with_trec_eval(seed: int, queries: int, width: int, way: str) -> None:
    found = drawn(seed, queries, width)
    scores = {"rrf": found.by_rrf, "bm25": found.by_bm25, "fusion": lambda: found.by_fusion(Fusion(0.5, 0.5))}[way]()
    # What should be found and is not proposed is unknown to trec_eval here: give it the ideal of what is proposed.
    proposed = [
        dict(zip(d.tolist(), g.tolist(), strict=True)) for d, g in zip(found.documents, found.gains, strict=True)
    ]
    for own in proposed:
        own.pop(-1, None)
    gains = [sorted((gain for gain in own.values() if gain > 0), reverse=True) for own in proposed]
    ideal = [sum(gain / np.log2(rank + 1) for rank, gain in enumerate(own[:10], 1)) for own in gains]
    ours = found.figures(scores)
    theirs = by_trec_eval(found, scores)
    for i in range(queries):
        if gains[i]:
            assert ours.ndcg[i] * found.ideal[i] / ideal[i] == pytest.approx(theirs["ndcg_cut_10"][i], abs=1e-6)
            assert ours.recall[i] * found.relevant[i] / len(gains[i]) == pytest.approx(theirs["recall_10"][i], abs=1e-6)
        else:
            assert ours.ndcg[i] == ours.mrr[i] == ours.recall[i] == 0


def test_reciprocal_rank_fusion_by_hand() -> None:
    found = drawn(1, 3, 12)
    scores = found.by_rrf()
    for i, j in np.ndindex(scores.shape):
        ranks = [int(own[i, j]) for own in (found.dense_ranks, found.bm25_ranks) if own[i, j]]
        assert scores[i, j] == (pytest.approx(sum(1 / (60 + rank) for rank in ranks)) if ranks else -np.inf)


def figures_of(values: NDArray[np.float64]) -> list[QueryFigures]:
    return [QueryFigures(row, row / 2, row / 4) for row in values]


def test_settings_are_unlike_each_other_and_begin_with_the_default() -> None:
    settings = grid()
    assert settings[0] == Fusion()
    assert len(set(settings)) == len(settings)
    assert {Fusion(0.0, 0.0), Fusion(1.0, 0.0), Fusion(0.5, 1.0)} <= set(settings)
    assert best(np.ones((5, 3))) == 0
    assert best(np.array([[0.2, 0.4], [0.5, 0.3], [0.1, 0.7]])) == 1


def test_a_query_has_no_say_in_how_it_is_ranked_itself() -> None:
    # Each query is perfect by a setting of its own, of which the others know nothing.
    values = np.vstack([np.full(30, 0.5), np.eye(30)])
    assert values[1:].max(axis=0).mean() == 1
    held = cross_validated(figures_of(values), 30, seed=0)
    np.testing.assert_allclose(held.ndcg, 0.5)


def test_cross_validation_by_hand() -> None:
    values = np.random.default_rng(3).random((4, 8))
    held = cross_validated(figures_of(values), 8, seed=0, repeats=3)
    # With as many folds as queries the folds are always the same.
    expected = [values[np.delete(values, i, axis=1).mean(axis=1).argmax(), i] for i in range(8)]
    np.testing.assert_allclose(held.ndcg, expected)
    np.testing.assert_allclose(held.recall, np.array(expected) / 4)


def test_intervals_narrow_with_more_queries() -> None:
    items = np.random.default_rng(0).random(400)
    few, many = estimate(items[:25]), estimate(items)
    assert few.low < items[:25].mean() < few.high
    assert many.high - many.low < (few.high - few.low) / 2
    # The normal approximation, which holds for so many.
    assert many.high - many.low == pytest.approx(2 * 1.96 * items.std() / 20, rel=0.1)


@pytest.fixture(scope="module")
def compared(built: Path, judged: list[JudgedQuery]) -> FusionComparison:
    keep(built, None)
    with Searcher.open(built) as searcher:
        return compare_fusions(searcher, judged)


def test_the_ways_to_rank(compared: FusionComparison) -> None:
    rows = {row.way: row for row in compared.rows}
    assert list(rows) == [DENSE, BM25, RRF, FIXED, ADAPTIVE, TUNED]
    for row in compared.rows:
        for own in (row.ndcg, row.mrr, row.recall):
            assert 0 <= own.low <= own.value <= own.high <= 1
    # Two thirds of the example queries share no word with their answers.
    assert rows[DENSE].ndcg.value > rows[ADAPTIVE].ndcg.value > rows[BM25].ndcg.value
    assert compared.difference.value == pytest.approx(rows[TUNED].ndcg.value - rows[ADAPTIVE].ndcg.value)
    assert compared.better == (compared.difference.low > 0)
    assert compared.better
    assert compared.tuned != Fusion()
    assert compared.dense_no_match == 1
    assert compared.bm25_no_match >= 1
    json.dumps(compared.to_dict(), allow_nan=False)


def test_the_same_queries_give_the_same_figures(
    index: Path, judged: list[JudgedQuery], compared: FusionComparison
) -> None:
    with Searcher.open(index) as searcher:
        assert compare_fusions(searcher, judged) == compared


def test_what_is_in_use_is_shown_beside_the_default(index: Path, judged: list[JudgedQuery]) -> None:
    keep(index, Fusion(0.1, 0.0))
    with Searcher.open(index) as searcher:
        result = compare_fusions(searcher, judged, dim=64, folds=3)
    rows = {row.way: row for row in result.rows}
    assert (result.dim, result.folds) == (64, 3)
    assert rows[IN_USE].ndcg != rows[ADAPTIVE].ndcg


def test_too_few_queries_are_refused(index: Path, judged: list[JudgedQuery]) -> None:
    elsewhere = [JudgedQuery(f"{number}", {"gone.md": 1}) for number in range(50)]
    with Searcher.open(index) as searcher, pytest.raises(EvaluationError, match=r"needs 20 .* there are 19"):
        compare_fusions(searcher, judged[:19] + elsewhere)


def test_queries_of_documents_that_are_gone_are_left_out(index: Path, judged: list[JudgedQuery]) -> None:
    gone = [JudgedQuery("x", {"gone.md": 1}), JudgedQuery("y", {"gone.md": 1})]
    with Searcher.open(index) as searcher:
        result = compare_fusions(searcher, gone + judged[:30])
    assert result.judgements == Judgements(tuple(judged[:30]), ("gone.md",), 2)


def test_an_open_searcher_takes_over_what_was_tuned(index: Path, tmp_path: Path) -> None:
    query = "会社を休みたい 申請"
    with Searcher.open(index) as searcher:
        before = searcher.search(query).hits
        generation = searcher.manifest.generation
        keep(index, Fusion(0.0, 0.0))
        only_meaning = searcher.search(query, explain=True, group="passage").hits
        assert searcher.manifest.generation == generation + 1
        # Late interaction puts no others than the first of them into order.
        first = [hit.passage_id for hit in searcher.search(query, k=FIRST, mode="dense", group="passage").hits]
        assert {hit.passage_id for hit in only_meaning} <= set(first)
        assert all(hit.bm25 and hit.bm25.share == 0 for hit in only_meaning)
        assert all(hit.explanation and hit.explanation.value == hit.score for hit in only_meaning)
        keep(index, None)
        assert [(hit.passage_id, hit.score) for hit in searcher.search(query).hits] == [
            (hit.passage_id, hit.score) for hit in before
        ]
    assert verify(index) == []


def test_changes_of_the_documents_leave_it_as_it_is(index: Path, example_index: Path, tmp_path: Path) -> None:
    copy = tmp_path / "index"
    shutil.copytree(index, copy)
    keep(copy, Fusion(0.2, 0.4))
    (tmp_path / "note.txt").write_text("猫は魚が好き。", encoding="utf-8")
    add([tmp_path / "note.txt"], copy)
    build(example_index.parent / "examples" / "corpus", copy)
    compact(copy)
    assert fusion_of(copy) == {"bm25_weight": 0.2, "covered": 0.4}
    assert verify(copy) == []


def test_an_index_that_is_being_written_or_is_not_there_is_not_tuned(index: Path, tmp_path: Path) -> None:
    with IndexWriter(index), pytest.raises(IndexFolderError, match="is writing"):
        keep(index, Fusion(0.1, 0.0), timeout=0.1)
    with pytest.raises(IndexFolderError, match="No index"):
        keep(tmp_path / "none", Fusion(0.1, 0.0))
    assert not (tmp_path / "none").exists()


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def fusion_of(index: Path) -> dict[str, float]:
    with closing(open_index(index)) as snapshot:
        return snapshot.manifest.fusion


def test_the_command_tunes_shows_and_resets(index: Path) -> None:
    code, shown = run("tune", "--queries", QUERIES, "--index", index, "--dry-run")
    assert code == 0
    assert "Kept:      nothing, as asked for by --dry-run" in shown
    assert fusion_of(index) == {}
    code, shown = run("tune", "--queries", QUERIES, "--index", index)
    assert code == 0
    tuned = Fusion.of(fusion_of(index))
    assert tuned != Fusion()
    for text in (*map(str, (DENSE, BM25, RRF, ADAPTIVE, TUNED)), "nDCG@10", f"Best:      {tuned}", "BM25 left out"):
        assert text in shown
    assert f"tuned: {tuned}" in run("info", "--index", index)[1]
    facts = json.loads(run("tune", "--queries", QUERIES, "--index", index, "--json")[1])
    assert facts["kept"]
    assert facts["queries"] == len(read_judged(QUERIES))
    assert Fusion(**facts["tuned"]) == tuned
    assert "by the default again" in run("tune", "--reset", "--index", index)[1]
    assert fusion_of(index) == {}
    assert "was not tuned" in run("tune", "--reset", "--index", index)[1]
    assert f"default: {Fusion()}" in run("info", "--index", index)[1]


def test_nothing_is_kept_where_the_default_is_as_good(index: Path, tmp_path: Path) -> None:
    # Half of the example queries that share words with their answers: any setting finds these.
    lines = [line for line in QUERIES.read_text(encoding="utf-8").splitlines() if not json.loads(line)["paraphrase"]]
    (tmp_path / "judged.jsonl").write_text("\n".join(lines), encoding="utf-8")
    code, shown = run("tune", "--queries", tmp_path / "judged.jsonl", "--index", index)
    assert code == 0
    assert "Kept:      nothing, for this is no better than the default beyond chance; the default stays" in shown
    assert fusion_of(index) == {}


def test_judgements_that_name_nothing_are_counted(index: Path, tmp_path: Path) -> None:
    lines = [
        *QUERIES.read_text(encoding="utf-8").splitlines(),
        '{"query": "a", "relevant": ["gone.md", "too\\u001b.md"]}',
    ]
    (tmp_path / "judged.jsonl").write_text("\n".join(lines), encoding="utf-8")
    shown = run("tune", "--queries", tmp_path / "judged.jsonl", "--index", index, "--dry-run")[1]
    assert "Not in the index: 2 judged names, such as gone.md, too .md; 1 queries left out" in shown


def test_wrong_usage(index: Path) -> None:
    assert run("tune", "--index", index, "--queries", QUERIES, "--reset")[0] == 2
    assert run("tune", "--index", index, "--queries", QUERIES, "--folds", "1")[0] == 2
