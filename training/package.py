"""Turns a finished run into the folder that ships: int8 rows and a model card."""

import json
from dataclasses import replace
from pathlib import Path

from sakuin.embedder.folder import ModelFiles, read_model, write_model
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.training.card import model_card
from sakuin.training.errors import TrainingError
from sakuin.training.recipe import Recipe


def package(model: Path, *recipes: Recipe, out: Path, figures: Path | None) -> None:
    """Write the folder of a model that ships, with the model's table in int8 and a card.

    Args:
        model: The run's model folder.
        recipes: That it was trained by, in their order.
        out: Folder to write.
        figures: What `python -m sakuin.evaluation --json` wrote.

    Raises:
        TrainingError: ``model`` is not of the last of ``recipes`` or not complete, ``out`` holds another kind of
            model, or ``figures`` cannot be read. Nothing is written then.
    """
    files = read_model(model)
    table = files.table.as_int8()
    scores = read_figures(figures) if figures else {}
    check_model(files, recipes[-1], model=model, out=out)
    write_model(out, replace(files, table=table))
    card = model_card(*recipes, table=table, pooling=files.pooling, figures=scores)
    (out / "README.md").write_text(card, encoding="utf-8")


def check_model(files: ModelFiles, recipe: Recipe, *, model: Path, out: Path) -> None:
    """Check that a model is of a recipe, is complete, and may be written to ``out``.

    Raises:
        TrainingError: says which of these is not so.
    """
    width, pieces = max(recipe.dims), FlatTokenizer(files.tokenizer).exact.get_vocab_size()
    if files.table.dimension != width or files.pooling != recipe.pooling:
        raise TrainingError(
            f"{model} has {files.table.dimension} dimensions and {files.pooling} pooling, the recipe {recipe.name} "
            f"{width} and {recipe.pooling}: give the recipe that made it, or the card would be wrong."
        )
    if pieces > len(files.table):
        raise TrainingError(f"{model} has a tokenizer of {pieces} pieces and a table of {len(files.table)} rows.")
    if (out / "modules.json").exists():
        raise TrainingError(f"{out} holds a model of float rows, for which int8 rows are no match: choose another OUT.")


def read_figures(path: Path) -> dict[str, dict[str, float]]:
    """Read the figures of the only static model in a file.

    Args:
        path: What `python -m sakuin.evaluation --json` wrote.

    Returns:
        For each task, the score at each dimension, 0 to 1.

    Raises:
        TrainingError: another file, or one with figures of no static model or of several.
    """
    try:
        models = json.loads(path.read_text(encoding="utf-8"))["models"]
        static = [model for model in models.values() if model["pooling"]]
        if len(static) != 1:
            raise TrainingError(f"{path} has figures of {len(static)} static models: evaluate the one to be packaged.")
        return {task: dict(found["scores"]) for task, found in static[0]["tasks"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path} is not what `python -m sakuin.evaluation --json` writes ({error!r}).") from error
