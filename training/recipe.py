"""A training run's recipe: one TOML file that says everything."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from embedder.pooling import POOLINGS, Pooling
from training.errors import TrainingError
from training.pairs import Source, find_source


@dataclass(frozen=True)
class Listed:
    """A source as the recipe lists it; `origin` and `licence` go into the model card."""

    name: str
    cap: int = 1_000_000
    weight: float = 1.0
    origin: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Recipe:
    """Settings of a run.

    Attributes:
        name: Of the model; also names the run's folder.
        data: Folder of the pair files.
        tokenizer: A ``tokenizer.json``.
        sources: What to train on.
        dims: Matryoshka dimensions; the largest is the table's width.
        pooling: "damped" or "mean".
        batch: Pairs a batch.
        steps: Number of batches.
        learning_rate: Peak of the cosine schedule.
        warmup: Share of the steps in which the rate rises to its peak.
        scale: Factor on cosines in the loss.
        max_tokens: Texts are cut to this many tokens.
        seed: Of initial table and batches.
        checkpoint_every: Steps between checkpoints.
        notes: What else the model card should say, in sentences.
    """

    name: str
    data: Path
    tokenizer: Path
    sources: tuple[Listed, ...]
    dims: tuple[int, ...] = (1024, 512, 256, 128, 64, 32)
    pooling: Pooling = "damped"
    batch: int = 4096
    steps: int = 900
    learning_rate: float = 0.2
    warmup: float = 0.1
    scale: float = 20.0
    max_tokens: int = 256
    seed: int = 0
    checkpoint_every: int = 100
    notes: str = ""

    def files(self) -> list[Source]:
        """The sources' files; raises TrainingError naming the first that is missing."""
        return [
            Source(listed.name, find_source(self.data, listed.name), listed.cap, listed.weight)
            for listed in self.sources
        ]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; paths in it are relative to the current folder.

    Raises:
        TrainingError: not TOML, an unknown or missing setting, or a value out of range.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"Cannot read the recipe {path}: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is not valid TOML: {error}.") from error
    known = {field.name for field in fields(Recipe)}
    listed = table.pop("source", [])
    unknown = sorted(set(table) - (known - {"sources"}))
    if unknown:
        raise TrainingError(f"{path}: unknown setting {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    try:
        sources = tuple(Listed(**entry) for entry in listed)
        return checked(
            Recipe(
                **{
                    **table,
                    "sources": sources,
                    "data": Path(table["data"]),
                    "tokenizer": Path(table["tokenizer"]),
                    "dims": tuple(sorted(table.get("dims", Recipe.dims), reverse=True)),
                }
            ),
            path,
        )
    except (TypeError, KeyError) as error:
        raise TrainingError(f"{path}: a setting is missing or misspelt ({error}).") from error


def checked(recipe: Recipe, path: Path) -> Recipe:
    """The recipe, or a TrainingError naming the value that makes no sense."""
    rules: dict[str, Any] = {
        "at least one [[source]]": recipe.sources,
        "batch of 2 or more": recipe.batch >= 2,
        "steps of 1 or more": recipe.steps >= 1,
        "positive dims": recipe.dims and min(recipe.dims) >= 1,
        "a learning_rate above 0": recipe.learning_rate > 0,
        "a warmup from 0 to 1": 0 <= recipe.warmup <= 1,
        "max_tokens of 1 or more": recipe.max_tokens >= 1,
        "checkpoint_every of 1 or more": recipe.checkpoint_every >= 1,
        f"pooling {' or '.join(POOLINGS)}": recipe.pooling in POOLINGS,
        "a cap of 2 or more and a weight above 0 for every source": all(
            source.cap >= 2 and source.weight > 0 for source in recipe.sources
        ),
    }
    for rule, holds in rules.items():
        if not holds:
            raise TrainingError(f"{path}: the recipe needs {rule}.")
    return recipe
