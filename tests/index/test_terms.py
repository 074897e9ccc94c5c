"""The term index: scores against an independent BM25, generations, and input that means harm."""

import math
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rank_bm25 import BM25Okapi

from sakuin.index.errors import IndexFolderError
from sakuin.index.terms import MAX_QUERY_TERMS, OTHER_WEIGHT, Statistics, Terms, TermsWriter, padding
from sakuin.index.text import Analyser, is_japanese

TEXTS = [
    "京都の清水寺は古い寺です",
    "東京タワーの高さは333メートル",
    "猫が公園を走った",
    "犬が走る",
    "資金決済法の改正",
    "The cat runs in the park",
    "Running dogs",
    "サーバーの再起動 server restart",
    "サーバ障害",
    "京都 京都 京都",
]
QUERIES = [
    "京都の寺",
    "走る猫",
    "cat running",
    "サーバー restart",
    "決済",
    "京都 京都 東京",
    "333",
    "the",
    "無関係な言葉",
]


def build(folder: Path, texts: Sequence[str] = TEXTS, ids: Sequence[int] | None = None) -> Terms:
    writer = TermsWriter(folder, None)
    writer.add(range(len(texts)) if ids is None else ids, texts)
    writer.commit()
    return Terms(folder)


def answers(terms: Terms) -> list[tuple[list[int], list[float]]]:
    return [(ids.tolist(), scores.tolist()) for ids, scores in (terms.search(query, 10) for query in QUERIES)]


class LuceneBM25(BM25Okapi):  # type: ignore[misc]
    """The oracle, with Lucene's idf; its term part, with the factor (k1 + 1), is tantivy's already."""

    def _calc_idf(self, nd: dict[str, int]) -> None:
        for word, count in nd.items():
            self.idf[word] = math.log(1 + (self.corpus_size - count + 0.5) / (count + 0.5))


@pytest.mark.parametrize("query", QUERIES)
def test_scores_and_ranking_are_those_of_bm25(tmp_path: Path, query: str) -> None:
    """The passages are of fewer than 40 terms, whose lengths tantivy stores exactly."""
    terms = build(tmp_path / "a")
    analyser = Analyser()
    oracle = LuceneBM25([analyser.terms(text) for text in TEXTS], k1=1.2, b=0.75)
    expected = np.zeros(len(TEXTS))
    for term, count in Counter(analyser.terms(query)).items():
        expected += oracle.get_scores([term]) * count * (1 if is_japanese(term) else OTHER_WEIGHT)
    ids, scores = terms.search(query, len(TEXTS))
    assert terms.scores(query, range(len(TEXTS))) == pytest.approx(expected, abs=2e-4)
    assert set(ids.tolist()) == set(np.flatnonzero(expected).tolist())
    assert scores == pytest.approx(expected[ids], abs=2e-4)
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_results_are_numpy_arrays_of_the_promised_kinds(tmp_path: Path) -> None:
    ids, scores = build(tmp_path / "a").search("京都", 3)
    assert ids.dtype == np.int64
    assert scores.dtype == np.float32


@pytest.mark.parametrize("query", QUERIES)
def test_contributions_sum_to_the_score(tmp_path: Path, query: str) -> None:
    terms = build(tmp_path / "a")
    for passage_id, score in zip(*terms.search(query, 3), strict=True):
        parts = [(part.term, part.value) for part in terms.explained(query, int(passage_id))]
        assert sum(part for _, part in parts) == pytest.approx(score, abs=1e-3)


def test_scores_of_passages_keep_their_order_and_give_0_where_nothing_matches(tmp_path: Path) -> None:
    terms = build(tmp_path / "a")
    scores = terms.scores("京都", [9, 2, 0, 12345, 9])
    assert scores[0] == scores[4] > scores[2] > 0
    assert scores[1] == scores[3] == 0
    assert terms.scores("京都", []).shape == (0,)


def test_ties_come_by_ascending_id_also_at_the_last_place(tmp_path: Path) -> None:
    terms = build(tmp_path / "a", ["同じ文"] * 300, list(range(1000, 700, -1)))
    assert terms.search("同じ文", 7)[0].tolist() == list(range(701, 708))


