"""Vectors by a static model, of texts and of documents."""

from dataclasses import replace

from haystack import Document, component

from sakuin import StaticEmbedder


@component
class SakuinTextEmbedder:
    """The vector of a text by a static model, scaled to length 1."""

    def __init__(self, model: str | None = None, dim: int | None = None) -> None:
        """Load a model.

        Args:
            model: Its folder or hub name; None for the packaged model.
            dim: Keep only the first so many dimensions; None for all. An index stores 256 unless it was made otherwise.
        """
        self.model = model
        self.dim = dim
        self._embedder = StaticEmbedder.load(model)

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, list[float]]:
        """The vector."""
        return {"embedding": vectors(self._embedder, [text], self.dim)[0]}


@component
class SakuinDocumentEmbedder:
    """Documents with the vectors of their contents by a static model, for other document stores."""

    def __init__(self, model: str | None = None, dim: int | None = None) -> None:
        """Load a model; the arguments are those of `SakuinTextEmbedder`."""
        self.model = model
        self.dim = dim
        self._embedder = StaticEmbedder.load(model)

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """The same documents with embeddings."""
        embeddings = vectors(self._embedder, [document.content or "" for document in documents], self.dim)
        pairs = zip(documents, embeddings, strict=True)
        return {"documents": [replace(document, embedding=embedding) for document, embedding in pairs]}


def vectors(model: StaticEmbedder, texts: list[str], dim: int | None) -> list[list[float]]:
    """The vectors of texts as lists of numbers, each of length 1."""
    encoded: list[list[float]] = model.encode(texts, dim, normalize=True).tolist()
    return encoded
