"""Model folders in sentence-transformers' `StaticEmbedding` format, and where to find them."""

import json
import logging
import os
import shutil
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sakuin.embedder import declared
from sakuin.embedder.errors import ModelError
from sakuin.embedder.pooling import POOLINGS, Pooling
from sakuin.embedder.table import Table
from sakuin.files import atomic_write

DEFAULT_FOLDER = Path(__file__).parent / "default"
# Our own file beside those of sentence-transformers, which ignores it.
SAKUIN_CONFIG = "sakuin.json"
TABLE, PICKLE = "model.safetensors", "pytorch_model.bin"
_logger = logging.getLogger("sakuin.embedder")

HUB_FILES = ("*.json", "*.safetensors", "README.md")


@dataclass(frozen=True)
class ModelFiles:
    """What a model folder holds.

    Attributes:
        table: The embedding table, memory-mapped.
        tokenizer: Its ``tokenizer.json``.
        pooling: The model's own pooling; "mean" where the folder says nothing.
        normalize: Whether the model itself ends with a Normalize module.
        truncate_dim: How many dimensions its vectors have, where these are not all of the table's. A Normalize module
            scales whole vectors, which are then cut.
    """

    table: Table
    tokenizer: Path
    pooling: Pooling
    normalize: bool
    truncate_dim: int | None = None

    @property
    def dimension(self) -> int:
        """How many dimensions vectors have where nobody asks for fewer."""
        return min(self.table.dimension, self.truncate_dim or self.table.dimension)


def find_model(name: str | os.PathLike[str] | None) -> Path:
    """The folder of a model: the packaged default, an existing folder, or a hub name fetched once and kept.

    Raises:
        ModelError: there is no such folder, or the hub cannot give it.
    """
    if name is None:
        return DEFAULT_FOLDER
    folder = Path(name)
    if folder.is_dir():
        return folder
    text = os.fspath(name)
    if not is_of_hub(text):
        raise ModelError(
            f"No model folder at {text}. Give a folder that holds modules.json or model.safetensors, a hub name such "
            f"as hotchpotch/static-embedding-japanese, or nothing for the packaged model."
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        # What was fetched once is kept: no network is asked for it again.
        if kept := fetched_before(text):
            return kept
        _logger.warning("Fetching the model %s from the Hugging Face hub, once; it is kept in the hub's cache.", text)
        return Path(snapshot_download(text, allow_patterns=list(HUB_FILES)))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"Cannot fetch {text} from the Hugging Face hub ({reason}). Without a network, copy the model's folder "
            f"here and give its path, or leave the model out to use the packaged one."
        ) from error


def fetched_before(name: str) -> Path | None:
    """The folder of a model of the hub that was fetched once; None where it was not, or the name is no such model's."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    with suppress(LocalEntryNotFoundError, HFValidationError):
        kept = Path(snapshot_download(name, allow_patterns=list(HUB_FILES), local_files_only=True))
        if any(kept.rglob(TABLE)):
            return kept
    return None


def is_of_hub(name: str) -> bool:
    """Whether a name is one of a model of the hub, and not of a folder."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~")) and not Path(name).exists()


def read_model(folder: Path) -> ModelFiles:
    """Read a model folder; raises ModelError where it is not a static embedding model, or asks for what is not done."""
    pooling, normalize = read_settings(folder)
    if not any((folder / name).is_file() for name in (declared.MODULES, TABLE, PICKLE)):
        raise ModelError(f"{folder} holds no model (neither {declared.MODULES} nor {TABLE} is there).")
    modules, config = declared.read_modules(folder), declared.read_config(folder)
    normalize = normalize or modules.normalize
    declared.check_followed(folder, config, normalize=normalize)
    here = modules.table
    if not (here / TABLE).is_file():
        raise ModelError(
            f"{here} holds no {TABLE}. A table in {PICKLE} is not read, since a pickle can run any code: save the "
            f"model again with SentenceTransformer(...).save(folder), or fetch it again if it has a {TABLE}."
        )
    table = Table.open(here / TABLE)
    tokenizer = here / "tokenizer.json"
    if not tokenizer.is_file():
        raise ModelError(f"{here} holds no tokenizer.json: the model is not complete, fetch it again.")
    return ModelFiles(table, tokenizer, pooling, normalize, config.truncate_dim)


def read_settings(folder: Path) -> tuple[Pooling, bool]:
    """Pooling, and whether vectors are normalised, of a model folder; ("mean", False) where it says nothing."""
    path = folder / SAKUIN_CONFIG
    if not path.is_file():
        return "mean", False
    try:
        settings = json.loads(path.read_text(encoding="utf-8-sig"))
        pooling: Pooling = settings["pooling"]
        normalize = bool(settings.get("normalize", False))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f'{path} is damaged ({error!r}); it should read {{"pooling": "mean"}}.') from error
    if pooling not in POOLINGS:
        raise ModelError(f"{path} names pooling {pooling!r}: this version knows {', '.join(POOLINGS)}.")
    return pooling, normalize


def state_of(files: ModelFiles) -> Hashable:
    """What is equal for two readings of one model, unless its files were changed between them."""
    paths = [path.resolve() for path in (files.tokenizer, files.table.file) if path]
    stats = [(path, path.stat()) for path in paths]
    unchanged = [(path, stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
    return tuple(unchanged), files.pooling, files.normalize, files.truncate_dim


def write_model(folder: Path, files: ModelFiles, *, native: bool = False) -> None:
    """Write a folder that `SentenceTransformer(folder)` loads: with mean pooling, or with the model's own (``native``).

    An int8 table is written as it is, without the files that would lead sentence-transformers, which reads only float
    tables, to try.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    kind = declared.NATIVE_TYPE if native else "sentence_transformers.models.StaticEmbedding"
    modules = [{"idx": 0, "name": "0", "path": declared.HERE, "type": kind}]
    if files.normalize:
        modules.append({"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"})
        (folder / "1_Normalize").mkdir(exist_ok=True)
    texts = {
        SAKUIN_CONFIG: json.dumps({"pooling": files.pooling, "normalize": files.normalize}),
        "tokenizer.json": files.tokenizer.read_text(encoding="utf-8"),
    }
    if files.table.scale is None:
        config: dict[str, object] = {"prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"}
        if files.dimension < files.table.dimension:
            config["truncate_dim"] = files.dimension
        texts[declared.MODULES] = json.dumps(modules, indent=2)
        texts[declared.CONFIG] = json.dumps(config, indent=2)
    if native:
        texts[declared.NATIVE_FILE] = Path(__file__).with_name(declared.NATIVE_FILE).read_text(encoding="utf-8")
    else:
        (folder / declared.NATIVE_FILE).unlink(missing_ok=True)
    for name, text in texts.items():
        with atomic_write(folder / name) as part:
            part.write_text(text, encoding="utf-8")
    # The old table may be mapped by the model being saved.
    with atomic_write(folder / TABLE) as part:
        save_file(files.table.tensors(), part, metadata={"format": "pt"})
        # The library keeps the file to its owner; whoever may read the rest of the model may read this.
        shutil.copymode(folder / "tokenizer.json", part)
