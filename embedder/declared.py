"""What sentence-transformers' and model2vec's files say of a model: followed where it can be, else refused by name."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sakuin.embedder.errors import ModelError

MODULES = "modules.json"
CONFIG = "config_sentence_transformers.json"
MODEL2VEC_CONFIG = "config.json"
# With `"path": ""` versions before 5 take the first module for a transformer.
HERE = "."
Kind = TypeVar("Kind", list, dict)  # type: ignore[type-arg]
OF_LIBRARY = "sentence_transformers."
NATIVE_FILE = "sakuin_embedding.py"
NATIVE_TYPE = "sakuin_embedding.SakuinEmbedding"
"""Of the module that `StaticEmbedder.save(native=True)` writes."""


@dataclass(frozen=True)
class Modules:
    """What modules.json names.

    Attributes:
        table: The folder of the table and its tokenizer.
        normalize: Whether the model ends with a Normalize module.
    """

    table: Path
    normalize: bool


@dataclass(frozen=True)
class Config:
    """What config_sentence_transformers.json says, as far as vectors and scores depend on it.

    Attributes:
        truncate_dim: How many dimensions vectors have where nobody asks for fewer; None for all.
        prompts: What is put before texts, by name.
        default_prompt: The name of the prompt that is put before every text.
        similarity: The name of the function that vectors are compared by.
    """

    truncate_dim: int | None = None
    prompts: dict[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    similarity: str = "cosine"


def read_modules(folder: Path) -> Modules:
    """Where the table of a model is, and whether its vectors are normalised.

    Raises:
        ModelError: a module is not one that can be followed here, or points outside the folder.
    """
    path = folder / MODULES
    if not path.is_file():
        return Modules(folder, _normalizes_in_model2vec(folder))
    table = None
    normalize = False
    for module in _read_json(path, list):
        try:
            kind, place = module["type"], folder / module["path"]
            name = kind.removeprefix(OF_LIBRARY).rsplit(".", 1)[-1] if kind.startswith(OF_LIBRARY) else kind
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{path} is damaged ({error!r}): fetch the model again.") from error
        if not place.resolve().is_relative_to(folder.resolve()):
            raise ModelError(f"{path} points outside its folder: do not use this model.")
        if table is None and name in ("StaticEmbedding", NATIVE_TYPE):
            table = place
        elif table is not None and name == "Normalize":
            _check_normalize(place / "config.json")
            normalize = True
        elif name != "Dropout":
            # Dropout acts in training alone.
            raise ModelError(
                f"{folder} has the module {name}: only models of one StaticEmbedding module (one table, no "
                f"transformer), with or without Normalize after it, can be loaded here."
            )
    if table is None:
        raise ModelError(f"{path} names no StaticEmbedding module: it is not a static embedding model.")
    return Modules(table, normalize)


def read_config(folder: Path) -> Config:
    """The settings of a model; raises ModelError where they are not of the form that sentence-transformers writes."""
    path = folder / CONFIG
    if not path.is_file():
        return Config()
    found = _read_json(path, dict)
    dim, prompts = found.get("truncate_dim"), found.get("prompts") or {}
    if dim is not None and (not isinstance(dim, int) or isinstance(dim, bool) or dim < 1):
        raise ModelError(f"{path}: truncate_dim is {dim!r}; it should be a number of dimensions, 1 or more, or null.")
    if not isinstance(prompts, dict):
        raise ModelError(f"{path}: prompts is {prompts!r}; it should name texts, as in {{}}.")
    return Config(dim, prompts, found.get("default_prompt_name"), found.get("similarity_fn_name") or "cosine")


def check_followed(folder: Path, config: Config, *, normalize: bool) -> None:
    """Refuse a model that would be used otherwise here than it says.

    Raises:
        ModelError: it puts prompts before texts, or compares vectors by another measure than their cosine.
    """
    path = folder / CONFIG
    prompt = next((name for name, text in config.prompts.items() if text), None)
    if config.default_prompt is not None and config.default_prompt not in config.prompts:
        raise ModelError(
            f"{path}: the default prompt {config.default_prompt!r} is not among the prompts: correct the file."
        )
    if prompt is not None:
        raise ModelError(
            f"{path}: the model puts a prompt before texts ({prompt}: {config.prompts[prompt]!r}), which is not done "
            f"here. To use it without, take the prompts and default_prompt_name out of that file."
        )
    # Of whole vectors of length 1 the inner product is the cosine.
    if config.similarity != "cosine" and not (config.similarity == "dot" and normalize and config.truncate_dim is None):
        raise ModelError(
            f"{path}: the model's vectors are made to be compared by {config.similarity} (similarity_fn_name); here "
            f'they are compared by cosine. To use it so all the same, write "cosine" there.'
        )


def _normalizes_in_model2vec(folder: Path) -> bool:
    """What model2vec's config.json says in a folder without modules.json."""
    path = folder / MODEL2VEC_CONFIG
    return path.is_file() and bool(_read_json(path, dict).get("normalize", False))


def _check_normalize(path: Path) -> None:
    """Refuse a Normalize module of anything but the text's vector."""
    config = _read_json(path, dict) if path.is_file() else {}
    source = config.get("module_input_name") or "sentence_embedding"
    target = config.get("module_output_name") or source
    if (source, target) != ("sentence_embedding", "sentence_embedding"):
        raise ModelError(f"{path}: a Normalize module from {source} to {target} cannot be followed here.")


def _read_json(path: Path, kind: type[Kind]) -> Kind:
    """What a JSON file holds; raises ModelError where it is not of the kind."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ModelError(f"Cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise ModelError(f"{path} is damaged ({error}): fetch the model again.") from error
    if not isinstance(found, kind):
        raise ModelError(f"{path} is damaged (a {kind.__name__} was expected): fetch the model again.")
    return found
