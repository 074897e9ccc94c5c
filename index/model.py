"""The model of an index."""

from pathlib import Path

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import fetched_before, is_of_hub
from sakuin.index.errors import IndexFolderError
from sakuin.index.store import Manifest


def load_model(manifest: Manifest, folder: Path, model: StaticEmbedder | None = None) -> StaticEmbedder:
    """The model an index was made with.

    Args:
        manifest: Of the index.
        folder: Of the index, for messages.
        model: One that is loaded already; None to load the one the manifest names.

    Raises:
        IndexFolderError: it is another model than that of the stored vectors.
        ModelError: it cannot be loaded.
    """
    found = StaticEmbedder.load(manifest.model or None) if model is None else model
    if found.fingerprint == manifest.fingerprint:
        return found
    if model is not None:
        raise IndexFolderError(
            f"The index in {folder} was made with another model ({named(manifest.model)}) than the one given "
            f"({model.source}): give that one, or choose another index folder."
        )
    raise IndexFolderError(
        f"The index in {folder} was made with another version of the model {named(manifest.model)}, so its vectors "
        f"cannot be compared with new ones. Delete the folder and build the index again, or bring the old model back."
    )


def load_model_at_hand(manifest: Manifest, folder: Path, model: StaticEmbedder | None = None) -> StaticEmbedder | None:
    """As `load_model`, but None for a model of the hub that would have to be fetched first."""
    name = manifest.model
    if model is None and is_of_hub(name) and fetched_before(name) is None:
        return None
    return load_model(manifest, folder, model)


def named(model: str) -> str:
    """What a manifest calls a model, for people."""
    return model or "that comes with the package"


def source_of(model: str | StaticEmbedder) -> str:
    """What a manifest calls a model; of a folder the whole path, for the index may be opened from another place."""
    if isinstance(model, StaticEmbedder):
        model = "" if model.source == "default" else model.source
    return str(Path(model).resolve()) if model and Path(model).is_dir() else model
