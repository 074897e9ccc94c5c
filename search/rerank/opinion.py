"""Asks a transformer what it thinks of the first hits of a search."""

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sakuin.index.store import PassageRow
from sakuin.index.store.checksums import indexed_text
from sakuin.search.ranked import Ranked
from sakuin.search.request import SearchRequest
from sakuin.search.rerank.combining import combined
from sakuin.search.rerank.loading import DEFAULT, load_transformer
from sakuin.search.rerank.models import BiEncoder, OpinionError
from sakuin.search.rerank.vectors import PassageVectors
from sakuin.search.results import Notice
from sakuin.search.whole import Selected, Whole


class Opinions:
    """Opinions of transformers on passages of one index. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Load nothing yet.

        Args:
            folder: Of the index.
        """
        self._folder = folder
        self._kept: dict[str, PassageVectors] = {}
        self._turn = threading.Lock()

    def scores(self, name: str, query: str, passages: Mapping[int, str]) -> dict[int, float]:
        """What a transformer thinks of passages.

        Args:
            name: Of the transformer, see `loading`.
            query: What was searched for.
            passages: What is indexed of each, by passage id.

        Raises:
            OpinionError: there is no such transformer, or a library is missing.
        """
        model, texts = load_transformer(name), list(passages.values())
        if not texts:
            return {}
        if isinstance(model, BiEncoder):
            rows = self._vectors(model, passages)
            found = rows.astype(np.float32) @ model.query(query)
        else:
            found = model.scores(query, texts)
        return dict(zip(passages, found.tolist(), strict=True))

    def _vectors(
        self, model: BiEncoder, passages: Mapping[int, str]
    ) -> "np.ndarray[tuple[int, int], np.dtype[np.float16]]":
        """Vectors, float16 (n, dimension), of passages; what is not known of them is computed."""
        with self._turn:
            if model.fingerprint not in self._kept:
                self._kept[model.fingerprint] = PassageVectors(self._folder, model.fingerprint, model.dimension)
            kept = self._kept[model.fingerprint]
            known = kept.get(list(passages))
        missing = {passage_id: text for passage_id, text in passages.items() if passage_id not in known}
        if missing:
            # Of half precision whether they were kept or not, so that the order does not depend on it.
            made = model.passages(list(missing.values())).astype(np.float16)
            fresh = dict(zip(missing, made, strict=True))
            known |= fresh
            with self._turn:
                kept.add(fresh)
        return np.stack([known[passage_id] for passage_id in passages])

    def of(self, request: SearchRequest, default: str) -> "Opinion | None":
        """Who is asked about the hits of a request; None where nobody is.

        Args:
            request: What is searched for.
            default: The transformer that the index asks, "" for none.
        """
        if request.rerank is None:
            name = default if request.mode == "hybrid" else ""
        else:
            name = (default or DEFAULT) if request.rerank is True else request.rerank or ""
        return Opinion(self, name, request) if name and request.text.strip() else None


class Opinion:
    """One transformer's opinion on the hits of one search, however often these are ranked."""

    def __init__(self, opinions: Opinions, name: str, request: SearchRequest) -> None:
        """Ask nothing yet.

        Args:
            opinions: Of the index.
            name: Of the transformer.
            request: What is searched for.
        """
        self._opinions, self._name, self._request = opinions, name, request
        self._known: dict[int, float] = {}

    def reranked(
        self, whole: Whole, ranked: list[Ranked], within: Selected | None
    ) -> tuple[list[Ranked], list[Notice]]:
        """Hits in the order of their scores with the opinion on the first of them, and what there is to say of it.

        Where nobody asked for it by name, a transformer that cannot be had leaves the hits as they are.

        Args:
            whole: What they were found in.
            ranked: Best first.
            within: What the search was restricted to.

        Raises:
            OpinionError: there is no such transformer, or a library is missing.
        """
        first = [hit.passage_id for hit in ranked[: self._request.top]]
        missing = [passage_id for passage_id in first if passage_id not in self._known]
        rows = whole.passages(missing, within)
        # One that was removed since the snapshot was opened has no text; the search is then made again.
        texts = {passage_id: text_of(rows[passage_id]) for passage_id in missing if passage_id in rows}
        try:
            self._known |= self._opinions.scores(self._name, self._request.text, texts)
        except OpinionError as error:
            if self._request.rerank is None:
                return ranked, [Notice("no_opinion", {"detail": str(error)})]
            raise
        return combined(ranked, {one: self._known[one] for one in first if one in self._known}), []


def text_of(row: PassageRow) -> str:
    """What is indexed of a passage, and so encoded: the same in all of its places."""
    return indexed_text(row.places[0].title, row.places[0].heading, row.text)
