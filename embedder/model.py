"""The static embedding model: a text's vector is the weighted mean of its tokens' rows in one table."""

import hashlib
import os
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import Literal, cast
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import by_numpy, interaction
from sakuin.embedder.compiled import CompiledEncoder
from sakuin.embedder.components import for_clustering
from sakuin.embedder.core import native
from sakuin.embedder.democratic import DIRECTION_DIMENSIONS
from sakuin.embedder.errors import ModelError
from sakuin.embedder.folder import ModelFiles, find_model, read_model, state_of, write_model
from sakuin.embedder.pooling import POOLINGS, Bags, Pooling, make_bags
from sakuin.embedder.table import Table
from sakuin.embedder.tokenising import FlatTokenizer, replace_lone_surrogates
from sakuin.embedder.tokens import Token, located_ids, tokens_of

# Texts encoded at a time: enough to keep all cores busy, few enough for a progress bar to move.
BATCH_TEXTS = 8192
# From so many texts on, those of earlier calls among them, the compiled core repays what it reads of the whole table.
COMPILED_FROM = 64
# Rows normalised at a time: a megabyte of the widest.
NORMALIZED_TOGETHER = 256
# Characters a batch holds at most, so that few long texts take no more memory than many short ones.
BATCH_CHARACTERS = 8_000_000

_in_use: WeakValueDictionary[tuple[str, Hashable], "StaticEmbedder"] = WeakValueDictionary()
_loading = Lock()


