"""Segments of vectors: exact search, search by codes, what is merged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sakuin.index.errors import IndexFolderError
from sakuin.index.vectors import (
    MAX_DEAD_SHARE,
    Vectors,
    as_int8,
    code_order,
    codes,
    segment,
    to_merge,
    write_segment,
)


def made_rows(number: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """Rows whose first dimensions matter most, as Matryoshka vectors have them."""
    rows = np.random.default_rng(seed).normal(size=(number, dim)) / np.sqrt(1 + np.arange(dim))
    return rows.astype(np.float32)


def exact(rows: NDArray[np.int8] | NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float32]:
    cut = rows[:, : len(query)].astype(np.float32)
    return (cut / np.linalg.norm(cut, axis=1, keepdims=True)) @ query


def made_query(dim: int, seed: int) -> NDArray[np.float32]:
    return made_rows(1, 64, 1000 + seed)[0, :dim]


def test_search_of_small_segments_is_exact(tmp_path: Path) -> None:
    stored = as_int8(made_rows(500, 64))
    ids = np.random.default_rng(1).permutation(np.arange(10, 510))
    write_segment(tmp_path, "one", [(ids[:200], stored[:200]), (ids[200:300], stored[200:300])])
    write_segment(tmp_path, "two", [(ids[300:], stored[300:])])
    removed = np.sort(ids[[3, 299, 300]])
    vectors = Vectors(tmp_path, ["one", "two"], removed)
    alive = ~np.isin(ids, removed)
    assert vectors.ids.tolist() == sorted(ids[alive].tolist())
    assert len(vectors) == 497
    for dim in (64, 16, 1):
        query = made_query(dim, dim)
        query /= np.linalg.norm(query)
        expected = exact(stored, query)[alive]
        found, scores = vectors.search(query, 10)
        np.testing.assert_allclose(scores, np.sort(expected)[::-1][:10], atol=1e-5)
        assert (vectors.scores(query, found) == scores).all()
        within, _ = vectors.search(query, 10, within=vectors.chosen(found[::2]))
        assert within.tolist() == found[::2].tolist()
        np.testing.assert_allclose(vectors.scores(query, ids[alive]), expected, atol=1e-5)
        assert vectors.scores(query, np.array([ids[3], 10_000])).tolist() == [0, 0]
        assert set(found.tolist()) <= set(ids[alive].tolist())
    np.testing.assert_allclose(np.linalg.norm(vectors.rows(vectors.ids, 16), axis=1), 1, atol=1e-5)


@pytest.fixture
def coded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, NDArray[np.int8]]:
    """A large segment "big", as segments go in this test, and a small one "few"."""
    monkeypatch.setattr(segment, "CODED_FROM", 4000)
    rows = as_int8(made_rows(5000, 64))
    write_segment(tmp_path, "big", [(np.arange(4500), rows[:4500])])
    write_segment(tmp_path, "few", [(np.arange(4500, 5000), rows[4500:])])
    assert (tmp_path / "big.codes.faiss").is_file()
    assert not (tmp_path / "few.codes.faiss").exists()
    return tmp_path, rows


def test_codes_find_what_exact_search_finds(coded: tuple[Path, NDArray[np.int8]]) -> None:
    folder, rows = coded
    vectors = Vectors(folder, ["big", "few"], np.zeros(0, np.int64))
    for dim, least in ((64, 0.98), (32, 0.95), (16, 0.85)):
        found = 0
        for number in range(50):
            query = made_query(dim, number)
            query /= np.linalg.norm(query)
            expected = exact(rows, query)
            ids, scores = vectors.search(query, 10, rescored=500)
            found += len(set(ids.tolist()) & set(np.argsort(-expected)[:10].tolist()))
            np.testing.assert_allclose(scores, expected[ids], atol=1e-5)
            assert (vectors.scores(query, ids) == scores).all()
        assert found >= least * 500
    # With every row compared, nothing is missed.
    ids, _ = vectors.search(query, 10, rescored=5000)
    assert ids.tolist() == np.argsort(-expected, kind="stable")[:10].tolist()


def recall(vectors: Vectors, rows: NDArray[np.int8], dim: int, rescored: int) -> float:
    """Share of the truly nearest ten that are found, over 40 queries."""
    found = 0
    for query in made_rows(40, rows.shape[1], 99)[:, :dim]:
        query = query / np.linalg.norm(query)
        ids, _ = vectors.search(query, 10, rescored)
        found += len(set(ids.tolist()) & set(np.argsort(-exact(rows, query))[:10].tolist()))
    return found / 400


@pytest.mark.parametrize("stored", [100, 128, 130, 200, 256, 300])
def test_codes_say_something_of_every_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: int) -> None:
    monkeypatch.setattr(segment, "CODED_FROM", 4000)
    rows = as_int8(made_rows(5000, stored))
    write_segment(tmp_path, "big", [(np.arange(5000), rows)])
    vectors = Vectors(tmp_path, ["big"], np.zeros(0, np.int64))
    assert vectors.dim == stored
    # Chance would find 0.1.
    for dim, least in ((stored, 0.95), (64, 0.95), (32, 0.85)):
        assert recall(vectors, rows, dim, 500) >= least


@pytest.mark.parametrize("stored", [128, 256])
def test_codes_of_earlier_versions_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: int) -> None:
    import faiss

    monkeypatch.setattr(segment, "CODED_FROM", 4000)
    rows = as_int8(made_rows(5000, stored))
    write_segment(tmp_path, "big", [(np.arange(5000), rows)])
    prefix = min(stored, 192)
    codes = faiss.IndexPQFastScan(prefix, prefix // 2, 4, faiss.METRIC_INNER_PRODUCT)
    lengths = np.linalg.norm(rows.astype(np.float32), axis=1, keepdims=True)
    neighbours = np.ascontiguousarray((rows / lengths)[:, :prefix], np.float32)
    codes.train(neighbours)
    codes.add(neighbours)
    (tmp_path / "big.codes.faiss").write_bytes(faiss.serialize_index(codes).tobytes())
    vectors = Vectors(tmp_path, ["big"], np.zeros(0, np.int64))
    assert recall(vectors, rows, stored, 300) >= 0.95
    assert recall(vectors, rows, 64, 300) >= 0.95


def test_few_chosen_rows_of_a_segment_crowd_no_other_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "CODED_FROM", 4000)
    monkeypatch.setattr(segment, "COMPARED_CHOSEN", 1500)
    rows = as_int8(made_rows(10_000, 64))
    write_segment(tmp_path, "one", [(np.arange(4000), rows[:4000])])
    write_segment(tmp_path, "two", [(np.arange(4000, 10_000), rows[4000:])])
    vectors = Vectors(tmp_path, ["one", "two"], np.zeros(0, np.int64))
    # Of the first segment all chosen rows are compared, of the second the nearest by their codes.
    chosen = np.concatenate([np.arange(1200), np.arange(4000, 9000)])
    within = vectors.chosen(chosen)
    for number in range(10):
        query = made_query(64, number)
        query /= np.linalg.norm(query)
        ids, _ = vectors.search(query, 10, within=within)
        nearest = chosen[np.argsort(-exact(rows, query)[chosen])[:10]]
        assert len(set(ids.tolist()) & set(nearest.tolist())) >= 9


def test_a_code_of_four_takes_dimensions_a_quarter_apart() -> None:
    assert code_order(256, 64)[:8].tolist() == [0, 64, 128, 192, 1, 65, 129, 193]
    assert code_order(128, 64).tolist() == list(range(128))


def test_the_dead_crowd_nobody_out(coded: tuple[Path, NDArray[np.int8]]) -> None:
    folder, rows = coded
    query = made_query(64, 7)
    nearest = np.argsort(-exact(rows, query))
    removed = np.sort(nearest[:1000])
    vectors = Vectors(folder, ["big", "few"], removed)
    ids, _ = vectors.search(query, 10, rescored=1000)
    assert len(ids) == 10
    assert not np.isin(ids, removed).any()
    assert len(set(ids.tolist()) & set(nearest[1000:1010].tolist())) >= 9


@pytest.mark.parametrize("kind", ["ids.npy", "int8.npy", "codes.faiss"])
def test_a_damaged_segment_is_refused(coded: tuple[Path, NDArray[np.int8]], kind: str) -> None:
    folder, _ = coded
    path = folder / f"big.{kind}"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(IndexFolderError, match="index repair"):
        Vectors(folder, ["big", "few"], np.zeros(0, np.int64))


@given(st.lists(st.tuples(st.integers(1, 100_000), st.floats(0, 1)), max_size=60))
def test_segments_stay_few_and_each_nearly_as_large_as_all_smaller_ones(additions: list[tuple[int, float]]) -> None:
    sizes: list[tuple[int, int]] = []
    written = total = 0
    for rows, share in additions:
        sizes = [(size, max(dead, int(size * share * 0.3))) for size, dead in sizes]
        sizes.append((rows, 0))
        chosen = set(to_merge(sizes))
        one = sum(size - dead for i, (size, dead) in enumerate(sizes) if i in chosen)
        sizes = [size for i, size in enumerate(sizes) if i not in chosen] + ([(one, 0)] if one else [])
        written += one
        total += rows
        assert all(dead <= MAX_DEAD_SHARE * size for size, dead in sizes)
        ordered = sorted((size for size, _ in sizes), reverse=True)
        assert len(ordered) <= 2 + np.log(max(sum(ordered), 1)) / np.log(1.8)


def test_what_a_build_wrote_is_not_merged_by_the_first_additions() -> None:
    parts = [(1_000_000, 0), (1_000_000, 0)]
    assert to_merge([*parts, (1, 0)]) == to_merge([*parts, (200_000, 0)]) == []
    assert to_merge([*parts, (1, 0), (1, 0), (1, 0)]) == [2, 3, 4]
    assert to_merge([*parts, (300_000, 0)]) == [0, 1, 2]


@given(st.integers(1, 300), st.floats(-30, 30), st.integers(0, 1000))
def test_int8_rows_keep_directions(dim: int, exponent: float, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(20, dim)).astype(np.float32)
    rows[7] = 0
    stored = as_int8(rows * np.float32(2.0**exponent))
    # Of any length, so the same as of the vectors themselves, but where rounding is a tie.
    assert np.abs(stored.astype(int) - as_int8(rows)).max() <= 1
    assert not stored[7].any()
    seen = np.arange(20) != 7
    assert (np.abs(stored[seen].astype(int)).max(axis=1) == 127).all()
    # Each number is off by half a step at most, which is a 254th of the largest.
    steps = np.abs(rows).max(axis=1, keepdims=True) / 127
    np.testing.assert_allclose(stored * steps, rows, atol=0.51 * steps.max())
    lengths = np.linalg.norm(rows[seen], axis=1) * np.linalg.norm(stored[seen].astype(np.float32), axis=1)
    cosines = np.einsum("ij,ij->i", rows[seen], stored[seen].astype(np.float32)) / lengths
    assert (cosines > 0.9995).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_damaged_head_of_an_array_is_told(tmp_path: Path) -> None:
    """Python's own parser, which numpy asks, has errors of its own."""
    write_segment(tmp_path, "one", [(np.arange(3), np.ones((3, 4), np.int8))])
    path = tmp_path / "one.int8.npy"
    whole = path.read_bytes()
    told = 0
    for place in range(len(whole) - 12):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            path.write_bytes(data)
            try:
                segment.read_rows(path)
            except ValueError:
                told += 1
    assert told > 300


def test_codes_leave_a_core_to_what_is_written_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import faiss

    threads = faiss.omp_get_max_threads()
    seen: list[int] = []
    coded = codes.as_coded

    def watched(*arguments: Any) -> NDArray[np.float32]:
        seen.append(faiss.omp_get_max_threads())
        return coded(*arguments)

    monkeypatch.setattr(codes, "as_coded", watched)
    try:
        faiss.omp_set_num_threads(3)
        codes.write_codes(tmp_path / "codes", np.random.default_rng(1).integers(-127, 128, (600, 64)).astype(np.int8))
        assert set(seen) == {2}
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(threads)
