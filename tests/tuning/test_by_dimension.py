"""What fewer dimensions change in an index: ranks of a query's passages, agreement, quality, time, memory."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval

from sakuin.errors import SakuinError
from sakuin.index.build import add, build
from sakuin.index.snapshot import open_index
from sakuin.index.vectors import as_int8, write_segment
from sakuin.search import Searcher
from sakuin.tuning.by_dimension import (
    code_bytes,
    follow,
    judged_in,
    measure_dimensions,
    memory_bytes,
    sampled_queries,
    segment_rows,
    stored_bytes,
)
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.judged import JudgedQuery

DIMENSIONS = (32, 64, 256)
TOPICS = {
    "cats": "猫は魚を食べる。猫は夜に歩く。",
    "trains": "電車が遅れた。駅で証明書をもらう。",
    "money": "銀行の金利が上がる。円安で輸入品が値上がりした。",
    "rain": "It rains in June. Take an umbrella to the station.",
    "soup": "野菜のスープに塩を少し足す。弱火で煮る。",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("by_dimension")
    corpus = base / "corpus"
    corpus.mkdir()
    for name, text in TOPICS.items():
        sections = "\n\n".join(f"## {name} part {n}\n\n{text} {n} 番目の話。" for n in range(6))
        (corpus / f"{name}.md").write_text(f"# About {name}\n\n{sections}", encoding="utf-8")
    build(corpus, base / "index")
    return base / "index"


@pytest.fixture(scope="module")
def searcher(folder: Path) -> Iterator[Searcher]:
    with Searcher.open(folder) as opened:
        yield opened


@pytest.mark.parametrize("mode", ["dense", "hybrid"])
def test_a_query_is_followed_from_dimension_to_dimension(searcher: Searcher, mode: str) -> None:
    followed = follow(searcher, "電車の遅れ", dimensions=DIMENSIONS, mode=mode, cutoff=4)
    for place, dim in enumerate(DIMENSIONS):
        top = [hit.passage_id for hit in searcher.search("電車の遅れ", k=4, mode=mode, dim=dim, group="passage").hits]
        shown = {p.ranks[place]: p.hit.passage_id for p in followed.passages}
        assert [shown[rank] for rank in (1, 2, 3, 4)] == top
        full = [p.hit.passage_id for p in followed.passages[:4]]
        assert followed.kept[place] == len(set(top) & set(full))
    assert followed.kept[-1] == followed.first == 4
    assert [p.ranks[-1] for p in followed.passages][:4] == [1, 2, 3, 4]
    top_hit = followed.passages[0]
    assert top_hit.scores[-1] == top_hit.hit.score


def test_a_query_the_model_does_not_know(searcher: Searcher) -> None:
    followed = follow(searcher, "\U00013000", dimensions=DIMENSIONS)
    assert (followed.passages, followed.kept, followed.first) == ((), (0, 0, 0), 0)
    assert followed.notices


def test_agreement_is_recall_against_the_largest_dimension(searcher: Searcher) -> None:
    queries = [JudgedQuery(text, {}) for text in ("猫", "雨の日", "スープ", "\U00013000")]
    found = measure_dimensions(searcher, queries, dimensions=DIMENSIONS)
    assert (found.queries, found.asked) == (4, 4)
    for figures in found.figures:
        shares = []
        for query in queries[:3]:
            full, cut = (
                {
                    hit.passage_id
                    for hit in searcher.search(query.query, k=10, mode="dense", dim=dim, group="passage").hits
                }
                for dim in (256, figures.dim)
            )
            shares.append(len(full & cut) / len(full))
        assert figures.kept == pytest.approx(np.mean(shares))
        assert figures.ndcg is None
        assert 0 < figures.milliseconds < 10_000
    assert found.figures[-1].kept == 1.0
    assert found.figures[0].kept < 1.0


def test_quality_is_that_of_trec_eval_over_files(searcher: Searcher) -> None:
    judged = judged_in(
        searcher,
        [
            JudgedQuery("猫の食べ物", {"cats.md": 1.0}),
            JudgedQuery("rain and money", {"rain.md": 2.0, "money.md": 1.0, "gone.md": 1.0}),
        ],
    )
    assert judged.unknown == ("gone.md",)
    found = measure_dimensions(searcher, judged.queries, dimensions=DIMENSIONS)
    qrels = {q.query: {name: int(gain) for name, gain in q.gains.items()} for q in judged.queries}
    for figures in found.figures:
        run = {}
        for query in qrels:
            scores: dict[str, float] = {}
            for hit in searcher.search(query, k=100, mode="dense", dim=figures.dim).hits:
                scores.setdefault(hit.document.uri, hit.score)
            run[query] = scores
        measured = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(run)
        assert figures.ndcg == pytest.approx(np.mean([each["ndcg_cut_10"] for each in measured.values()]), abs=1e-9)


def test_judgements_of_another_corpus_are_refused(searcher: Searcher) -> None:
    with pytest.raises(EvaluationError, match="gone"):
        judged_in(searcher, [JudgedQuery("x", {"gone.md": 1.0})])


def test_titles_and_headings_are_sampled_alike_each_time(searcher: Searcher) -> None:
    texts = [query.query for query in sampled_queries(searcher)]
    assert sorted(texts) == sorted(
        [*(f"About {n}" for n in TOPICS), *(f"{n} part {i}" for n in TOPICS for i in range(6))]
    )
    assert [query.query for query in sampled_queries(searcher, 7)] == texts[:7]


def test_time_is_bounded_and_progress_rises(searcher: Searcher) -> None:
    shares: list[float] = []
    queries = [JudgedQuery(f"話 {n}", {}) for n in range(5_000)]
    started = time.monotonic()
    found = measure_dimensions(searcher, queries, dimensions=DIMENSIONS, seconds=0.5, progress=shares.append)
    assert time.monotonic() - started < 5
    assert 1 <= found.queries < 5_000 == found.asked
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_an_empty_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    build(tmp_path / "corpus", tmp_path / "index")
    with Searcher.open(tmp_path / "index") as empty, pytest.raises(SakuinError, match="no documents"):
        measure_dimensions(empty, sampled_queries(empty), dimensions=DIMENSIONS)


def test_bytes_are_those_of_an_index_of_that_dimension(folder: Path, searcher: Searcher, tmp_path: Path) -> None:
    extra = tmp_path / "more.txt"
    extra.write_text("もう一つの文書。", encoding="utf-8")
    build(folder.parent / "corpus", tmp_path / "index")
    add([extra], tmp_path / "index")
    for dim in DIMENSIONS:
        with closing(open_index(tmp_path / "index")) as snapshot, Searcher.open(tmp_path / "index") as own:
            rows = segment_rows(own)
            assert len(rows) == 2
            files = sum(segment.rows[:, :dim].nbytes for segment in snapshot.vectors.segments)
            assert stored_bytes(rows, dim) == files
            # Four times more for float32 than for int8.
            assert memory_bytes(rows, dim) == 5 * files


@pytest.mark.parametrize("dim", [8, 32, 256])
def test_bytes_of_codes(tmp_path: Path, dim: int) -> None:
    import faiss

    rows = 32_768
    vectors = np.random.default_rng(0).standard_normal((rows, dim), np.float32)
    paths = write_segment(tmp_path, "1", [(np.arange(rows), as_int8(vectors))])
    codes = [faiss.read_index(str(path)) for path in paths if path.name.endswith("codes.faiss")]
    assert code_bytes(rows, dim) == sum(index.sa_code_size() * index.ntotal for index in codes)
    assert code_bytes(rows - 1, dim) == 0


def test_neither_scipy_nor_scikit_learn_is_imported() -> None:
    code = "import sys, sakuin.tuning.by_dimension; print({'scipy', 'sklearn', 'torch', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
