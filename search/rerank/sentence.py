"""Transformers that sentence-transformers loads: bi-encoders with their prompts, and cross-encoders."""

import hashlib
import json
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sakuin.extras import missing
from sakuin.patterns import pattern
from sakuin.search.rerank.models import Floats, OpinionError, Transformer

if TYPE_CHECKING:
    import sentence_transformers

Role = Literal["query", "passage"]

PROMPT_NAMES: Mapping[Role, tuple[str, ...]] = {"query": ("query",), "passage": ("passage", "document", "corpus")}
"""What a model may call the prompt of each role."""

HUB_NAME = pattern(r"\w[\w.-]*/\w[\w.-]*")
E5_NAME = re.compile(r"(^|[-_/])e5([-_/]|$)", re.IGNORECASE)
E5_PROMPTS: Mapping[Role, str] = {"query": "query: ", "passage": "passage: "}
BATCH = 8


def load_sentence(name: str) -> Transformer:
    """A bi-encoder or cross-encoder from a folder or of the hub, whose own code is never run.

    Raises:
        OpinionError: there is no such folder and it is no name of the hub, the library is missing, or the model cannot
            be loaded or scores pairs by more than one number.
    """
    if not Path(name).is_dir() and not HUB_NAME.fullmatch(name):
        raise OpinionError(
            f"Unknown transformer {name!r}: give e5-small, a folder, or a name of the hub such as "
            f"hotchpotch/japanese-reranker-tiny-v2."
        )
    try:
        from sentence_transformers import CrossEncoder, SentenceTransformer
    except ImportError as error:
        raise OpinionError(
            f"{name} cannot be asked for a second opinion. {missing('sentence_transformers', 'train')}"
        ) from error
    try:
        if scores_pairs(name):
            return Pairs(CrossEncoder(name, device="cpu", trust_remote_code=False), fingerprint_of(name))
        return Vectors(
            SentenceTransformer(name, device="cpu", trust_remote_code=False), fingerprint_of(name), is_e5(name)
        )
    except OpinionError:
        raise
    except Exception as error:  # Whatever its many loaders raise: for the user it is one failure.
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise OpinionError(
            f"Cannot load {name} by sentence-transformers ({first}): check the folder or name and, for a name of the "
            f"hub, the network."
        ) from error


def scores_pairs(name: str) -> bool:
    """Whether a model is a cross-encoder: it says so, or it is a classifier that is no bi-encoder."""
    own = settings(name, "config_sentence_transformers.json")
    if "model_type" in own:
        return bool(own["model_type"] == "CrossEncoder")
    if own:
        return False
    kinds = settings(name, "config.json").get("architectures") or []
    return any(str(kind).endswith("ForSequenceClassification") for kind in kinds)


def settings(name: str, file: str) -> dict[str, Any]:
    """What a model's file of JSON says; nothing where there is no such file."""
    path = Path(name) / file
    if not Path(name).is_dir():
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError

        try:
            path = Path(hf_hub_download(name, file))
        except EntryNotFoundError:
            return {}
    found = json.loads(path.read_bytes()) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def is_e5(name: str) -> bool:
    """Whether a model is of the E5 family by its name: those come without prompts and need them."""
    return E5_NAME.search(Path(name).as_posix()) is not None


def own_prompts(model: "sentence_transformers.SentenceTransformer") -> dict[Role, str]:
    """What texts of each role begin with, as the model says; "" where it does not."""
    return {role: next(filter(None, map(model.prompts.get, names)), "") for role, names in PROMPT_NAMES.items()}


class Vectors:
    """A bi-encoder."""

    def __init__(self, model: "sentence_transformers.SentenceTransformer", fingerprint: str, e5: bool) -> None:
        """Take a model that is loaded.

        Args:
            model: The model.
            fingerprint: Of its files.
            e5: Whether it is of the E5 family.
        """
        prompts = own_prompts(model)
        self._prompts = E5_PROMPTS if e5 and not any(prompts.values()) else prompts
        self._model = model
        self.fingerprint = f"{fingerprint} {model.max_seq_length} {self._prompts['passage']!r}"
        self.dimension = int(model.get_embedding_dimension() or 0)
        # Tokenizers are not for two threads at a time.
        self._turn = threading.Lock()

    def query(self, text: str) -> Floats:
        """See `BiEncoder`."""
        (vector,) = self._encode([text], "query")
        return np.asarray(vector)

    def passages(self, texts: Sequence[str]) -> Floats:
        """See `BiEncoder`."""
        return self._encode(texts, "passage")

    def _encode(self, texts: Sequence[str], role: Role) -> Floats:
        with self._turn:
            vectors = self._model.encode(
                list(texts),
                prompt=self._prompts[role] or None,
                batch_size=BATCH,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, np.float32).reshape(len(texts), self.dimension)


class Pairs:
    """A cross-encoder."""

    def __init__(self, model: "sentence_transformers.CrossEncoder", fingerprint: str) -> None:
        """Take a model that is loaded.

        Args:
            model: The model.
            fingerprint: Of its files.

        Raises:
            OpinionError: it gives more than one number a pair.
        """
        if model.num_labels != 1:
            raise OpinionError(
                f"This cross-encoder gives {model.num_labels} numbers a pair: name one that gives a single score."
            )
        self.fingerprint = fingerprint
        self._model = model
        self._turn = threading.Lock()

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        """Its scores before the last activation, which would press the best together; see `CrossEncoder`."""
        from torch.nn import Identity

        with self._turn:
            found = self._model.predict(
                [(query, text) for text in texts], batch_size=BATCH, activation_fn=Identity(), show_progress_bar=False
            )
        return np.asarray(found, np.float32).reshape(len(texts))


def fingerprint_of(source: str) -> str:
    """Hash of a model folder's files, or name and revision of a model of the hub, and the library's version."""
    import sentence_transformers

    version = f"sentence-transformers {sentence_transformers.__version__}"
    folder = Path(source)
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(source, "config.json") or try_to_load_from_cache(source, "modules.json")
        # A file of the cache lies in a folder named for the revision.
        revision = Path(cached).parent.name if isinstance(cached, str) else "unknown revision"
        return f"{version} {source} {revision}"
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return f"{version} {digest.hexdigest()}"
