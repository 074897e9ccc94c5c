"""An index ranks the same however its documents came: in one build, or in many additions, changes and removals."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sakuin.index.build import add, build, remove
from sakuin.index.integrity import verify
from sakuin.index.maintenance import compact
from sakuin.search import Searcher

WORDS = ["猫", "犬が走る", "検索", "有給休暇", "東京", "quick", "fox", "vectors", "索引を作る", "同じ文です。"]
QUERIES = ["猫と犬", "quick vectors", "索引", "同じ文"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map("。".join)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 7), TEXTS),
        st.tuples(st.just("remove"), st.integers(0, 7), st.just("")),
        st.tuples(st.just("compact"), st.just(0), st.just("")),
    ),
    min_size=3,
    max_size=14,
)


def ranking(folder: Path, mode: str) -> list[tuple[object, ...]]:
    """All hits of all queries: text and scores; of a passage that stands twice, either place may be shown."""
    with Searcher.open(folder) as searcher:
        return [
            (hit.rank, hit.passage_id, hit.places, hit.text, hit.score, hit.dense, hit.bm25)
            for query in QUERIES
            for hit in searcher.search(query, k=50, mode=mode).hits
        ]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_ranking_does_not_depend_on_history(tmp_path: Path, steps: list[tuple[str, int, str]]) -> None:
    shutil.rmtree(tmp_path)
    corpus, folder, fresh = (tmp_path / name for name in ("corpus", "index", "fresh"))
    corpus.mkdir(parents=True)
    (corpus / "first.txt").write_text("最初の文書です。猫と犬。", encoding="utf-8")
    build(corpus, folder)
    for step, number, text in steps:
        path = corpus / f"{number}.txt"
        if step == "put":
            path.write_text(text, encoding="utf-8")
            add([path], folder)
        elif step == "compact":
            compact(folder)
        elif path.exists():
            path.unlink()
            remove([path.name], folder)
    build(corpus, fresh)
    assert ranking(folder, "dense") == ranking(fresh, "dense")
    compact(folder)
    assert verify(folder) == []
    for mode in ("dense", "bm25", "hybrid"):
        assert ranking(folder, mode) == ranking(fresh, mode)


@pytest.mark.slow
def test_ranking_does_not_depend_on_history_with_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr("sakuin.index.vectors.segment.CODED_FROM", 500)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(30):
        lines = [
            f'{{"id": {i}, "text": "{WORDS[i % 10]}と{WORDS[(i // 10) % 10]}、{i * number}番の{number}"}}'
            for i in range(100)
        ]
        (corpus / f"{number}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    build(corpus, tmp_path / "fresh")
    for number in (*range(29, -1, -2), *range(0, 30, 2)):
        add([corpus / f"{number}.jsonl"], tmp_path / "index")
    remove([str(corpus / f"{number}.jsonl") for number in range(5)], tmp_path / "index")
    build(corpus, tmp_path / "index")
    compact(tmp_path / "index")
    for mode in ("dense", "bm25", "hybrid"):
        assert ranking(tmp_path / "index", mode) == ranking(tmp_path / "fresh", mode)