@pytest.mark.parametrize("k", [-1, 0, 1, 10**12])
def test_k_is_bounded(tmp_path: Path, k: int) -> None:
    ids, scores = build(tmp_path / "a").search("京都", k)
    assert len(ids) == len(scores) == min(max(k, 0), 3)  # 京都 twice, and the 京 of 東京


def test_matches_counts_the_known_terms(tmp_path: Path) -> None:
    terms = build(tmp_path / "a")
    assert len(terms.search("cat zebra", 10)[0])
    assert not len(terms.search("zebra", 10)[0])
    assert not len(terms.search("", 10)[0])


def test_large_ids(tmp_path: Path) -> None:
    terms = build(tmp_path / "a", ["猫"], [2**62])
    assert terms.search("猫", 1)[0].tolist() == [2**62]


def test_an_empty_index(tmp_path: Path) -> None:
    terms = build(tmp_path / "a", [])
    assert terms.num_passages == 0
    assert terms.search("猫", 5)[0].shape == (0,)
    assert terms.scores("猫", [1]).tolist() == [0]


def test_passages_without_a_term_are_counted_and_never_found(tmp_path: Path) -> None:
    terms = build(tmp_path / "a", ["", "。", "猫"])
    assert terms.num_passages == 3
    assert terms.search("。 猫", 5)[0].tolist() == [2]


def test_generations_follow_each_other(tmp_path: Path) -> None:
    first = build(tmp_path / "1")
    before = answers(first)
    writer = TermsWriter(tmp_path / "2", tmp_path / "1")
    writer.remove([0, 9, 4711])
    writer.add([20], ["京都の金閣寺"])
    writer.remove([2])
    writer.add([2], ["金沢の兼六園"])
    writer.commit()
    second = Terms(tmp_path / "2")
    assert second.num_passages == len(TEXTS) - 1
    assert second.search("京都", 10)[0].tolist() == [20, 1]  # the last for the 京 of 東京
    assert second.search("兼六園", 10)[0].tolist() == [2]
    assert second.search("猫", 10)[0].tolist() == []
    assert answers(first) == answers(Terms(tmp_path / "1")) == before


def test_a_term_whose_passages_were_removed_is_unknown(tmp_path: Path) -> None:
    build(tmp_path / "1")
    writer = TermsWriter(tmp_path / "2", tmp_path / "1")
    writer.remove([4])
    writer.commit()
    assert not len(Terms(tmp_path / "2").search("決済", 10)[0])


def test_many_generations_merge_and_sweep(tmp_path: Path) -> None:
    build(tmp_path / "0")
    for generation in range(1, 20):
        writer = TermsWriter(tmp_path / str(generation), tmp_path / str(generation - 1))
        writer.add([100 + generation], [f"世代{generation}の文書"])
        writer.commit()
    last = Terms(tmp_path / "19")
    assert last.num_passages == len(TEXTS) + 19
    assert len(last.search("世代", 100)[0]) == 19
    assert len(list((tmp_path / "19").iterdir())) < 80


@pytest.mark.parametrize("committed", [False, True])
def test_a_writer_that_dies_leaves_its_base_as_it_was(tmp_path: Path, committed: bool) -> None:
    """The process leaves without any clean-up, as a killed one does."""
    base = tmp_path / "1"
    before = answers(build(base))
    files = {file.name: file.read_bytes() for file in base.iterdir()}
    script = f"""
import os
from dataclasses import replace
from pathlib import Path
from sakuin.index.terms import TermsWriter
writer = TermsWriter(Path({str(tmp_path / "2")!r}), Path({str(base)!r}))
writer.remove(range(5))
writer.add(range(100, 600), ["京都の寺"] * 500)
if {committed}:
    writer._writer.commit()
os._exit(7)
"""
    died = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False)
    assert died.returncode == 7
    assert {file.name: file.read_bytes() for file in base.iterdir()} == files
    assert answers(Terms(base)) == before


def test_a_generation_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("links are not supported here")

    before = answers(build(tmp_path / "1"))
    monkeypatch.setattr(os, "link", refuse)
    TermsWriter(tmp_path / "2", tmp_path / "1").commit()
    assert answers(Terms(tmp_path / "2")) == before


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    build(tmp_path / "1")
    with pytest.raises(IndexFolderError, match="not empty"):
        TermsWriter(tmp_path / "1", None)


