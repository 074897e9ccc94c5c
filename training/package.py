"""Turns a finished run into the folder that ships: int8 rows and a model card."""

import json
from dataclasses import replace
from pathlib import Path

from embedder.folder import read_model, write_model
from training.card import card
from training.errors import TrainingError
from training.recipe import Recipe


def package(model: Path, recipe: Recipe, out: Path, figures: Path | None) -> None:
    """Write ``out`` with the model's table in int8 and a card.

    Args:
        model: The run's model folder.
        recipe: That it was trained by.
        out: Folder to write.
        figures: What `python -m evaluation --json` wrote.
    """
    files = read_model(model)
    table = files.table.as_int8()
    write_model(out, replace(files, table=table))
    try:
        measured = json.loads(figures.read_text(encoding="utf-8"))["figures"] if figures else {}
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{figures} is not what `python -m evaluation --json` writes ({error}).") from error
    (out / "README.md").write_text(card(recipe, table, files.pooling, measured), encoding="utf-8")
