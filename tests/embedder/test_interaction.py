"""Late interaction: the compiled core against numpy, and numpy against what it is said to be."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sakuin.embedder import StaticEmbedder, interaction
from sakuin.embedder.core import native
from sakuin.embedder.interaction import MOST_READ, WINDOWS, AskedTokens, best_window, by_numpy, interactions
from sakuin.embedder.table import Table

ROWS = 50
needs_core = pytest.mark.skipif(native is None, reason="the compiled core could not be built here")


def table_of(seed: int, width: int) -> Table:
    """Random int8 rows, one of which is zero."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-127, 128, (ROWS, width)).astype(np.int8)
    values[7] = 0
    return Table(values, np.ones(ROWS, np.float32))


@needs_core
@settings(max_examples=60)
@given(
    seed=st.integers(0, 1000),
    width=st.sampled_from([1, 3, 64, 256, 300]),
    asked=st.lists(st.integers(0, ROWS - 1), max_size=20, unique=True),
    lengths=st.lists(st.integers(0, 70), max_size=5),
)
def test_the_core_gives_what_numpy_gives(seed: int, width: int, asked: list[int], lengths: list[int]) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.random(len(asked))
    query = AskedTokens(np.array(asked, np.int64), weights / weights.sum() if asked else weights)
    ids = rng.integers(0, ROWS, sum(lengths))
    table = table_of(seed, width)
    found = interactions(table, query, ids, np.array(lengths, np.int64))
    expected = by_numpy(table, query, ids, np.array(lengths, np.int64))
    assert found.shape == (len(lengths), len(WINDOWS))
    np.testing.assert_allclose(found, expected, atol=1e-9)


@settings(max_examples=60)
@given(seed=st.integers(0, 1000), asked=st.integers(1, 6), read=st.integers(1, 40), size=st.integers(1, 30))
def test_the_best_window_is_the_best_of_all(seed: int, asked: int, read: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    cosines, weights = rng.random((asked, read)).astype(np.float32), rng.random(asked)
    found = best_window(cosines, weights, size)
    windows = [cosines[:, start : start + size] for start in range(max(1, read - size + 1))]
    assert found.score == pytest.approx(max(float(weights @ own.max(axis=1)) for own in windows))
    assert found.score == pytest.approx(float(weights @ found.cosines))
    np.testing.assert_array_equal(cosines[np.arange(asked), found.places], found.cosines)
    assert np.ptp(found.places) < size


@needs_core
@pytest.mark.parametrize(
    "changed", [{"query": [ROWS]}, {"ids": [-1]}, {"lengths": [2]}, {"windows": [0]}, {"out": np.zeros((1, 2))}]
)
def test_what_does_not_fit_together_is_refused(changed: dict[str, object]) -> None:
    given_arrays: dict[str, object] = {"query": [1], "ids": [3], "lengths": [1], "windows": [6]}
    whole = {name: np.array(changed.get(name, values), np.int32) for name, values in given_arrays.items()}
    out = changed.get("out", np.zeros((1, 1)))
    values = table_of(0, 8).values
    assert native is not None
    with pytest.raises(ValueError, match="do not fit together"):
        native.interactions(
            values, 8, 8, whole["query"], np.ones(1), whole["ids"], whole["lengths"], whole["windows"], out
        )


def test_a_text_of_the_same_words_has_all_and_an_empty_one_nothing() -> None:
    model = StaticEmbedder.load()
    found = model.interactions(
        "有給休暇の申請", ["有給休暇の申請", "", "休暇の話", "申請はない。" * 30 + "有給休暇の申請"]
    )
    np.testing.assert_allclose(found[[0, 3]], 1, atol=1e-6)
    assert (found[1] == 0).all()
    assert (found[2] < found[0]).all()
    assert (model.interactions("", ["有給休暇"]) == 0).all()


def test_words_beside_each_other_count_more_than_scattered_ones() -> None:
    filler = "今日は天気がよいので散歩に出かけ、公園で昼ごはんを食べてから帰りました。" * 2
    together, scattered = f"{filler}有給休暇の申請{filler}", f"有給休暇{filler}の{filler}申請"
    found = StaticEmbedder.load().interactions("有給休暇の申請", [together, scattered])
    assert (found[0] > found[1] + 0.05).all()


def test_only_the_beginning_of_a_very_long_text_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    table, query = table_of(1, 16), AskedTokens(np.array([3]), np.ones(1))
    ids = np.concatenate([np.full(MOST_READ, 7), [3], [3]])
    found = interactions(table, query, ids, np.array([MOST_READ + 1, 1]))
    assert found[0].tolist() == [0, 0]
    assert found[1] == pytest.approx(1)


def test_tables_of_floats_and_a_package_without_a_core_give_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    query, texts = "有給休暇の申請", ["休暇は十日前までに申請します。", "会議室の予約"]
    model = StaticEmbedder.load()
    expected = model.interactions(query, texts)
    model.save(tmp_path / "floats")
    np.testing.assert_allclose(StaticEmbedder.load(tmp_path / "floats").interactions(query, texts), expected, atol=1e-6)
    monkeypatch.setattr(interaction, "native", None)
    np.testing.assert_allclose(model.interactions(query, texts), expected, atol=1e-9)