def test_a_missing_folder_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="index repair"):
        Terms(tmp_path / "nowhere")
    with pytest.raises(IndexFolderError):
        TermsWriter(tmp_path / "2", tmp_path / "nowhere")


@pytest.mark.parametrize("suffix", ["meta.json", ".term", ".idx", ".fast", ".fieldnorm", ".store"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "noise"])
def test_damage_is_our_error_or_harmless(tmp_path: Path, suffix: str, damage: str) -> None:
    build(tmp_path / "1")
    (file,) = (file for file in (tmp_path / "1").iterdir() if file.name.endswith(suffix))
    content = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "noise": b"\xff" * len(content)}[damage])
    message = ""
    try:
        answers(Terms(tmp_path / "1"))
    except IndexFolderError as error:
        message = str(error)
    assert "index repair" in message or suffix == ".store", "a damaged file went unnoticed"


@pytest.mark.parametrize(
    "query",
    [
        '"京都" AND (寺 OR -猫)',
        "id:1 terms:*",
        "[a TO z] {* TO *}",
        "'; DROP TABLE passages; --",
        "京都\x00寺\x1b[31m",
        "😀👨‍👩‍👧‍👦🇯🇵",
        "\u202eشركة\u202c עברית",
        "\ud800京都\udfff",
        "\\ / ^ ~ + ( ) ! ? : \" ' *",
        "ﷺ" * 100,
        "京" * 10_000,
        "a" * 100_000,
        "_" * 1_000,
        "e\u0301\u0301" * 500,
    ],
)
def test_hostile_queries_are_only_words(tmp_path: Path, query: str) -> None:
    terms = build(tmp_path / "a", [*TEXTS, query])
    ids, scores = terms.search(query, 5)
    assert np.isfinite(scores).all()
    if terms.terms_of(query):
        assert len(TEXTS) in ids.tolist()
    else:
        assert ids.shape == (0,)


def test_a_query_of_a_megabyte_keeps_its_rarest_terms(tmp_path: Path) -> None:
    common = [f"w{number}" for number in range(MAX_QUERY_TERMS + 500)]
    terms = build(tmp_path / "a", [" ".join(common), " ".join(common), "zebra"])
    query = " ".join(common * 40) + " zebra 京都" * 70_000
    assert len(query) > 900_000
    assert terms.search(query, 3)[0].tolist()[0] == 2
    assert len(terms.search(query, 3)[0]) == 3


def test_threads_may_share_an_open_index(tmp_path: Path) -> None:
    terms = build(tmp_path / "a")
    expected = answers(terms)
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(20):
            if answers(terms) != expected:
                wrong.append(answers(terms))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_however_far_means_are_apart_passages_of_padding_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passages, own, mean = 5_000_000, 10.0, 110.0
    number, terms = padding.padding_of(passages, own, mean)
    assert terms / number <= padding.LONGEST + mean
    assert (passages * own + terms) / (passages + number) == pytest.approx(mean, rel=1e-12)

    asked = build(tmp_path / "a").asked("京都の寺")
    told = replace(asked, statistics=Statistics(100, 200.0, dict.fromkeys(asked.weights, 3)))
    found = []
    for longest in (padding.LONGEST, 3):
        monkeypatch.setattr(padding, "LONGEST", longest)
        found.append(Terms(tmp_path / "a").scores(told, range(len(TEXTS))))
    assert found[0].any()
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_passages_of_padding_without_terms_are_counted_and_not_written(tmp_path: Path) -> None:
    assert padding.lengths_of(9_000_000, 12) == [12]
    assert sum(padding.lengths_of(40, 2_000_001)) == 2_000_001
    assert len(padding.lengths_of(40, 2_000_001)) == 40
    terms = build(tmp_path / "a")
    asked = terms.asked("京都の寺")
    # Beside passages of which nearly all are empty; these were to be tens of millions.
    mean = 1e-6
    told = replace(asked, statistics=Statistics(10**8, mean, dict.fromkeys(asked.weights, 3)))
    (passage_id, *_), _ = terms.search("京都の寺", 1)
    parts = terms.explained(told, int(passage_id))
    assert parts
    for part in parts:
        below = part.k1 * (1 - part.b + part.b * part.length / mean)
        assert part.saturation == pytest.approx(part.frequency / (part.frequency + below), rel=1e-5)