class StaticEmbedder:
    """A static embedding model in sentence-transformers' `StaticEmbedding` format.

    Example:
        >>> model = StaticEmbedder.load()
        >>> vectors = model.encode(["猫が好きです", "I like cats", "株価が下がった"], truncate_dim=256)
        >>> vectors.shape
        (3, 256)
        >>> scores = model.similarity(vectors[:1], vectors[1:])
        >>> bool(scores[0, 0] > scores[0, 1])
        True
    """

    def __init__(self, files: ModelFiles, source: str) -> None:
        """Prefer `StaticEmbedder.load`.

        Args:
            files: A model's parts.
            source: Where they came from, for messages.
        """
        self._files = files
        self._tokenizer = FlatTokenizer(files.tokenizer)
        self._compiled = CompiledEncoder(files.table, files.pooling)
        self._encoded = 0
        self.source = source

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, pooling: Pooling | None = None) -> "StaticEmbedder":
        """Load the packaged default model, a model folder, or ``owner/name`` from the Hugging Face hub.

        Folders of sentence-transformers (one StaticEmbedding module, Normalize after it or not) and of model2vec are
        read. Their ``truncate_dim`` is followed: `dimension` and vectors are cut to it. Prompts and other measures than
        cosine are not followed, so models that ask for them are refused; tables in pickles are too.

        A model that is in use already is not loaded a second time: it is the same object, as long as its files are the
        same. A model may be shared by threads.

        Args:
            model: None for the packaged model.
            pooling: Overrides the model's own pooling; see `sakuin.embedder.pooling`.

        Raises:
            ModelError: no such model, not a static embedding model, damaged files, or no network.
        """
        files = read_model(find_model(model))
        if pooling is not None:
            if pooling not in POOLINGS:
                raise ModelError(f"Unknown pooling {pooling!r}: use {', '.join(POOLINGS)}.")
            files = replace(files, pooling=pooling)
        source = "default" if model is None else os.fspath(model)
        key = (source, state_of(files))
        with _loading:
            loaded = _in_use.get(key)
            if loaded is None:
                loaded = _in_use[key] = cls(files, source)
            return loaded

    def save(self, folder: str | os.PathLike[str], *, native: bool = False) -> None:
        """Write the model as float32 to a folder that `SentenceTransformer(folder)` and `load` read.

        In sentence-transformers every model runs with mean pooling, whatever its own is, unless it is saved ``native``.

        Args:
            folder: Made if it is not there.
            native: Add a module with our pooling, so that ``SentenceTransformer(folder, trust_remote_code=True)``, and
                all that measures or serves models by it, gives the same vectors as `encode`.

        Raises:
            ModelError: the folder cannot be written to.
        """
        # Versions before 6 know no truncate_dim: a table that is cut serves all, where the rest of a row tells nothing.
        cut = not self._files.normalize and (self.pooling != "even" or self.dimension >= DIRECTION_DIMENSIONS)
        table = Table(self._files.table.prefix(self.dimension if cut else self._files.table.dimension))
        try:
            write_model(Path(folder), replace(self._files, table=table), native=native)
        except OSError as error:
            raise ModelError(f"Cannot save the model to {folder}: {error.strerror or error}.") from error

    @property
    def dimension(self) -> int:
        """How many dimensions a vector has that is not truncated."""
        return self._files.dimension

    @property
    def pooling(self) -> Pooling:
        """How token rows are weighed, one of `sakuin.embedder.pooling.POOLINGS`."""
        return self._files.pooling

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything vectors depend on: table, tokenizer, pooling. Equal for equal models of any name."""
        digest = hashlib.sha256(self._files.table.digest())
        digest.update(self._files.tokenizer.read_bytes())
        digest.update(f"{self.pooling} {self._files.normalize}".encode())
        if self.dimension < self._files.table.dimension:
            digest.update(f" {self.dimension}".encode())
        return digest.hexdigest()[:32]

    def encode(
        self,
        texts: Sequence[str],
        truncate_dim: int | None = None,
        *,
        normalize: bool = False,
        task: Literal["cluster"] | None = None,
        show_progress: bool = False,
    ) -> NDArray[np.float32]:
        """Vectors of texts.

        Args:
            texts: Any strings. A text without a token the model knows, such as an empty one, gets a zero vector.
            truncate_dim: Keep only the first so many dimensions (Matryoshka: Kusupati et al. 2022, arXiv:2205.13147).
            normalize: Scale each vector to length 1 (zero vectors stay zero). A model with a Normalize module does so
                without being asked, before vectors are truncated.
            task: "cluster" for vectors to be clustered: the principal components by which these texts differ, see
                `sakuin.embedder.components`, of length 1. They compare with each other only, not with other calls'.
            show_progress: A progress bar on stderr.

        Returns:
            float32 (texts, truncate_dim or dimension); for clusters (texts, components), 64 at most.

        Raises:
            ModelError: ``texts`` is not a sequence of strings, ``truncate_dim`` is not between 1 and ``dimension``, or
                there is no such task.
        """
        if task is not None:
            if task != "cluster":
                raise ModelError(f'Unknown task {task!r}: there is "cluster"; leave it out for search.')
            vectors = self.encode(texts, truncate_dim, normalize=True, show_progress=show_progress)
            return normalized(for_clustering(vectors))
        dimension = self._checked_dimension(truncate_dim)
        if isinstance(texts, str):
            raise ModelError("encode takes a list of texts: put the single text into a list.")
        # A Normalize module scales whole vectors, of which the first dimensions are then kept.
        width = self._files.table.dimension if self._files.normalize else dimension
        vectors = np.empty((len(texts), width), np.float32)
        self._encoded += len(texts)
        for start, stop in progress(batches(texts), total=len(texts), show=show_progress):
            # A list: what a sequence of another kind gives for a number may not be what stands at that place.
            self._encode(list(texts[start:stop]), vectors[start:stop])
        if self._files.normalize:
            normalize_rows(vectors, vectors)
            vectors = np.ascontiguousarray(vectors[:, :dimension])
        if normalize:
            normalize_rows(vectors, vectors)
        return vectors

    def similarity(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosine of every row of ``a`` (n, d) with every row of ``b`` (m, d): float32 (n, m); 0 for zero vectors."""
        return cast(NDArray[np.float32], normalized(a) @ normalized(b).T)

    def bags(self, texts: Sequence[str]) -> Bags:
        """Distinct token ids of texts and the weights that pooling gives them.

        The vector of text i is the sum of weight times table row over its bag (before any Normalize module).
        """
        return self._weighed(*self._tokenizer.encode(texts))

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """How many tokens each text has, repeated ones counted again: int64 (texts,)."""
        return self._tokenizer.encode(texts)[1]

    def is_one_token(self, text: str) -> bool:
        """Whether a text is a single token, but for marks that begin a word and stand alone."""
        return int(np.count_nonzero(self._tokenizer.encode([text])[0] != self._word_mark)) == 1

    @cached_property
    def _word_mark(self) -> int:
        # No piece has the last of all characters, so what begins a word stands before it alone.
        ids = self._tokenizer.encode(["\U0010ffff"])[0]
        return int(ids[0]) if len(ids) > 1 else -1

    def tokens(self, text: str) -> tuple[Token, ...]:
        """The distinct tokens of a text, in order of first occurrence, with weights and the characters they came from.

        Their ids and weights are those of `bags`.

        Example:
            >>> for token in StaticEmbedder.load().tokens("ＡＢＣ株"):
            ...     print(token.piece, token.spans)
            ▁abc ((0, 3),)
            株 ((3, 4),)
        """
        return tokens_of(self._tokenizer, text, weigh=self._weighed)

    def rows(self, tokens: Sequence[Token], dimension: int | None = None) -> NDArray[np.float32]:
        """float32 (tokens, dimension): prefixes of the rows of the table, whose sum by weight is the text's vector.

        Raises:
            ModelError: ``dimension`` is not between 1 and that of the model, or the table has no such row.
        """
        ids = np.array([token.id for token in tokens], np.int64)
        self._check_ids(ids)
        return self._files.table.rows(ids, self._checked_dimension(dimension))

    def interactions(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """How much of a query the best windows of texts have, float64 (texts, `interaction.WINDOWS`), 0 to 1."""
        asked = self.asked_tokens(query)
        ids, lengths = self._tokenizer.encode(texts)
        self._check_ids(ids)
        return interaction.interactions(self._files.table, asked, ids, lengths)

    def asked_tokens(self, query: str) -> interaction.AskedTokens:
        """Tokens of a query that `interactions` looks for, with their weights."""
        return interaction.asked_tokens(self._files.table, self._bag(query))

    def located(self, text: str) -> list[tuple[int, tuple[int, int] | None]]:
        """The token ids of a text in their order, each with the span of the characters it came from, see `Token`."""
        return located_ids(self._tokenizer.exact, text)

    def cosines(self, asked: interaction.AskedTokens, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 (q, n): cosines of what is looked for with tokens (n,), by which `interactions` scores."""
        self._check_ids(ids)
        return interaction.cosines_of(self._files.table, asked, ids)

    def _bag(self, text: str) -> Bags:
        """That of `bags`, of one text."""
        tokenizer = self._compiled_tokenizer(1)
        try:
            found = self._compiled.bag(tokenizer, text) if tokenizer else None
        except UnicodeEncodeError:
            found = None
        except IndexError as error:
            raise self._more_pieces_than_rows() from error
        return self.bags([text]) if found is None else found

    def _compiled_tokenizer(self, texts: int) -> object | None:
        """What the compiled encoder reads so many texts by; None where it is not to be used, or not yet."""
        return self._tokenizer.compiled(texts) if self._encoded >= COMPILED_FROM and fuses() else None

    def _encode(self, texts: Sequence[str], out: NDArray[np.float32]) -> None:
        """Write the vectors of a batch of texts to ``out``, float32 (texts, dimension)."""
        tokenizer = self._compiled_tokenizer(len(texts))
        if tokenizer is None:
            out[:] = self._by_numpy(texts, out.shape[1])
            return
        try:
            rest = self._compiled.encode(tokenizer, texts, out)
        except UnicodeEncodeError:
            texts = [replace_lone_surrogates(text) for text in texts]
            rest = self._compiled.encode(tokenizer, texts, out)
        except IndexError as error:
            raise self._more_pieces_than_rows() from error
        if rest:
            out[rest] = self._by_numpy([texts[row] for row in rest], out.shape[1])

    def _by_numpy(self, texts: Sequence[str], dimension: int) -> NDArray[np.float32]:
        return by_numpy.sums(self.bags(texts), self._files.table, dimension)

    def _weighed(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> Bags:
        """Bags of texts, weighed by the model's pooling.

        Args:
            ids: int64 (tokens,), of all texts end to end.
            lengths: int64 (texts,), how many tokens each text has.
        """
        bags = make_bags(ids, lengths, pooling=self.pooling)
        self._check_ids(bags.ids)
        return by_numpy.democratic_bags(bags, self._files.table) if self.pooling == "even" else bags

    def _check_ids(self, ids: NDArray[np.int64]) -> None:
        if len(ids) and int(ids.max()) >= len(self._files.table):
            raise self._more_pieces_than_rows()

    def _more_pieces_than_rows(self) -> ModelError:
        return ModelError(f"The model {self.source} has a tokenizer with more pieces than its table has rows.")

    def _checked_dimension(self, truncate_dim: int | None) -> int:
        if truncate_dim is None:
            return self.dimension
        if not 1 <= truncate_dim <= self.dimension:
            raise ModelError(f"Cannot truncate vectors to {truncate_dim} dimensions: give 1 to {self.dimension}.")
        return truncate_dim


@cache
def fuses() -> bool:
    """Whether the compiled core is there, and this processor does what it is quick by."""
    return native is not None and bool(native.fuses())


def batches(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Ranges (start, stop) over texts, bounded in number and in characters."""
    start = characters = 0
    for stop, text in enumerate(texts):
        if not isinstance(text, str):
            raise ModelError(f"encode takes a list of strings; item {stop} is of type {type(text).__name__}.")
        if stop > start and (stop - start >= BATCH_TEXTS or characters + len(text) > BATCH_CHARACTERS):
            yield start, stop
            start, characters = stop, 0
        characters += len(text)
    if start < len(texts):
        yield start, len(texts)


def progress(ranges: Iterator[tuple[int, int]], *, total: int, show: bool) -> Iterator[tuple[int, int]]:
    """The ranges, with a progress bar on stderr if wanted."""
    if not show:
        yield from ranges
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=" texts", desc="Encoding") as bar:
        for start, stop in ranges:
            yield start, stop
            bar.update(stop - start)


def normalize_rows(vectors: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write each row, scaled to length 1, to ``out``, which may be ``vectors``; zero rows stay zero."""
    # Block by block, so that a row is still in the processor's cache when it is divided.
    for start in range(0, len(vectors), NORMALIZED_TOGETHER):
        block = vectors[start : start + NORMALIZED_TOGETHER]
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block))
        lengths[lengths == 0] = 1
        np.divide(block, lengths[:, None], out=out[start : start + NORMALIZED_TOGETHER])


def normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """A copy, float32 (n, dim), with each row scaled to length 1; zero rows stay zero."""
    copy = np.array(vectors, np.float32, ndmin=2)
    normalize_rows(copy, copy)
    return copy
