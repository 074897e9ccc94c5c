"""What an index is made with."""

from dataclasses import dataclass, replace
from pathlib import Path

from sakuin.embedder import StaticEmbedder
from sakuin.index.errors import IndexFolderError
from sakuin.index.model import source_of
from sakuin.index.outliving import begin_again
from sakuin.index.passages import MAX_WIDTH
from sakuin.index.store import FORMAT, Manifest
from sakuin.index.text import Analyser

DEFAULT_DIM = 256


@dataclass(frozen=True, slots=True)
class Settings:
    """What an index is made with; None leaves it to the index, or to the defaults of a new one.

    Attributes:
        model: Model folder or hub name, "" for the packaged model, or one that is loaded already.
        dim: Dimensions stored of each vector.
        corpus: Folder the index is kept in step with.
        passage_width: Width that passages are cut to.
    """

    model: str | StaticEmbedder | None = None
    dim: int | None = None
    corpus: str | None = None
    passage_width: int | None = None

    @property
    def loaded(self) -> StaticEmbedder | None:
        """The model, where one was given that is loaded already."""
        return self.model if isinstance(self.model, StaticEmbedder) else None


def first_manifest(settings: Settings) -> tuple[Manifest, StaticEmbedder]:
    """The manifest of an index that holds nothing yet, and its model; makes nothing.

    Raises:
        IndexFolderError: the model has fewer dimensions than are to be stored.
        ModelError: the model cannot be loaded.
    """
    source = source_of(settings.model or "")
    model = settings.loaded or StaticEmbedder.load(source or None)
    dim = min(DEFAULT_DIM, model.dimension) if settings.dim is None else settings.dim
    if not 1 <= dim <= model.dimension:
        raise IndexFolderError(f"Cannot store {dim} dimensions: the model has 1 to {model.dimension}.")
    fresh = Manifest(
        format=FORMAT,
        generation=0,
        corpus=settings.corpus or "",
        model=source,
        fingerprint=model.fingerprint,
        dim=dim,
        analyser=Analyser().name,
        passage_width=settings.passage_width or MAX_WIDTH,
        segments=[],
        passages=0,
        stale_terms=0,
        checksums={},
        sizes={},
    )
    return fresh, model


def adopted(manifest: Manifest, settings: Settings, folder: Path) -> Manifest:
    """The manifest of an index that goes on with settings.

    Raises:
        IndexFolderError: they contradict it, or it was made by another text analysis.
    """
    given = {"dim": settings.dim, "corpus": settings.corpus, "passage_width": settings.passage_width}
    if settings.model is not None and settings.loaded is None:
        given["model"] = source_of(settings.model)
    for name, wanted in given.items():
        has = getattr(manifest, name)
        if name == "corpus" and not has:
            continue
        if wanted is not None and wanted != has:
            raise IndexFolderError(
                f"The index in {folder} was made with {name} {has or 'default'!r}, not {wanted or 'default'!r}. Choose "
                f"another index folder, or delete this one and build it again."
            )
    analysis = Analyser().name
    if manifest.analyser != analysis:
        raise IndexFolderError(
            f"The index in {folder} was made by another text analysis ({manifest.analyser}; now {analysis}): "
            f"{begin_again(folder)}."
        )
    return replace(manifest, corpus=settings.corpus or manifest.corpus)
