"""A training run's recipe: one TOML file that says everything."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sakuin.embedder.pooling import Pooling
from sakuin.training.errors import TrainingError
from sakuin.training.pairs import STRICT, Source

# A table of 4,096 dimensions takes half a gigabyte, and its training four times as much.
MOST_DIMENSIONS = 4096
NAME = re.compile(r"[^/\\\s.][^/\\\n]*")


@dataclass(frozen=True)
class Recipe:
    """Settings of a run.

    Attributes:
        name: Of the model; also names the run's folder.
        tokenizer: A ``tokenizer.json``.
        sources: What to train on.
        data: Folder of the pair files.
        dims: Matryoshka dimensions; the largest is the table's width.
        pooling: "mean", "damped" (sqrt pooling), "lead" or "even" (democratic pooling); see `embedder.pooling`.
            "even" is for the finished model: while it is trained, its texts are pooled as by "lead", since more than
            that gains nothing.
        batch: Pairs a batch.
        steps: Number of batches; 0 where ``epochs`` says how often every pair is seen.
        epochs: Passes over the pairs (times their sources' weights).
        learning_rate: Peak of the cosine schedule.
        warmup: Share of the steps in which the rate rises to its peak.
        scale: Factor on cosines in the loss; one for all dimensions, or one for each of ``dims``. A larger one at full
            width keeps words apart that a shorter prefix may take for alike.
        self_distillation: Share of the target that short prefixes take from the full width; see
            `training.losses.LossSettings`.
        whiten: How far the trained table is whitened, 0 to 0.5; see `training.whitening`.
        rotation_steps: Batches by which the finished table is rotated so that its prefixes rank best; see
            `training.prefix_rotation`.
        negatives: Hard negatives a pair, where its source has some.
        runs: Tables to train, each with a seed of its own, and then to merge; see `training.merging`.
        start: Model folder to go on from, or "default" for the packaged model, instead of a new table. Of another
            tokenizer than the recipe's, pieces that it lacks begin as what it cuts them into.
        train_pieces: Regular expression of whole pieces; rows of all others stay as they are. "" for all pieces.
        teacher: Vectors of the tokenizer's pieces, which a new table starts from, and of texts, by
            `python -m sakuin.training teach`.
        teacher_share: Share of a new row's length that comes from the teacher, 0 to 1; the rest is random.
        distillation_share: Share of the batches that are texts to be ranked as the teacher ranks them, instead of
            pairs.
        distillation_scale: Factor on the teacher's cosines there, and on those of all prefixes.
        max_tokens: Texts are cut to this many tokens.
        seed: Of initial table and batches.
        checkpoint_every: Steps between checkpoints.
        notes: What else the model card should say, in sentences.
    """

    name: str
    tokenizer: Path
    sources: tuple[Source, ...]
    data: Path = Path()
    dims: tuple[int, ...] = (1024, 512, 256, 128, 64, 32)
    pooling: Pooling = "damped"
    batch: int = 4096
    steps: int = 0
    epochs: float = 0
    learning_rate: float = 0.2
    warmup: float = 0.1
    scale: float | tuple[float, ...] = 20.0
    self_distillation: float = 0.0
    whiten: float = 0.0
    rotation_steps: int = 0
    negatives: int = 0
    runs: int = 1
    start: str = ""
    train_pieces: str = ""
    teacher: Path | None = None
    teacher_share: float = 0.5
    distillation_share: float = 0.0
    distillation_scale: float = 15.0
    max_tokens: int = 256
    seed: int = 0
    checkpoint_every: int = 100
    notes: str = ""
    __pydantic_config__ = STRICT


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; paths in it are relative to the current folder.

    Args:
        path: The TOML file.

    Returns:
        The recipe, checked.

    Raises:
        TrainingError: not TOML, an unknown or missing setting, or a value out of range.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TrainingError(f"Cannot read the recipe {path}: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is not valid TOML: {error}.") from error
    listed = table.pop("source", [])
    if "sources" in table:
        raise TrainingError(f"{path}: write each source as a table [[source]], not as `sources`.")
    try:
        # As JSON, in which a list may stand for a tuple and a string for a path even where types are strict.
        given = json.dumps(table | {"sources": listed}, default=str)
        recipe = TypeAdapter(Recipe).validate_json(given)
    except ValidationError as error:
        raise TrainingError(f"{path}: {fault(error.errors()[0], listed)}.") from error
    check_recipe(recipe, path)
    return recipe


def fault(error: Mapping[str, Any], sources: Sequence[Any]) -> str:
    """What pydantic found fault with in a recipe, for people: which setting, of which source, and what it should be."""
    where = list(error["loc"])
    settings = [field.name for field in fields(Recipe) if field.name != "sources"]
    of = ""
    if where[:1] == ["sources"]:
        settings = [field.name for field in fields(Source)]
        if len(where) < 2:
            return "a source should be a table [[source]]"
        source = sources[where[1]]
        name = f" ({source['name']})" if isinstance(source, dict) and "name" in source else ""
        of = f" of source {where[1] + 1}{name}"
        where = where[2:]
    name = str(where[0]) if where else ""
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"unknown setting {name}{of}. Known: {', '.join(sorted(settings))}"
    if error["type"] == "missing":
        return f"the setting {name}{of} is missing"
    return f"the setting {name}{of} {error['msg'].removeprefix('Input ')}, and is {error['input']!r}"


def check_recipe(recipe: Recipe, path: Path) -> None:
    """Check what goes beyond the types of settings.

    Raises:
        TrainingError: names the value that makes no sense.
    """
    rules: dict[str, Any] = {
        "at least one [[source]] of pairs": any(source.kind != "distillation" for source in recipe.sources),
        "a name without / and the like, which is the name of a folder too": NAME.fullmatch(recipe.name) is not None,
        "each source once": len({source.name for source in recipe.sources}) == len(recipe.sources),
        "a batch of 2 or more": recipe.batch >= 2,
        "steps or epochs above 0, and not both": (recipe.steps > 0) != (recipe.epochs > 0)
        and min(recipe.steps, recipe.epochs) >= 0,
        f"positive dims of at most {MOST_DIMENSIONS}, largest first": recipe.dims
        and min(recipe.dims) >= 1
        and max(recipe.dims) <= MOST_DIMENSIONS
        and list(recipe.dims) == sorted(set(recipe.dims), reverse=True),
        "a learning_rate above 0": recipe.learning_rate > 0,
        "a warmup from 0 to 1": 0 <= recipe.warmup <= 1,
        "a scale above 0, or one for each of its dims": scales_fit(recipe),
        "a self_distillation from 0 to 1": 0 <= recipe.self_distillation <= 1,
        "a whiten from 0 to 0.5": 0 <= recipe.whiten <= 0.5,
        "a teacher_share from 0 to 1": 0 <= recipe.teacher_share <= 1,
        "rotation_steps of 0 or more": recipe.rotation_steps >= 0,
        "a seed from 0 on": 0 <= recipe.seed < 2**32,
        "negatives of 0 or more": recipe.negatives >= 0,
        "either a start or a teacher to start from": not (recipe.start and recipe.teacher)
        or recipe.distillation_share > 0,
        "a distillation_share from 0 to below 1, and a teacher for it": 0 <= recipe.distillation_share < 1
        and bool(recipe.teacher or not recipe.distillation_share),
        "train_pieces that are a regular expression, and a start whose other rows stay": is_pattern(recipe.train_pieces)
        and bool(recipe.start or not recipe.train_pieces),
        "a distillation_scale above 0": recipe.distillation_scale > 0,
        "runs of 1 or more": recipe.runs >= 1,
        "max_tokens of 1 or more": recipe.max_tokens >= 1,
        "checkpoint_every of 1 or more": recipe.checkpoint_every >= 1,
        "a cap of 2 or more and a weight above 0 for every source": all(
            source.cap >= 2 and source.weight > 0 for source in recipe.sources
        ),
        "columns only for sources of a hub": all(source.hub or not source.columns for source in recipe.sources),
    }
    for rule, holds in rules.items():
        if not holds:
            raise TrainingError(f"{path}: the recipe needs {rule}.")


def is_pattern(text: str) -> bool:
    """Whether a text is a regular expression."""
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def scales_fit(recipe: Recipe) -> bool:
    """Whether the scale is positive, and there is one or one a dimension."""
    if isinstance(recipe.scale, tuple):
        return len(recipe.scale) == len(recipe.dims) and min(recipe.scale) > 0
    return recipe.scale > 0
