"""Rows with the columns that public data sets have; nothing is downloaded."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sakuin.training import recipes
from sakuin.training.errors import TrainingError
from sakuin.training.hub import load_rows, pairs_of
from sakuin.training.recipe import read_recipe

WHERE = "owner/set, subset pair, split train"
Row = Mapping[str, Any]


def read(row: Row, columns: list[str] | None = None) -> list[tuple[str, str, tuple[str, ...]]]:
    return list(pairs_of([row], columns, where=WHERE))


@pytest.mark.parametrize(
    ("row", "negatives"),
    [
        ({"anchor": "q", "positive": "p"}, ()),
        ({"anchor": "q", "positive": "p", "negative": "n"}, ("n",)),
        ({"anchor": "q", "positive": "p", "negative_1": "n", "negative_2": "m"}, ("n", "m")),
        ({"query": "q", "positive": "p", "negative": "n"}, ("n",)),
        ({"query": "q", "positive": "p", "negatives": ["n", "m"], "negative_1_score": 0.1}, ("n", "m")),
        ({"question": "q", "answer": "p"}, ()),
        ({"query": "q", "answer": "p"}, ()),
        ({"query": "q", "passage": "p"}, ()),
        ({"premise": "q", "hypothesis": "p"}, ()),
        ({"sentence1": "q", "sentence2": "p"}, ()),
        ({"anc": "q", "pos": ["p"], "neg": ["n", "m"]}, ("n", "m")),
        ({"query": "q", "pos_text": "p", "negs_text": ["n"], "pos_score": 0.9, "negs_score": [0.2]}, ("n",)),
    ],
)
def test_usual_columns_are_recognised(row: Row, negatives: tuple[str, ...]) -> None:
    assert read(row) == [("q", "p", negatives)]


def test_a_title_goes_before_a_text() -> None:
    row = {"_id": "7", "lang": "English", "code": "en", "query": "who wrote it", "title": "A Book", "text": "By Ann."}
    assert read(row) == [("who wrote it", "A Book\nBy Ann.", ())]
    assert read(row, ["query", "text"]) == [("who wrote it", "By Ann.", ())]
    assert read({**row, "title": ""}) == [("who wrote it", "By Ann.", ())]


def test_named_columns_come_first() -> None:
    row = {"anchor": "a", "positive": "b", "alt": "c", "bad": "d", "worse": ["e", "f"], "label": 1}
    assert read(row, ["anchor", "alt", "bad", "worse"]) == [("a", "c", ("d", "e", "f"))]


def test_each_of_several_passages_makes_a_pair() -> None:
    row = {"query": "q", "positives": ["p1", "p2"], "negative": "n"}
    assert read(row) == [("q", "p1", ("n",)), ("q", "p2", ("n",))]


def test_negatives_that_say_nothing_or_answer_are_left_out() -> None:
    row = {"anc": "q", "pos": ["p1", "p2"], "neg": ["", " ", None, "p2", "n"]}
    assert [negatives for _, _, negatives in read(row)] == [("n",), ("n",)]
    assert read({"anchor": "q", "positive": "p", "negative": None}) == [("q", "p", ())]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"anchor": "", "positive": "p"}, "anchor"),
        ({"anchor": ["q"], "positive": "p"}, "anchor"),
        ({"anchor": "q", "positive": None}, "positive"),
        ({"anchor": "q", "positive": " \n"}, "positive"),
        ({"anchor": "q", "positive": 17}, "positive"),
        ({"anchor": "q", "positive": []}, "positive"),
        ({"anchor": "q", "positive": ["p", ""]}, "positive"),
    ],
)
def test_a_row_without_a_text_is_named(row: Row, column: str) -> None:
    pairs = pairs_of([{"anchor": "fine", "positive": "fine"}, row], None, where=WHERE)
    assert next(pairs) == ("fine", "fine", ())
    with pytest.raises(TrainingError, match=f"{WHERE}, row 2, column {column}"):
        next(pairs)


def test_a_column_lost_on_the_way_is_named() -> None:
    with pytest.raises(TrainingError, match="row 2, column positive"):
        list(pairs_of([{"anchor": "q", "positive": "p"}, {"anchor": "q"}], None, where=WHERE))


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        ({"left": "q", "right": "p"}, None, "Its columns: left, right"),
        ({"premise": "q", "hypothesis": "p", "label": 2}, None, "column label"),
        ({"sentence1": "q", "sentence2": "p", "score": 0.1}, None, "column score"),
        ({"left": "q", "right": "p"}, ["left", "middle"], "no column middle. Its columns: left, right"),
        ({"left": "q", "right": "p"}, ["left"], "must name the query's and the passage's"),
        ({"left": "q", "right": "p"}, [], "must name the query's and the passage's"),
    ],
)
def test_unclear_columns_are_explained(row: Row, columns: list[str] | None, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        read(row, columns)


def test_rows_are_read_only_as_far_as_they_are_taken() -> None:
    def rows() -> Any:
        yield {"anchor": "q", "positive": "p"}
        raise AssertionError

    assert next(pairs_of(rows(), None, where=WHERE)) == ("q", "p", ())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set on disk, read as one of the hub would be."""
    pytest.importorskip("datasets")
    rows = [{"anchor": "猫", "positive": "cat", "negative": "dog"}, {"anchor": "犬", "positive": "dog", "negative": ""}]
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path / "set"


def test_rows_of_a_data_set(folder: Path) -> None:
    rows = load_rows(str(folder), subset=None, split="train")
    assert list(pairs_of(rows, None, where=WHERE)) == [("猫", "cat", ("dog",)), ("犬", "dog", ())]


@pytest.mark.parametrize(("subset", "split"), [(None, "test"), ("other", "train")])
def test_what_a_data_set_does_not_have_is_named(folder: Path, subset: str | None, split: str) -> None:
    with pytest.raises(TrainingError, match="Correct `subset` or `split`") as caught:
        load_rows(str(folder), subset=subset, split=split)
    assert f"split {split}" in str(caught.value)


def test_without_the_network_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    # What HF_HUB_OFFLINE=1 sets; it is read when the library is imported.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(TrainingError, match="owner/none, split train: the Hugging Face hub cannot be reached"):
        load_rows("owner/none", subset=None, split="train")


def test_a_network_that_fails_between_rows_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")

    def rows(*_: object, **__: object) -> Any:
        yield {"anchor": "q", "positive": "p"}
        raise ConnectionError("reset by peer")

    monkeypatch.setattr(datasets, "load_dataset", rows)
    read_on = iter(load_rows("owner/set", subset="pair", split="train"))
    assert next(read_on)["anchor"] == "q"
    with pytest.raises(TrainingError, match=r"owner/set, subset pair.*reset by peer"):
        next(read_on)


def test_without_the_library_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(TrainingError, match=r"pip install .*\[train\]"):
        load_rows("owner/set", subset=None, split="train")


def test_the_reference_recipe_takes_all_its_pairs_from_the_hub() -> None:

    recipe = read_recipe(Path(recipes.__file__).with_name("reference.toml"))
    assert (recipe.batch, recipe.epochs, recipe.learning_rate, recipe.pooling) == (6072, 2, 0.2, "mean")
    assert all(source.hub.count("/") == 1 and source.licence and source.origin for source in recipe.sources)
    places = [(source.hub, source.subset) for source in recipe.sources]
    assert len(set(places)) == len(places)
    assert len({source.name for source in recipe.sources}) == len(places)
