"""What a recipe may hold, and what is said where it holds something else."""

from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from sakuin.training.errors import TrainingError
from sakuin.training.pairs import Source
from sakuin.training.recipe import Recipe, read_recipe

TOP = {"name": '"tiny"', "tokenizer": '"tokenizer.json"', "steps": "5"}
SOURCE = {"name": '"fruit"'}


def written(path: Path, top: dict[str, str], source: dict[str, str]) -> Path:
    """A recipe of one source; settings given as "" are left out."""
    tables = [
        "\n".join(f"{name} = {value}" for name, value in settings.items() if value)
        for settings in (TOP | top, SOURCE | source)
    ]
    path.write_text("\n[[source]]\n".join(tables), encoding="utf-8")
    return path


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = written(tmp_path / "recipe.toml", {}, SOURCE)
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert read_recipe(path).steps == 5


def test_settings_are_read_as_what_they_are(tmp_path: Path) -> None:
    top = {"dims": "[64, 32]", "scale": "[20, 12.5]", "learning_rate": "1", "teacher": '"t.safetensors"'}
    recipe = read_recipe(written(tmp_path / "recipe.toml", top, {"weight": "2", "symmetric": "true"}))
    assert recipe == Recipe(
        "tiny",
        Path("tokenizer.json"),
        (Source("fruit", weight=2.0, symmetric=True),),
        steps=5,
        dims=(64, 32),
        scale=(20.0, 12.5),
        learning_rate=1.0,
        teacher=Path("t.safetensors"),
    )


@pytest.mark.parametrize("path", sorted(Path("training/recipes").glob("*.toml")), ids=str)
def test_our_own_recipes_can_be_read(path: Path) -> None:
    assert read_recipe(path).sources


@pytest.mark.parametrize(
    ("top", "source", "message"),
    [
        ({"steps": "60.5"}, {}, "steps should be a valid integer, and is 60.5"),
        ({"steps": "true"}, {}, "steps should be a valid integer, and is True"),
        ({"steps": '"5"'}, {}, "steps should be a valid integer, and is '5'"),
        ({"rotation_steps": "2.5"}, {}, "rotation_steps should"),
        ({"seed": "-3"}, {}, "needs a seed from 0"),
        ({"dims": "[128.5, 64]"}, {}, "dims should"),
        ({"dims": "[100000]"}, {}, "positive dims of at most"),
        ({"dims": "[32, 64]"}, {}, "largest first"),
        ({"notes": "3"}, {}, "notes should be a valid string"),
        ({"learning_rate": "inf"}, {}, "learning_rate should be a finite number"),
        ({"epochs": "2"}, {}, "and not both"),
        ({"name": '"../../elsewhere"'}, {}, "a name without /"),
        ({"name": '".."'}, {}, "a name without /"),
        ({"pooling": '"max"'}, {}, "pooling should be 'mean'"),
        ({"tokenizer": ""}, {}, "setting tokenizer is missing"),
        ({"stepps": "5"}, {}, "unknown setting stepps. Known: batch"),
        ({"sources": "[]"}, {}, r"\[\[source\]\]"),
        ({}, {"weight": "inf"}, r"weight of source 1 \(fruit\) should be a finite number"),
        ({}, {"symmetric": '"yes"'}, r"symmetric of source 1 \(fruit\)"),
        ({}, {"symetric": "true"}, r"unknown setting symetric of source 1 \(fruit\). Known: cap"),
        ({}, {"name": ""}, "name of source 1 is missing"),
        ({}, {"cap": "3.7"}, "cap of source 1"),
        ({}, {"columns": '["query"]'}, "columns only for sources of a hub"),
        ({}, {"origin": '"here"\n[[source]]\nname = "fruit"'}, "each source once"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, top: dict[str, str], source: dict[str, str], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        read_recipe(written(tmp_path / "recipe.toml", top, source))


def test_every_setting_is_documented_with_its_default() -> None:
    told = Path("docs/training.md").read_text(encoding="utf-8")
    rows = [[cell.strip(" `") for cell in line.split("|")[1:3]] for line in told.splitlines() if line.startswith("| `")]
    recipe, source = told.index("## Settings of a recipe"), told.index("## Settings of a source")
    assert recipe < source
    expected = [
        [field.name, in_toml(field.default)]
        for settings in (Recipe, Source)
        for field in fields(settings)
        if field.name != "sources"
    ]
    assert sorted(row for row in rows if not row[0].startswith('"')) == sorted(expected)


def in_toml(default: object) -> str:
    """A default as it would stand in a recipe; "none" for one that cannot, "" for none at all."""
    match default:
        case None:
            return "none"
        case str() | Path():
            return f'"{default}"'
        case tuple():
            return str(list(default))
        case bool():
            return str(default).lower()
    return "" if default is MISSING else str(default)
